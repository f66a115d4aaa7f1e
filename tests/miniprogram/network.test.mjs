// What real phones do to a client: calls without an end, no network, answers that get lost. Against
// the real server and the sandbox; the clock is moved by hand.
import assert from 'node:assert/strict'
import test from 'node:test'

import { until, within } from './clock.mjs'
import { BACKEND, makePhone, newPerson } from './wx.mjs'

async function freshPhone() {
  return makePhone(await newPerson())
}

const said = ({ action, code }) => `${action} ${code}`
const isAlive = async (token) => (await fetch(`${BACKEND}/api/wxauth/me/`, { headers: { authorization: `Bearer ${token}` } })).status === 200

test('a wx.login that never calls back is given up, and the next one is not its victim', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  phone.hang('login')
  const waiting = [auth.request({ url: 'me/' }), auth.login(), auth.token()]
  const results = await within(17, Promise.all(waiting.map((one) => one.catch((error) => error))))
  assert.deepEqual(results.map(said), Array(3).fill('retry wx_login_failed'))
  phone.release()
  assert.equal((await auth.request({ url: 'me/' })).ok, true)
  assert.equal(phone.logins(), 1)
})

test('a prepare() that never ends keeps nobody from logging in', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  phone.hang('login')
  const preparing = auth.prepare()
  await within(17, preparing)
  phone.release()
  assert.equal((await auth.login()).ok, true)
})

for (const how of ['at once', 'never']) {
  test(`airplane mode is told within three seconds where WeChat answers ${how}`, async () => {
    const phone = await freshPhone()
    const warm = phone.client()
    await warm.token()
    const cold = await freshPhone()
    for (const [one, auth] of [[phone, warm], [cold, cold.client()]]) {
      one.network = 'none'
      if (how === 'never') one.hang('login', 'request', 'uploadFile')
      const before = one.codes
      const results = await within(3, Promise.all([
        auth.request({ url: 'me/' }),
        auth.setNickname('小爱'),
        auth.uploadAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } }),
      ]))
      assert.ok(results, 'not told')
      assert.deepEqual(new Set(results.map(({ action, status }) => `${action} ${status}`)), new Set(['retry 0']))
      assert.ok(one.codes - before <= 1, 'more than one wx.login')
      one.network = 'wifi'
      one.release()
      assert.equal((await auth.request({ url: 'me/' })).ok, true)
    }
  })
}

test('a phone that cannot say whether it has a network is believed to have one', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  await auth.token()
  for (const getNetworkType of [undefined, () => {}, ({ fail }) => fail({ errMsg: 'getNetworkType:fail' })]) {
    phone.wx.getNetworkType = getNetworkType
    phone.hang('request')
    const asking = auth.request({ url: 'me/' })
    assert.equal(await within(5, asking), undefined)
    phone.release()
    assert.equal((await asking).ok, true)
  }
})

test('requests that never call back end, and give their place to the next', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  await auth.token()
  phone.hang('request')
  const stuck = Array.from({ length: 12 }, () => auth.request({ url: 'me/', method: 'POST', timeout: 5000 }))
  const results = await within(20, Promise.all(stuck))
  assert.deepEqual(new Set(results.map(said)), new Set(['retry network']))
  phone.release()
  assert.equal((await auth.request({ url: 'me/' })).ok, true)
})

test('a login whose answer comes after it was given up logs nobody in', async () => {
  const phone = await freshPhone()
  const auth = phone.client({ timeout: 3000 })
  phone.hang('request')
  const result = await within(20, auth.login())
  assert.equal(said(result), 'retry network')
  phone.release()
  await until(() => phone.open === 0)
  assert.equal(phone.storage.size, 0)
  assert.equal((await auth.login()).ok, true)
})

test('a wx.checkSession that never calls back does not end the login', async () => {
  const phone = await freshPhone()
  const token = await phone.client().token()
  phone.hang('checkSession')
  assert.equal(await within(17, phone.restart({ checkSession: true }).token()), token)
})

test('a page that is left aborts its request, wherever it is by then', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  phone.hang('login')
  const [left, kept] = [auth.request({ url: 'me/' }), auth.request({ url: 'me/logins/' })]
  left.abort()
  assert.equal(said(await left), 'stop abort')
  phone.release()
  // The login was not only this page's.
  assert.equal((await kept).ok, true)
  assert.deepEqual(phone.paths(), ['login/', 'me/logins/'])

  phone.hang('request')
  const asking = auth.request({ url: 'me/' })
  await until(() => phone.paths().length === 2)
  asking.abort()
  assert.equal(said(await asking), 'stop abort')
  phone.release()

  const done = auth.request({ url: 'me/' })
  const result = await done
  done.abort()
  assert.equal(await done, result)
})

test('who aborts while the client waits, is not asked for', async () => {
  const phone = await freshPhone()
  let waits
  const waiting = new Promise((resolve) => { waits = resolve })
  const auth = phone.client({ trace: ({ step }) => step === 'wait' && waits() })
  await auth.token()
  phone.lose = () => true
  const asking = auth.request({ url: 'me/' })
  await waiting
  asking.abort()
  const sent = phone.sent.length
  await within(10, new Promise(() => {}))
  assert.equal(phone.sent.length, sent)
  assert.equal(said(await asking), 'stop abort')
})

