// The state of one checkout, from its session to the server's verified result.
// Uses `wx` and the gateway, and no page; `index.js` shows the state.
//
//   loading ─▶ ready ─▶ paying ─▶ confirming ─▶ paid
//      │         ▲         │           ├──────▶ cancelled, failed ─▶ paying
//      └▶ failed └─────────┘           └──────▶ refunded, expired
//
// The result of wx.requestPayment is a hint: it leads to a request to the
// server, never to "paid". Once a sheet was open the payer may have paid, so a
// missing or refused answer does not end the checkout: the server is polled
// until it answers. `slow` marks a state that lasts too long and offers a next
// step. Plain ES2015 with promises, for any setting of the
// developer tools.

/**
 * @typedef {'loading' | 'ready' | 'paying' | 'confirming' | 'paid' | 'refunded' | 'cancelled' | 'failed' | 'expired'} State
 *
 * @typedef {object} View the gateway's view of the checkout
 * @property {string} merchant
 * @property {string} description
 * @property {string} amount with its currency, in the payer's language
 * @property {'open' | 'confirming' | 'paid' | 'refunded' | 'expired' | 'closed' | 'failed'} state
 * @property {boolean} [partly_refunded] paid, and partly refunded
 * @property {string} lang `en`, `zh-Hans` or `zh-Hant`
 * @property {string} [out_trade_no] the order number, for the payer to quote
 * @property {Payment} [payment]
 *
 * @typedef {object} Payment the arguments of wx.requestPayment
 * @property {string} timeStamp
 * @property {string} nonceStr
 * @property {string} package
 * @property {'MD5' | 'HMAC-SHA256' | 'RSA'} signType
 * @property {string} paySign
 *
 * @typedef {object} Problem
 * @property {string} code from the gateway's error table, or `NETWORK`, `LOGIN` or `HTTP_…`
 * @property {boolean} again whether the same request may succeed later
 * @property {string} [errMsg] WeChat's message, if a call of WeChat failed
 *
 * @typedef {object} Options
 * @property {string} gateway
 * @property {string} session
 * @property {string} lang the payer's choice, which may be empty
 * @property {string} language WeChat's language, in WeChat's notation
 * @property {(state: State, code: string, errMsg: string) => void} changed called after every change; `code` is the reason of a failure, `errMsg` WeChat's message
 */

/** The back-off before a request is repeated, in milliseconds. */
const RETRY_MS = [500, 1000, 2000, 4000]
/** The intervals between polls, in milliseconds; the last repeats. The gateway queries WeChat every ten seconds. */
const ASK_MS = [0, 1000, 2000, 3000, 5000, 10000]
/** How long WeChat's sheet may give no result once the page is visible again. */
const SILENCE_MS = 3000
/** After this time the payer may open the sheet again. An order is paid once at most. */
const SHEET_SLOW_MS = 10000
const CONFIRMING_SLOW_MS = 30000
const TIMEOUT_MS = 15000

/** The gateway's codes that are temporary. */
const PASSING = ['ATTEMPT_PENDING', 'RATE_LIMITED', 'UPSTREAM_UNAVAILABLE', 'UPSTREAM_UNVERIFIED', 'LOGIN_CODE_REFUSED', 'DISK_FULL', 'DISK_UNUSABLE', 'INTERNAL']

class Checkout {
  /** @param {Options} options */
  constructor(options) {
    this.options = options
    /** @type {State} */
    this.state = 'loading'
    /** @type {View | null} */
    this.view = null
    /** The number of the sheet whose result is awaited; 0 for none. */
    this.sheet = 0
    this.sheets = 0
    /** The latest series of polls; earlier ones end. */
    this.series = 0
    /** The state lasts too long. */
    this.slow = false
    this.slowTimer = 0
    this.stopped = false
    /** @type {Set<number>} */
    this.timers = new Set()
  }

