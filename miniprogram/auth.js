// The one client of this mini-program. Every page takes it from here.
const { create } = require('./wxauth.js')

const auth = create({
  baseURL: {
    // The developer tools reach `make run` on this machine; a real phone needs its LAN address.
    develop: 'http://127.0.0.1:8000/api/wxauth',
    trial: 'https://test.example.com/api/wxauth',
    release: 'https://api.example.com/api/wxauth',
  },
  // Whoever is new is registered on the login page, where they accept the terms, and not before.
  signup: false,
})

/** What the client says itself. For everything else there are the server's own sentences. */
/** @type {Record<string, string>} */
const MESSAGES = {
  network: '网络不可用，请检查网络后重试',
  captive_portal: '网络不可用，请先完成 Wi-Fi 认证',
  wx_login_failed: '网络不可用，请稍后再试',
  user_denied: '你拒绝了授权',
  phone_quota: '暂时无法验证手机号，请用微信登录',
  no_permission: '暂不支持手机号登录，请用微信登录',
  privacy_not_declared: '暂不支持手机号登录，请用微信登录',
  privacy_refused: '请先同意隐私保护指引',
}
/** @type {Record<string, string>} */
const BY_ACTION = {
  tap: '请再点一次',
  retry: '请稍后再试',
  login: '登录没有成功，请再试一次',
}

/** What goes on after the login: see `needLogin`. */
/** @type {(() => void) | null} */
let next = null

/**
 * Tell the person about a result that is no success.
 * @param {import('./wxauth').Failure} result
 */
function explain(result) {
  const title = MESSAGES[result.code] || BY_ACTION[result.action] || result.detail || '出错了，请稍后再试'
  wx.showToast({ title, icon: 'none', duration: 2500 })
}

/**
 * Go to the login page where a result asks for it. `then` goes on with what was interrupted.
 * @param {import('./wxauth').Failure} result
 * @param {() => void} then
 */
function needLogin(result, then) {
  if (!isLoggedOut(result)) return false
  openLogin(then)
  return true
}

/**
 * Whether nobody is logged in, which is no error.
 * @param {import('./wxauth').Failure} result
 */
function isLoggedOut(result) {
  return result.action === 'signup' || result.code === 'logged_out'
}

/** @param {() => void} then */
function openLogin(then) {
  next = then
  wx.navigateTo({ url: '/pages/login/login' })
}

/** Leave the login page. Who came to it by a share card or a scan has no page to go back to. */
function leaveLogin() {
  if (getCurrentPages().length > 1) wx.navigateBack()
  else wx.switchTab({ url: '/pages/home/home' })
}

/** Leave the login page after a login, and go on with what was interrupted. */
function loggedIn() {
  const then = next
  next = null
  leaveLogin()
  if (then) then()
}

/** Leave it without: what was interrupted is not taken up by some later login. */
function notNow() {
  next = null
  leaveLogin()
}

/**
 * A double tap does one thing: while a page is busy, nothing else begins.
 * @template T
 * @param {{data: {busy: boolean}, setData(data: {busy: boolean}): void}} page
 * @param {() => Promise<T>} job
 * @returns {Promise<T | undefined>}
 */
function once(page, job) {
  if (page.data.busy) return Promise.resolve(undefined)
  page.setData({ busy: true })
  const done = () => page.setData({ busy: false })
  return job().then((result) => {
    done()
    return result
  }, (error) => {
    done()
    throw error
  })
}

module.exports = { auth, explain, isLoggedOut, loggedIn, needLogin, notNow, once, openLogin }
