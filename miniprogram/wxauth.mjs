/**
 * wxauth: the login of a WeChat mini-program, in one file without dependencies.
 *
 *     const auth = require('./wxauth.js').create({ baseURL: 'https://api.example.com/api/wxauth' })
 *     auth.request({ url: '/api/orders/' }).then(({ ok, data, action }) => …)
 *
 * Every part works alone: a team that has a request wrapper takes header() and handle() and leaves
 * request(). README.md beside this file tells the rest; wxauth.d.ts has the types.
 *
 * The syntax is ES2015 on purpose: the base library runs it as it stands, on old phones too.
 * wxauth.mjs is this file as an ES module, for bundlers (uni-app, Taro); it is generated.
 */
'use strict'

/** What the server may tell the phone to do. Whatever else it says means stop. */
const ACTIONS = ['login', 'refetch', 'tap', 'signup', 'retry', 'fix', 'stop']

/** What to make of an answer that does not say it itself: a proxy's, or the project's own. */
const ACTION_BY_STATUS = {
  400: 'fix', 401: 'login', 405: 'fix', 406: 'fix', 408: 'retry', 413: 'fix', 415: 'fix',
  422: 'fix', 429: 'retry', 502: 'retry', 503: 'retry', 504: 'retry',
}

/** WeChat runs ten requests of a mini-program at once; an eleventh fails on old base libraries. */
const AT_ONCE = 10
/** A code lives for five minutes. One that was fetched ahead is not used in the last of them. */
const CODE_LIFE = 4 * 60 * 1000
const JSON_BODY = { 'content-type': 'application/json' }
/** How often one request is repeated because the server asked for patience. */
const REPEATS = 5

function succeed(data, status) {
  return { ok: true, action: 'ok', status, data }
}

function fail(action, code, detail, more) {
  return Object.assign({ ok: false, action, code, detail: detail || '', status: 0 }, more)
}

/** A failed result as something to throw, for the two methods that have nothing to return. */
function toError(result) {
  const error = new Error(result.detail || result.code)
  return Object.assign(error, result, { name: 'WxauthError' })
}

function toResult(error) {
  // A mistake in a program is no answer.
  if (!error.action) throw error
  return fail(error.action, error.code, error.detail,
    pick(error, ['status', 'retryAfter', 'field', 'data']))
}

function origin(url) {
  const found = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(url)
  return found ? found[0].toLowerCase() : ''
}

function parse(data) {
  // wx.uploadFile hands out the text of an answer, whatever its type.
  if (typeof data === 'string' && data.charAt(0) === '{') {
    try {
      return JSON.parse(data)
    } catch (error) {
      return data
    }
  }
  return data
}

function retryAfter(res, body) {
  if (body && typeof body.retry_after === 'number') return body.retry_after
  const header = res.header || {}
  const name = Object.keys(header).filter((key) => key.toLowerCase() === 'retry-after')[0]
  const seconds = name ? Number(header[name]) : NaN
  return seconds >= 0 ? seconds : undefined
}

/** What a button's event says when there is nothing to send, or null when there is. */
function refusal(detail) {
  const said = detail.errMsg || ''
  if (detail.code || detail.encryptedData || detail.avatarUrl) return null
  // The quota that the business bought is used up; WeChat has told the person so already.
  if (detail.errno === 1400001) return fail('stop', 'phone_quota', said)
  if (detail.errno === 112) return fail('fix', 'privacy_not_declared', said)
  if (/privacy/i.test(said)) return fail('stop', 'privacy_refused', said)
  if (/deny|cancel/i.test(said)) return fail('stop', 'user_denied', said)
  return fail('stop', 'wx_failed', said)
}

function isLogin(data) {
  return Boolean(data) && typeof data.token === 'string' && data.expires_in > 0
}

function pick(source, names) {
  const taken = {}
  names.forEach((name) => {
    if (source[name]) taken[name] = source[name]
  })
  return taken
}

/**
 * A client. It touches neither `wx` nor the storage before its first method is called.
 *
 * @param {import('./wxauth').Options} options
 * @returns {import('./wxauth').Client}
 */