  /** Loads the checkout. */
  load() {
    this.show('loading')
    return this.repeated(() => this.ask('GET', 'status')).then(
      view => this.take(view),
      problem => this.fail(problem)
    )
  }

  /** Whether a tap pays. */
  mayPay() {
    if (this.state === 'paying') return this.slow && this.sheet > 0
    if (this.state === 'confirming') return this.slow && (!this.view || this.view.state === 'open')
    return ['ready', 'cancelled', 'failed'].includes(this.state)
  }

  /** Pays. During a request, and after the end, a tap does nothing. */
  pay() {
    if (!this.mayPay()) return Promise.resolve()
    if (!this.view) return this.load()
    this.sheet = 0
    this.series += 1
    this.show('paying')
    // A login code works once, so each repetition calls wx.login.
    const order = () => this.login().then(code => this.ask('POST', 'order', { code }))
    return this.repeated(order).then(
      view => {
        if (!view.payment) return this.take(view)
        this.view = view
        return this.openSheet(view.payment)
      },
      problem => this.fail(problem)
    )
  }

  /** The page is visible again. A sheet that closed without a result must not block the payer. */
  shown() {
    const sheet = this.sheet
    if (!sheet) return
    this.wait(SILENCE_MS).then(() => {
      // A late result still counts.
      if (this.sheet === sheet && this.state === 'paying') this.find('ready', '')
    })
  }

  /** Nothing happens after this. */
  stop() {
    this.stopped = true
    this.timers.forEach(timer => clearTimeout(timer))
    clearTimeout(this.slowTimer)
  }

  /** @param {Payment} payment */
  openSheet(payment) {
    const sheet = ++this.sheets
    this.sheet = sheet
    this.slowAfter(SHEET_SLOW_MS)
    return new Promise(resolve => {
      wx.requestPayment({
        timeStamp: payment.timeStamp,
        nonceStr: payment.nonceStr,
        package: payment.package,
        signType: payment.signType,
        paySign: payment.paySign,
        // Older versions report a cancelled payment only here.
        complete: answer => {
          if (this.stopped || this.sheet !== sheet) return
          this.sheet = 0
          resolve(this.closedSheet(answer.errMsg || ''))
        },
      })
    }).catch(() => this.closedSheet('requestPayment:fail no such function'))
  }

  /**
   * @param {string} said `requestPayment:ok`, `requestPayment:fail cancel`, `requestPayment:fail …`
   * @returns {Promise<void>}
   */
  closedSheet(said) {
    // Even "cancel" and "fail" may be wrong.
    if (/:ok$/.test(said)) return this.find('confirming', said)
    return this.find(/cancel/.test(said) ? 'cancelled' : 'failed', said)
  }

  /**
   * Polls until the server knows how the checkout ended. A purchase that is
   * still open is shown as `unpaid`; if that is `confirming`, polling continues.
   *
   * @param {State} unpaid
   * @param {string} said
   * @param {number} [first] the index of the first interval
   * @returns {Promise<void>}
   */
  find(unpaid, said, first) {
    const series = ++this.series
    this.show('confirming')
    this.slowAfter(CONFIRMING_SLOW_MS)
    /** @type {(times: number) => Promise<void>} */
    const step = times =>
      this.pause(times, unpaid)
        .then(() => this.ask('POST', 'check'))
        .then(
          view => {
            if (this.series !== series) return undefined
            this.view = view
            if (view.state === 'confirming') return step(times + 1)
            if (view.state !== 'open') return this.take(view)
            if (unpaid === 'confirming') return step(times + 1)
            return this.show(unpaid, unpaid === 'failed' ? 'NOT_PAID' : '', said)
          },
          // A rate limit, a proxy's page or a refusal of WeChat does not mean
          // that the payer has not paid.
          () => (this.series === series ? step(times + 1) : undefined)
        )
    return step(first || 0)
  }

