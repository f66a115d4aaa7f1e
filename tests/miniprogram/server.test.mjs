// The client against the real server and the sandbox, over real sockets.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import test, { afterEach } from 'node:test'

import { BACKEND, CLIENT, create, makePhone, newPerson, sandbox } from './wx.mjs'

afterEach(() => sandbox('faults', { clear: true }))

async function freshPhone(options) {
  return makePhone(await newPerson(), options)
}

test('importing either form touches no wx', async () => {
  const touched = []
  const trap = { configurable: true, get() { touched.push(1); throw new Error('too early') } }
  Object.defineProperty(globalThis, 'wx', trap)
  const require = createRequire(import.meta.url)
  const path = require.resolve(CLIENT)
  delete require.cache[path]
  const forms = [require(path), await import('../../miniprogram/wxauth.mjs')]
  for (const form of forms) form.create({ baseURL: 'https://a.example' })
  delete globalThis.wx
  assert.deepEqual(touched, [])
})

test('without options the global wx is used, at the call', async () => {
  const phone = await freshPhone()
  const { create: created } = await import('../../miniprogram/wxauth.mjs')
  const auth = created({ baseURL: `${BACKEND}/api/wxauth/` })
  globalThis.wx = phone.wx
  try {
    assert.equal((await auth.request({ url: 'me/' })).ok, true)
  } finally {
    delete globalThis.wx
  }
})

test('a cold request logs in first, and the next one does not', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const first = await auth.request({ url: 'me/' })
  assert.equal(first.ok, true)
  assert.equal(first.action, 'ok')
  assert.match(first.data.id, /^\d+$/)
  await auth.request({ url: '/api/wxauth/me/' })
  assert.deepEqual(phone.sent.map((one) => one.path), ['/api/wxauth/login/', '/api/wxauth/me/', '/api/wxauth/me/'])
  assert.match(phone.sent[1].header.Authorization, /^Bearer wxa_/)
  assert.equal(phone.sent[0].header.Authorization, undefined)
})

test('the token outlives the mini-program in the storage, and nothing else is kept', async () => {
  const phone = await freshPhone()
  const token = await phone.client().token()
  assert.deepEqual(Object.keys(phone.kept()).sort(), ['at', 'life', 'token'])
  assert.equal(phone.kept().life, 7 * 24 * 3600)
  assert.equal(await phone.restart().token(), token)
  assert.equal(phone.logins(), 1)
})

test('twenty parallel requests share one login, ten run at once', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const results = await Promise.all(Array.from({ length: 20 }, () => auth.request({ url: 'me/' })))
  assert.deepEqual(new Set(results.map((one) => one.ok)), new Set([true]))
  assert.equal(phone.logins(), 1)
  assert.equal(phone.codes, 1)
  assert.equal(phone.most, 10)
  const { data } = await auth.request({ url: 'me/logins/' })
  assert.equal(data.length, 1)
})

test('a token past its span is renewed before anybody sees a 401', async () => {
  const phone = await freshPhone()
  const old = await phone.client().token()
  phone.change({ at: phone.kept().at - phone.kept().life * 1000 })
  const statuses = []
  const auth = phone.restart({ trace: (event) => event.step === 'answer' && statuses.push(event.status) })
  assert.equal((await auth.request({ url: 'me/' })).ok, true)
  assert.deepEqual(statuses, [200, 200])
  assert.notEqual(await auth.token(), old)
})

test('a clock that was set back does not cost the login', async () => {
  const phone = await freshPhone()
  const token = await phone.client().token()
  phone.change({ at: phone.kept().at + 10 * 365 * 24 * 3600 * 1000 })
  assert.equal(await phone.restart().token(), token)
})

test('twenty requests with a revoked token make one new login and one repeat each', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const old = await auth.token()
  await fetch(`${BACKEND}/api/wxauth/logout/`, { method: 'POST', headers: { authorization: `Bearer ${old}` } })
  const results = await Promise.all(Array.from({ length: 20 }, () => auth.request({ url: 'me/' })))
  assert.ok(results.every((one) => one.ok))
  assert.equal(phone.logins(), 2)
  assert.equal(phone.sent.filter((one) => one.path.endsWith('/me/')).length, 40)
})

