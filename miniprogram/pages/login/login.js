const { auth, explain, loggedIn, notNow, once } = require('../../auth.js')

Page({
  data: { agreed: false, busy: false, remind: false },

  onShow() {
    // Before the button is pressed: what it gives may be encrypted with the key of this code.
    auth.prepare()
  },

  /** @param {WechatMiniprogram.CheckboxGroupChange} event */
  agree(event) {
    this.setData({ agreed: event.detail.value.length > 0, remind: false })
  },

  /** Without the tick neither button logs in; the hint stands by the box. */
  remind() {
    this.setData({ remind: true })
  },

  readTerms() {
    wx.showModal({ title: '用户协议', content: '这里放你的用户协议。', showCancel: false })
  },

  readPrivacy() {
    // The guideline that is declared in WeChat's console. Old base libraries cannot show it.
    if (wx.openPrivacyContract) wx.openPrivacyContract({ fail: () => this.showPrivacy() })
    else this.showPrivacy()
  },

  showPrivacy() {
    wx.showModal({ title: '隐私政策', content: '这里放你的隐私政策。', showCancel: false })
  },

  /** @param {WechatMiniprogram.ButtonGetPhoneNumber} event */
  loginWithPhone(event) {
    this.enter(() => auth.loginWithPhone(event))
  },

  login() {
    if (!this.data.agreed) this.remind()
    else this.enter(() => auth.login())
  },

  /** @param {() => Promise<import('../../wxauth').Result<import('../../wxauth').LoginData>>} logIn */
  enter(logIn) {
    once(this, logIn).then((result) => {
      if (!result) return
      if (!result.ok) {
        explain(result)
        return
      }
      loggedIn()
      // The login stands; the phone number that came along may not have been usable.
      result.data.warnings.slice(0, 1).forEach((warning) => wx.showToast({
        title: warning.code === 'conflict' ? '已登录。该手机号属于其他账号，没有绑定' : '已登录，手机号请稍后再绑定', icon: 'none',
      }))
    })
  },

  notNow,
})
