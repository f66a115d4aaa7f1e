const { auth, explain, needsLogin } = require('../../auth.js')

/** @typedef {import('../../wxauth').User} User */
/** @typedef {import('../../wxauth').Result<User>} UserResult */

Page({
  data: {
    /** @type {User | null} */
    user: null,
    asked: false,
  },

  onShow() {
    auth.request({ url: 'me/' }).then((result) => {
      this.setData({ user: result.ok ? result.data : null, asked: true })
      if (!result.ok && !needsLogin(result)) explain(result)
    })
  },

  login() {
    wx.navigateTo({ url: '/pages/login/login' })
  },

  /** @param {WechatMiniprogram.CustomEvent<{avatarUrl: string}>} event */
  setAvatar(event) {
    // The path in the event is a temporary file of this phone: it is uploaded, never stored.
    this.show(auth.uploadAvatar(event))
  },

  /** @param {WechatMiniprogram.FormSubmit} event */
  setNickname(event) {
    // By submit, not by input: WeChat checks a nickname after the field is left, and may clear it.
    this.show(auth.setNickname(event.detail.value.nickname))
  },

  /** @param {WechatMiniprogram.ButtonGetPhoneNumber} event */
  bindPhone(event) {
    this.show(auth.bindPhone(event))
  },

  copy() {
    if (this.data.user) wx.setClipboardData({ data: this.data.user.id })
  },

  logout() {
    auth.logout().then(() => this.setData({ user: null }))
  },

  /** @param {Promise<UserResult>} changing */
  show(changing) {
    changing.then((result) => {
      if (result.ok) this.setData({ user: result.data })
      else explain(result)
    })
  },
})
