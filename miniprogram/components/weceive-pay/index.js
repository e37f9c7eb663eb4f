// <weceive-pay session="…" bind:paid bind:cancelled bind:failed />
//
// Shows one checkout and pays it. `session` is the `s` of a checkout's address.
// With `immediate` the payment begins without a tap; `lang` goes before WeChat's
// own language. Every event's detail has `session`; `failed` has `code` too,
// which is `EXPIRED` when the purchase is no longer open, and else as in
// checkout.js.

const { Checkout } = require('./checkout')
const { textsOf, languageOfWeChat } = require('./texts')
const config = require('./config')

/** @typedef {import('./checkout').State} State */

/** @type {WeakMap<object, Checkout>} */
const checkouts = new WeakMap()

/** Problems that have words of their own. */
const PROBLEMS = /** @type {const} */ ({
  NETWORK: 'network',
  LOGIN: 'network',
  SESSION_NOT_FOUND: 'unknown',
  PAYER_BLOCKED: 'blocked',
})

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
        changed: (state, code) => {
          this.draw(checkout, state, code)
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
     */
    draw(checkout, state, code) {
      const { view } = checkout
      const texts = textsOf(view ? view.lang : this.properties.lang || languageOfWeChat())
      const problem = PROBLEMS[/** @type {keyof typeof PROBLEMS} */ (code)]
      const { merchant = '', description = '', amount = '' } = view || {}
      const again = state === 'cancelled' || state === 'failed'
      const button = state === 'ready' ? texts.pay : again ? texts.again : ''
      this.setData({
        state,
        merchant,
        description,
        amount,
        text: problem ? texts[problem] : texts[state],
        button,
        label: [button, amount, merchant].filter(Boolean).join(' '),
      })
      const { session } = this.properties
      if (state === 'paid' || state === 'cancelled') this.triggerEvent(state, { session })
      if (state === 'failed') this.triggerEvent('failed', { session, code })
      if (state === 'expired') this.triggerEvent('failed', { session, code: 'EXPIRED' })
    },
  },
})
