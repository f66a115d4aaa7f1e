// The client against the contract, played by a stub: every action, proxies, envelopes, transports.
import assert from 'node:assert/strict'
import test from 'node:test'

import { create, makePhone } from './phone.mjs'
import { inTurn, refusal, serve } from './stub.mjs'

// The client's seconds are short here.
const { setTimeout: realTimeout } = globalThis
globalThis.setTimeout = (callback, ms, ...rest) => realTimeout(callback, ms / 100, ...rest)

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

test('a login that meets a proxy or a captive portal is repeated with a new code', async () => {
  const token = [200, { token: 'wxa_x', expires_in: 60, user: {}, warnings: [] }]
  const { auth, asked } = await start({ 'POST /login/': inTurn([504, '<h1>nginx</h1>', { 'retry-after': '0' }], [200, '<h1>Wi-Fi</h1>'], token) }, { patience: 30 })
  assert.equal((await auth.login()).ok, true)
  assert.deepEqual(asked.map((one) => one.data.code), ['code-1', 'code-2', 'code-3'])
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
  const { auth, phone } = await start({ 'POST /login/': inTurn([200, { token: 'wxa_1', expires_in: 1000, user: {}, warnings: [] }], refusal(503, 'misconfigured', 'stop')) })
  await auth.token()
  const [[key, kept]] = phone.storage
  phone.storage.set(key, { ...kept, at: Date.now() - 970 * 1000 })
  const later = create({ baseURL: key.slice(7), wx: phone.wx })
  assert.equal(await later.token(), 'wxa_1')
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

test('a phone code that is no good wants another tap, and a lost answer is not repeated', async () => {
  const { auth, phone, names } = await start({ 'POST /me/phone/': () => refusal(400, 'invalid_phone_code', 'tap') })
  const event = { detail: { code: 'old' } }
  assert.equal((await auth.bindPhone(event)).action, 'tap')
  phone.lose = ({ url }) => url.endsWith('phone/')
  assert.equal((await auth.bindPhone(event)).code, 'network')
  assert.equal(names().filter((one) => one === 'POST /me/phone/').length, 2)
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
    { errMsg: 'getPhoneNumber:fail jsapi has no permission' },
  ]) {
    const event = { detail }
    const results = await Promise.all([auth.loginWithPhone(event), auth.bindPhone(event), auth.getUserInfo(event), auth.uploadAvatar(event)])
    assert.equal(new Set(results.map((one) => `${one.ok} ${one.action} ${one.code}`)).size, 1)
    codes.push(`${results[0].action} ${results[0].code}`)
  }
  assert.deepEqual(codes, ['stop user_denied', 'stop phone_quota', 'fix privacy_not_declared', 'stop privacy_refused', 'stop user_denied', 'stop wx_failed'])
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
  const launch = () => create({ baseURL, wx: phone.wx, checkSession: true })
  let relaunched = launch()
  await Promise.all([relaunched.request({ url: 'a' }), relaunched.request({ url: 'a' })])
  assert.deepEqual([asks, names().filter((one) => one === 'POST /login/').length], [1, 1])
  phone.session = false
  relaunched = launch()
  await relaunched.request({ url: 'a' })
  assert.deepEqual([asks, names().filter((one) => one === 'POST /login/').length], [2, 2])
  await create({ baseURL, wx: phone.wx }).request({ url: 'a' })
  assert.equal(asks, 2)
  phone.session = true
  await launch().request({ url: 'a' })
  assert.equal(names().filter((one) => one === 'POST /login/').length, 3)
})

test('each version of the mini-program has its server and its token', async () => {
  const [develop, trial, release] = [await serve(), await serve(), await serve()]
  const urls = { develop: develop.baseURL, trial: `${trial.baseURL}/`, release: release.baseURL }
  const storage = new Map()
  for (const envVersion of ['develop', 'trial', 'release', undefined]) {
    const phone = offline({ storage, envVersion })
    // An old base library does not say which version runs: then it is a real user's.
    if (!envVersion) phone.wx.getAccountInfoSync = () => ({ miniProgram: { appId: 'wx1' } })
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

test('a mistake in the program is an exception, not a result', async () => {
  const { auth, phone } = await start()
  phone.wx.getAccountInfoSync = () => ({ miniProgram: { appId: 'wx1', envVersion: 'release' } })
  const wrong = create({ baseURL: { develop: 'https://a.example' }, wx: phone.wx })
  await assert.rejects(async () => wrong.request({ url: 'me/' }), TypeError)
  assert.ok(auth)
})
