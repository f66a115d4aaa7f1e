// The client against the contract, played by a stub: every action, proxies, envelopes, transports.
import assert from 'node:assert/strict'
import test from 'node:test'

import { create, makePhone } from './wx.mjs'
import { inTurn, refusal, serve } from './stub.mjs'

// Waits are short here; when a call is given up is not.
const { setTimeout: realTimeout } = globalThis
globalThis.setTimeout = (callback, ms, ...rest) => realTimeout(callback, ms > 12000 ? ms : ms / 100, ...rest)

const LOGGED_IN = { token: 'wxa_x', expires_in: 3600, user: { id: '1' }, warnings: [] }

/** A phone whose WeChat needs no sandbox. */
function offline(options) {
  const phone = makePhone('nobody', options)
  phone.wx.login = ({ success }) => {
    phone.codes += 1
    success({ code: `code-${phone.codes}` })
  }
  return phone
}

async function start(answers, options = {}) {
  const { baseURL, asked } = await serve(answers)
  const phone = offline()
  const steps = []
  const trace = ({ step, code, seconds }) => (step === 'wait' || step === 'repeat') && steps.push(seconds === undefined ? `${step} ${code}` : `${step} ${seconds}`)
  const auth = create({ baseURL, wx: phone.wx, trace, ...options })
  return { auth, phone, asked, steps, baseURL, names: () => asked.map((one) => one.name) }
}

for (const action of ['refetch', 'tap', 'signup', 'fix', 'stop']) {
  test(`${action} reaches the caller, and nothing is repeated`, async () => {
    const { auth, names } = await start({ 'POST /orders': () => refusal(409, 'some_code', action, { field: 'x' }) })
    const result = await auth.request({ url: 'orders', method: 'POST', data: {} })
    assert.deepEqual([result.ok, result.action, result.code, result.detail, result.status, result.field], [false, action, 'some_code', 'some_code', 409, 'x'])
    // What has to be obtained again is obtained under a new login.
    assert.equal(names().filter((one) => one === 'POST /login/').length, action === 'refetch' ? 2 : 1)
    assert.equal(names().filter((one) => one === 'POST /orders').length, 1)
  })
}

test('an unknown action means stop', async () => {
  const { auth } = await start({ 'GET /a': () => refusal(418, 'tea', 'dance') })
  assert.equal((await auth.request({ url: 'a' })).action, 'stop')
})

test('login asks for one new login and one repeat, whatever the status', async () => {
  const { auth, names, steps } = await start({ 'POST /a': inTurn(refusal(502, 'wechat_bad_response', 'login'), [200, { fine: true }]) })
  assert.deepEqual((await auth.request({ url: 'a', method: 'POST' })).data, { fine: true })
  assert.deepEqual(names(), ['POST /login/', 'POST /a', 'POST /login/', 'POST /a'])
  assert.deepEqual(steps, ['repeat wechat_bad_response'])
})

test('retry is the same request after as many seconds as the server says, a POST too', async () => {
  const busy = refusal(503, 'database_unavailable', 'retry', { retry_after: 0 })
  const { auth, names, steps } = await start({ 'POST /a': inTurn(busy, busy, [201, {}]) })
  assert.equal((await auth.request({ url: 'a', method: 'POST' })).status, 201)
  assert.equal(names().filter((one) => one === 'POST /a').length, 3)
  assert.deepEqual(steps, ['wait 0', 'repeat database_unavailable', 'wait 0', 'repeat database_unavailable'])
})

test('nobody waits for ever, and nobody waits longer than the patience', async () => {
  const busy = (seconds) => () => refusal(429, 'rate_limited', 'retry', { retry_after: seconds })
  const { auth, names } = await start({ 'GET /now': busy(0), 'GET /later': busy(60) })
  assert.equal((await auth.request({ url: 'now' })).code, 'rate_limited')
  assert.equal(names().filter((one) => one === 'GET /now').length, 6)
  const result = await auth.request({ url: 'later' })
  assert.deepEqual([result.action, result.retryAfter, result.status], ['retry', 60, 429])
  assert.equal(names().filter((one) => one === 'GET /later').length, 1)
})

