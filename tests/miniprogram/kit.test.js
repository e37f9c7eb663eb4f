// The kit against a scripted gateway, under a clock that each test moves.

const { afterEach, beforeEach, mock, test } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { KIT, Phone, config, settle } = require('./phone')
const { textsOf } = require(path.join(KIT, 'components/weceive-pay/texts'))

const PAYMENT = {
  timeStamp: '1767323045',
  nonceStr: 'nonce',
  package: 'prepay_id=wx1',
  signType: 'RSA',
  paySign: 'signature',
}

/** The gateway's answers. */
const view = (state, more) => ({
  statusCode: 200,
  data: {
    merchant: 'Demo Tea House',
    description: 'Two cups',
    amount: 'HK$88.00',
    out_trade_no: 'A1',
    state,
    lang: 'en',
    ...more,
  },
})
const OPEN = view('open')
const TO_PAY = view('open', { payment: PAYMENT })
const PAID = view('paid', { paid_at_ms: 1 })
const problem = (statusCode, code) => ({ statusCode, data: { status: 'fail', code } })
const NO_NETWORK = null

/** A phone whose gateway gives these answers, one after another; the last of a call stays. */
function phone(answers) {
  const it = new Phone().switchOn()
  it.asked = []
  it.request = ({ method, url, data }) => {
    const call = /\/mini\/(\w+)\?s=/.exec(url)[1]
    it.asked.push({ method, url, call, data })
    const [next, ...later] = answers[call]
    if (later.length) answers[call] = later
    return next === NO_NETWORK ? Promise.reject({ errMsg: 'request:fail' }) : next
  }
  it.calls = () => it.asked.map(asked => asked.call).join(' ')
  return it
}

let on = null

/** A component that is shown, and what it told. */
async function shown(it, properties) {
  on = it.checkout({ session: 'S1', ...properties })
  await settle()
  return on
}

async function tap(it, selector) {
  it.querySelector(selector).dispatchEvent('tap')
  await settle()
}

async function pass(ms) {
  // In steps, as later timers are set by what earlier ones do.
  for (let left = ms; left > 0; left -= 100) {
    mock.timers.tick(Math.min(left, 100))
    await settle()
  }
}

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] })
  config.gateway = 'https://pay.example.com'
})

afterEach(() => {
  if (on) on.shown.detach()
  on = null
  mock.timers.reset()
})

test('a checkout is shown, paid, and believed when the server says so', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [PAID] })
  const { shown: pay, events } = await shown(it)
  assert.equal(pay.data.state, 'ready')
  assert.equal(pay.data.amount, 'HK$88.00')
  assert.equal(pay.data.label, 'Pay now HK$88.00 Demo Tea House')
  assert.match(pay.dom.textContent, /Demo Tea House.*HK\$88\.00.*Two cups/)

  await tap(pay, '.pay')
  assert.equal(pay.data.state, 'confirming')
  assert.equal(pay.querySelector('.pay'), undefined)
  await pass(100)
  assert.equal(pay.data.state, 'paid')
  assert.deepEqual(events, [['paid', { session: 'S1' }]])
  assert.equal(it.calls(), 'status order check')
  assert.equal(it.asked[0].url, 'https://pay.example.com/mini/status?s=S1')
  assert.deepEqual(it.asked[1].data, { code: 'code-1' })
  const { complete, ...given } = it.sheets[0]
  assert.deepEqual(given, PAYMENT)
})

test('"ok" for an order that is not paid changes nothing but the questions', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  const { shown: pay, events } = await shown(it)
  await tap(pay, '.pay')
  await pass(22_000)
  assert.equal(pay.data.state, 'confirming')
  assert.equal(it.calls(), 'status order check check check check check check')
  assert.deepEqual(events, [])
})

test('a payer who cancels may try again', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN, PAID] })
  it.said = 'requestPayment:fail cancel'
  const { shown: pay, events } = await shown(it)
  await tap(pay, '.pay')
  assert.equal(pay.data.state, 'cancelled')
  assert.equal(pay.data.button, 'Pay now')
  it.said = 'requestPayment:ok'
  await tap(pay, '.pay')
  await pass(100)
  assert.equal(pay.data.state, 'paid')
  assert.deepEqual(events, [
    ['cancelled', { session: 'S1', errMsg: 'requestPayment:fail cancel' }],
    ['paid', { session: 'S1' }],
  ])
  assert.equal(it.logins, 2, 'a code is good once')
})

