import type { Result, User } from 'wxauth-miniprogram'

import { auth } from '../../auth'

Page({
  data: { user: null as User | null },

  load() {
    auth.request<User>({ url: 'me/' }).then((result) => this.show(result))
  },

  bindPhone(event: WechatMiniprogram.ButtonGetPhoneNumber) {
    auth.bindPhone(event).then((result) => this.show(result))
  },

  uploadAvatar(event: WechatMiniprogram.CustomEvent<{ avatarUrl: string }>) {
    auth.uploadAvatar(event).then((result) => this.show(result))
  },

  show(result: Result<User>) {
    if (result.ok) this.setData({ user: result.data })
    else wx.showToast({ title: result.detail || result.code, icon: 'none' })
  },
})