test('the answers of a proxy: 413 is fix, 502 and 504 are retry', async () => {
  const page = '<html><body><h1>nginx</h1></body></html>'
  const { auth, names } = await start({
    'POST /413': () => [413, page], 'POST /502': () => [502, page], 'POST /504': () => [504, page],
    'GET /503': inTurn([503, page, { 'retry-after': '0' }], [200, {}]), 'GET /500': () => [500, page], 'GET /404': () => [404, page],
  })
  const actions = {}
  for (const status of [413, 502, 504]) actions[status] = (await auth.request({ url: String(status), method: 'POST' })).action
  assert.deepEqual(actions, { 413: 'fix', 502: 'retry', 504: 'retry' })
  // Nobody knows whether these were done: they were sent once.
  assert.equal(names().filter((one) => one.startsWith('POST /5')).length, 2)
  assert.equal((await auth.request({ url: '503' })).ok, true)
  assert.deepEqual([(await auth.request({ url: '500' })).action, (await auth.request({ url: '404' })).action], ['stop', 'stop'])
})

test('a login that meets a proxy is repeated with the same code, and with another if that was used', async () => {
  const used = refusal(400, 'code_used', 'login')
  const { auth, asked } = await start({ 'POST /login/': inTurn([504, '<h1>nginx</h1>', { 'retry-after': '0' }], used, [200, LOGGED_IN]) }, { patience: 30 })
  assert.equal((await auth.login()).ok, true)
  assert.deepEqual(asked.map((one) => one.data.code), ['code-1', 'code-1', 'code-2'])
  assert.equal(asked[0].data.appid, 'wx5a4db0c0ffee0001')
})

test('an answer that only looks like a refusal is the business of its caller', async () => {
  const { auth } = await start({ 'GET /a': () => [200, { code: 'A1', action: 'stop' }] })
  assert.equal((await auth.request({ url: 'a' })).ok, true)
})

test('under a host that answers 200 and an envelope', async () => {
  const wrap = (code, data) => [200, { code, msg: '', data }]
  const token = { token: 'wxa_1', expires_in: 3600, user: { id: '1' }, warnings: [] }
  const { auth, names } = await start({
    'POST /login/': () => wrap(0, token),
    'GET /orders': inTurn(wrap(401, null), wrap(0, ['one'])),
    'GET /broken': () => wrap(400, { code: 'invalid_request', action: 'fix', detail: 'no' }),
  }, { unwrap: (res) => res.data.data, isUnauthorized: (res) => res.data.code === 401 })
  const result = await auth.request({ url: 'orders' })
  assert.deepEqual([result.ok, result.data], [true, ['one']])
  assert.deepEqual(names(), ['POST /login/', 'GET /orders', 'POST /login/', 'GET /orders'])
  assert.deepEqual((await auth.request({ url: 'broken' })).code, 'invalid_request')
})

test('the token goes to our own server only', async () => {
  const other = await serve({ 'GET /ad': () => [401, {}] })
  const { auth, names, baseURL } = await start({ 'GET /own': () => [200, {}] })
  assert.equal((await auth.request({ url: `${other.baseURL}/ad` })).action, 'login')
  assert.equal(other.asked[0].header.authorization, undefined)
  assert.deepEqual(names(), [])
  await auth.request({ url: `${baseURL}/own` })
  const friendly = create({ baseURL, wx: offline().wx, origins: [other.baseURL] })
  await friendly.request({ url: `${other.baseURL}/ad` })
  assert.match(other.asked[1].header.authorization, /^Bearer/)
})