test('every word of the sheet leads to the server, which may know better', async () => {
  for (const said of [
    'requestPayment:fail cancel',
    'requestPayment:cancel',
    'requestPayment:fail',
    'requestPayment:fail jsapi has no permission',
    'requestPayment:fail:error',
    'nonsense',
  ]) {
    const state = /cancel/.test(said) ? 'cancelled' : 'failed'
    const unpaid = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
    unpaid.said = said
    const first = await shown(unpaid)
    await tap(first.shown, '.pay')
    assert.equal(first.shown.data.state, state, said)
    const code = state === 'failed' ? { code: 'NOT_PAID' } : {}
    assert.deepEqual(first.events, [[state, { session: 'S1', ...code, errMsg: said }]])

    const paid = phone({ status: [OPEN], order: [TO_PAY], check: [PAID] })
    paid.said = said
    const second = await shown(paid)
    await tap(second.shown, '.pay')
    assert.equal(second.shown.data.state, 'paid', said)
    assert.deepEqual(second.events, [['paid', { session: 'S1' }]])
  }
})

test('a sheet that answers twice is heard once', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  it.said = 'requestPayment:fail cancel'
  const { shown: pay, events } = await shown(it)
  await tap(pay, '.pay')
  it.sheets[0].complete({ errMsg: 'requestPayment:ok' })
  await settle()
  assert.equal(pay.data.state, 'cancelled')
  assert.equal(events.length, 1)
})

test('a sheet that never answers does not keep the payer', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN, PAID] })
  it.said = ''
  const { shown: pay } = await shown(it)
  await tap(pay, '.pay')
  assert.equal(pay.data.state, 'paying')
  pay.triggerPageLifeTime('show')
  await pass(3_000)
  assert.equal(pay.data.state, 'ready')
  // It was only slow.
  it.sheets[0].complete({ errMsg: 'requestPayment:ok' })
  await pass(100)
  assert.equal(pay.data.state, 'paid')
})

test('a payment that was made while the sheet was silent is found', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [PAID] })
  it.said = ''
  const { shown: pay, events } = await shown(it)
  await tap(pay, '.pay')
  pay.triggerPageLifeTime('show')
  await pass(3_000)
  assert.deepEqual(events, [['paid', { session: 'S1' }]])
})

test('with any answer to the query, a payer who has paid is not told of a failure', async () => {
  const lost = [
    problem(429, 'RATE_LIMITED'),
    { statusCode: 403, data: '<html>Forbidden</html>' },
    problem(502, 'UPSTREAM_REFUSED'),
    problem(404, 'SESSION_NOT_FOUND'),
    problem(500, 'INTERNAL'),
    { statusCode: 200, data: '<html>Log in to this network</html>' },
    NO_NETWORK,
  ]
  for (const answer of lost) {
    for (const said of ['requestPayment:ok', 'requestPayment:fail cancel', 'requestPayment:fail']) {
      const answers = { status: [OPEN], order: [TO_PAY], check: [answer] }
      const it = phone(answers)
      it.said = said
      const { shown: pay, events } = await shown(it)
      await tap(pay, '.pay')
      await pass(29_000)
      assert.equal(pay.data.state, 'confirming')
      assert.deepEqual(events, [])
      // Nor are they kept for ever: the button says what it is for.
      await pass(2_000)
      assert.match(pay.data.text, /If you’ve paid, there’s nothing more to do/)
      assert.equal(pay.data.button, 'I haven’t paid yet: open WeChat Pay')
      answers.check = [PAID]
      await pass(11_000)
      assert.deepEqual(events, [['paid', { session: 'S1' }]])
      pay.detach()
    }
  }
})

test('a payer who has not paid can go on while the question is not answered', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [problem(429, 'RATE_LIMITED')] })
  const { shown: pay } = await shown(it)
  await tap(pay, '.pay')
  await pass(31_000)
  await tap(pay, '.pay')
  assert.equal(it.sheets.length, 2)
})