test('an upload tells how far it is', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const seen = []
  const uploading = auth.uploadAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })
  uploading.onProgressUpdate(({ progress }) => seen.push(progress))
  await uploading
  assert.deepEqual(seen, [50, 100])
})

test('success, fail and complete are called once each, as by wx.request', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const calls = []
  const callbacks = {
    success: (res) => calls.push(`success ${res.statusCode}`),
    fail: (res) => calls.push(`fail ${res.errMsg}`),
    complete: () => calls.push('complete'),
  }
  const run = async (fields) => {
    calls.length = 0
    const result = await within(10, auth.request({ ...fields, ...callbacks }))
    await until(() => calls.includes('complete'))
    return [result.ok, ...calls]
  }
  assert.deepEqual(await run({ url: 'me/' }), [true, 'success 200', 'complete'])
  const old = await auth.token()
  await fetch(`${BACKEND}/api/wxauth/logout/`, { method: 'POST', headers: { authorization: `Bearer ${old}` } })
  assert.deepEqual(await run({ url: 'me/' }), [true, 'success 200', 'complete'])
  assert.deepEqual(await run({ url: 'nowhere/' }), [false, 'success 404', 'complete'])
  phone.network = 'none'
  assert.deepEqual(await run({ url: 'me/' }), [false, 'fail request:fail ', 'complete'])
  phone.network = 'wifi'
  await auth.logout()
  assert.deepEqual(await run({ url: 'me/' }), [false, 'fail request:fail logged_out', 'complete'])
})

test('a logout without a network is made good: the second call says what holds', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const token = await auth.token()
  phone.network = 'none'
  assert.equal(said(await auth.logout()), 'retry network')
  assert.equal(said(await auth.logout()), 'retry network')
  assert.equal(await isAlive(token), true)
  assert.equal((await auth.request({ url: 'me/' })).code, 'logged_out')
  phone.network = 'wifi'
  assert.equal((await auth.logout()).ok, true)
  assert.equal(await isAlive(token), false)
  assert.deepEqual(phone.kept(), { out: true })
})

test('a logout without a network is made good with the first answer after it, over a restart too', async () => {
  const phone = await freshPhone()
  const token = await phone.client().token()
  phone.network = 'none'
  await phone.client().logout()
  phone.network = 'wifi'
  const auth = phone.restart()
  await auth.request({ url: '/healthz', guest: true })
  await until(() => phone.paths().includes('logout/'))
  await until(() => phone.kept().owed === undefined)
  assert.equal(await isAlive(token), false)
  assert.equal((await auth.request({ url: 'me/' })).code, 'logged_out')
})

test('a logout on all devices that is owed does not end the login after it', async () => {
  const person = await newPerson()
  const [one, other] = [makePhone(person), makePhone(person)]
  const elsewhere = await other.client().token()
  const auth = one.client()
  await auth.token()
  one.network = 'none'
  await auth.logout()
  await auth.logout({ all: true })
  one.network = 'wifi'
  const entered = await auth.login()
  assert.equal(await isAlive(entered.data.token), true)
  assert.equal(await isAlive(elsewhere), false)
})

test('a logout whose answer got lost is done, and the next call knows', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const token = await auth.token()
  phone.lose = () => true
  assert.equal((await auth.logout()).ok, false)
  phone.lose = () => false
  assert.equal(await isAlive(token), false)
  assert.equal((await auth.logout()).ok, true)
})

test('the Wi-Fi of a hotel is not our server', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  const token = await auth.token()
  phone.portal = true
  const picture = { detail: { avatarUrl: 'wxfile://tmp_1.png' } }
  for (const ask of [
    () => auth.request({ url: 'me/' }), () => auth.setNickname('x'), () => auth.uploadAvatar(picture), auth.login, auth.logout,
  ]) {
    assert.equal(said(await ask()), 'retry captive_portal')
  }
  phone.portal = false
  assert.equal((await auth.logout()).ok, true)
  assert.equal(await isAlive(token), false)
})

test('a login with a phone number whose answer got lost says what holds', async () => {
  const phone = await freshPhone()
  const auth = phone.client({ signup: false })
  const event = { detail: { code: await phone.phoneCode(), errMsg: 'getPhoneNumber:ok' } }
  phone.lose = ({ url }) => url.endsWith('/login/') && phone.logins() === 1
  const result = await within(5, auth.loginWithPhone(event))
  assert.equal(result.ok, true)
  assert.match(result.data.user.phone, /^\+8613/)
  assert.equal(result.data.created, true)
  assert.deepEqual(result.data.warnings, [])
  assert.equal(phone.codes, 1)
})

test('a number whose answer got lost is bound, and the client says so', async () => {
  const phone = await freshPhone()
  const auth = phone.client()
  await auth.login()
  const event = { detail: { code: await phone.phoneCode(), errMsg: 'getPhoneNumber:ok' } }
  let lost = 0
  phone.lose = ({ url }) => url.endsWith('/me/phone/') && ++lost === 1
  const result = await within(5, auth.bindPhone(event))
  assert.equal(result.ok, true)
  assert.match(result.data.phone, /^\+8613/)
  assert.equal(lost, 2)
})
