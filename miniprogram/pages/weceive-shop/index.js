// /pages/weceive-shop/index?path=/menu
//
// An H5 shop in a web-view. Its checkout is a page of the gateway, which opens
// pages/weceive-pay to pay and is still there when the payer comes back.

const config = require('../../components/weceive-pay/config')

Component({
  data: {
    src: '',
  },

  methods: {
    /** @param {Record<string, string | undefined>} query */
    onLoad(query) {
      const path = decodeURIComponent(query.path || '/')
      // A path, never another shop's address.
      const within = /^\/(?![/\\])/.test(path)
      this.setData({ src: config.shop + (within ? path : '/') })
    },
  },
})
