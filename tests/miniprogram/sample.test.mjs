// The sample mini-program, its pages run in Node against the real server.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

import { BACKEND, makePhone, newPerson } from './wx.mjs'

const require = createRequire(import.meta.url)
const root = new URL('../../miniprogram/', import.meta.url).pathname

/** A phone on which the sample was opened: `open(name)` shows a page, `said` is what it told. */
async function launch(phone = undefined) {
  const sample = { phone: phone || makePhone(await newPerson()), stack: [], said: [], went: [], confirms: true }
  for (const path of Object.keys(require.cache)) if (path.startsWith(root)) delete require.cache[path]
  const { request, uploadFile } = sample.phone.wx
  const toServer = (send) => (fields) => send({ ...fields, url: fields.url.replace('http://127.0.0.1:8000', BACKEND) })
  globalThis.wx = {
    ...sample.phone.wx,
    request: toServer(request),
    uploadFile: toServer(uploadFile),
    showToast: ({ title }) => sample.said.push(title),
    // Whoever is asked says yes, unless the test has them say no.
    showModal: ({ title, success }) => { sample.said.push(title); if (success) success({ confirm: sample.confirms }) },
    navigateTo: ({ url }) => { sample.went.push(url); sample.open('login') },
    navigateBack: () => { sample.went.push('back'); sample.stack.pop() },
    switchTab: ({ url }) => { sample.went.push(url); sample.stack = []; sample.open(url.split('/')[2]) },
  }
  globalThis.getCurrentPages = () => sample.stack
  sample.open = (name) => {
    let page
    globalThis.Page = (options) => { page = options }
    const path = `${root}pages/${name}/${name}.js`
    delete require.cache[path]
    require(path)
    page.data = structuredClone(page.data)
    page.setData = (fields) => Object.assign(page.data, fields)
    sample.stack.push(page)
    if (page.onShow) page.onShow()
    return page
  }
  sample.top = () => sample.stack[sample.stack.length - 1]
  return sample
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => { setImmediate(resolve) })
}

const tick = (page) => page.agree({ detail: { value: ['yes'] } })

test('a guest looks without a request, and what the login interrupted goes on after it', async () => {
  const sample = await launch()
  const home = sample.open('home')
  assert.equal(sample.phone.sent.length, 0)
  home.openOrders()
  home.openOrders()
  await until(() => sample.went.length)
  // A double tap has opened one login page.
  assert.deepEqual(sample.went, ['/pages/login/login'])
  const login = sample.top()
  login.login()
  assert.equal(login.data.remind, true)
  tick(login)
  login.login()
  login.login()
  await until(() => sample.said.length)
  assert.deepEqual(sample.said, ['朋友，你还没有订单'])
  assert.deepEqual(sample.went, ['/pages/login/login', 'back'])
  assert.deepEqual(sample.phone.paths().filter((path) => path === 'login/').length, 2)
})

test('who says not now is not surprised by the orders after a later login', async () => {
  const sample = await launch()
  sample.open('home').openOrders()
  await until(() => sample.went.length)
  sample.top().notNow()
  const profile = sample.open('profile')
  await until(() => profile.data.asked)
  profile.login()
  tick(sample.top())
  sample.top().login()
  await until(() => sample.went.length === 4)
  assert.deepEqual(sample.said, [])
})

test('a login page that a share card opened ends on the home page', async () => {
  const sample = await launch()
  const login = sample.open('login')
  tick(login)
  login.login()
  await until(() => sample.went.length)
  assert.deepEqual(sample.went, ['/pages/home/home'])
})

test('the tick is not set, and the privacy guideline opens in WeChat’s own page', async () => {
  const sample = await launch()
  const login = sample.open('login')
  assert.equal(login.data.agreed, false)
  login.readPrivacy()
  assert.deepEqual(sample.said, ['隐私政策'])
  let opened = 0
  globalThis.wx.openPrivacyContract = () => { opened += 1 }
  login.readPrivacy()
  assert.equal(opened, 1)
})

test('WeChat asks for the privacy guideline, and goes on with what the person answers', async () => {
  await launch()
  let ask
  globalThis.wx.onNeedPrivacyAuthorization = (listener) => { ask = listener }
  let component
  globalThis.Component = (options) => { component = options }
  require(`${root}components/privacy/privacy.js`)
  const popup = { ...component.methods, data: {}, setData(fields) { Object.assign(this.data, fields) } }
  component.lifetimes.attached.call(popup)
  for (const [answer, word] of [['refuse', { event: 'disagree' }], ['agree', { event: 'agree', buttonId: 'agree' }]]) {
    const words = []
    ask((told) => words.push(told))
    assert.equal(popup.data.open, true)
    popup[answer]()
    popup[answer]()
    assert.deepEqual(words, [word])
    assert.equal(popup.data.open, false)
  }
})

test('the profile shows the devices with their time, and the server’s own sentences', async () => {
  const sample = await launch()
  const login = sample.open('login')
  tick(login)
  login.login()
  await until(() => sample.went.length)
  const profile = sample.open('profile')
  await until(() => profile.data.devices.length)
  assert.match(profile.data.devices[0].when, /^\d+月\d+日 \d+:\d\d 登录$/)
  assert.equal(profile.data.devices[0].current, true)
  const saved = profile.data.user.nickname
  profile.setNickname({ detail: { value: { nickname: '很'.repeat(65) } } })
  profile.setNickname({ detail: { value: { nickname: '大宝' } } })
  await until(() => sample.said.length)
  assert.equal(profile.data.user.nickname, saved)
  assert.notEqual(sample.said[0], '请求有误')
  assert.match(sample.said[0], /\S/)
  assert.equal(sample.phone.sent.filter(({ method, path }) => method === 'POST' && path.endsWith('/me/')).length, 1)
})

test('a logout without a network says what holds', async () => {
  const sample = await launch()
  const login = sample.open('login')
  tick(login)
  login.login()
  await until(() => sample.went.length)
  const profile = sample.open('profile')
  await until(() => profile.data.user)
  sample.phone.network = 'none'
  profile.logout()
  await until(() => sample.said.length)
  assert.equal(profile.data.user, null)
  assert.deepEqual(sample.said, ['已退出，联网后将在服务器上生效'])
})

test('an account is closed after a question, shows until when, and is kept after all', async () => {
  const sample = await launch()
  const login = sample.open('login')
  tick(login)
  login.login()
  await until(() => sample.went.length)
  const profile = sample.open('profile')
  await until(() => profile.data.user)
  sample.confirms = false
  profile.closeAccount()
  assert.equal(profile.data.busy, false)
  sample.confirms = true
  profile.closeAccount()
  await until(() => profile.data.closing)
  assert.match(profile.data.closing, /^\d+月\d+日$/)
  assert.ok(profile.data.user.deletion_due_at)
  const again = sample.open('profile')
  await until(() => again.data.asked)
  assert.equal(again.data.closing, profile.data.closing)
  again.keepAccount()
  await until(() => again.data.closing === '')
  assert.equal(again.data.user.deletion_due_at, null)
  assert.deepEqual(sample.said, ['注销账号', '注销账号', '已申请注销', '已撤回'])
})