test('a guest is sent with a token if there is one, and a dead one is left behind', async () => {
  const { auth, asked } = await start({ 'GET /list': ({ header }) => (header.authorization ? refusal(401, 'invalid_token', 'login') : [200, []]) })
  assert.equal((await auth.request({ url: 'list', guest: true })).ok, true)
  await auth.token()
  assert.equal((await auth.request({ url: 'list', guest: true })).ok, true)
  assert.equal(asked.filter((one) => one.name === 'POST /login/').length, 1)
})

test('a login that fails is the result of every request that waited for it', async () => {
  const { auth, names } = await start({ 'POST /login/': () => refusal(403, 'blocked', 'stop') })
  const results = await Promise.all([1, 2, 3].map(() => auth.request({ url: 'me/' })))
  assert.deepEqual(results.map((one) => [one.action, one.code]), Array(3).fill(['stop', 'blocked']))
  assert.deepEqual(names(), ['POST /login/'])
  await assert.rejects(auth.token(), { code: 'blocked', status: 403 })
})

test('a renewal that fails does not cost the seconds that are left', async () => {
  const { auth, phone, baseURL } = await start({ 'POST /login/': inTurn([200, { token: 'wxa_1', expires_in: 1000, user: {}, warnings: [] }], refusal(503, 'misconfigured', 'stop')) })
  await auth.token()
  phone.change({ at: Date.now() - 970 * 1000 })
  assert.equal(await phone.restart({ baseURL }).token(), 'wxa_1')
})

test('wx.login itself may fail', async () => {
  const { auth, phone } = await start()
  phone.wx.login = ({ fail }) => fail({ errMsg: 'login:fail timeout' })
  const result = await auth.login()
  assert.deepEqual([result.action, result.code, result.detail], ['retry', 'wx_login_failed', 'login:fail timeout'])
})

test('a phone code is sent as phone_code, inside the login or after it', async () => {
  const { auth, asked } = await start({ 'POST /me/phone/': () => [200, { id: '1', phone: '+8613800138000' }] })
  const event = { detail: { code: 'from-the-button', encryptedData: 'e', iv: 'i', errMsg: 'getPhoneNumber:ok' } }
  assert.equal((await auth.bindPhone(event)).data.phone, '+8613800138000')
  assert.deepEqual(asked[1].data, { phone_code: 'from-the-button', encryptedData: 'e', iv: 'i' })
  await auth.loginWithPhone(event, { channel: 'poster' })
  assert.deepEqual(asked[2].data, { code: 'code-2', appid: 'wx5a4db0c0ffee0001', phone_code: 'from-the-button', encryptedData: 'e', iv: 'i', extra: { channel: 'poster' } })
})

test('a phone code that is no good wants another tap, and after a lost answer the server is asked what holds', async () => {
  const { auth, phone, names } = await start({ 'POST /me/phone/': () => refusal(400, 'invalid_phone_code', 'tap') })
  const event = { detail: { code: 'old' } }
  assert.equal((await auth.bindPhone(event)).action, 'tap')
  phone.lose = ({ url }) => url.endsWith('phone/')
  assert.equal((await auth.bindPhone(event)).code, 'network')
  assert.equal(names().filter((one) => one === 'POST /me/phone/').length, 3)
})

test('what a person refuses, and what WeChat refuses, has a name and sends nothing', async () => {
  const { auth, names } = await start()
  const codes = []
  for (const detail of [
    { errMsg: 'getPhoneNumber:fail user deny' },
    { errMsg: 'getPhoneNumber:fail', errno: 1400001 },
    { errMsg: 'getPhoneNumber:fail api scope is not declared in the privacy agreement', errno: 112 },
    { errMsg: 'getPhoneNumber:fail privacy permission is not authorized' },
    { errMsg: 'chooseAvatar:fail cancel' },
    { errMsg: 'getPhoneNumber:fail no permission', errno: 102 },
    { errMsg: 'getPhoneNumber:fail jsapi has no permission' },
    { errMsg: 'getRealtimePhoneNumber:fail something else' },
  ]) {
    const event = { detail }
    const results = await Promise.all([auth.loginWithPhone(event), auth.bindPhone(event), auth.getUserInfo(event), auth.uploadAvatar(event)])
    assert.equal(new Set(results.map((one) => `${one.ok} ${one.action} ${one.code}`)).size, 1)
    codes.push(`${results[0].action} ${results[0].code}`)
  }
  assert.deepEqual(codes, ['stop user_denied', 'stop phone_quota', 'fix privacy_not_declared', 'stop privacy_refused', 'stop user_denied', 'fix no_permission', 'fix no_permission', 'stop wx_failed'])
  assert.deepEqual(names(), [])
})

