// WeChat asks for this before a number, a picture or a nickname leaves the phone, as long as the
// person has not accepted the guideline (隐私保护指引). It belongs onto each page that asks for one.
// Without it WeChat shows a window of its own.

/**
 * Lets WeChat go on with what it has interrupted. One at a time: there is one listener.
 * @type {((word: {event: 'agree' | 'disagree', buttonId?: string}) => void) | null}
 */
let goOn = null

Component({
  data: { open: false },

  lifetimes: {
    attached() {
      this.listen()
    },
  },

  pageLifetimes: {
    show() {
      // The last listener counts: another page may have had the word meanwhile.
      this.listen()
    },
  },

  methods: {
    listen() {
      // Not in old base libraries.
      if (!wx.onNeedPrivacyAuthorization) return
      wx.onNeedPrivacyAuthorization((/** @type {any} */ resolve) => {
        goOn = resolve
        this.setData({ open: true })
      })
    },

    read() {
      wx.openPrivacyContract({})
    },

    agree() {
      this.answer({ event: 'agree', buttonId: 'agree' })
    },

    refuse() {
      this.answer({ event: 'disagree' })
    },

    /** @param {{event: 'agree' | 'disagree', buttonId?: string}} word */
    answer(word) {
      this.setData({ open: false })
      if (goOn) goOn(word)
      goOn = null
    },
  },
})
