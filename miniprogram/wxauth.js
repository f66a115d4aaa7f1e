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
 * wxauth.mjs is this file as an ES module, for bundlers (uni-app, Taro); npm/index.js is the same
 * in ES5, for the oldest phones and for npm. Both are generated.
 */
'use strict'

const { assign } = Object

/** What the server may tell the phone to do. Whatever else it says means stop. */
const ACTIONS = /^(login|refetch|tap|signup|retry|fix)$/
/** What to make of an answer that does not say it itself: a proxy's, or the project's own. */
const FIX = /^(40[056]|41[35]|422)$/
const RETRY = /^(408|429|50[234])$/

/** WeChat runs ten requests of a mini-program at once; an eleventh fails on old base libraries. */
const AT_ONCE = 10
/** A code lives for five minutes. One that was fetched ahead is not used in the last of them. */
const CODE_LIFE = 4 * 60 * 1000
/** How often one request is repeated because the server asked for patience. */
const REPEATS = 5
/** In milliseconds, after WeChat's own timeout: what it leaves without an end is ended by us. */
const GRACE = 1000
/** In milliseconds: who has no answer by then may have no network, and WeChat is asked. */
const LOOK = 2000
const OFFLINE = 'no network'
/** HTML with status 200: the page of some Wi-Fi that wants a login of its own. */
const PORTAL = 'captive_portal'
const NO_CODE = 'wx_login_failed'
const LOGIN = 'login/'
const JSON_BODY = { 'content-type': 'application/json' }

/** WeChat's errno in a button's event: whether the project can mend it, and what it means. */
const REFUSALS = {
  102: ['fix', 'no_permission'],
  112: ['fix', 'privacy_not_declared'],
  1400001: ['stop', 'phone_quota'],
}
/** The options, by the type of their value. */
const OPTIONS = {
  string: 'baseURL appid',
  object: 'baseURL cloud origins wx',
  function: 'transport upload unwrap isUnauthorized trace wx',
  boolean: 'signup checkSession prefetch',
  number: 'patience timeout',
}

/** What the clients of one mini-program and one server have in common: see `state`. */
const states = []

/** A mistake in a program is an exception, and names the option that is wrong. */
const need = (good, name) => {
  if (!good) throw TypeError(`wxauth: wrong option ${name}`)
}

const isString = (value) => typeof value === 'string'

const given = (value) => Promise.resolve(value)

const succeed = (data, status) => ({ ok: true, action: 'ok', status, data })

const fail = (action, code, detail, more) => (
  assign({ ok: false, action, code, detail: detail || '', status: 0 }, more))

/** A failed result as something to throw, for the two methods that have nothing to return. */
const toError = (result) => (
  assign(Error(result.detail || result.code), result, { name: 'WxauthError', result }))

const toResult = (error) => {
  // A mistake in a program is no answer.
  if (!error.result) throw error
  return error.result
}

const bearer = (token) => ({ Authorization: `Bearer ${token}` })

const origin = (url) => (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(url) || [''])[0].toLowerCase()

