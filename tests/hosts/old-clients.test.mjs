// Clients that were there before wxauth, as npm has them, unmodified, against the views of
// docs/old-clients.md: on the phone of the client's tests.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { makePhone, newPerson, sandbox } from '../miniprogram/wx.mjs'

const HOST = process.env.WXAUTH_HOST
const APP = 'wx0000000000000001'
const load = createRequire(new URL('npm/', import.meta.url))

let addresses = 0

/** Somebody's phone, at an address of its own, as the `wx` that the clients find. */
async function freshPhone(name) {
  const phone = makePhone(name || await newPerson({ nickname: '小明' }), { appid: APP })
  addresses += 1
  const { request } = phone.wx
  const address = { 'X-Forwarded-For': `198.51.100.${addresses}` }
  phone.wx.request = ({ method = 'GET', ...options }) => {
    const sent = { ...options, method: method.toUpperCase(), header: { ...options.header, ...address } }
    // The data of a GET goes into the query string.
    if (sent.method === 'GET') sent.url += `?${new URLSearchParams(options.data)}`
    return request(sent)
  }
  // As it was when these clients were written: with the nickname.
  phone.wx.getUserInfo = ({ success }) => { phone.encrypted('userinfo', { real: true }).then(success) }
  globalThis.wx = phone.wx
  return phone
}

/** Let wx.login give one code again and again. */
async function repeatCode(phone, person) {
  const code = await sandbox(`code?${new URLSearchParams({ person, appid: APP })}`)
  phone.wx.login = ({ success }) => { setImmediate(() => success({ code })) }
}

async function end(token) {
  const headers = { Authorization: `Bearer ${token}` }
  assert.equal((await fetch(`${HOST}/api/wxauth/logout/`, { method: 'POST', headers })).status, 204)
}

// -- wafer2-client-sdk ----------------------------------------------------------------------------

// It listens to sockets from its first line on.
globalThis.wx = { onSocketOpen() {}, onSocketMessage() {}, onSocketClose() {}, onSocketError() {} }
const wafer = load('wafer2-client-sdk')
const SKEY = 'weapp_session_F2C224D4-2BCE-4C64-AF9F-A6D872000D1A'

wafer.setLoginUrl(`${HOST}/api/clients/wafer/login/`)

const waferCall = (name, options = {}) => new Promise((resolve, reject) => {
  wafer[name]({ ...options, success: resolve, fail: reject })
})
const waferAsk = async () => (await waferCall('request', { url: `${HOST}/api/whoami/` })).data
const skey = () => globalThis.wx.getStorageSync(SKEY).skey

test('wafer2: a cold login with user info, and a request by its skey', async () => {
  await freshPhone()
  assert.equal((await waferCall('login')).nickName, '小明')
  assert.equal((await waferAsk()).openid.length > 0, true)
})

test('wafer2: an ended token costs one login, which nobody sees', async () => {
  const phone = await freshPhone()
  await waferCall('loginWithCode')
  const { openid } = await waferAsk()
  await end(skey())
  assert.equal((await waferAsk()).openid, openid)
  assert.equal(phone.codes, 2)
})

test('wafer2: five at once on an ended token', async () => {
  await freshPhone()
  await waferCall('loginWithCode')
  const { openid } = await waferAsk()
  await end(skey())
  const answers = await Promise.all(Array.from({ length: 5 }, waferAsk))
  assert.deepEqual(answers.map((answer) => answer.openid), Array(5).fill(openid))
})

test('wafer2: the same code twice', async () => {
  const person = await newPerson()
  await repeatCode(await freshPhone(person), person)
  await waferCall('loginWithCode')
  const first = skey()
  await waferCall('loginWithCode')
  assert.notEqual(skey(), first)
  assert.ok((await waferAsk()).openid)
})

test('wafer2: user info under the previous session_key', async () => {
  const phone = await freshPhone()
  await waferCall('loginWithCode')
  const old = await phone.encrypted('userinfo', { real: true })
  await phone.rotate()
  phone.wx.getUserInfo = ({ success }) => success(old)
  assert.equal((await waferCall('login')).nickName, '小明')
})

test('wafer2: a refused code is an error with its name', async () => {
  const phone = await freshPhone()
  phone.wx.login = ({ success }) => success({ code: 'made up' })
  await assert.rejects(waferCall('login'), /invalid_code/)
})

// -- hydrogen-js-sdk ------------------------------------------------------------------------------

console.log = () => {} // It tells all it does, bodies included.
const Bmob = load('hydrogen-js-sdk')

const bmobAsk = () => Bmob.request('/1/whoami')

Bmob.initialize('key', 'code')
Bmob.domain(`${HOST}/api/clients`)

test('hydrogen: a cold login, and a request by its session token', async () => {
  const phone = await freshPhone()
  const user = await Bmob.User.auth()
  assert.equal((await bmobAsk()).openid, user.openid)
  assert.equal(Bmob.User.current().sessionToken, user.sessionToken)
  // The second time it asks whether the login holds, and keeps it.
  await Bmob.User.auth()
  assert.equal(phone.codes, 1)
})

test('hydrogen: after an ended token it logs in when it is asked to', async () => {
  const phone = await freshPhone()
  const user = await Bmob.User.auth()
  await end(user.sessionToken)
  await assert.rejects(bmobAsk(), (error) => error.code === 401)
  const again = await Bmob.User.auth()
  assert.equal(again.objectId, user.objectId)
  assert.notEqual(again.sessionToken, user.sessionToken)
  assert.equal(phone.codes, 2)
})

test('hydrogen: five at once', async () => {
  await freshPhone()
  const users = await Promise.all(Array.from({ length: 5 }, () => Bmob.User.auth()))
  assert.equal(new Set(users.map((user) => user.objectId)).size, 1)
})

test('hydrogen: the same code twice', async () => {
  const person = await newPerson()
  const phone = await freshPhone(person)
  await repeatCode(phone, person)
  const first = await Bmob.User.auth()
  phone.storage.clear()
  const second = await Bmob.User.auth()
  assert.equal(second.objectId, first.objectId)
  assert.notEqual(second.sessionToken, first.sessionToken)
})

test('hydrogen: the openid that it sends makes nobody of it', async () => {
  const alice = await (await freshPhone(), Bmob.User.auth())
  await freshPhone()
  const eve = await Bmob.User.auth()
  const forged = await Bmob.User.linkWith({ weapp: { openid: alice.openid, sk: eve.sessionToken } })
  assert.equal(forged.objectId, eve.objectId)
  await assert.rejects(Bmob.User.linkWith({ weapp: { openid: alice.openid, sk: 'made up' } }))
  await assert.rejects(Bmob.User.linkWith({ weapp: { openid: alice.openid } }))
})

test('hydrogen: a refused code is an error', async () => {
  const phone = await freshPhone()
  phone.wx.login = ({ success }) => success({ code: 'made up' })
  await assert.rejects(Bmob.User.auth(), (error) => error.code === 'invalid_code')
})