test('a silent sheet and lost questions are no "paying" for ever', async () => {
  const answers = { status: [OPEN], order: [TO_PAY], check: [NO_NETWORK] }
  const it = phone(answers)
  it.said = ''
  const { shown: pay } = await shown(it)
  await tap(pay, '.pay')
  pay.triggerPageLifeTime('show')
  await pass(3_100)
  assert.equal(pay.data.state, 'confirming')
  answers.check = [OPEN]
  await pass(10_000)
  assert.equal(pay.data.state, 'ready')

  // Nor where the page is never shown again.
  await tap(pay, '.pay')
  assert.equal(pay.data.button, '')
  await pass(10_000)
  assert.equal(pay.data.button, 'Open WeChat Pay again')
  it.said = 'requestPayment:ok'
  answers.check = [PAID]
  await tap(pay, '.pay')
  await pass(100)
  assert.equal(pay.data.state, 'paid')
})

test('what WeChat says is told to the shop', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  it.said = 'requestPayment:fail:jsapi has no permission, 10001'
  const { shown: pay, events } = await shown(it)
  await tap(pay, '.pay')
  assert.equal(events[0][1].errMsg, it.said)

  const login = phone({ status: [OPEN] })
  login.code = () => Promise.reject({ errMsg: 'login:fail system error' })
  const second = await shown(login)
  await tap(second.shown, '.pay')
  await pass(8_000)
  const told = { session: 'S1', code: 'LOGIN', errMsg: 'login:fail system error' }
  assert.deepEqual(second.events, [['failed', told]])
})

