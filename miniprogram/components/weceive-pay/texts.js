// What the payer reads, in each language.

/**
 * @typedef {object} Texts
 * @property {string} loading
 * @property {string} ready
 * @property {string} paying
 * @property {string} confirming
 * @property {string} paid
 * @property {string} cancelled
 * @property {string} failed
 * @property {string} expired
 * @property {string} network
 * @property {string} unknown
 * @property {string} blocked
 * @property {string} pay
 * @property {string} again
 * @property {string} back
 */

/** @type {Texts} */
const EN = {
  loading: 'One moment…',
  ready: 'Ready to pay with WeChat Pay.',
  paying: 'Opening WeChat Pay…',
  confirming: 'Confirming your payment… Please do not pay again.',
  paid: 'Paid. Thank you.',
  cancelled: 'Not paid yet. You can try again whenever you like.',
  failed: 'The payment did not go through. Please try again.',
  expired: 'This payment is no longer open. Please start again with the merchant.',
  network: 'No connection. Please try again when you are connected.',
  unknown: 'This payment cannot be found. Please start again with the merchant.',
  blocked: 'WeChat does not let this account pay here. Please pay in another way.',
  pay: 'Pay',
  again: 'Try again',
  back: 'Back',
}

/** @type {Texts} */
const ZH_HANS = {
  loading: '请稍候…',
  ready: '可以使用微信支付付款。',
  paying: '正在打开微信支付…',
  confirming: '正在确认支付结果…请勿重复支付。',
  paid: '支付成功，谢谢。',
  cancelled: '尚未支付，您可以随时重新支付。',
  failed: '支付未完成，请重试。',
  expired: '这笔付款已失效，请回到商户重新下单。',
  network: '网络不可用，请在网络恢复后重试。',
  unknown: '找不到这笔付款，请回到商户重新下单。',
  blocked: '微信不允许该账号在此付款，请使用其他支付方式。',
  pay: '支付',
  again: '重试',
  back: '返回',
}

/** @type {Texts} */
const ZH_HANT = {
  loading: '請稍候…',
  ready: '可以使用微信支付付款。',
  paying: '正在開啟微信支付…',
  confirming: '正在確認付款結果…請勿重複付款。',
  paid: '付款成功，謝謝。',
  cancelled: '尚未付款，您可以隨時重新付款。',
  failed: '付款未完成，請再試一次。',
  expired: '這筆付款已失效，請回到商戶重新下單。',
  network: '沒有網絡連線，請在恢復後再試一次。',
  unknown: '找不到這筆付款，請回到商戶重新下單。',
  blocked: '微信不允許此帳號在此付款，請使用其他付款方式。',
  pay: '付款',
  again: '再試一次',
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

/** The language that the payer's WeChat is in. */
function languageOfWeChat() {
  return wx.getAppBaseInfo ? wx.getAppBaseInfo().language : wx.getSystemInfoSync().language
}

module.exports = { textsOf, languageOfWeChat }