test('a server that never accepts the token is asked twice, not for ever', async () => {
  const phone = await freshPhone()
  const wrong = (request) => phone.wx.request({ ...request, header: { ...request.header, Authorization: 'Bearer wxa_wrong' } })
  const result = await phone.client({ transport: wrong }).request({ url: 'me/' })
  assert.deepEqual([result.ok, result.action, result.code, result.status], [false, 'login', 'invalid_token', 401])
  assert.equal(phone.sent.filter((one) => one.path.endsWith('/me/')).length, 2)
})

test('guests browse without a login, and nobody is registered in silence where that is not wanted', async () => {
  const phone = await freshPhone()
  const auth = phone.client({ signup: false })
  assert.equal((await auth.request({ url: 'me/', guest: true })).action, 'login')
  assert.equal(phone.logins(), 0)
  const refused = await auth.request({ url: 'me/' })
  assert.deepEqual([refused.action, refused.code], ['signup', 'not_registered'])
  assert.deepEqual((await auth.probe()).data, { registered: false })
  const entered = await auth.login({ extra: { channel: 'poster' } })
  assert.equal(entered.data.created, true)
  assert.deepEqual((await auth.probe()).data, { registered: true })
  assert.equal((await auth.request({ url: 'me/', guest: true })).ok, true)
})

test('probe logs in whom the server knows', async () => {
  const person = await newPerson()
  await makePhone(person).client().login()
  const second = makePhone(person)
  const auth = second.client()
  assert.deepEqual((await auth.probe()).data, { registered: true })
  await auth.request({ url: 'me/' })
  assert.equal(second.logins(), 1)
})

test('after a logout nothing logs in until somebody taps, not even after a restart', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const old = await auth.token()
  assert.equal((await auth.logout()).ok, true)
  for (const client of [auth, phone.restart()]) {
    const result = await client.request({ url: 'me/' })
    assert.deepEqual([result.action, result.code], ['login', 'logged_out'])
    assert.equal((await client.probe()).code, 'logged_out')
    await assert.rejects(client.header(), { name: 'WxauthError', code: 'logged_out', action: 'login' })
  }
  assert.equal(phone.logins(), 1)
  const answer = await fetch(`${BACKEND}/api/wxauth/me/`, { headers: { authorization: `Bearer ${old}` } })
  assert.equal(answer.status, 401)
  const again = phone.client()
  const [one, other] = await Promise.all([again.login(), again.login()])
  assert.ok(one.ok)
  assert.equal(one, other)
  assert.equal(phone.logins(), 2)
  assert.equal((await again.request({ url: 'me/' })).ok, true)
})

test('a logout while a login is under way wins', async () => {
  const phone = await freshPhone()
  const { login } = phone.wx
  const underWay = new Promise((resolve) => {
    phone.wx.login = (callbacks) => {
      login(callbacks)
      resolve()
    }
  })
  const auth = phone.client()
  const coming = assert.rejects(auth.token(), { code: 'logged_out' })
  await underWay
  await auth.logout()
  await coming
  assert.equal(phone.logins(), 1)
  assert.equal((await auth.request({ url: 'me/' })).code, 'logged_out')
})

test('a tap while a silent login is under way is content with that one', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const [token, entered] = await Promise.all([auth.token(), auth.login()])
  assert.equal(entered.data.token, token)
  assert.equal(phone.logins(), 1)
})

test('logging out everywhere ends the other phone too, which logs in again by itself', async () => {
  const person = await newPerson()
  const [one, other] = [makePhone(person), makePhone(person)]
  const [first, second] = [one.client(), other.client()]
  await first.token()
  await second.token()
  await first.logout({ all: true })
  assert.equal((await second.request({ url: 'me/' })).ok, true)
  assert.equal(other.logins(), 2)
})

test('a code that was used costs a second code and nothing else', async () => {
  const phone = await freshPhone()
  await sandbox('faults', { kind: 'errcode', errcode: 40163 })
  assert.equal((await phone.client().login()).ok, true)
  assert.equal(phone.codes, 2)
})