test('an avatar is uploaded as a file, and once more after a 401', async () => {
  const texts = []
  const { auth } = await start({
    'POST /me/avatar/': ({ text, header }) => {
      texts.push(text)
      return header.authorization === 'Bearer wxa_1' ? refusal(401, 'invalid_token', 'login') : [200, { id: '1', avatar: 'https://a.example/1.png' }]
    },
  })
  const result = await auth.uploadAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })
  assert.equal(result.data.avatar, 'https://a.example/1.png')
  assert.equal(texts.length, 2)
  assert.match(texts[1], /name="avatar"; filename="avatar.png"/)
})

test('a picture that is too large for the proxy is to be mended', async () => {
  const { auth } = await start({ 'POST /me/avatar/': () => [413, '<h1>nginx</h1>'] })
  assert.equal((await auth.uploadAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })).action, 'fix')
})

test('a code that was fetched ahead is used once, and not when it is old', async (t) => {
  const { auth, asked, phone, baseURL } = await start()
  await auth.prepare()
  await auth.prepare()
  assert.equal(phone.codes, 1)
  await auth.login()
  await auth.login()
  assert.deepEqual(asked.map((one) => one.data.code), ['code-1', 'code-2'])
  const slow = offline()
  const other = create({ baseURL, wx: slow.wx })
  const now = Date.now()
  await other.prepare()
  t.mock.method(Date, 'now', () => now + 4 * 60 * 1000 + 1)
  await other.login()
  assert.equal(slow.codes, 2)
})

test('at launch wx.checkSession is asked once: a no ends the login, a yes proves nothing', async () => {
  const { auth, phone, baseURL, names } = await start({ 'GET /a': inTurn([200, {}], [200, {}], [200, {}], [200, {}], [200, {}], refusal(401, 'invalid_token', 'login'), [200, {}]) })
  await auth.request({ url: 'a' })
  let asks = 0
  const real = phone.wx.checkSession
  phone.wx.checkSession = (callbacks) => { asks += 1; real(callbacks) }
  const launch = () => phone.restart({ baseURL, checkSession: true })
  let relaunched = launch()
  await Promise.all([relaunched.request({ url: 'a' }), relaunched.request({ url: 'a' })])
  assert.deepEqual([asks, names().filter((one) => one === 'POST /login/').length], [1, 1])
  phone.session = false
  relaunched = launch()
  await relaunched.request({ url: 'a' })
  assert.deepEqual([asks, names().filter((one) => one === 'POST /login/').length], [2, 2])
  await phone.restart({ baseURL }).request({ url: 'a' })
  assert.equal(asks, 2)
  phone.session = true
  await launch().request({ url: 'a' })
  assert.equal(names().filter((one) => one === 'POST /login/').length, 3)
})

test('with prefetch each login gives WeChat the token, and nothing else does', async () => {
  const { auth, phone, baseURL } = await start()
  const given = []
  phone.wx.setBackgroundFetchToken = ({ token, success, fail, ...others }) => {
    given.push(token)
    assert.deepEqual(Object.keys(others), ['timeout', 'complete'])
    success({ errMsg: 'setBackgroundFetchToken:ok' })
  }
  await auth.login()
  assert.deepEqual(given, [])
  const ahead = phone.restart({ baseURL, prefetch: true })
  assert.equal(await ahead.token(), await auth.token())
  assert.deepEqual(given, [])
  await ahead.login()
  assert.deepEqual(given, [await ahead.token()])
  // The server ends it: WeChat has a dead one, and asks us for no login of somebody who left.
  await ahead.logout()
  assert.equal(given.length, 1)
})

