// /pages/weceive-shop/index?path=/menu
//
// An H5 shop in a web-view. Its checkout is a page of the gateway, which opens
// pages/weceive-pay for the payment and is still open when the payer returns.

const config = require('../../components/weceive-pay/config')

Component({
  data: {
    src: '',
  },

  methods: {
    /** @param {Record<string, string | undefined>} query */
    onLoad(query) {
      const path = decodeURIComponent(query.path || '/')
      // Only a path, so it cannot lead to another shop.
      const within = /^\/(?![/\\])/.test(path)
      this.setData({ src: config.shop + (within ? path : '/') })
    },
  },
})
