// /pages/weceive-pay/index?s=SESSION&lang=zh-Hant
//
// Pays a checkout at once and returns. An H5 page opens it with
// wx.miniProgram.navigateTo, because a web-view cannot pay.

const config = require('../../components/weceive-pay/config')
const { textsOf, languageOfWeChat } = require('../../components/weceive-pay/texts')

/** How long the result is shown, in milliseconds. */
const PAUSE_MS = 1500

Component({
  data: {
    session: '',
    lang: '',
    back: '',
  },

  methods: {
    /** @param {Record<string, string | undefined>} query */
    onLoad(query) {
      // The gateway refuses a missing session like an invalid one.
      const session = decodeURIComponent(query.s || '-')
      const lang = decodeURIComponent(query.lang || '')
      this.setData({ session, lang, back: textsOf(lang || languageOfWeChat()).back })
    },

    onPaid() {
      setTimeout(() => this.goBack(), PAUSE_MS)
    },

    goBack() {
      // The payer has already left the page.
      if (!this.data.session) return
      this.setData({ session: '' })
      if (getCurrentPages().length > 1) wx.navigateBack()
      else wx.reLaunch({ url: config.home })
    },

    onUnload() {
      this.setData({ session: '' })
    },
  },
})