test('a base library without pre-fetch logs in all the same', async () => {
  const { phone, baseURL } = await start()
  assert.equal((await phone.restart({ baseURL, prefetch: true }).login()).ok, true)
})

test('each version of the mini-program has its server and its token', async () => {
  const [develop, trial, release] = [await serve(), await serve(), await serve()]
  const urls = { develop: develop.baseURL, trial: `${trial.baseURL}/`, release: release.baseURL }
  const storage = new Map()
  for (const envVersion of ['develop', 'trial', 'release', undefined]) {
    const phone = offline({ storage, envVersion })
    // An old base library does not say which version runs: then it is a real user's.
    if (!envVersion) phone.wx.getAccountInfoSync = () => ({ miniProgram: { appId: 'wx5a4db0c0ffee0001' } })
    await create({ baseURL: urls, wx: phone.wx }).token()
  }
  assert.deepEqual([develop, trial, release].map((one) => one.asked.length), [1, 1, 1])
  assert.equal(storage.size, 3)
})

test('a transport may answer by a promise, and may know paths only', async () => {
  const { asked, baseURL } = await start({ 'GET /api/me/': () => [200, { id: '1' }] })
  const paths = []
  // As wx.cloud.callContainer: no address, and no callbacks needed.
  const container = ({ url, method, header, data }) => {
    paths.push(url)
    return fetch(`${baseURL}${url.replace('/api/login', '/login')}`, { method, headers: header, body: data && JSON.stringify(data) })
      .then(async (response) => ({ statusCode: response.status, data: await response.json(), header: {} }))
  }
  const auth = create({ baseURL: '/api', wx: offline().wx, transport: container })
  assert.equal((await auth.request({ url: 'me/' })).data.id, '1')
  assert.deepEqual(paths, ['/api/login/', '/api/me/'])
  assert.match(asked[1].header.authorization, /^Bearer/)
  const broken = create({ baseURL: '/api', wx: offline().wx, patience: 0, transport: () => Promise.reject(new Error('no route')) })
  assert.deepEqual((await broken.request({ url: 'me/' })).code, 'network')
  const worse = create({ baseURL: '/api', wx: offline().wx, patience: 0, transport: () => { throw new Error('no wx') } })
  assert.deepEqual((await worse.request({ url: 'me/' })).code, 'network')
})

test('any file goes to any address of the project, with its fields, and once more after a 401', async () => {
  const texts = []
  const { auth, names } = await start({
    'POST /me/photos': ({ text, header }) => {
      texts.push(text)
      return header.authorization === 'Bearer wxa_1' ? refusal(401, 'invalid_token', 'login') : [201, [{ id: 7 }]]
    },
  })
  const result = await auth.upload({ url: 'me/photos', filePath: 'wxfile://tmp_1.png', name: 'photo', formData: { album: 'summer' } })
  assert.deepEqual([result.status, result.data], [201, [{ id: 7 }]])
  assert.deepEqual(names(), ['POST /login/', 'POST /me/photos', 'POST /login/', 'POST /me/photos'])
  assert.match(texts[1], /name="photo"; filename=/)
  assert.match(texts[1], /name="album"\r\n\r\nsummer/)
})

