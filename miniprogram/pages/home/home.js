const { auth, explain, needsLogin } = require('../../auth.js')

Page({
  data: {
    // What guests may read needs no login: here it needs no server either.
    goods: [
      { name: '燕麦拿铁', price: 22 },
      { name: '手冲瑰夏', price: 38 },
      { name: '海盐可颂', price: 16 },
    ],
  },

  openOrders() {
    auth.request({ url: 'me/' }).then((result) => {
      if (result.ok) {
        wx.showToast({ title: `${result.data.nickname || '朋友'}，你还没有订单`, icon: 'none' })
      } else if (needsLogin(result)) {
        wx.navigateTo({ url: '/pages/login/login' })
      } else {
        explain(result)
      }
    })
  },
})