test('an answer of WeChat that is none costs a second code', async () => {
  const phone = await freshPhone()
  await sandbox('faults', { kind: 'not_json' })
  assert.equal((await phone.client().login()).ok, true)
  await sandbox('faults', { kind: 'not_json', times: 3 })
  const result = await phone.client().login()
  assert.deepEqual([result.action, result.code], ['login', 'wechat_bad_response'])
})

test('with WeChat down the client waits as long as it is told, and recovers', async () => {
  const phone = await freshPhone()
  await sandbox('faults', { kind: 'html', status: 503, times: null })
  const waits = []
  let back
  const trace = (event) => {
    if (event.step !== 'wait') return
    waits.push([event.seconds, event.code])
    back = sandbox('faults', { clear: true })
  }
  assert.equal((await phone.client({ trace }).login()).ok, true)
  await back
  assert.deepEqual(waits, [[2, 'wechat_unavailable']])
  // WeChat was not asked in vain: the same code is still good.
  assert.equal(phone.codes, 1)
})

test('a client without patience says how long to wait', async () => {
  const phone = await freshPhone()
  await sandbox('faults', { kind: 'html', status: 503, times: null })
  const result = await phone.client({ patience: 0 }).request({ url: 'me/' })
  assert.deepEqual([result.action, result.code, result.status, result.retryAfter], ['retry', 'wechat_unavailable', 503, 2])
})

test('a blocked person is told so at once', async () => {
  const person = await newPerson()
  const phone = makePhone(person)
  await sandbox('refuse', { person, errcode: 40226 })
  const result = await phone.client().login()
  assert.deepEqual([result.action, result.code, result.status], ['stop', 'blocked', 403])
  assert.equal(phone.codes, 1)
})

test('a full or broken storage costs nothing while the mini-program runs', async () => {
  const phone = await freshPhone()
  phone.wx.setStorageSync = phone.wx.getStorageSync = () => { throw new Error('exceed storage max size') }
  const auth = phone.client()
  for (let n = 0; n < 3; n += 1) assert.equal((await auth.request({ url: 'me/' })).ok, true)
  assert.equal(phone.logins(), 1)
})

test('where a logout cannot be stored, the old token is gone all the same', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  await auth.token()
  phone.wx.setStorageSync = () => { throw new Error('exceed storage max size') }
  await auth.logout()
  assert.equal(phone.storage.size, 0)
  assert.equal((await auth.request({ url: 'me/' })).code, 'logged_out')
})

test('the phone number by encryptedData, before and after WeChat changed the key', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  await auth.prepare()
  await auth.login()
  assert.equal(phone.codes, 1)
  const tap = async () => auth.bindPhone({ detail: { ...await phone.encrypted('phone'), errMsg: 'getPhoneNumber:ok' } })
  assert.match((await tap()).data.phone, /^\+8613/)
  await phone.rotate()
  const refused = await tap()
  assert.deepEqual([refused.action, refused.code], ['tap', 'undecryptable'])
  // Meanwhile the client has logged in anew: the next tap is good.
  assert.equal(phone.codes, 2)
  assert.equal((await tap()).ok, true)
})

test('one request logs in and hands over the phone number', async () => {
  const phone = await freshPhone()
  const auth = phone.client({ signup: false })
  await auth.prepare()
  const detail = await phone.encrypted('phone')
  const result = await auth.loginWithPhone({ detail }, { channel: 'poster' })
  assert.equal(result.ok, true)
  assert.match(result.data.user.phone, /^\+8613/)
  assert.deepEqual(result.data.warnings, [])
  assert.equal(phone.sent.length, 1)
  assert.equal(phone.codes, 1)
})

test('user info is fetched again where the key had changed', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  assert.equal((await auth.getUserInfo()).data.nickname, null)
  await phone.rotate()
  assert.equal((await auth.getUserInfo()).ok, true)
  assert.equal(phone.logins(), 2)
})

test('user info of an old base library comes by its button', async () => {
  const phone = makePhone(await newPerson({ nickname: '大宝' }))
  const auth = phone.client()
  await auth.token()
  const result = await auth.getUserInfo({ detail: await phone.encrypted('userinfo', { real: true }) })
  assert.equal(result.data.nickname, '大宝')
})

