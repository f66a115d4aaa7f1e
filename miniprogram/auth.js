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

/** @type {Record<string, string>} */
const MESSAGES = {
  user_denied: '你拒绝了授权',
  phone_quota: '暂时无法验证手机号',
  privacy_refused: '请先同意隐私保护指引',
  network: '网络断开了',
  blocked: '该账号无法登录',
  conflict: '该手机号属于其他账号',
}
/** @type {Record<string, string>} */
const BY_ACTION = {
  tap: '请再点一次',
  retry: '请稍后再试',
  login: '登录没有成功，请再试一次',
  fix: '请求有误',
}

/**
 * Tell the person about a result that is no success.
 * @param {import('./wxauth').Failure} result
 */
function explain(result) {
  const title = MESSAGES[result.code] || BY_ACTION[result.action] || result.detail || '不能继续'
  wx.showToast({ title, icon: 'none' })
}

/**
 * Whether a result asks for the login page.
 * @param {import('./wxauth').Failure} result
 */
function needsLogin(result) {
  return result.action === 'signup' || result.code === 'logged_out'
}

module.exports = { auth, explain, needsLogin }
