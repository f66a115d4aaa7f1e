// Beside the phone: each request and answer, what the project asked WeChat, and the rows.
import { h, icon } from './dom.js'
import { words } from './words.js'

const MOST = 80
/** The requests for which the project asks WeChat. */
const ASKING = /^(login|me\/phone|session)/
/** What it asks for WeChat's browser, whose requests this page does not see. */
const FOR_BROWSERS = /^\/sns\/(oauth2|userinfo)/
/** In milliseconds: how wrong the page may be about when the sandbox heard of a call. */
const SLACK = 60
const HIDDEN = /^(encryptedData|iv|rawData|signature|code|phone_code|token)$/

/** Secrets and long texts in short, and a phone number as staff would see it. */
function mask(value, name) {
  if (Array.isArray(value)) return value.map((item) => mask(item))
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mask(item, key)]))
  }
  if (typeof value !== 'string') return value
  if (name === 'phone' && value.length > 8) return `${value.slice(0, -8)}****${value.slice(-4)}`
  return HIDDEN.test(name || '') && value.length > 12 ? `${value.slice(0, 8)}…` : value
}

function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function pretty(body) {
  return typeof body === 'string' ? body : JSON.stringify(mask(body), null, 1).replace(/\n\s*/g, ' ')
}

export function makeLive({ timeline, rows, page }) {
  let entries = []
  /** Answered, and not yet judged by the client, by path. */
  let unjudged = []
  let lastCall = 0
  let lastRows = ''
  let people = null
  let seen = null
  let due = false
  let polling = null
  let again = false

  // -- what happened -------------------------------------------------------------------------

  function add(entry) {
    entries.push({ at: performance.now(), ...entry })
    entries = entries.slice(-MOST)
    draw()
    return entries[entries.length - 1]
  }

  function short(url) {
    return url.startsWith(page.base) ? url.slice(page.base.length) : url
  }

  function request({ method, url, body }) {
    const entry = add({ kind: 'request', method, path: short(url), body, calls: [], end: null })
    poll()
    return (status, text) => {
      entry.end = performance.now()
      entry.status = status
      entry.answer = read(text)
      unjudged.push(entry)
      draw()
      poll()
    }
  }

  /** What the client says that it does. */
  function trace(event) {
    if (event.step === 'answer') {
      const entry = unjudged.find((one) => one.path === short(event.url))
      unjudged = unjudged.filter((one) => one !== entry)
      if (entry) entry.action = event.action
      draw()
    } else if (event.step === 'wait') {
      add({ kind: 'note', icon: 'slow', text: () => words().wait(event.seconds), code: event.code })
    } else if (event.step === 'repeat') {
      add({ kind: 'note', icon: 'twice', text: () => words().repeat, code: event.code })
    }
  }

  function gesture(label) {
    add({ kind: 'tap', text: () => words().tap(label()) })
  }

  function poll() {
    if (polling) {
      again = true
      return polling
    }
    polling = fetch(`/phone/state.json?after=${lastCall}`)
      .then((response) => response.json())
      .then(take, () => {})
      .then(() => {
        polling = null
        if (again) {
          again = false
          poll()
        }
      })
    return polling
  }

  function take({ calls, rows: found }) {
    const now = performance.now()
    for (const call of calls) {
      lastCall = call.number
      const at = now - call.age
      // Time alone tells whose it is; of several at once, the one that began last.
      const owners = entries.filter((one) => one.kind === 'request' && ASKING.test(one.path)
        && one.at <= at + SLACK && (one.end === null || at <= one.end + SLACK))
      const owner = owners[owners.length - 1]
      // At 0 this page was opened; the sandbox remembers what was before.
      if (FOR_BROWSERS.test(call.path) && at > 0) add({ kind: 'call', call })
      else if (owner) owner.calls.push(call)
      page.onCall(call)
    }
    if (calls.length) draw()
    const text = JSON.stringify(found)
    if (text !== lastRows) {
      lastRows = text
      people = found
      drawRows()
    }
  }

  // -- the timeline --------------------------------------------------------------------------

  function draw() {
    if (due) return
    due = true
    requestAnimationFrame(() => {
      due = false
      const say = words()
      if (!entries.length) {
        timeline.replaceChildren(h('p', { class: 'empty' }, say.emptyTimeline))
        return
      }
      timeline.replaceChildren(...entries.map((entry) => shapes[entry.kind](entry, say)))
      timeline.scrollTop = timeline.scrollHeight
    })
  }

  const shapes = {
    tap: (entry) => h('p', { class: 'tap' }, entry.text()),
    call: (entry, say) => wechat(entry.call, say),
    note: (entry) => h('p', { class: 'note' }, icon(entry.icon), entry.text(), entry.code && h('code', null, entry.code)),
    request(entry, say) {
      const open = entry.end === null
      const level = open ? 'open' : entry.status === 0 ? 'bad' : entry.status < 300 ? 'good' : entry.status < 500 ? 'warn' : 'bad'
      return h('article', { class: `request ${level}` },
        h('div', { class: 'line' },
          h('b', null, entry.method), h('span', { class: 'path' }, entry.path),
          h('span', { class: 'time' }, open ? say.waiting : `${Math.round(entry.end - entry.at)} ms`)),
        entry.body && h('code', { class: 'body' }, pretty(entry.body)),
        entry.calls.map((call) => wechat(call, say)),
        !open && h('div', { class: 'line answer' },
          h('span', { class: 'status' }, entry.status || say.lost),
          entry.action && h('span', { class: `action ${entry.action}` }, entry.action),
          entry.action && entry.action !== 'ok' && h('span', { class: 'what' }, say.action[entry.action])),
        !open && entry.answer && h('details', { open: entry.unfolded, ontoggle: (event) => { entry.unfolded = event.target.open } },
          h('summary', null, summary(entry.answer, say)),
          h('code', { class: 'body' }, pretty(entry.answer))))
    },
  }

  function summary(answer, say) {
    if (typeof answer === 'string') return say.showBody
    if (Array.isArray(answer)) return `[${answer.length}]`
    return answer.code || Object.keys(answer).slice(0, 5).join(', ')
  }

  function wechat(call, say) {
    const bad = call.trouble || call.told.errcode || call.told.status >= 400
    const told = Object.entries(call.told)
      .filter(([name]) => name !== 'errmsg')
      .map(([name, value]) => h('span', { class: 'field' }, `${name} `, h('em', null, String(value))))
    return h('div', { class: `wechat ${bad ? 'bad' : ''}` },
      h('div', { class: 'line' }, h('span', { class: 'who' }, say.toWeChat), h('span', { class: 'path' }, call.path.split('/').pop()),
        call.trouble && h('span', { class: 'trouble-name' }, say.troubleName[call.trouble] || call.trouble)),
      h('div', { class: 'told' }, told))
  }

  // -- the rows ------------------------------------------------------------------------------

  function drawRows() {
    const say = words()
    if (!people || !people.people.length) {
      rows.replaceChildren(h('p', { class: 'empty' }, people && people.error ? say.rowsError : say.emptyRows))
      return
    }
    const keys = new Set()
    const fresh = (key) => {
      keys.add(key)
      return seen && !seen.has(key) ? ' fresh' : ''
    }
    rows.replaceChildren(...people.people.map((person) => card(person, say, fresh)))
    seen = keys
  }

  function link(path, ...children) {
    return path
      ? h('a', { href: page.adminLink(path), target: '_blank', rel: 'noopener' }, ...children, icon('out'))
      : h('span', null, ...children)
  }

  function card(person, say, fresh) {
    const apps = person.identities.flatMap((identity) => identity.openids)
    return h('article', { class: `person${fresh(`p${person.id}`)}` },
      h('header', null,
        h('span', { class: `face tone${person.id % 4}` }, person.nickname ? [...person.nickname][0] : icon('me')),
        h('div', null,
          h('strong', null, link(person.admin, say.user(person.id))),
          h('small', null, `${person.nickname || say.noNickname} · ${person.phone || say.none}`)),
        person.blocked && h('span', { class: 'action stop' }, say.blocked)),
      apps.length > 1 && h('p', { class: 'united' }, say.oneUser),
      person.identities.map((identity) => h('div', { class: `identity${fresh(`i${person.id}${identity.platform}`)}` },
        h('div', { class: 'line' }, h('span', { class: 'word' }, say.identity), say.platform(identity.platform),
          h('code', null, identity.unionid || say.unbound)),
        identity.openids.map((one) => h('div', { class: `openid${fresh(`o${one.appid}${one.openid}`)}` },
          page.badge(one.appid), h('span', null, page.appName(one.appid)), h('code', null, one.openid))))),
      h('div', { class: 'logins' },
        h('div', { class: 'line' }, h('span', { class: 'word' }, say.login), say.logins(person.loginCount)),
        person.logins.map((login) => h('div', { class: `one-login ${login.live ? '' : 'dead'}${fresh(`l${login.id}`)}` },
          page.badge(login.appid), link(login.admin, `#${login.id}`),
          h('span', null, login.live ? say.live1 : say.dead),
          login.hasSessionKey && h('span', { class: 'sealed', title: say.sealed }, icon('lock'), 'session_key')))))
  }

  return {
    request,
    trace,
    gesture,
    poll,
    busy: () => entries.some((entry) => entry.kind === 'request' && entry.end === null),
    clear() {
      entries = []
      unjudged = []
      draw()
    },
    redraw() {
      draw()
      drawRows()
    },
  }
}