test('a nickname is set, and a wrong one names its field', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  assert.equal((await auth.setNickname('小爱 🌷')).data.nickname, '小爱 🌷')
  const wrong = await auth.setNickname('微信用户')
  assert.deepEqual([wrong.action, wrong.code, wrong.field], ['fix', 'invalid_request', 'nickname'])
})

test('one person in two mini-programs of a platform is one user, in a third of another two', async () => {
  const person = await newPerson()
  const ids = []
  for (const appid of ['wx5a4db0c0ffee0001', 'wx5a4db0c0ffee0002', 'wx5a4db0c0ffee0003']) {
    ids.push((await makePhone(person, { appid }).client().login()).data.user.id)
  }
  assert.equal(ids[0], ids[1])
  assert.notEqual(ids[0], ids[2])
})

test('a lost answer: GET again, POST never, login with the same code', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  let lost = []
  phone.lose = ({ url, method = 'GET' }) => {
    const first = !lost.includes(method + url)
    lost.push(method + url)
    return first
  }
  const me = await auth.request({ url: 'me/' })
  assert.equal(me.ok, true)
  // The server had used the code, and answers the same phone as it did the first time.
  assert.equal(phone.codes, 1)
  assert.equal(phone.logins(), 2)
  lost = []
  const before = phone.sent.length
  const posted = await auth.request({ url: 'me/', method: 'POST', header: { 'content-type': 'application/json' }, data: { nickname: 'x' } })
  assert.deepEqual([posted.action, posted.code, posted.status], ['retry', 'network', 0])
  assert.equal(phone.sent.length, before + 1)
  lost = []
  assert.equal((await auth.setNickname('y')).ok, true)
})

test('a foreign request wrapper needs header() and handle() only', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const wrapper = async (url, again = true) => {
    const header = await auth.header()
    const res = await new Promise((success, fail) => phone.wx.request({ url: BACKEND + url, header, success, fail }))
    const next = auth.handle(res, header)
    return next.action === 'login' && again ? wrapper(url, false) : next
  }
  assert.equal((await wrapper('/api/wxauth/me/')).ok, true)
  const old = await auth.token()
  await fetch(`${BACKEND}/api/wxauth/logout/`, { method: 'POST', headers: { authorization: `Bearer ${old}` } })
  const results = await Promise.all([wrapper('/api/wxauth/me/'), wrapper('/api/wxauth/me/'), wrapper('/api/wxauth/me/')])
  assert.ok(results.every((one) => one.ok))
  assert.equal(phone.logins(), 2)
  // A refusal of the old token that comes late does not cost the new one.
  const kept = await auth.token()
  assert.equal(auth.handle({ statusCode: 401, data: {} }, { Authorization: `Bearer ${old}` }).action, 'login')
  assert.equal(await auth.token(), kept)
})

test('the token survives a restart of the server', async () => {
  const [python, manage, port] = [process.env.WXAUTH_PYTHON, process.env.WXAUTH_MANAGE, process.env.WXAUTH_SPARE_PORT]
  const url = `http://127.0.0.1:${port}`
  let server
  const start = async () => {
    server = spawn(python, [manage, 'runserver', '--noreload', '--skip-checks', `127.0.0.1:${port}`], { stdio: 'ignore' })
    for (;;) {
      if (server.exitCode !== null) throw new Error('the server did not start')
      const up = await fetch(`${url}/healthz`).catch(() => null)
      if (up) return
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
  const stop = () => new Promise((resolve) => {
    server.once('exit', resolve)
    server.kill()
  })
  await start()
  try {
    const phone = await freshPhone()
    const auth = create({ baseURL: `${url}/api/wxauth`, wx: phone.wx, patience: 0 })
    assert.equal((await auth.request({ url: 'me/' })).ok, true)
    await stop()
    const down = await auth.request({ url: 'me/' })
    assert.deepEqual([down.action, down.code], ['retry', 'network'])
    await start()
    assert.equal((await auth.request({ url: 'me/' })).ok, true)
    assert.equal(phone.logins(), 1)
  } finally {
    await stop()
  }
})
