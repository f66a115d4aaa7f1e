// A phone for the tests: a `wx` that does what real ones do, as WeChat documents it and as people
// report it. Its WeChat is the sandbox, its requests are real.
import { createRequire } from 'node:module'

/** Which form of the client is tested: the source, or what is generated from it. */
export const CLIENT = process.env.WXAUTH_CLIENT || '../../miniprogram/wxauth.js'
export const { create } = createRequire(import.meta.url)(CLIENT)

export const BACKEND = process.env.WXAUTH_BACKEND
export const SANDBOX = process.env.WXAUTH_SANDBOX

const PORTAL = '\n<!DOCTYPE html><html><body>Welcome to the Wi-Fi</body></html>'

let people = 0
let underWay = 0

/** Whether an answer of the server or of the sandbox is still to come. */
export const isWaiting = () => underWay > 0

/** The text of an answer of theirs. */
async function get(url, options) {
  underWay += 1
  try {
    const response = await fetch(url, options)
    return { response, text: await response.text() }
  } finally {
    underWay -= 1
  }
}

/** Somebody who was never seen before. */
export async function newPerson(fields = {}) {
  people += 1
  const name = `${process.pid}-${people}-${Date.now()}`
  await sandbox('people', { people: [{ name, phone: `13${String(Date.now()).slice(-9)}`, ...fields }] })
  return name
}

export async function sandbox(path, fields) {
  const options = fields && { method: 'POST', body: JSON.stringify(fields) }
  const { response, text } = await get(`${SANDBOX}/sandbox/${path}`, options)
  if (!response.ok) throw new Error(`${path}: ${text}`)
  return fields ? JSON.parse(text) : text
}

/**
 * `phone.wx` is for a client, and what the phone goes through is set on `phone`:
 *
 * - `network`: 'none' is airplane mode: what needs a network fails at once
 * - `portal`: true: some Wi-Fi answers in everybody's place, with its own page and status 200
 * - `lose(request)`: true: the request arrives, its answer does not
 * - `hang(name)`: this method of wx never calls back, until `phone.release()` lets all of them end
 * - `session`: what wx.checkSession says
 *
 * `phone.sent` are its requests (`{method, path, header, data}`), `phone.codes` counts wx.login,
 * `phone.most` is how many requests were under way at once.
 */
