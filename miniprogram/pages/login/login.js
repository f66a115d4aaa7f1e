const { auth, explain } = require('../../auth.js')

Page({
  data: { agreed: false, busy: false },

  onShow() {
    // Before the button is pressed: what it gives may be encrypted with the key of this code.
    auth.prepare()
  },

  /** @param {WechatMiniprogram.CheckboxGroupChange} event */
  agree(event) {
    this.setData({ agreed: event.detail.value.length > 0 })
  },

  remind() {
    wx.showToast({ title: '请先勾选用户协议和隐私政策', icon: 'none' })
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  read(event) {
    const texts = { terms: '用户协议', privacy: '隐私政策' }
    const title = texts[/** @type {'terms' | 'privacy'} */ (event.currentTarget.dataset.page)]
    wx.showModal({ title, content: `这里放你的${title}。`, showCancel: false })
  },

  /** @param {WechatMiniprogram.ButtonGetPhoneNumber} event */
  loginWithPhone(event) {
    this.enter(auth.loginWithPhone(event))
  },

  login() {
    if (!this.data.agreed) this.remind()
    else this.enter(auth.login())
  },

  /** @param {Promise<import('../../wxauth').Result<import('../../wxauth').LoginData>>} logging */
  enter(logging) {
    this.setData({ busy: true })
    logging.then((result) => {
      this.setData({ busy: false })
      if (!result.ok) {
        explain(result)
        return
      }
      this.leave()
      // The login stands; the phone number that came along may not have been usable.
      result.data.warnings.slice(0, 1).forEach((warning) => wx.showToast({
        title: warning.code === 'conflict' ? '该手机号属于其他账号' : '已登录，手机号请稍后再绑定', icon: 'none',
      }))
    })
  },

  leave() {
    wx.navigateBack()
  },
})
