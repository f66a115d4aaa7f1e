const { auth, explain, needLogin, once } = require('../../auth.js')

Page({
  data: {
    busy: false,
    // What guests may read needs no login: here it needs no server either.
    goods: [
      { name: '燕麦拿铁', price: 22 },
      { name: '手冲瑰夏', price: 38 },
      { name: '海盐可颂', price: 16 },
    ],
  },

  openOrders() {
    once(this, () => auth.request({ url: 'me/' })).then((result) => {
      if (!result) return
      if (result.ok) {
        wx.showToast({ title: `${result.data.nickname || '朋友'}，你还没有订单`, icon: 'none' })
      } else if (!needLogin(result, () => this.openOrders())) {
        explain(result)
      }
    })
  },

  onShareAppMessage() {
    return { title: '晨间咖啡', path: '/pages/home/home' }
  },
})