test('the kit changes nothing of the application around it', () => {
  const docs = fs.readFileSync(path.join(KIT, '../docs/miniprogram.md'), 'utf8')
  const [, app] = /```json\n\s*(\{"pages":.*\})\n/.exec(docs)
  assert.deepEqual(Object.keys(JSON.parse(app)), ['pages'])
  assert.ok(!fs.existsSync(path.join(KIT, 'app.json')))
})

test('a WeChat without payment says that it failed', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  const { shown: pay } = await shown(it)
  delete globalThis.wx.requestPayment
  await tap(pay, '.pay')
  assert.equal(pay.data.state, 'failed')
})

test('more taps than one are one', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  it.said = ''
  const { shown: pay } = await shown(it)
  const button = pay.querySelector('.pay')
  for (let i = 0; i < 5; i += 1) button.dispatchEvent('tap')
  await settle()
  for (let i = 0; i < 5; i += 1) pay.instance.onPay()
  await settle()
  assert.equal(it.calls(), 'status order')
  assert.equal(it.sheets.length, 1)
})

test('a weak network is asked again, each time a little later', async () => {
  const it = phone({
    status: [NO_NETWORK, problem(503, 'UPSTREAM_UNAVAILABLE'), OPEN],
    order: [NO_NETWORK, problem(409, 'ATTEMPT_PENDING'), { statusCode: 502, data: '<html>' }, TO_PAY],
    check: [NO_NETWORK, PAID],
  })
  const { shown: pay } = await shown(it)
  assert.equal(pay.data.state, 'loading')
  await pass(400)
  assert.equal(it.calls(), 'status')
  await pass(100)
  assert.equal(it.calls(), 'status status')
  await pass(1_000)
  assert.equal(pay.data.state, 'ready')

  await tap(pay, '.pay')
  await pass(500 + 1_000 + 2_000)
  assert.equal(it.sheets.length, 1)
  const codes = it.asked.filter(asked => asked.call === 'order').map(asked => asked.data.code)
  assert.deepEqual(codes, ['code-1', 'code-2', 'code-3', 'code-4'], 'each works once')
  await pass(1_100)
  assert.equal(pay.data.state, 'paid')
})

test('without a network it says so, and the next tap begins anew', async () => {
  const answers = { status: [NO_NETWORK], order: [TO_PAY], check: [PAID] }
  const it = phone(answers)
  const { shown: pay, events } = await shown(it)
  await pass(7_500)
  assert.equal(pay.data.state, 'failed')
  assert.match(pay.data.text, /No connection/)
  assert.deepEqual(events, [['failed', { session: 'S1', code: 'NETWORK', errMsg: 'request:fail' }]])
  assert.equal(it.asked.length, 5)

  answers.status = [OPEN]
  await tap(pay, '.pay')
  assert.equal(pay.data.state, 'ready')
})

test('a login that fails, and a code that is refused, are tried again', async () => {
  const it = phone({
    status: [OPEN],
    order: [problem(400, 'LOGIN_CODE_REFUSED'), TO_PAY],
    check: [PAID],
  })
  it.code = login => (login === 1 ? Promise.reject({ errMsg: 'login:fail' }) : `code-${login}`)
  const { shown: pay } = await shown(it)
  await tap(pay, '.pay')
  await pass(500 + 1_000 + 100)
  assert.equal(pay.data.state, 'paid')
  assert.equal(it.logins, 3)
})

test('what no repetition mends is said at once', async () => {
  for (const [status, code, text] of [
    [404, 'SESSION_NOT_FOUND', /can’t be found/],
    [409, 'MINI_PROGRAM_NOT_SET', /contact the merchant and quote/],
    [403, 'PAYER_BLOCKED', /doesn’t let this account/],
    [502, 'MINI_PROGRAM_REFUSED', /contact the merchant and quote/],
    [502, 'UPSTREAM_REFUSED', /contact the merchant and quote/],
  ]) {
    const it = phone({ status: [OPEN], order: [problem(status, code)] })
    const { shown: pay, events } = await shown(it)
    await tap(pay, '.pay')
    assert.equal(pay.data.state, 'failed')
    assert.match(pay.data.text, text)
    assert.deepEqual(events, [['failed', { session: 'S1', code }]])
    assert.equal(it.calls(), 'status order')
    assert.equal(pay.data.button, '', 'a retry cannot help')
    assert.equal(pay.data.number, 'Order no. A1')
  }
})

test('a refunded purchase says so, in each language, and is neither expired nor paid', async () => {
  for (const [lang, whole, partly] of [
    ['en', /^Refunded\./, /^Partly refunded\./],
    ['zh-Hans', /^已退款/, /^已部分退款/],
    ['zh-Hant', /^已退款，款項/, /^已部分退款，部分款項/],
  ]) {
    const refunded = await shown(phone({ status: [view('refunded', { lang, paid_at_ms: 1 })] }), { immediate: true })
    assert.match(refunded.shown.data.text, whole)
    assert.equal(refunded.shown.data.state, 'refunded')
    assert.equal(refunded.shown.data.button, '')
    assert.deepEqual(refunded.events, [['failed', { session: 'S1', code: 'REFUNDED' }]])
    const part = view('paid', { lang, paid_at_ms: 1, partly_refunded: true })
    const paid = await shown(phone({ status: [part] }), { immediate: true })
    assert.match(paid.shown.data.text, partly)
    assert.equal(paid.shown.data.button, '')
    assert.deepEqual(paid.events, [['paid', { session: 'S1' }]])
  }
})

test('a purchase that is over is not paid', async () => {
  for (const state of ['expired', 'closed', 'failed']) {
    for (const answers of [{ status: [view(state)] }, { status: [OPEN], order: [view(state)] }]) {
      const it = phone(answers)
      const { shown: pay, events } = await shown(it, { immediate: true })
      assert.equal(pay.data.state, 'expired')
      assert.equal(pay.querySelector('.pay'), undefined)
      assert.deepEqual(events, [['failed', { session: 'S1', code: 'EXPIRED' }]])
      assert.equal(it.sheets.length, 0)
    }
  }
})

test('a purchase that was paid elsewhere, or is being confirmed, is not paid again', async () => {
  const paid = await shown(phone({ status: [PAID] }), { immediate: true })
  assert.deepEqual(paid.events, [['paid', { session: 'S1' }]])

  const it = phone({ status: [view('confirming')], check: [view('confirming'), PAID] })
  const { shown: pay, events } = await shown(it, { immediate: true })
  assert.equal(pay.data.state, 'confirming')
  await pass(3_000)
  assert.deepEqual(events, [['paid', { session: 'S1' }]])
  assert.equal(it.sheets.length, 0)
})

test('another session begins anew, and a component that is gone asks no more', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  const { shown: pay, events } = await shown(it)
  await tap(pay, '.pay')
  pay.setData({ session: 'S2' })
  await settle()
  assert.equal(pay.data.state, 'ready')
  assert.match(it.asked.at(-1).url, /s=S2$/)

  const asked = it.asked.length
  await tap(pay, '.pay')
  pay.detach()
  await pass(60_000)
  assert.ok(it.asked.length <= asked + 2, 'at most what was under way')
  assert.deepEqual(events, [])
})

test('it is spoken in three languages', async () => {
  for (const [language, lang, text] of [
    ['en', 'en', 'Payment due'],
    ['zh_CN', 'zh-Hans', '待支付'],
    ['zh_TW', 'zh-Hant', '待付款'],
    // The merchant's choice goes before WeChat's.
    ['en', 'zh-Hant', '待付款'],
  ]) {
    const it = phone({ status: [view('open', { lang })] })
    it.language = language
    let header
    const { request } = it
    it.request = options => {
      header = options.header
      return request(options)
    }
    const { shown: pay } = await shown(it)
    assert.equal(pay.data.text, text)
    assert.equal(header['accept-language'], language.replace('_', '-'))
  }
  const names = Object.keys(textsOf('en'))
  for (const language of ['zh-Hans', 'zh-Hant']) {
    assert.deepEqual(Object.keys(textsOf(language)), names)
    assert.notDeepEqual(textsOf(language), textsOf('en'))
  }
  for (const [language, like] of [['zh_HK', 'zh-Hant'], ['zh', 'zh-Hans'], ['fr', 'en']]) {
    assert.equal(textsOf(language), textsOf(like))
  }
})

test('the page pays without a tap and goes back', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [PAID] })
  const page = it.page({ s: 'S%2D1', lang: 'zh-Hant' })
  await settle()
  await pass(100)
  assert.match(page.dom.textContent, /Payment successful.*返回/)
  assert.match(it.asked[0].url, /s=S-1&lang=zh-Hant$/)
  assert.deepEqual(it.went, [])
  await pass(1_500)
  assert.deepEqual(it.went, ['back'])
  await pass(10_000)
  assert.deepEqual(it.went, ['back'])
})

test('the page goes home where there is no page to go back to', async () => {
  const it = phone({ status: [PAID] })
  it.pages = ['pay']
  it.page({ s: 'S1' })
  await settle()
  await pass(1_500)
  assert.deepEqual(it.went, ['/pages/index/index'])
})

test('the page waits for a payer who cancelled, and lets them go', async () => {
  const it = phone({ status: [OPEN], order: [TO_PAY], check: [OPEN] })
  it.said = 'requestPayment:fail cancel'
  const page = it.page({ s: 'S1' })
  await settle()
  await pass(10_000)
  assert.match(page.dom.textContent, /Payment cancelled.*Pay now.*Back/)
  assert.equal(it.sheets.length, 1)
  await tap(page, '.back')
  assert.deepEqual(it.went, ['back'])
})

test('a payer who has left is not sent anywhere', async () => {
  const it = phone({ status: [PAID] })
  const page = it.page({ s: 'S1' })
  await settle()
  page.instance.onUnload()
  await pass(10_000)
  assert.deepEqual(it.went, [])
})

test('the page without a session says that there is none', async () => {
  const it = phone({ status: [problem(404, 'SESSION_NOT_FOUND')] })
  const page = it.page({})
  await settle()
  assert.match(page.dom.textContent, /can’t be found/)
})

test('the shop page shows the shop only', async () => {
  const it = phone({})
  config.shop = 'https://shop.example.com'
  for (const [query, src] of [
    [{}, '/'],
    [{ path: '/menu?table=7' }, '/menu?table=7'],
    [{ path: '%2Fmenu' }, '/menu'],
    [{ path: '//evil.example' }, '/'],
    [{ path: '/\\evil.example' }, '/'],
    [{ path: '.evil.example' }, '/'],
    [{ path: '@evil.example' }, '/'],
  ]) {
    const page = it.show('pages/weceive-shop/index')
    page.instance.onLoad(query)
    assert.equal(page.data.src, `https://shop.example.com${src}`)
  }
})

test('a screen reader announces it', () => {
  const files = fs.readdirSync(KIT, { recursive: true }).filter(file => file.endsWith('.wxml'))
  assert.ok(files.length >= 3)
  for (const file of files) {
    const wxml = fs.readFileSync(path.join(KIT, file), 'utf8')
    for (const [tag] of wxml.matchAll(/<[^>]*bindtap[^>]*>/g)) {
      assert.match(tag, /^<button .*aria-role="button".*aria-label="\{\{\w+\}\}"/, file)
    }
  }
  const checkout = fs.readFileSync(path.join(KIT, 'components/weceive-pay/index.wxml'), 'utf8')
  assert.match(checkout, /aria-role="status" aria-live="polite">\{\{text\}\}/)
})

test('the web page knows where the payment page is', () => {
  const plan = fs.readFileSync(path.join(KIT, '../checkout/src/plan.rs'), 'utf8')
  const [, page] = /MINI_PROGRAM_PAGE: &str = "([^"]*)"/.exec(plan)
  assert.ok(fs.existsSync(path.join(KIT, `${page}.wxml`)), page)
})
