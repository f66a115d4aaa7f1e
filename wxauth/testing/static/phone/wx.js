// The part of `wx` that the client and the mini-program use. What WeChat would do on a phone, the
// sandbox does; requests go to the project itself.

const FILES = new Map()

/** A picture as `chooseAvatar` hands it out: under a name that only this phone understands. */
export function keepFile(blob) {
  const path = `wxfile://tmp_${FILES.size + 1}.png`
  FILES.set(path, blob)
  return path
}

/**
 * `phone`: {storage, agent, appid, person, stale, language()}; `log(request)` is told of each
 * request and gives what is to be called with its answer. `trouble` says what goes wrong now:
 * {offline, hang, lose(): whether this answer gets lost}.
 */
export function makeWx(phone, log, trouble) {
  const who = () => ({ appid: phone.appid, person: phone.person })

  function send(method, url, headers, body, timeout, shown) {
    const finish = log({ method, url, body: shown })
    if (trouble.offline) {
      finish(0, '')
      return Promise.reject({ errMsg: 'request:fail' })
    }
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), timeout || 60000)
    return fetch(url, {
      method,
      headers: { ...headers, 'x-phone': phone.agent, 'accept-language': phone.language() },
      body,
      signal: stop.signal,
      credentials: 'omit',
    }).then(async (response) => {
      const text = await response.text()
      if (trouble.lose()) throw new Error('lost')
      finish(response.status, text)
      return { statusCode: response.status, text, header: Object.fromEntries(response.headers) }
    }).catch(() => {
      finish(0, '')
      throw { errMsg: stop.signal.aborted ? 'request:fail timeout' : 'request:fail' }
    }).finally(() => clearTimeout(timer))
  }

  return {
    getAccountInfoSync: () => ({ miniProgram: { appId: phone.appid, envVersion: 'develop', version: '' } }),
    getStorageSync: (key) => (phone.storage.has(key) ? structuredClone(phone.storage.get(key)) : ''),
    setStorageSync: (key, value) => { phone.storage.set(key, structuredClone(value)) },
    removeStorageSync: (key) => { phone.storage.delete(key) },

    getNetworkType({ success }) {
      success({ networkType: trouble.offline ? 'none' : 'wifi', errMsg: 'getNetworkType:ok' })
    },

    login({ success, fail }) {
      if (trouble.hang) return
      if (trouble.offline) {
        fail({ errMsg: 'login:fail' })
        return
      }
      sandbox('GET', `code?${new URLSearchParams(who())}`).then((code) => {
        phone.stale = false
        success({ code, errMsg: 'login:ok' })
      }, () => fail({ errMsg: 'login:fail' }))
    },

    checkSession({ success, fail }) {
      if (phone.stale) fail({ errMsg: 'checkSession:fail' })
      else success({ errMsg: 'checkSession:ok' })
    },

    getUserInfo({ success, fail }) {
      sandbox('POST', 'encrypt', { ...who(), kind: 'userinfo' }).then(
        (data) => success({ ...data, errMsg: 'getUserInfo:ok' }),
        () => fail({ errMsg: 'getUserInfo:fail' }),
      )
    },

    request({ url, method = 'GET', data, header, timeout, success, fail }) {
      const body = method === 'GET' || data === undefined ? undefined : JSON.stringify(data)
      send(method, url, { 'content-type': 'application/json', ...header }, body, timeout, data).then((answer) => {
        let parsed = answer.text
        try { parsed = JSON.parse(answer.text) } catch { /* wx.request hands out the text, too */ }
        success({ statusCode: answer.statusCode, data: parsed, header: answer.header, errMsg: 'request:ok' })
      }, fail)
    },

    uploadFile({ url, filePath, name, header, timeout, success, fail }) {
      const form = new FormData()
      form.append(name, FILES.get(filePath), 'avatar.png')
      send('POST', url, header, form, timeout, { [name]: filePath }).then(
        (answer) => success({ statusCode: answer.statusCode, data: answer.text, errMsg: 'uploadFile:ok' }),
        fail,
      )
    },
  }
}

/** What the phone button's event holds where WeChat gives no number, by the reason. */
export const NO_NUMBER = {
  quota: { errMsg: 'getPhoneNumber:fail', errno: 1400001 },
  permission: { errMsg: 'getPhoneNumber:fail no permission', errno: 102 },
  undeclared: { errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement', errno: 112 },
  privacy: { errMsg: 'getPhoneNumber:fail privacy permission is not authorized' },
}

/** What the phone button's event holds when the person agrees. */
export async function phoneDetail(phone, withCode) {
  const who = { appid: phone.appid, person: phone.person }
  const data = await sandbox('POST', 'encrypt', { ...who, kind: 'phone' })
  const code = withCode ? { code: await sandbox('GET', `phone_code?${new URLSearchParams(who)}`) } : {}
  return { ...data, ...code, errMsg: 'getPhoneNumber:ok' }
}

/** The control side of the sandbox: what a person does, and what goes wrong. */
export async function sandbox(method, path, fields) {
  const response = await fetch(`/sandbox/${path}`, { method, body: fields && JSON.stringify(fields) })
  if (!response.ok) throw new Error(`sandbox: ${path} answered ${response.status}`)
  const text = await response.text()
  return method === 'GET' ? text : JSON.parse(text)
}
