// A built example, run in Node on a phone of the tests, against the real server.
// WXAUTH_EXAMPLE is its name, WXAUTH_BUILT the folder that the developer tools would open.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

import { until, within } from './clock.mjs'
import { BACKEND, makePhone, newPerson } from './wx.mjs'

const require = createRequire(import.meta.url)
const built = process.env.WXAUTH_BUILT

const phone = makePhone(await newPerson())
const toServer = (send) => (fields) => send({ ...fields, url: fields.url.replace('http://127.0.0.1:8000', BACKEND) })

/** What the frameworks ask of a phone when they start; nothing of it matters to the client. */
function boot() {
  const quiet = () => {}
  globalThis.wx = {
    ...phone.wx,
    request: toServer(phone.wx.request),
    uploadFile: toServer(phone.wx.uploadFile),
    canIUse: () => true,
    getSystemInfoSync: () => ({}),
    getAppBaseInfo: () => ({}),
    getDeviceInfo: () => ({}),
    getWindowInfo: () => ({}),
    getLaunchOptionsSync: () => ({}),
    onAppShow: quiet,
  }
  for (const name of ['App', 'Page', 'Component', 'Behavior']) globalThis[name] = quiet
  globalThis.getApp = () => ({})
  globalThis.getCurrentPages = () => []
  globalThis.global = globalThis
}

const clientOf = {
  'uni-app': () => require(`${built}/auth.js`).auth,
  typescript: () => require(`${built}/auth.js`).auth,
  taro() {
    require(`${built}/app.js`)
    let load
    globalThis.wx.webpackJsonp.push([['tests'], {}, (found) => { load = found }])
    // The one module with the address of the server is auth.js.
    const id = Object.keys(load.m).find((one) => String(load.m[one]).includes('/api/wxauth'))
    return Object.values(load(id)).find((one) => one.request)
  },
}

test('login, ten requests after the end of a token, phone, avatar, and no network', async () => {
  boot()
  const auth = clientOf[process.env.WXAUTH_EXAMPLE]()
  assert.equal((await auth.login()).data.created, true)

  const ended = await auth.token()
  await fetch(`${BACKEND}/api/wxauth/logout/`, { method: 'POST', headers: { authorization: `Bearer ${ended}` } })
  const results = await Promise.all(Array.from({ length: 10 }, () => auth.request({ url: 'me/' })))
  assert.ok(results.every(({ ok }) => ok))
  assert.equal(phone.logins(), 2)

  const bound = await auth.bindPhone({ detail: { code: await phone.phoneCode(), errMsg: 'getPhoneNumber:ok' } })
  assert.match(bound.data.phone, /^\+8613/)

  const uploading = auth.uploadAvatar({ detail: { avatarUrl: 'wxfile://tmp_1.png' } })
  const uploaded = await uploading
  // Not a picture, and the server says so: the file has arrived.
  assert.deepEqual([uploaded.status, uploaded.field], [400, 'avatar'])

  phone.network = 'none'
  const offline = await within(3, auth.request({ url: 'me/' }))
  assert.deepEqual([offline.action, offline.code], ['retry', 'network'])
  await until(() => phone.open === 0)
})
