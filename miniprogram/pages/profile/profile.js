const { auth, explain, isLoggedOut, once, openLogin } = require('../../auth.js')

/** @typedef {import('../../wxauth').User} User */
/** @typedef {import('../../wxauth').Result<User>} UserResult */
/** @typedef {{id: string, device: string, created_at: string, current: boolean}} Login */
/** @typedef {{id: string, name: string, when: string, current: boolean}} Device */

/**
 * @param {Login} login
 * @returns {Device}
 */
function toDevice(login) {
  const at = new Date(login.created_at)
  const minutes = `0${at.getMinutes()}`.slice(-2)
  return {
    id: login.id,
    name: /\((iPhone|iPad|Macintosh|Windows)/.test(login.device) ? RegExp.$1 : /Android/.test(login.device) ? 'Android' : '其他设备',
    when: `${at.getMonth() + 1}月${at.getDate()}日 ${at.getHours()}:${minutes} 登录`,
    current: login.current,
  }
}

Page({
  data: {
    /** @type {User | null} */
    user: null,
    /** @type {Device[]} */
    devices: [],
    /** The day on which the account is deleted; empty: nobody asked for it. */
    closing: '',
    asked: false,
    busy: false,
  },

  onShow() {
    auth.request({ url: 'me/' }).then((result) => {
      this.setUser(result.ok ? result.data : null)
      this.setData({ asked: true })
      if (result.ok) this.loadDevices()
      else if (!isLoggedOut(result)) explain(result)
    })
  },

  /** @param {User | null} user */
  setUser(user) {
    const due = user && user.deletion_due_at ? new Date(user.deletion_due_at) : null
    this.setData({ user, closing: due ? `${due.getMonth() + 1}月${due.getDate()}日` : '' })
  },

  loadDevices() {
    auth.request({ url: 'me/logins/' }).then((result) => {
      if (result.ok) this.setData({ devices: result.data.map(toDevice) })
    })
  },

  login() {
    // This page asks anew when it is shown again: nothing else has to go on.
    openLogin(() => {})
  },

  /** @param {WechatMiniprogram.CustomEvent<{avatarUrl: string}>} event */
  setAvatar(event) {
    // The path in the event is a temporary file of this phone: it is uploaded, never stored.
    this.change(() => auth.uploadAvatar(event))
  },

  /** @param {WechatMiniprogram.FormSubmit} event */
  setNickname(event) {
    // By submit, not by input: WeChat checks a nickname after the field is left, and may clear it.
    this.change(() => auth.setNickname(event.detail.value.nickname))
  },

  /** @param {WechatMiniprogram.ButtonGetPhoneNumber} event */
  bindPhone(event) {
    this.change(() => auth.bindPhone(event))
  },

  /** @param {WechatMiniprogram.TouchEvent} event */
  endLogin(event) {
    const { id } = event.currentTarget.dataset
    once(this, () => auth.request({ url: `me/logins/${id}/`, method: 'DELETE' })).then((result) => {
      if (!result) return
      if (result.ok) wx.showToast({ title: '已下线', icon: 'none' })
      else explain(result)
      this.loadDevices()
    })
  },

  closeAccount() {
    wx.showModal({
      title: '注销账号',
      content: '个人资料和登录记录将被删除，到期前可以撤回。确定注销吗？',
      confirmColor: '#c9302c',
      success: ({ confirm }) => {
        if (confirm) this.change(() => auth.request({ url: 'me/', method: 'DELETE' }), '已申请注销')
      },
    })
  },

  keepAccount() {
    this.change(() => auth.request({ url: 'me/deletion/cancel/', method: 'POST' }), '已撤回')
  },

  copy() {
    if (this.data.user) wx.setClipboardData({ data: this.data.user.id })
  },

  logout() {
    once(this, () => auth.logout()).then((result) => {
      if (!result) return
      this.setData({ user: null, devices: [] })
      // The phone has forgotten the login either way; the server learns of it when it can.
      if (!result.ok) wx.showToast({ title: '已退出，联网后将在服务器上生效', icon: 'none' })
    })
  },

  /**
   * @param {() => Promise<UserResult>} job
   * @param {string} done
   */
  change(job, done = '已保存') {
    once(this, job).then((result) => {
      if (!result) return
      if (result.ok) {
        this.setUser(result.data)
        wx.showToast({ title: done, icon: 'none' })
      } else {
        explain(result)
      }
    })
  },
})
