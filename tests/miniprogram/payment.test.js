// Whole payments: the kit in WeChat's simulator, the real gateway, and the
// sandbox as WeChat, which checks the package for wx.requestPayment.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { Phone, config, settle } = require('./phone')

const { WECEIVE_GATEWAY, WECEIVE_SANDBOX, WECEIVE_MERCHANTS } = process.env
const merchants = WECEIVE_MERCHANTS ? JSON.parse(WECEIVE_MERCHANTS) : []
const skip = merchants.length ? false : 'runs in `cargo xtask test`, which starts a gateway'
config.gateway = WECEIVE_GATEWAY

async function post(url, headers, body) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return answer.json()
}

let made = 0

async function session(merchant) {
  made += 1
  const answer = await post(
    `${WECEIVE_GATEWAY}/v1/checkout`,
    { 'api-key': merchant.api_key },
    { out_trade_no: `KIT-${process.pid}-${made}`, body: 'Two cups of tea', total_fee: 8800 }
  )
  return new URL(answer.data.url).searchParams.get('s')
}

/** Alice's phone, in a merchant's Mini Program. What she does on WeChat's sheet is `does`. */
function phone(merchant) {
  const it = new Phone().switchOn()
  it.does = 'pay'
  it.orders = 0
  it.code = async () => {
    const asked = { payer: 'alice', appid: merchant.appid }
    return (await post(`${WECEIVE_SANDBOX}/sandbox/login`, {}, asked)).code
  }
  it.request = async ({ url, method, data, header }) => {
    if (url.includes('/order?')) it.orders += 1
    const body = data && JSON.stringify(data)
    const answer = await fetch(url, { method, headers: header, body })
    return { statusCode: answer.status, data: await answer.json() }
  }
  // WeChat knows the appid of the Mini Program that asks.
  it.pay = async options => {
    const { complete, ...package } = options
    it.said = await post(`${WECEIVE_SANDBOX}/sandbox/bridge`, {}, {
      payer: 'alice',
      package: { appId: merchant.appid, ...package },
      action: it.does,
    })
    const words = { ok: 'ok', cancel: 'fail cancel' }
    return `requestPayment:${words[it.said.err_msg.split(':')[1]] || `fail ${it.said.err_desc}`}`
  }
  return it
}

/** Waits until something is so. */
async function until(what, is) {
  const deadline = Date.now() + 20_000
  while (!is()) {
    assert.ok(Date.now() < deadline, `not within 20 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

test('the page pays in every dialect', { skip }, async () => {
  for (const merchant of merchants) {
    const it = phone(merchant)
    const page = it.page({ s: await session(merchant) })
    await until(`${merchant.id} goes back`, () => it.went.length)
    assert.equal(it.said.ok, true, `${merchant.id}: ${it.said.message}`)
    assert.equal(it.said.order.trade_state, 'SUCCESS', merchant.id)
    assert.match(page.dom.textContent, /88\.00.*Two cups of tea.*Payment successful/, merchant.id)
    assert.deepEqual(it.went, ['back'])
  }
})

test('a shop of its own pays at the second try', { skip }, async () => {
  const [merchant] = merchants
  const it = phone(merchant)
  it.language = 'zh_TW'
  it.does = 'cancel'
  const { shown, events } = it.checkout({ session: await session(merchant) })
  const state = name => until(name, () => shown.data.state === name)
  await state('ready')
  assert.equal(shown.data.amount, 'HK$88.00')
  assert.equal(shown.data.button, '立即付款')

  for (const [does, name] of [['cancel', 'cancelled'], ['fail', 'failed'], ['pay', 'paid']]) {
    it.does = does
    shown.querySelector('.pay').dispatchEvent('tap')
    await settle()
    await state(name)
  }
  assert.deepEqual(events.map(([name]) => name), ['cancelled', 'failed', 'paid'])
  const packages = new Set(it.sheets.map(sheet => sheet.package))
  assert.equal(packages.size, 1, 'one order')
})

test('a paid session opens no other sheet', { skip }, async () => {
  const [merchant] = merchants
  const id = await session(merchant)
  const first = phone(merchant)
  first.page({ s: id })
  await until('it is paid', () => first.went.length)
  const second = phone(merchant)
  second.page({ s: id })
  await until('it is known', () => second.went.length)
  assert.equal(second.sheets.length, 0)
  assert.equal(second.orders, 0)
})

test('another merchant\'s Mini Program cannot pay', { skip }, async () => {
  const [merchant, other] = merchants
  const it = phone({ ...merchant, appid: other.appid })
  const { shown, events } = it.checkout({ session: await session(merchant), immediate: true })
  await until('it gives up', () => events.length)
  assert.equal(events[0][1].code, 'LOGIN_CODE_REFUSED')
  assert.equal(shown.data.state, 'failed')
  assert.equal(it.sheets.length, 0)
})

test('a session that there is none of', { skip }, async () => {
  const it = phone(merchants[0])
  const { events } = it.checkout({ session: 'demo_nothing', immediate: true })
  await until('it gives up', () => events.length)
  assert.equal(events[0][1].code, 'SESSION_NOT_FOUND')
})