const parse = (data) => {
  try {
    // wx.uploadFile hands out the text of an answer, whatever its type.
    return /^[{[]/.test(data) ? JSON.parse(data) : data
  } catch (error) {
    return data
  }
}

const retryAfter = (res, body) => {
  const header = res.header || {}
  const name = Object.keys(header).filter((key) => /^retry-after$/i.test(key))[0]
  const seconds = parseFloat(body && body.retry_after !== undefined ? body.retry_after : header[name])
  return seconds >= 0 ? seconds : undefined
}

/** What a button's event says when there is nothing to send, or null when there is. */
const refusal = (detail) => {
  const said = detail.errMsg || ''
  if (detail.code || detail.encryptedData || detail.avatarUrl) return null
  const [action, code] = REFUSALS[/no permission/.test(said) ? 102 : detail.errno]
    || ['stop', /privacy/i.test(said) ? 'privacy_refused' : /deny|cancel/i.test(said) ? 'user_denied' : 'wx_failed']
  return fail(action, code, said)
}

const isLogin = (data) => isString(data.token) && data.expires_in > 0
const isUser = (data) => isString(data.id)

/** For an answer that should be ours and is not: an envelope, perhaps, that nobody opens. */
const expect = (result, isOurs) => (!result.ok || isOurs(result.data || {}) ? result
  : fail('fix', 'not_wxauth', 'See the options baseURL and unwrap.', pick(result, ['status', 'data'])))

const pick = (source, names) => {
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
const create = (options) => {
  Object.keys(options).forEach((name) => need(options[name] === undefined
    || ` ${OPTIONS[typeof options[name]]} `.indexOf(` ${name} `) >= 0, name))
  const urls = options.baseURL
  ;(urls && typeof urls === 'object' ? [urls.develop, urls.trial, urls.release] : [urls])
    .forEach((url) => need(/^(https?:\/)?\//.test(`${url}`), 'baseURL'))
  const timeout = options.timeout || 15000
  const trace = options.trace || (() => {})
  let mine

  // -- where we are --------------------------------------------------------------------------

  // Looked up at each call: at import time there is no wx in tests, plugins and workers.
  const platform = () => options.wx || wx

  const account = () => {
    try {
      return platform().getAccountInfoSync().miniProgram || {}
    } catch (error) {
      return {}
    }
  }

  const appid = () => options.appid || account().appId

  // A base library that cannot tell its version is an old phone of a real user.
  const base = () => (typeof urls === 'string' ? urls : urls[account().envVersion || 'release']).replace(/\/+$/, '')

  /**
   * - `held`: {token, life (seconds), at} or {out: true}, and `owed`, the logouts that the server
   *   was not told of; undefined: the storage was not read yet
   * - `silent`, `asked`: the login under way that nobody asked for, and the one by a tap
   * - `settling`: who is telling the server what is owed
   * - `era`: counts logouts; what was under way before one must not log anybody in after it
   * - `ahead`: a code that was fetched before a button is pressed
   */
  const state = () => {
    if (!mine) {
      // With the address in it, a trial version does not send its token to the real server.
      const key = `wxauth ${appid()} ${base()}`
      mine = states.filter((one) => one.key === key && one.wx === platform())[0]
      if (!mine) states.push(mine = { key, wx: platform(), era: 0, running: 0, waiting: [] })
    }
    return mine
  }

  const address = (url) => {
    need(isString(url), 'url')
    if (origin(url)) return url
    return /^\//.test(url) ? origin(base()) + url : `${base()}/${url}`
  }

  /** The token is shown to our own server only: anybody who has it is the person. */
  const isOurs = (url) => [base()].concat(options.origins || []).some((one) => origin(one) === origin(url))

  // -- the token in the storage --------------------------------------------------------------

  const load = () => {
    const app = state()
    if (!app.held) {
      try {
        app.held = platform().getStorageSync(app.key)
      } catch (error) {
        // The storage is broken: as if nothing was in it.
      }
      if (!app.held || !(app.held.out || isString(app.held.token))) app.held = {}
    }
    return app.held
  }

  /** Keep this, and what is owed: that outlives logins. */
  const save = (value, owed) => {
    const app = state()
    const debts = owed || load().owed || []
    app.held = assign({}, value, { owed: debts.length ? debts : undefined })
    try {
      // Removed first: where there is no room for the new value, the old one must not come back.
      platform().removeStorageSync(app.key)
      if (app.held.out || app.held.token) platform().setStorageSync(app.key, app.held)
    } catch (error) {
      // The storage is full or broken: then the token lives as long as the mini-program runs.
    }
  }

  /**
   * Seconds that the token still has. Only a span is measured: the phone's clock may be wrong, and
   * where somebody sets it back the server's 401 has the last word.
   */
  const remaining = () => {
    const { token, life, at } = load()
    return token ? life - (Date.now() - at) / 1000 : 0
  }

  const isFresh = () => remaining() > Math.min(60, load().life / 10)

  // -- sending -------------------------------------------------------------------------------

  /**
   * Call something of `wx`, which answers by callbacks, by a promise, by both, or never. Resolves
   * to what it answers; where that is nothing, to a `statusCode` of 0.
   */
  const call = (method, fields, hold) => {
    return new Promise((resolve) => {
      let task
      const timers = [
        setTimeout(() => {
          lose({ errMsg: 'timeout' })
          if (task && task.abort) task.abort()
        }, fields.timeout + GRACE),
        setTimeout(() => isOffline().then((yes) => yes && lose({ errMsg: OFFLINE })), LOOK),
      ]
      const end = (res) => {
        timers.forEach((timer) => clearTimeout(timer))
        resolve(res)
      }
      const lose = (error) => {
        end({ statusCode: 0, data: null, errMsg: (error && error.errMsg) || String(error) })
      }
      try {
        task = method(assign({}, fields, { success: end, fail: lose, complete: undefined }))
        // Taro and wx.cloud answer by a promise as well, or instead.
        if (task && task.then) task.then((res) => res && end(res), lose)
        if (task && hold) hold(task)
      } catch (error) {
        lose(error)
      }
    })
  }

  const ask = (name, fields) => call((wanted) => platform()[name](wanted), assign({ timeout }, fields))

  /** A phone that cannot tell is believed to have a network. */
  const isOffline = () => ask('getNetworkType', { timeout: 0 }).then((res) => res.networkType === 'none')

  /** Sends when there is room for it. The answer, always: see `call`. */
  const send = (transport, request, hold) => {
    const app = state()
    return new Promise((resolve) => {
      const start = () => {
        app.running += 1
        call(transport, request, hold).then((res) => {
          app.running -= 1
          if (app.waiting.length) app.waiting.shift()()
          resolve(res)
        })
      }
      if (app.running < AT_ONCE) start()
      else app.waiting.push(start)
    })
  }

  const post = (path, data, header) => send(fetcher(), {
    url: address(path), method: 'POST', header: assign({}, JSON_BODY, header), data, timeout,
  })

  const fetcher = () => {
    const { cloud, transport } = options
    return transport || ((request) => (cloud
      ? platform().cloud.callContainer(assign({}, request, {
        path: request.url,
        config: { env: cloud.env },
        header: assign({ 'X-WX-SERVICE': cloud.service }, request.header),
      }))
      : platform().request(request)))
  }

  const uploader = () => {
    // callContainer takes no files, and wx.uploadFile no address without a domain.
    need(options.upload || !options.cloud, 'upload')
    return options.upload || ((request) => platform().uploadFile(request))
  }

  // -- reading -------------------------------------------------------------------------------

  /** The one place that turns an answer into what to do next. `isText`: a page may be meant. */
  const read = (res, isText) => {
    const status = res.statusCode
    if (!status) return fail('retry', 'network', res.errMsg)
    const whole = assign({}, res, { data: parse(res.data) })
    const good = status >= 200 && status < 300
    let wrong

    const consult = (name, otherwise) => {
      try {
        if (options[name]) return options[name](whole)
      } catch (error) {
        wrong = `${name}: ${error.message}`
      }
      return otherwise
    }

    if (good && !isText && /^\s*</.test(whole.data)) return fail('retry', PORTAL, '', { status })
    const body = consult('unwrap', whole.data)
    const isOut = consult('isUnauthorized', status === 401)
    const more = { status, data: body }
    // The project's functions are not made for the pages of proxies; for an answer of 200 they are.
    if (good && wrong) return fail('fix', 'option_failed', wrong, more)
    const speaks = body && isString(body.code) && isString(body.action)
    if (isOut) return fail('login', speaks ? body.code : 'unauthorized', speaks && body.detail, more)
    // In an envelope a refusal may come with status 200; without one it never does.
    const refused = speaks && (!good || options.unwrap)
    if (good && !refused) return succeed(body, status)
    let action = FIX.test(status) ? 'fix' : RETRY.test(status) ? 'retry' : 'stop'
    if (refused) {
      action = ACTIONS.test(body.action) ? body.action : 'stop'
      if (body.field) more.field = body.field
    }
    if (action === 'retry') more.retryAfter = retryAfter(res, body)
    return fail(action, refused ? body.code : `http_${status}`, body && body.detail, more)
  }

  const handle = (res, header, isText) => {
    const result = read(res, isText)
    if (result.action === 'login') {
      // A late refusal of an old token must not cost the new one, hence the header.
      const sent = header && (header.Authorization || header.authorization || '').slice(7)
      const { token: kept } = load()
      if (kept && (!header || sent === kept)) save()
    }
    return result
  }

  const report = (url, result) => {
    const { status, action, code } = result
    trace({ step: 'answer', url, status, action, code })
    // There is a network.
    if (status && load().owed) settle()
    return result
  }

  /**
   * Attempt something until there is a result to tell: it is repeated after one new login, and as
   * long as the server asks for patience. An answer that got lost is asked for once more.
   *
   * `attempt(renew)` resolves to a result, `renew` says that a login must be a new one.
   * `isHarmless`: twice does no harm. `isOver(action)`: nothing is to be done any more about this.
   */
  const insist = (url, attempt, isHarmless, isOver) => {
    let left = options.patience === undefined ? 20 : options.patience
    let repeats = 0
    let renewed

    const isWorthIt = ({ status, code, retryAfter: asked }) => {
      const seconds = asked === undefined ? 1 << repeats : asked
      repeats += 1
      // Nobody knows whether a lost request arrived: what must not happen twice is not sent twice.
      const isServersWord = !/^(network|http_)/.test(code)
      if (!(isHarmless || isServersWord) || seconds > left || repeats > REPEATS) return false
      // WeChat itself, and the Wi-Fi of a hotel, will say the same in a second.
      if (code === PORTAL || code === NO_CODE) return false
      left -= seconds
      if (!status) repeats = REPEATS
      return (status ? given() : isOffline()).then((yes) => {
        if (yes) return false
        trace({ step: 'wait', seconds, code })
        // A little later than asked, each phone by a different bit: else all come back at once.
        const spread = seconds * Math.random() * 250
        return new Promise((resolve) => { setTimeout(resolve, seconds * 1000 + spread, true) })
      })
    }

    const once = (renew) => {
      return attempt(renew).then((result) => {
        const { action, code } = result
        const worth = action === 'login' ? !renewed : action === 'retry' && isWorthIt(result)
        return given(worth).then((yes) => {
          if (!yes || isOver(action)) return result
          trace({ step: 'repeat', url, code })
          renewed = renewed || action === 'login'
          return once(action === 'login')
        })
      })
    }

    return once()
  }

  // -- logging in ----------------------------------------------------------------------------

  /** A job that all who want it at the same time share. */
  const share = (slot, job) => {
    const app = state()
    const done = (result) => {
      if (app[slot] === coming) app[slot] = null
      return result
    }
    const coming = app[slot] || job().then(done)
    app[slot] = coming
    return coming
  }

  const takeCode = () => {
    const app = state()
    const ready = app.ahead
    app.ahead = null
    return ready && Date.now() - ready.at < CODE_LIFE ? given(ready) : ask('login')
  }

  /** Fetch a code, exchange it, keep the token. Never rejects. */
  const exchange = (fields) => {
    const app = state()
    const begun = app.era
    const isOver = () => begun !== app.era
    let got

    return insist(LOGIN, (renew) => {
      const at = Date.now()
      // Otherwise the same code: a server that has used it answers as it did the first time.
      return (got && !renew ? given(got) : takeCode()).then((taken) => {
        const { code, errMsg } = taken
        if (!code) return fail('retry', errMsg === OFFLINE ? 'network' : NO_CODE, errMsg)
        got = taken
        trace({ step: 'login' })
        return post(LOGIN, assign({ code, appid: appid() }, fields)).then((res) => {
          const result = report(LOGIN, expect(read(res), isLogin))
          if (isOver()) return fail('login', 'logged_out')
          if (result.ok) {
            const { token: fresh, expires_in: life } = result.data
            save({ token: fresh, life, at })
            // For WeChat's servers. After a logout they have a dead one: better than none, for they would log in.
            if (options.prefetch) ask('setBackgroundFetchToken', { token: fresh })
            app.checked = given()
          }
          return result
        })
      })
    }, true, isOver)
  }

  /** Run a login, even if there is one, and leave it where those who come meanwhile find it. */
  const begin = (fields) => {
    state().silent = null
    return share('silent', () => exchange(fields))
  }

  /** A login that nobody asked for: all who need one at the same time share it. */
  const loginSilently = () => share('silent', () => exchange(options.signup === false ? { signup: false } : {}))

  /** A login that a person asked for. It may register them, and it ends a logout. */
  const loginBy = (fields) => {
    // First what is owed: a logout on all devices must not end the login that comes after it.
    const paid = load().owed ? settle() : given()
    if (load().out) save()
    return paid.then(() => state().silent).then((result) => {
      // A silent login has just done it, or cannot; what comes with the tap must be sent itself.
      const plain = !Object.keys(fields).length
      return plain && result && /ok|retry/.test(result.action) ? result : begin(fields)
    })
  }

  // A double tap is one login.
  const login = (wanted) => share('asked', () => loginBy(pick(wanted || {}, ['extra'])))

  /** Once per launch, and only if asked for: does WeChat's own session still hold? */
  const checkLaunch = () => {
    const app = state()
    if (!options.checkSession || !load().token) return given()
    app.checked = app.checked || ask('checkSession').then(({ errMsg }) => {
      // A yes proves nothing: the server's token is another thing, and 401 has the last word.
      if (/:fail/.test(errMsg)) save()
    })
    return app.checked
  }

  const token = () => {
    return checkLaunch().then(() => {
      const kept = load()
      if (isFresh()) return kept.token
      if (kept.out) throw toError(fail('login', 'logged_out'))
      return loginSilently().then((result) => {
        if (result.ok) return result.data.token
        // The renewal came early: the old token has some seconds left.
        if (remaining() > 0) return load().token
        throw toError(result)
      })
    })
  }

  const header = () => token().then(bearer)

  const probe = () => {
    if (load().out) return given(fail('login', 'logged_out'))
    return (isFresh() ? given(succeed(null, 0)) : begin({ signup: false })).then((result) => (
      result.ok || result.action === 'signup' ? succeed({ registered: result.ok }, result.status) : result))
  }

  const prepare = () => {
    const app = state()
    return isFresh() || app.ahead ? given() : ask('login').then(({ code }) => {
      if (code) app.ahead = { code, at: Date.now() }
    })
  }

  const logout = (wanted) => {
    const app = state()
    const all = !!(wanted && wanted.all)
    const old = load()
    app.era += 1
    app.silent = app.asked = app.ahead = null
    save({ out: true }, (old.owed || []).concat(old.token ? old : []).map((one) => (
      { token: one.token, all: one.all || all })))
    return settle()
  }

  /** End on the server what ended on the phone. What cannot be told it now is kept until it can. */
  const settle = () => {
    const once = () => {
      const { owed } = load()
      if (!owed) return given(succeed(null, 0))
      const path = owed[0].all ? 'logout/all/' : 'logout/'
      return post(path, {}, bearer(owed[0].token)).then((res) => {
        const result = report(path, read(res))
        // A token that was dead already is what was wanted.
        if (!result.ok && result.action !== 'login') return result
        save(load(), load().owed.slice(1))
        return once()
      })
    }
    return share('settling', once)
  }

  // -- requests ------------------------------------------------------------------------------

  const perform = (transport, wanted) => {
    const request = assign({ timeout: 60000 }, wanted, { url: address(wanted.url) })
    const { url } = request
    const ours = isOurs(url)
    const isText = !ours || (request.dataType && request.dataType !== 'json')
    const isHarmless = request.repeatable || /^(GET|HEAD)$/i.test(request.method || 'GET')
    const watchers = []
    let over, sent, task, last, stop

    // Without a token in the request, a new one helps nobody.
    const isOver = (action) => over || (action === 'login' && !sent)

    const credentials = () => {
      if (ours && !request.guest) return header()
      return given(ours && isFresh() ? bearer(load().token) : {})
    }

    const hold = (begun) => {
      task = begun
      if (task.onProgressUpdate) task.onProgressUpdate((news) => watchers.forEach((tell) => tell(news)))
    }

    const attempt = () => {
      return credentials().then((extra) => {
        const wire = assign({}, request, { header: assign({}, request.header, extra) })
        sent = extra.Authorization
        return send((fields) => (over ? fields.fail() : transport(fields)), wire, hold).then((res) => {
          last = res
          const result = report(url, ours ? handle(res, extra, isText) : read(res, isText))
          // What was sent cannot be used; after a new login, what comes next can.
          return result.action === 'refetch' && ours ? loginSilently().then(() => result) : result
        })
      })
    }

    const left = new Promise((resolve) => { stop = resolve })
    const promise = assign(Promise.race([insist(url, attempt, isHarmless, isOver).catch(toResult), left]), {
      abort: () => {
        over = true
        stop(fail('stop', 'abort'))
        if (task && task.abort) task.abort()
      },
      onProgressUpdate: (watcher) => { watchers.push(watcher) },
    })
    // Once each, as wx.request calls them, with what came of it in the end.
    promise.then(({ code }) => {
      const res = last || { errMsg: `request:fail ${code}` }
      ;[res.statusCode ? request.success : request.fail, request.complete]
        .forEach((callback) => callback && given(res).then(callback))
    }, () => {})
    return promise
  }

  const request = (wanted) => perform(fetcher(), wanted)

  const upload = (wanted) => perform(uploader(), assign({ name: 'file' }, wanted, { method: 'POST' }))

  // -- the person's own data -----------------------------------------------------------------

  // Sent twice, each of these does the same as sent once.
  const change = (path, data) => request({ url: path, method: 'POST', header: JSON_BODY, data, repeatable: true })
    .then((result) => expect(result, isUser))

  /** What came by a tap can only come again by a tap. */
  const byTap = (result) => (result.action === 'refetch' ? assign({}, result, { action: 'tap' }) : result)

  /** Use what a button's event holds, or say why it holds nothing. */
  const take = (event, use) => {
    need(event && event.detail, 'event')
    const no = refusal(event.detail)
    return no ? given(no) : use(event.detail)
  }

  const phoneFields = (detail) => {
    const fields = pick(detail, ['encryptedData', 'iv'])
    // WeChat calls both "code"; this is not the one of wx.login, and they cannot be exchanged.
    if (detail.code) fields.phone_code = detail.code
    return fields
  }

  const bindPhone = (event) => take(event, (detail) => change('me/phone/', phoneFields(detail)).then(byTap))

  const loginWithPhone = (event, extra) => take(event, (detail) => (
    loginBy(assign(phoneFields(detail), pick({ extra }, ['extra'])))))

  const getUserInfo = (event) => {
    const give = (got) => change('me/userinfo/', pick(got, ['encryptedData', 'iv', 'rawData', 'signature']))
    if (event) return take(event, give).then(byTap)
    const fetchAndSend = () => token().then(() => ask('getUserInfo', { withCredentials: true }))
      .then((got) => refusal(got) || give(got))
    // The login stands before wx.getUserInfo: after it, the key might have changed already.
    return fetchAndSend().then((result) => (result.action === 'refetch' ? fetchAndSend() : result))
      .catch(toResult)
  }

  const setNickname = (nickname) => change('me/', { nickname })

  const uploadAvatar = (event) => take(event, (detail) => upload({
    url: 'me/avatar/', filePath: detail.avatarUrl, name: 'avatar', repeatable: true,
  }))

  return {
    login,
    token,
    header,
    handle,
    request,
    upload,
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

module.exports = { create }
