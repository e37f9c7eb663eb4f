// /pages/weceive-pay/index?s=SESSION&lang=zh-Hant
//
// Pays a checkout at once and goes back. The H5 side comes here with
// wx.miniProgram.navigateTo, because a web-view cannot pay.

const config = require('../../components/weceive-pay/config')
const { textsOf, languageOfWeChat } = require('../../components/weceive-pay/texts')

/** Long enough to be read. */
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
      // One that is missing is found out by the gateway, like any that is wrong.
      const session = decodeURIComponent(query.s || '-')
      const lang = decodeURIComponent(query.lang || '')
      this.setData({ session, lang, back: textsOf(lang || languageOfWeChat()).back })
    },

    onPaid() {
      setTimeout(() => this.goBack(), PAUSE_MS)
    },

    goBack() {
      // Left already by the payer's own hand.
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