test('an upload whose answer got lost is not repeated, unless its caller says that it may be', async () => {
  const { auth, phone, names } = await start({ 'POST /photos': () => [201, {}] })
  await auth.token()
  phone.lose = () => true
  const file = { url: 'photos', filePath: 'wxfile://tmp_1.png' }
  assert.equal((await auth.upload(file)).code, 'network')
  assert.equal(names().filter((one) => one === 'POST /photos').length, 1)
  assert.equal((await auth.upload({ ...file, repeatable: true })).code, 'network')
  assert.equal(names().filter((one) => one === 'POST /photos').length, 3)
})

test('in Cloud Hosting requests name the environment and the service, and files need another way', async () => {
  const { asked, baseURL } = await start({ 'GET /api/me/': () => [200, { id: '1' }] })
  const phone = offline()
  const calls = []
  phone.wx.cloud = {
    callContainer({ path, method, header, data, config, success }) {
      calls.push([path, config.env, header['X-WX-SERVICE']])
      const url = `${baseURL}${path.replace('/api/login', '/login')}`
      return fetch(url, { method, headers: header, body: data && JSON.stringify(data) })
        .then(async (response) => success({ statusCode: response.status, data: await response.json(), header: {} }))
    },
  }
  const options = { baseURL: '/api', wx: phone.wx, cloud: { env: 'prod-1', service: 'django' } }
  const auth = create(options)
  assert.equal((await auth.request({ url: 'me/' })).data.id, '1')
  assert.deepEqual(calls, [['/api/login/', 'prod-1', 'django'], ['/api/me/', 'prod-1', 'django']])
  assert.match(asked[1].header.authorization, /^Bearer/)
  assert.throws(() => auth.upload({ url: 'photos/', filePath: 'wxfile://tmp_1.png' }), /option upload$/)
  const sent = []
  const upload = ({ url, header, success }) => {
    sent.push([url, header.Authorization])
    success({ statusCode: 200, data: '{"id": "1"}' })
  }
  const both = create({ ...options, upload: (request) => upload({ ...request, url: `https://a.example${request.url}` }) })
  assert.equal((await both.uploadAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })).ok, true)
  assert.equal(sent[0][0], 'https://a.example/api/me/avatar/')
  assert.match(sent[0][1], /^Bearer/)
})

test('two clients in one mini-program, its own and a plugin’s, are one login', async () => {
  const { phone, baseURL, names } = await start({ 'GET /a': () => [200, {}] })
  const [main, plugin] = [1, 2].map(() => create({ baseURL, wx: phone.wx }))
  const results = await Promise.all(Array.from({ length: 12 }, (_, n) => [main, plugin][n % 2].request({ url: 'a' })))
  assert.ok(results.every((one) => one.ok))
  assert.equal(names().filter((one) => one === 'POST /login/').length, 1)
  assert.equal(phone.most, 10)
  assert.equal(await main.token(), await plugin.token())
  await main.logout()
  assert.equal((await plugin.request({ url: 'a' })).code, 'logged_out')
})

test('two appids never share a token, nor do two servers', async () => {
  const { phone, baseURL } = await start()
  const other = await serve({ 'POST /login/': () => [200, { ...LOGGED_IN, token: 'wxa_other' }] })
  const clients = [{ appid: 'wx1' }, { appid: 'wx2' }, { baseURL: other.baseURL }].map((options) => create({ baseURL, wx: phone.wx, ...options }))
  const tokens = await Promise.all(clients.map((one) => one.token()))
  assert.equal(new Set(tokens).size, 3)
  await clients[0].logout()
  const kept = await Promise.all(clients.slice(1).map((one) => one.token()))
  assert.deepEqual(kept, tokens.slice(1))
})

test('a success that is not ours names the options to look at, and is not repeated', async () => {
  const envelope = () => [200, { code: 0, msg: '', data: LOGGED_IN }]
  const { auth, names } = await start({ 'POST /login/': envelope })
  const result = await auth.login()
  assert.deepEqual([result.action, result.code, result.status], ['fix', 'not_wxauth', 200])
  assert.match(result.detail, /unwrap/)
  assert.deepEqual(names(), ['POST /login/'])
  const logged = await start({ 'POST /me/': envelope })
  assert.equal((await logged.auth.setNickname('x')).code, 'not_wxauth')
})

