// The texts for the payer, in each language.

/**
 * @typedef {object} Texts
 * @property {string} loading
 * @property {string} ready
 * @property {string} paying
 * @property {string} sheetSlow
 * @property {string} confirming
 * @property {string} confirmingSlow
 * @property {string} paid
 * @property {string} partlyRefunded
 * @property {string} refunded
 * @property {string} cancelled
 * @property {string} failed
 * @property {string} problem
 * @property {string} merchant
 * @property {string} expired
 * @property {string} network
 * @property {string} unknown
 * @property {string} blocked
 * @property {string} number
 * @property {string} pay
 * @property {string} resume
 * @property {string} again
 * @property {string} openAgain
 * @property {string} notPaid
 * @property {string} back
 */

/** @type {Texts} */
const EN = {
  loading: 'One moment…',
  ready: 'Payment due',
  paying: 'Opening WeChat Pay…',
  sheetSlow: 'Can’t see WeChat Pay? Open it again. You won’t be charged twice.',
  confirming: 'Confirming your payment… Please don’t pay again.',
  confirmingSlow: 'Still waiting for WeChat Pay. If you’ve paid, there’s nothing more to do.',
  paid: 'Payment successful',
  partlyRefunded: 'Partly refunded. Part of this payment goes back to the account you paid with.',
  refunded: 'Refunded. This payment goes back to the account you paid with.',
  cancelled: 'Payment cancelled. You can still pay for this order.',
  failed: 'Payment failed. Try again, or choose another payment method in WeChat.',
  problem: 'We couldn’t start the payment. Try again in a moment; if it happens again, contact the merchant.',
  merchant: 'This payment can’t be taken. Please contact the merchant and quote the order number.',
  expired: 'This order can’t be paid any more. Questions? Contact the merchant.',
  network: 'No connection. Try again when you’re connected.',
  unknown: 'This payment can’t be found. Please contact the merchant.',
  blocked: 'WeChat doesn’t let this account pay here. Please pay in another way.',
  number: 'Order no.',
  pay: 'Pay now',
  resume: 'Pay now',
  again: 'Try again',
  openAgain: 'Open WeChat Pay again',
  notPaid: 'I haven’t paid yet: open WeChat Pay',
  back: 'Back',
}

/** @type {Texts} */
const ZH_HANS = {
  loading: '请稍候…',
  ready: '待支付',
  paying: '正在打开微信支付…',
  sheetSlow: '没有看到支付页面？点下方按钮重新打开，不会重复扣款。',
  confirming: '支付结果确认中…请勿重复支付。',
  confirmingSlow: '仍在等待微信支付确认。如已支付，无需再操作。',
  paid: '支付成功',
  partlyRefunded: '已部分退款，部分款项将原路退回。',
  refunded: '已退款，款项将原路退回。',
  cancelled: '支付已取消，可继续支付此订单。',
  failed: '支付失败，请重试，或在微信中更换支付方式。',
  problem: '系统异常，请稍后再试；多次失败请联系商户。',
  merchant: '暂时无法支付，请联系商户并提供商户单号。',
  expired: '该订单无法继续支付，如有疑问请联系商户。',
  network: '网络不可用，请在网络恢复后重试。',
  unknown: '找不到这笔付款，请联系商户。',
  blocked: '微信不允许该账号在此付款，请使用其他支付方式。',
  number: '商户单号',
  pay: '立即支付',
  resume: '继续支付',
  again: '重试',
  openAgain: '重新打开微信支付',
  notPaid: '还没付款，继续支付',
  back: '返回',
}

/** @type {Texts} */
const ZH_HANT = {
  loading: '請稍候…',
  ready: '待付款',
  paying: '正在開啟微信支付…',
  sheetSlow: '沒有看到付款頁面？按下方按鈕重新開啟，不會重複扣款。',
  confirming: '付款結果確認中…請勿重複付款。',
  confirmingSlow: '仍在等待微信支付確認。如已付款，無需再操作。',
  paid: '付款成功',
  partlyRefunded: '已部分退款，部分款項將原路退回。',
  refunded: '已退款，款項將原路退回。',
  cancelled: '付款已取消，可繼續為此訂單付款。',
  failed: '付款失敗，請重試，或在微信中更換付款方式。',
  problem: '系統異常，請稍後再試；多次失敗請聯絡商戶。',
  merchant: '暫時無法付款，請聯絡商戶並提供商戶單號。',
  expired: '此訂單無法繼續付款，如有疑問請聯絡商戶。',
  network: '沒有網絡連線，請在網絡恢復後重試。',
  unknown: '找不到這筆付款，請聯絡商戶。',
  blocked: '微信不允許此帳號在此付款，請使用其他付款方式。',
  number: '商戶單號',
  pay: '立即付款',
  resume: '繼續付款',
  again: '重試',
  openAgain: '重新開啟微信支付',
  notPaid: '還未付款，繼續付款',
  back: '返回',
}

/**
 * @param {string} language the gateway's (`zh-Hant`) or WeChat's (`zh_TW`) name for it
 * @returns {Texts}
 */
function textsOf(language) {
  if (!/^zh/i.test(language)) return EN
  return /hant|tw|hk|mo/i.test(language) ? ZH_HANT : ZH_HANS
}

/** The language of the payer's WeChat. */
function languageOfWeChat() {
  return wx.getAppBaseInfo ? wx.getAppBaseInfo().language : wx.getSystemInfoSync().language
}

module.exports = { textsOf, languageOfWeChat }
