// The only file to change: the addresses of your gateway and your shop.
module.exports = {
  /** Your WeCeive gateway, without a slash at its end. A `request` domain of your Mini Program. */
  gateway: 'https://pay.example.com',
  /** The page to open after the payment page when there is no page to return to. */
  home: '/pages/index/index',
  /** Your H5 shop, for `pages/weceive-shop`. A web-view domain of your Mini Program. */
  shop: 'https://shop.example.com',
}