test('an answer of null, and an option that throws at it, are told and not thrown', async () => {
  const isNull = { 'GET /null': () => [200, null], 'GET /gone': () => [502, null], 'GET /out': inTurn([401, null], [200, {}]) }
  const plain = await start(isNull)
  assert.deepEqual(await plain.auth.request({ url: 'null' }), { ok: true, action: 'ok', status: 200, data: null })
  for (const name of ['isUnauthorized', 'unwrap']) {
    // These take the answer of a login as it is, and trip over null.
    const option = { isUnauthorized: (res) => res.data.code === 401, unwrap: (res) => (res.data.token ? res.data : res.data) }
    const { auth } = await start(isNull, { [name]: option[name], patience: 0 })
    const result = await auth.request({ url: 'null' })
    assert.deepEqual([result.action, result.code, result.status], ['fix', 'option_failed', 200])
    assert.match(result.detail, new RegExp(`^${name}: `))
    assert.equal((await auth.request({ url: 'gone' })).code, 'http_502')
    assert.equal((await auth.request({ url: 'out' })).ok, true)
  }
})

test('a page of our own is not taken for a captive portal where text was asked for, nor is another server’s', async () => {
  const page = () => [200, '<!doctype html><p>Terms</p>']
  const other = await serve({ 'GET /terms': page })
  const { auth } = await start({ 'GET /terms': page })
  assert.equal((await auth.request({ url: 'terms' })).code, 'captive_portal')
  assert.equal((await auth.request({ url: 'terms', dataType: 'text' })).ok, true)
  assert.equal((await auth.request({ url: `${other.baseURL}/terms` })).ok, true)
})

test('the number that was verified just now comes as the other one does', async () => {
  const { auth, asked } = await start({ 'POST /me/phone/': () => [200, { id: '1', phone: '+8613800138000' }] })
  const event = { type: 'getrealtimephonenumber', detail: { code: 'real-time', errMsg: 'getRealtimePhoneNumber:ok' } }
  assert.equal((await auth.bindPhone(event)).ok, true)
  assert.deepEqual(asked[1].data, { phone_code: 'real-time' })
  assert.equal((await auth.loginWithPhone(event)).ok, true)
  assert.equal(asked[2].data.phone_code, 'real-time')
})

test('a phone number whose answer got lost is sent once more, with the same code', async () => {
  const { auth, phone, asked } = await start({ 'POST /me/phone/': () => [200, { id: '1', phone: '+8613800138000' }] })
  await auth.token()
  let lost = 0
  phone.lose = () => { lost += 1; return lost === 1 }
  assert.equal((await auth.bindPhone({ detail: { code: 'from-the-button' } })).data.phone, '+8613800138000')
  assert.deepEqual(asked.slice(1).map((one) => one.data.phone_code), ['from-the-button', 'from-the-button'])
})

test('a mistake in the program is an exception that names the option, not a result', async () => {
  const { auth, phone, baseURL } = await start()
  const wrong = {
    baseURL: [{}, { baseURL: '' }, { baseURL: 'api.example.com' }, { baseURL: { develop: 'https://a.example' } }],
    baseUrl: [{ baseURL, baseUrl: baseURL }],
    timeout: [{ baseURL, timeout: '15s' }],
    unwrap: [{ baseURL, unwrap: 'data' }],
    signup: [{ baseURL, signup: 'no' }],
  }
  for (const [name, all] of Object.entries(wrong)) {
    for (const options of all) assert.throws(() => create(options), { name: 'TypeError', message: new RegExp(` ${name}$`) })
  }
  create({ baseURL, wx: phone.wx, transport: undefined })
  assert.throws(() => auth.request({ method: 'POST' }), /option url$/)
  assert.throws(() => auth.bindPhone(), /option event$/)
})
