// A phone with the Mini Program: the kit's own pages and components in WeChat's
// simulator, and a `wx` that each test controls.

const path = require('node:path')
const { JSDOM } = require('jsdom')

const { window } = new JSDOM('<!doctype html><body></body>', {
  url: 'https://servicewechat.com/',
  pretendToBeVisual: true,
})
for (const name of ['document', 'Element', 'Node', 'Event', 'CustomEvent', 'MutationObserver']) {
  globalThis[name] = name === 'document' ? window.document : window[name]
}
globalThis.window = window

const simulate = require('miniprogram-simulate')

const KIT = path.join(__dirname, '../../miniprogram')
const config = require(path.join(KIT, 'components/weceive-pay/config'))

const ids = new Map()

/** Loads a component or a page of the kit once. */
function load(file) {
  if (!ids.has(file)) {
    const id = simulate.load(path.join(KIT, file), path.basename(path.dirname(file)), { rootPath: KIT })
    ids.set(file, id)
  }
  return ids.get(file)
}

/**
 * What `wx` does unless a test says otherwise: logins that work, a sheet that
 * is paid, pages that are counted. `request` has no such habit.
 */
class Phone {
  constructor() {
    this.language = 'en'
    this.logins = 0
    this.sheets = []
    this.went = []
    this.pages = ['shop', 'pay']
    this.said = 'requestPayment:ok'
    this.shown = null
  }

  /** Makes this phone the one that the kit sees. */
  switchOn() {
    globalThis.wx = {
      getAppBaseInfo: () => ({ language: this.language }),
      login: options => {
        this.logins += 1
        Promise.resolve(this.code(this.logins)).then(code => options.success({ code }), options.fail)
      },
      request: options => {
        Promise.resolve(this.request(options)).then(options.success, options.fail)
      },
      requestPayment: options => {
        this.sheets.push(options)
        Promise.resolve(this.pay(options)).then(errMsg => {
          if (errMsg) options.complete({ errMsg })
        })
      },
      navigateBack: () => this.went.push('back'),
      reLaunch: ({ url }) => this.went.push(url),
    }
    globalThis.getCurrentPages = () => this.pages
    return this
  }

  code(login) {
    return `code-${login}`
  }

  /** What the sheet says, or nothing for one that is silent. */
  pay() {
    return this.said
  }

  /** Shows a component or a page. */
  show(file, properties) {
    const shown = simulate.render(load(file), properties)
    const parent = document.createElement('div')
    document.body.appendChild(parent)
    shown.attach(parent)
    this.shown = shown
    return shown
  }

  /** The component, with what it told its shop. */
  checkout(properties) {
    const shown = this.show('components/weceive-pay/index', properties)
    const events = []
    for (const name of ['paid', 'cancelled', 'failed']) {
      shown.addEventListener(name, event => events.push([name, event.detail]))
    }
    return { shown, events }
  }

  /** The page, opened with a query. */
  page(query) {
    const shown = this.show('pages/weceive-pay/index')
    shown.instance.onLoad(query)
    return shown
  }

  /** The checkout inside the current page. */
  get inside() {
    return this.shown.querySelector('.pay-page') || this.shown
  }
}

/** Lets everything happen that needs no time. */
async function settle() {
  for (let i = 0; i < 20; i += 1) await new Promise(resolve => setImmediate(resolve))
}

module.exports = { KIT, Phone, config, settle }