function create(options) {
  const patience = options.patience === undefined ? 20 : options.patience
  const trace = options.trace || function () {}

  /** {token, life (seconds), at} or {out: true}; undefined: the storage was not read yet. */
  let held
  /** The silent login under way, and the one that a person asked for. */
  let silent = null
  let asked = null
  /** Counts logouts: what was under way before one must not log anybody in after it. */
  let era = 0
  /** A code that was fetched before a button is pressed. */
  let ahead = null
  let sessionChecked = null
  let running = 0
  const waiting = []

  // -- where we are --------------------------------------------------------------------------

  function platform() {
    // Looked up at each call: at import time there is no wx in tests, plugins and workers.
    return options.wx || wx
  }

  function account() {
    try {
      return platform().getAccountInfoSync().miniProgram || {}
    } catch (error) {
      return {}
    }
  }

  function base() {
    const url = options.baseURL
    // A base library that cannot tell is an old phone of a real user.
    const chosen = typeof url === 'string' ? url : url[account().envVersion || 'release']
    return chosen.replace(/\/+$/, '')
  }

  function address(url) {
    if (origin(url)) return url
    return url.charAt(0) === '/' ? origin(base()) + url : `${base()}/${url}`
  }

  /** The token is shown to our own server only: anybody who has it is the person. */
  function isOurs(url) {
    return [base()].concat(options.origins || []).some((one) => origin(one) === origin(url))
  }

  // -- the token in the storage --------------------------------------------------------------

  function storageKey() {
    // With the address in it, a trial version does not send its token to the real server.
    return `wxauth ${base()}`
  }

  function load() {
    if (held === undefined) {
      try {
        held = platform().getStorageSync(storageKey()) || null
      } catch (error) {
        held = null
      }
      if (held && !held.out && typeof held.token !== 'string') held = null
    }
    return held || {}
  }

  function save(value) {
    held = value
    try {
      // Removed first: where there is no room for the new value, the old one must not come back.
      platform().removeStorageSync(storageKey())
      if (value) platform().setStorageSync(storageKey(), value)
    } catch (error) {
      // The storage is full or broken: then the token lives as long as the mini-program runs.
    }
  }

  /** Drop a token, unless a newer one has taken its place since it was sent. */
  function drop(token) {
    const kept = load()
    if (kept.token && (token === undefined || token === kept.token)) save(null)
  }

  /**
   * Seconds that the token still has. Only a span is measured: the phone's clock may be wrong, and
   * where somebody sets it back the server's 401 has the last word.
   */
  function remaining() {
    const { token, life, at } = load()
    if (!token) return 0
    return life - (Date.now() - at) / 1000
  }

  function isFresh() {
    const life = load().life || 0
    return remaining() > Math.min(60, life / 10)
  }

  // -- sending -------------------------------------------------------------------------------

  function queue(job) {
    return new Promise((resolve) => {
      function start() {
        running += 1
        job().then((value) => {
          running -= 1
          if (waiting.length) waiting.shift()()
          resolve(value)
        })
      }
      if (running < AT_ONCE) start()
      else waiting.push(start)
    })
  }

  /** The answer, always: a request that got none has the status 0. */
  function send(transport, request) {
    return queue(() => new Promise((resolve) => {
      function lose(error) {
        resolve({ statusCode: 0, data: null, errMsg: (error && error.errMsg) || String(error) })
      }
      try {
        const answer = transport(Object.assign({}, request, { success: resolve, fail: lose }))
        // Taro and wx.cloud answer by a promise as well, or instead.
        if (answer && typeof answer.then === 'function') {
          answer.then((res) => { if (res && res.statusCode) resolve(res) }, lose)
        }
      } catch (error) {
        lose(error)
      }
    }))
  }

  function post(path, data, header) {
    return send(fetcher(), {
      url: address(path),
      method: 'POST',
      header: Object.assign({}, JSON_BODY, header),
      data,
      timeout: options.timeout || 15000,
    })
  }

  function fetcher() {
    return options.transport || ((request) => platform().request(request))
  }

  function uploader() {
    return options.upload || ((request) => platform().uploadFile(request))
  }

  // -- reading -------------------------------------------------------------------------------

  function isUnauthorized(res) {
    return options.isUnauthorized ? options.isUnauthorized(res) : res.statusCode === 401
  }

  /** The one place that turns an answer into what to do next. */
  function read(res) {
    const status = res.statusCode
    if (!status) return fail('retry', 'network', res.errMsg)
    const whole = Object.assign({}, res, { data: parse(res.data) })
    let body
    try {
      body = options.unwrap ? options.unwrap(whole) : whole.data
    } catch (error) {
      body = whole.data
    }
    const good = status >= 200 && status < 300
    const speaks = body && typeof body.code === 'string' && typeof body.action === 'string'
    const more = { status, data: body }
    if (isUnauthorized(whole)) {
      return fail('login', speaks ? body.code : 'unauthorized', speaks ? body.detail : '', more)
    }
    // In an envelope a refusal may come with status 200; without one it never does.
    if (speaks && !(good && !options.unwrap)) {
      const action = ACTIONS.indexOf(body.action) < 0 ? 'stop' : body.action
      if (action === 'retry') more.retryAfter = retryAfter(res, body)
      if (body.field) more.field = body.field
      return fail(action, body.code, body.detail, more)
    }
    if (good) return succeed(body, status)
    const action = ACTION_BY_STATUS[status] || 'stop'
    if (action === 'retry') more.retryAfter = retryAfter(res, null)
    return fail(action, `http_${status}`, body && body.detail, more)
  }

  function handle(res, header) {
    const result = read(res)
    if (result.action === 'login') {
      // A late refusal of an old token must not cost the new one, hence the header.
      const sent = header ? header.Authorization || header.authorization || '' : undefined
      drop(sent && sent.replace(/^Bearer /, ''))
    }
    return result
  }

  /** Whether the server itself said that the same request may come again. */
  function isServersWord(result) {
    return result.code !== 'network' && result.code.slice(0, 5) !== 'http_'
  }

  /** Waits as long as the server asks; resolves to false where that is too long to wait. */
  function makePatience() {
    let left = patience
    let repeats = 0
    return (result) => {
      let seconds = result.retryAfter
      if (seconds === undefined) seconds = Math.pow(2, repeats)
      repeats += 1
      if (seconds > left || repeats > REPEATS) return Promise.resolve(false)
      left -= seconds
      trace({ step: 'wait', seconds, code: result.code })
      // A little later than asked, each phone by a different bit: else all come back at once.
      const spread = seconds * Math.random() * 250
      return new Promise((resolve) => {
        setTimeout(() => resolve(true), seconds * 1000 + spread)
      })
    }
  }

  // -- logging in ----------------------------------------------------------------------------

  /** Some method of `wx` with callbacks, as a promise that never rejects. */
  function ask(name, fields) {
    return new Promise((resolve) => {
      const done = (res) => resolve(Object.assign({ ok: true }, res))
      const failed = (error) => resolve({ ok: false, errMsg: (error && error.errMsg) || String(error) })
      try {
        const answer = platform()[name](Object.assign({}, fields, { success: done, fail: failed }))
        // Not `then(done)`: the callbacks are called anyway, the promise would only go unhandled.
        if (answer && typeof answer.then === 'function') answer.then(done, failed)
      } catch (error) {
        failed(error)
      }
    })
  }

  function takeCode() {
    const ready = ahead
    ahead = null
    if (ready && Date.now() - ready.at < CODE_LIFE) return Promise.resolve({ code: ready.code })
    return ask('login')
  }

  /** Fetch a code, exchange it, keep the token. Never rejects. */
  function exchange(fields) {
    const begun = era
    const wait = makePatience()
    const appid = options.appid || account().appId
    let spent = 0

    function once(known) {
      const at = Date.now()
      return (known ? Promise.resolve({ code: known }) : takeCode()).then(({ code, errMsg }) => {
        if (!code) return fail('retry', 'wx_login_failed', errMsg)
        const data = Object.assign({ code }, appid ? { appid } : {}, fields)
        trace({ step: 'login' })
        return post('login/', data).then((res) => {
          let result = read(res)
          if (result.ok && !isLogin(result.data)) {
            // A captive portal, or a wrong address: it is no answer of ours.
            result = fail('retry', 'http_200', 'Not an answer of wxauth.', { status: 200 })
          }
          report('login/', result)
          if (result.ok) return keep(result, at)
          if (result.action === 'login' && spent < 1) {
            spent += 1
            trace({ step: 'repeat', url: 'login/', code: result.code })
            return once()
          }
          if (result.action !== 'retry') return result
          return wait(result).then((worth) => {
            if (!worth || begun !== era) return result
            trace({ step: 'repeat', url: 'login/', code: result.code })
            // The server knows that the code was not consumed; of a lost request nobody knows.
            return once(isServersWord(result) ? code : undefined)
          })
        })
      })
    }

    function keep(result, at) {
      if (begun !== era) return fail('login', 'logged_out')
      save({ token: result.data.token, life: result.data.expires_in, at })
      sessionChecked = Promise.resolve()
      return result
    }

    return once()
  }

  function report(url, result) {
    trace({ step: 'answer', url, status: result.status, action: result.action, code: result.code })
  }

  /** Run a login and leave it where those who come meanwhile find it. */
  function begin(fields) {
    const mine = exchange(fields).then((result) => {
      if (silent === mine) silent = null
      return result
    })
    silent = mine
    return mine
  }

  /** A login that nobody asked for: all who need one at the same time share it. */
  function loginSilently() {
    return silent || begin(options.signup === false ? { signup: false } : {})
  }

  /** A login that a person asked for. It may register them, and it ends a logout. */
  function loginBy(fields) {
    if (load().out) save(null)
    return Promise.resolve().then(() => silent).then((result) => {
      // Somebody's silent login has just done it; what comes with the tap must be sent itself.
      const plain = Object.keys(fields).length === 0
      return result && result.ok && plain ? result : begin(fields)
    })
  }

  function login(wanted) {
    // A double tap is one login.
    if (!asked) {
      const mine = loginBy(pick(wanted || {}, ['extra'])).then((result) => {
        if (asked === mine) asked = null
        return result
      })
      asked = mine
    }
    return asked
  }

  /** Once per launch, and only if asked for: does WeChat's own session still hold? */
  function checkLaunch() {
    if (!options.checkSession || !load().token) return Promise.resolve()
    if (!sessionChecked) {
      sessionChecked = ask('checkSession').then(({ ok }) => {
        // A yes proves nothing: the server's token is another thing, and 401 has the last word.
        if (!ok) save(null)
      })
    }
    return sessionChecked
  }

  function token() {
    return checkLaunch().then(() => {
      if (isFresh()) return load().token
      if (load().out) throw toError(fail('login', 'logged_out'))
      return loginSilently().then((result) => {
        if (result.ok) return result.data.token
        // The renewal came early: the old token has some seconds left.
        if (remaining() > 0) return load().token
        throw toError(result)
      })
    })
  }

  function header() {
    return token().then((value) => ({ Authorization: `Bearer ${value}` }))
  }

  function probe() {
    if (isFresh()) return Promise.resolve(succeed({ registered: true }, 0))
    if (load().out) return Promise.resolve(fail('login', 'logged_out'))
    return begin({ signup: false }).then((result) => {
      if (result.ok) return succeed({ registered: true }, result.status)
      return result.action === 'signup' ? succeed({ registered: false }, result.status) : result
    })
  }

  function prepare() {
    if (isFresh() || ahead) return Promise.resolve()
    return ask('login').then(({ code }) => {
      if (code) ahead = { code, at: Date.now() }
    })
  }

  function logout(wanted) {
    const old = load().token
    era += 1
    silent = null
    asked = null
    ahead = null
    save({ out: true })
    if (!old) return Promise.resolve(succeed(null, 0))
    const path = wanted && wanted.all ? 'logout/all/' : 'logout/'
    return post(path, {}, { Authorization: `Bearer ${old}` }).then((res) => {
      const result = read(res)
      report(path, result)
      // A token that was dead already is what was wanted.
      return result.action === 'login' ? succeed(null, result.status) : result
    })
  }

  // -- requests ------------------------------------------------------------------------------

  function credentials(request) {
    if (!isOurs(request.url)) return Promise.resolve({})
    if (!request.guest) return header()
    return Promise.resolve(isFresh() ? { Authorization: `Bearer ${load().token}` } : {})
  }

  function perform(transport, request) {
    const wait = makePatience()
    // Nobody knows whether a lost request arrived: what must not happen twice is not sent twice.
    const harmless = request.repeatable || /^(GET|HEAD)$/i.test(request.method || 'GET')
    const wire = Object.assign({}, request)
    delete wire.guest
    delete wire.repeatable
    let renewed = false

    function once() {
      return credentials(request).then((extra) => {
        wire.header = Object.assign({}, request.header, extra)
        return send(transport, wire).then((res) => {
          const ours = isOurs(request.url)
          const result = ours ? handle(res, extra) : read(res)
          report(request.url, result)
          return decide(result, ours, extra)
        })
      })
    }

    function decide(result, ours, extra) {
      if (result.action === 'login' && extra.Authorization && !renewed) {
        renewed = true
        trace({ step: 'repeat', url: request.url, code: result.code })
        return once()
      }
      if (result.action === 'refetch' && ours) {
        // What was sent cannot be used; after a new login, what comes next can.
        return loginSilently().then(() => result)
      }
      if (result.action !== 'retry' || !(harmless || isServersWord(result))) return result
      return wait(result).then((worth) => {
        if (!worth) return result
        trace({ step: 'repeat', url: request.url, code: result.code })
        return once()
      })
    }

    return once().catch(toResult)
  }

  function request(wanted) {
    return perform(fetcher(), Object.assign({}, wanted, { url: address(wanted.url) }))
  }

  // -- the person's own data -----------------------------------------------------------------

  function change(path, data, more) {
    return request(Object.assign({ url: path, method: 'POST', header: JSON_BODY, data }, more))
  }

  /** What came by a tap can only come again by a tap. */
  function byTap(result) {
    return result.action === 'refetch' ? Object.assign({}, result, { action: 'tap' }) : result
  }

  function phoneFields(detail) {
    const fields = pick(detail, ['encryptedData', 'iv'])
    // WeChat calls both "code"; this is not the one of wx.login, and they cannot be exchanged.
    if (detail.code) fields.phone_code = detail.code
    return fields
  }

  function bindPhone(event) {
    const no = refusal(event.detail)
    if (no) return Promise.resolve(no)
    return change('me/phone/', phoneFields(event.detail)).then(byTap)
  }

  function loginWithPhone(event, extra) {
    const no = refusal(event.detail)
    if (no) return Promise.resolve(no)
    return loginBy(Object.assign(phoneFields(event.detail), extra ? { extra } : {}))
  }

  function getUserInfo(event) {
    const names = ['encryptedData', 'iv', 'rawData', 'signature']
    if (event) {
      const no = refusal(event.detail)
      if (no) return Promise.resolve(no)
      return change('me/userinfo/', pick(event.detail, names), { repeatable: true }).then(byTap)
    }
    const fetchAndSend = () => token().then(() => ask('getUserInfo', { withCredentials: true }))
      .then((got) => (refusal(got) || change('me/userinfo/', pick(got, names), { repeatable: true })))
    // The login stands before wx.getUserInfo: after it, the key might have changed already.
    return fetchAndSend().then((result) => (result.action === 'refetch' ? fetchAndSend() : result))
      .catch(toResult)
  }

  function setNickname(nickname) {
    return change('me/', { nickname }, { repeatable: true })
  }

  function uploadAvatar(event) {
    const no = refusal(event.detail)
    if (no) return Promise.resolve(no)
    return perform(uploader(), {
      url: address('me/avatar/'),
      method: 'POST',
      filePath: event.detail.avatarUrl,
      name: 'avatar',
      repeatable: true,
    })
  }

  return {
    login,
    token,
    header,
    handle,
    request,
    probe,
    prepare,
    logout,
    loginWithPhone,
    bindPhone,
    getUserInfo,
    setNickname,
    uploadAvatar,
  }
}

export { create }
