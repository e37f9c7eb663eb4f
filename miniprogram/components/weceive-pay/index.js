// <weceive-pay session="…" bind:paid bind:cancelled bind:failed />
//
// Shows one checkout and pays it. `session` is the `s` of a checkout's address.
// With `immediate` the payment begins without a tap; `lang` has precedence over
// WeChat's language. Every event's detail has `session`; `failed` also has
// `code`: `EXPIRED` if the purchase is no longer open, `REFUNDED` if it was
// refunded in full, otherwise as in checkout.js. `errMsg` is WeChat's message,
// if there is one.

const { Checkout } = require('./checkout')
const { textsOf, languageOfWeChat } = require('./texts')
const config = require('./config')

/** @typedef {import('./checkout').State} State */

/** @type {WeakMap<object, Checkout>} */
const checkouts = new WeakMap()

/** Problems with texts of their own. */
const PROBLEMS = /** @type {const} */ ({
  NETWORK: 'network',
  LOGIN: 'network',
  SESSION_NOT_FOUND: 'unknown',
  PAYER_BLOCKED: 'blocked',
  NOT_PAID: 'failed',
  MINI_PROGRAM_NOT_SET: 'merchant',
  MINI_PROGRAM_REFUSED: 'merchant',
  UPSTREAM_REFUSED: 'merchant',
  KEY_UNUSABLE: 'merchant',
  CERTIFICATE_EXPIRED: 'merchant',
  NOT_OFFERED: 'merchant',
})

/** The problems that a repetition by the payer cannot solve. */
const LASTING = ['unknown', 'blocked', 'merchant']

Component({
  properties: {
    session: String,
    immediate: Boolean,
    lang: String,
  },

  data: {
    /** @type {State} */
    state: 'loading',
    merchant: '',
    description: '',
    amount: '',
    text: '',
    number: '',
    button: '',
    label: '',
  },

  observers: {
    session() {
      this.begin()
    },
  },

  lifetimes: {
    detached() {
      this.end()
    },
  },

  pageLifetimes: {
    show() {
      const checkout = checkouts.get(this)
      if (checkout) checkout.shown()
    },
  },

  methods: {
    begin() {
      this.end()
      const { session, lang } = this.properties
      if (!session) return
      let immediate = this.properties.immediate
      const checkout = new Checkout({
        gateway: config.gateway,
        session,
        lang,
        language: languageOfWeChat(),
        changed: (state, code, errMsg) => {
          this.draw(checkout, state, code, errMsg)
          if (state !== 'ready' || !immediate) return
          immediate = false
          checkout.pay()
        },
      })
      checkouts.set(this, checkout)
      checkout.load()
    },

    end() {
      const checkout = checkouts.get(this)
      if (checkout) checkout.stop()
      checkouts.delete(this)
    },

    onPay() {
      const checkout = checkouts.get(this)
      if (checkout) checkout.pay()
    },

    /**
     * @param {Checkout} checkout
     * @param {State} state
     * @param {string} code
     * @param {string} errMsg
     */
    draw(checkout, state, code, errMsg) {
      const { view } = checkout
      const texts = textsOf(view ? view.lang : this.properties.lang || languageOfWeChat())
      const problem = PROBLEMS[/** @type {keyof typeof PROBLEMS} */ (code)]
      const { merchant = '', description = '', amount = '', out_trade_no: number = '' } = view || {}
      const slow = checkout.slow && checkout.mayPay()
      let text = texts[state]
      let button = ''
      if (state === 'paid' && view && view.partly_refunded) text = texts.partlyRefunded
      if (state === 'ready') button = texts.pay
      else if (state === 'cancelled') button = texts.resume
      else if (state === 'failed') {
        text = texts[problem || 'problem']
        if (!problem || !LASTING.includes(problem)) button = texts.again
      } else if (checkout.slow && state === 'paying') {
        text = texts.sheetSlow
        button = slow ? texts.openAgain : ''
      } else if (checkout.slow && state === 'confirming') {
        text = texts.confirmingSlow
        button = slow ? texts.notPaid : ''
      }
      // The number that the merchant's support asks for.
      const quoted = state === 'failed' && number ? `${texts.number} ${number}` : ''
      this.setData({
        state,
        merchant,
        description,
        amount,
        text,
        number: quoted,
        button,
        label: [button, amount, merchant].filter(Boolean).join(' '),
      })
      if (checkout.slow) return
      const { session } = this.properties
      const said = errMsg ? { errMsg } : {}
      if (state === 'paid') this.triggerEvent('paid', { session })
      if (state === 'cancelled') this.triggerEvent('cancelled', Object.assign({ session }, said))
      if (state === 'failed') this.triggerEvent('failed', Object.assign({ session, code }, said))
      if (state === 'refunded') this.triggerEvent('failed', { session, code: 'REFUNDED' })
      if (state === 'expired') this.triggerEvent('failed', { session, code: 'EXPIRED' })
    },
  },
})
