// A phone for the tests: a `wx` whose WeChat is the sandbox and whose requests are real.
import { createRequire } from 'node:module'

export const { create } = createRequire(import.meta.url)('../../miniprogram/wxauth.js')

export const BACKEND = process.env.WXAUTH_BACKEND
export const SANDBOX = process.env.WXAUTH_SANDBOX

let people = 0

/** Somebody who was never seen before. */
export async function newPerson(fields = {}) {
  people += 1
  const name = `${process.pid}-${people}-${Date.now()}`
  await sandbox('people', { people: [{ name, phone: `13${String(Date.now()).slice(-9)}`, ...fields }] })
  return name
}

export async function sandbox(path, fields) {
  const options = fields && { method: 'POST', body: JSON.stringify(fields) }
  const response = await fetch(`${SANDBOX}/sandbox/${path}`, options)
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${text}`)
  return fields ? JSON.parse(text) : text
}

/**
 * `phone.wx` is for a client; `phone.sent` are its requests (`{method, path, header, data}`) and
 * `phone.codes` counts wx.login. `phone.lose(request)` true: the answer gets lost on its way.
 */
export function makePhone(person, { appid = 'wx5a4db0c0ffee0001', storage = new Map(), envVersion = 'develop' } = {}) {
  const phone = { storage, sent: [], codes: 0, open: 0, most: 0, lose: () => false, session: true }

  async function send(request, body) {
    const url = new URL(request.url)
    const method = request.method || 'GET'
    phone.sent.push({ method, path: url.pathname, header: request.header || {}, data: request.data })
    phone.open += 1
    phone.most = Math.max(phone.most, phone.open)
    try {
      const response = await fetch(url, { method, headers: request.header, body })
      const text = await response.text()
      if (phone.lose(request)) throw new Error('lost')
      return { statusCode: response.status, data: text, header: Object.fromEntries(response.headers) }
    } catch (error) {
      throw { errMsg: `request:fail ${error.message}` }
    } finally {
      phone.open -= 1
    }
  }

  phone.wx = {
    getAccountInfoSync: () => ({ miniProgram: { appId: appid, envVersion } }),
    getStorageSync: (key) => (storage.has(key) ? structuredClone(storage.get(key)) : ''),
    setStorageSync: (key, value) => { storage.set(key, structuredClone(value)) },
    removeStorageSync: (key) => { storage.delete(key) },
    checkSession: ({ success, fail }) => (phone.session ? success({}) : fail({ errMsg: 'checkSession:fail' })),
    login({ success, fail }) {
      phone.codes += 1
      sandbox(`code?${new URLSearchParams({ person, appid })}`).then((code) => success({ code }), (error) => fail({ errMsg: String(error) }))
    },
    getUserInfo({ success, fail }) {
      phone.encrypted('userinfo').then((data) => success({ ...data, errMsg: 'getUserInfo:ok' }), fail)
    },
    request(request) {
      const hasBody = request.data !== undefined && (request.method || 'GET') !== 'GET'
      send(request, hasBody ? JSON.stringify(request.data) : undefined).then((res) => {
        try { res.data = JSON.parse(res.data) } catch { /* the text, then */ }
        request.success(res)
      }, request.fail)
    },
    uploadFile(request) {
      const form = new FormData()
      form.append(request.name, new Blob(['picture']), 'avatar.png')
      send({ ...request, method: 'POST', data: request.filePath }, form).then(request.success, request.fail)
    },
  }

  phone.encrypted = (kind, more = {}) => sandbox('encrypt', { person, appid, kind, ...more })
  phone.rotate = () => sandbox('rotate', { person, appid })
  phone.logins = () => phone.sent.filter((one) => one.path.endsWith('/login/')).length
  phone.client = (options = {}) => create({ baseURL: `${BACKEND}/api/wxauth`, wx: phone.wx, ...options })
  return phone
}