  /**
   * The interval before a poll. The first follows a "cancel" or "fail" at once;
   * after "ok" the page is rendered before.
   *
   * @param {number} times
   * @param {State} unpaid
   */
  pause(times, unpaid) {
    if (times === 0 && unpaid !== 'confirming') return Promise.resolve()
    return this.wait(ASK_MS[Math.min(times, ASK_MS.length - 1)])
  }

  /** Marks the state as slow if it is still the same after this many milliseconds. */
  slowAfter(/** @type {number} */ ms) {
    clearTimeout(this.slowTimer)
    const { state } = this
    this.slowTimer = setTimeout(() => {
      if (this.stopped || this.state !== state) return
      this.slow = true
      this.options.changed(state, '', '')
    }, ms)
  }

  /**
   * Applies the server's view.
   *
   * @param {View} view
   * @returns {Promise<void> | void}
   */
  take(view) {
    this.view = view
    this.sheet = 0
    switch (view.state) {
      case 'open':
        return this.show('ready')
      case 'confirming':
        return this.find('ready', '', 1)
      case 'paid':
        return this.show('paid')
      case 'refunded':
        return this.show('refunded')
      default:
        return this.show('expired')
    }
  }

  /** @param {Problem} problem */
  fail(problem) {
    this.show('failed', problem.code, problem.errMsg)
  }

  /**
   * @param {State} state
   * @param {string} [code]
   * @param {string} [errMsg]
   */
  show(state, code, errMsg) {
    if (this.stopped) return
    this.state = state
    this.slow = false
    clearTimeout(this.slowTimer)
    this.options.changed(state, code || '', errMsg || '')
  }

  /**
   * Repeats `work` until it succeeds, is refused permanently, or has failed five times.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @param {number} [failures]
   * @returns {Promise<T>}
   */
  repeated(work, failures) {
    const times = failures || 0
    return work().catch((/** @type {Problem} */ problem) => {
      if (!problem.again || times === RETRY_MS.length) throw problem
      return this.wait(RETRY_MS[times]).then(() => this.repeated(work, times + 1))
    })
  }

  /** @returns {Promise<string>} */
  login() {
    return new Promise((resolve, reject) => {
      wx.login({
        timeout: TIMEOUT_MS,
        success: answer => {
          if (this.stopped) return
          if (answer.code) resolve(answer.code)
          else reject({ code: 'LOGIN', again: true, errMsg: answer.errMsg })
        },
        fail: ({ errMsg }) => {
          if (!this.stopped) reject({ code: 'LOGIN', again: true, errMsg })
        },
      })
    })
  }

  /**
   * @param {'GET' | 'POST'} method
   * @param {'status' | 'order' | 'check'} call
   * @param {object} [data]
   * @returns {Promise<View>}
   */
  ask(method, call, data) {
    const { gateway, session, lang, language } = this.options
    const query = `s=${encodeURIComponent(session)}${lang && `&lang=${encodeURIComponent(lang)}`}`
    return new Promise((resolve, reject) => {
      wx.request({
        url: `${gateway}/mini/${call}?${query}`,
        method,
        data,
        timeout: TIMEOUT_MS,
        header: {
          'content-type': 'application/json',
          'accept-language': language.replace('_', '-'),
        },
        success: answer => {
          if (this.stopped) return
          /** @type {any} */
          const said = answer.data
          if (answer.statusCode === 200 && said && said.state) return resolve(said)
          const code = (said && said.code) || `HTTP_${answer.statusCode}`
          const again = PASSING.includes(code) || /^HTTP_(2|429|5)/.test(code)
          reject({ code, again })
        },
        fail: ({ errMsg }) => {
          if (!this.stopped) reject({ code: 'NETWORK', again: true, errMsg })
        },
      })
    })
  }

  /**
   * @param {number} ms
   * @returns {Promise<void>}
   */
  wait(ms) {
    return new Promise(resolve => {
      if (this.stopped) return
      const timer = setTimeout(() => {
        this.timers.delete(timer)
        resolve()
      }, ms)
      this.timers.add(timer)
    })
  }
}

module.exports = { Checkout }