export function makePhone(person, { appid = 'wx5a4db0c0ffee0001', storage = new Map(), envVersion = 'develop' } = {}) {
  const phone = {
    storage, sent: [], codes: 0, open: 0, most: 0, network: 'wifi', portal: false, session: true, files: new Set(), lose: () => false,
  }
  const hanging = new Set()
  const held = []

  phone.hang = (...names) => names.forEach((name) => hanging.add(name))
  phone.release = () => {
    hanging.clear()
    held.splice(0).forEach((end) => end())
  }

  /** Call back as wx does: later, once, `complete` after the other one; or not at all. */
  async function answer(name, { success, fail, complete }, job) {
    await null
    if (hanging.has(name)) await new Promise((resolve) => { held.push(resolve) })
    let res
    try {
      const got = await job()
      res = { errMsg: `${name}:ok`, ...got }
      if (success) success(res)
    } catch (error) {
      res = { errMsg: `${name}:fail ${error.message}` }
      if (fail) fail(res)
    }
    if (complete) complete(res)
  }

  function needNetwork() {
    if (phone.network === 'none') throw new Error('')
  }

  async function send(request, body, signal) {
    needNetwork()
    const url = new URL(request.url)
    const method = request.method || 'GET'
    phone.sent.push({ method, path: url.pathname, header: request.header || {}, data: request.data })
    phone.open += 1
    phone.most = Math.max(phone.most, phone.open)
    try {
      if (phone.portal) return { statusCode: 200, data: PORTAL, header: {} }
      const { response, text: data } = await get(url, { method, headers: request.header, body, signal })
      if (phone.lose(request)) throw new Error('errcode:-118 cronet_error_code:-118')
      return { statusCode: response.status, data, header: Object.fromEntries(response.headers) }
    } finally {
      phone.open -= 1
    }
  }

  /** A RequestTask or an UploadTask, and the error by which its request ends early. */
  function makeTask(name, request, job) {
    const stop = new AbortController()
    const early = new Promise((resolve, reject) => { stop.signal.addEventListener('abort', () => reject(new Error(stop.signal.reason))) })
    early.catch(() => {})
    const timer = setTimeout(() => stop.abort('timeout'), request.timeout || 60000)
    answer(name, request, () => Promise.race([early, job(stop.signal)]).finally(() => clearTimeout(timer)))
    return { abort: () => stop.abort('abort'), onHeadersReceived() {} }
  }

  phone.wx = {
    getAccountInfoSync: () => ({ miniProgram: { appId: appid, envVersion } }),
    // The storage takes what JSON takes, and hands out copies.
    getStorageSync: (key) => (storage.has(key) ? JSON.parse(storage.get(key)) : ''),
    setStorageSync: (key, value) => { storage.set(key, JSON.stringify(value)) },
    removeStorageSync: (key) => { storage.delete(key) },
    getNetworkType: (options) => { answer('getNetworkType', options, async () => ({ networkType: phone.network })) },
    checkSession: (options) => {
      answer('checkSession', options, async () => {
        needNetwork()
        if (!phone.session) throw new Error('session time out, need relogin')
      })
    },
    login: (options) => {
      phone.codes += 1
      answer('login', options, async () => {
        needNetwork()
        return { code: await sandbox(`code?${new URLSearchParams({ person, appid })}`) }
      })
    },
    getUserInfo: (options) => { answer('getUserInfo', options, () => phone.encrypted('userinfo')) },
    request(request) {
      const hasBody = request.data !== undefined && (request.method || 'GET') !== 'GET'
      return makeTask('request', request, async (signal) => {
        const res = await send(request, hasBody ? JSON.stringify(request.data) : undefined, signal)
        if ((request.dataType || 'json') === 'json') {
          try { res.data = JSON.parse(res.data) } catch { /* the text, then */ }
        }
        return res
      })
    },
    uploadFile(request) {
      const watchers = []
      const task = makeTask('uploadFile', request, async (signal) => {
        if (!/^(wxfile|http):\/\//.test(request.filePath || '')) throw new Error('file not found')
        const form = new FormData()
        for (const [name, value] of Object.entries(request.formData || {})) form.append(name, value)
        form.append(request.name, new Blob(['picture']), 'avatar.png')
        for (const progress of [50, 100]) watchers.forEach((tell) => tell({ progress }))
        const header = Object.fromEntries(Object.entries(request.header || {}).filter(([name]) => name.toLowerCase() !== 'content-type'))
        return send({ ...request, header, method: 'POST', data: request.filePath }, form, signal)
      })
      return { ...task, onProgressUpdate: (tell) => { watchers.push(tell) } }
    },
  }

  phone.encrypted = (kind, more = {}) => sandbox('encrypt', { person, appid, kind, ...more })
  phone.phoneCode = () => sandbox(`phone_code?${new URLSearchParams({ person, appid })}`)
  phone.rotate = () => sandbox('rotate', { person, appid })
  phone.paths = () => phone.sent.map((one) => one.path.replace('/api/wxauth/', ''))
  phone.logins = () => phone.paths().filter((path) => path === 'login/').length
  phone.client = (options = {}) => create({ baseURL: `${BACKEND}/api/wxauth`, wx: phone.wx, ...options })
  /** The mini-program is killed and started: all that is left is the storage. */
  phone.restart = (options) => {
    phone.wx = { ...phone.wx }
    return phone.client(options)
  }
  /** What is in the storage, and how it gets there behind the client's back. */
  phone.kept = () => [...storage.values()].map((text) => JSON.parse(text))[0]
  phone.change = (fields) => {
    const [[key, text]] = storage
    storage.set(key, JSON.stringify({ ...JSON.parse(text), ...fields }))
  }
  return phone
}
