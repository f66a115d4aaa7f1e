// The page: who, which app, which phone, what goes wrong. The phone itself runs the client.
import { h, icon } from './dom.js'
import { makeLive } from './live.js'
import { bar, draw } from './screens.js'
import { NO_NUMBER, keepFile, makeWx, phoneDetail, sandbox } from './wx.js'
import { explain, language, switchLanguage, tag, words } from './words.js'

const { create } = window.module.exports
const config = await (await fetch('/phone/config.json')).json()
const $ = (id) => document.getElementById(id)

const DEMO = [
  { icon: 'cup', zh: '晨间咖啡', en: 'Morning Coffee' },
  { icon: 'book', zh: '街角书店', en: 'Corner Books' },
  { icon: 'paw', zh: '喵宠医院', en: 'Purr Clinic' },
]
/** Everything that the project may ask WeChat: troubles are for all of it. */
const PATHS = ['/sns/jscode2session', '/wxa/business/getuserphonenumber', '/cgi-bin/stable_token', '/sns/oauth2/access_token', '/sns/userinfo']

const state = {
  person: config.people.find((one) => one.name === 'alice') ? 'alice' : config.people[0].name,
  /** Who held the phone before. */
  former: config.people[config.people.length - 1].name,
  appid: config.apps[0].appid,
  /** Whether WeChat's browser is in front of the mini-program. */
  browser: false,
  device: 1,
  devices: 1,
  used: false,
  slow: false,
  down: false,
  banned: new Set(),
  offline: false,
  hang: false,
  loss: false,
  /** Why the phone button gives no number, or whose it is: 'own', 'taken' or a key of NO_NUMBER. */
  number: 'own',
  lose() {
    const now = state.loss
    state.loss = false
    if (now) drawSide()
    return now
  },
}
const sessions = new Map()

function appOf(appid) {
  if (config.browser && appid === config.browser.appid) return { icon: 'globe', name: words().browser }
  const index = config.apps.findIndex((one) => one.appid === appid)
  const demo = DEMO[index]
  if (index >= 0 && !config.apps[index].name && demo) return { icon: demo.icon, name: demo[language()] }
  const known = index >= 0 ? config.apps[index].name : ''
  return { icon: demo ? demo.icon : 'app', name: known || appid }
}

function personName(one) {
  return language() === 'zh' && one.nickname ? one.nickname : one.name[0].toUpperCase() + one.name.slice(1)
}

const live = makeLive({
  timeline: $('timeline'),
  rows: $('rows'),
  page: {
    base: `/backend${config.api}`,
    appName: (appid) => appOf(appid).name,
    badge: (appid) => h('span', { class: `dot ${appOf(appid).icon}`, title: appid }, icon(appOf(appid).icon)),
    // The page may have been opened under another name of this machine.
    adminLink: (path) => `${location.protocol}//${location.hostname}:${config.backendPort}${path}`,
    onCall(call) {
      if (state.used && call.trouble === 'Errcode') {
        state.used = false
        drawSide()
      }
    },
  },
})

// -- one mini-program of one person on one phone ---------------------------------------------

function session() {
  const key = [state.device, state.appid, state.person].join(' ')
  if (!sessions.has(key)) {
    const phone = {
      storage: new Map(),
      agent: `MicroMessenger/8.0 (phone ${state.device})`,
      appid: state.appid,
      person: state.person,
      stale: false,
      language: tag,
    }
    sessions.set(key, open({ phone, agreed: false, key }))
  }
  return sessions.get(key)
}

/** Start the mini-program: what it kept in its storage is there, all else is new. */
function open(one) {
  const auth = create({
    baseURL: `/backend${config.api}`,
    wx: makeWx(one.phone, live.request, state),
    // Short, for who sits and watches.
    timeout: 5000,
    // Nobody is registered before they have accepted the terms.
    signup: false,
    trace: live.trace,
  })
  return Object.assign(one, { auth, tab: 'home', page: null, sheet: null, user: null, logins: [], busy: false, toast: '', remind: false })
}

function drawScreen() {
  const one = session()
  // Typing is not to be disturbed by news from the server.
  const typing = document.activeElement && document.activeElement.name === 'nickname' ? document.activeElement.value : null
  const scrolled = $('screen').querySelector('.scroll')
  const place = scrolled ? scrolled.scrollTop : 0
  $('screen').replaceChildren(...draw(one, appOf(one.phone.appid), handlers(one)))
  const view = $('screen').querySelector('.scroll')
  if (view && one.drawn === `${one.page}${one.tab}`) view.scrollTop = place
  one.drawn = `${one.page}${one.tab}`
  const input = $('screen').querySelector('[name=nickname]')
  if (input && typing !== null) {
    input.value = typing
    input.focus()
  }
  $('browser-toast').replaceChildren(one.toast && h('div', { class: 'toast', role: 'status' }, one.toast))
}

/** WeChat's browser comes from another port, which has to know whose phone this is. */
function drawBrowser() {
  $('screen').hidden = state.browser
  $('browser').hidden = !state.browser
  if (!state.browser) return
  const title = words().browserTitle(personName(config.people.find((one) => one.name === state.person)))
  $('browser-bar').replaceChildren(bar(title, () => choose({ browser: false }), words().closeBrowser))
  $('frame').title = title
  const phone = String(new URLSearchParams({ person: state.person, device: state.device, language: tag() }))
  if ($('frame').dataset.phone === phone) return
  $('frame').dataset.phone = phone
  document.cookie = `wxauth_phone=${phone}; Path=/; SameSite=Lax`
  $('frame').src = `${location.protocol}//${location.hostname}:${config.browser.port}${config.browser.path}`
}

let toastTimer
function toast(one, text) {
  one.toast = text
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => {
    one.toast = ''
    drawScreen()
  }, 2600)
  drawScreen()
}

/** One tap: nothing else can be tapped until it is done. */
async function act(one, label, job) {
  live.gesture(label)
  one.busy = true
  drawScreen()
  try {
    await job()
  } finally {
    one.busy = false
    drawScreen()
    live.poll()
  }
}

function shown(user) {
  // Pictures of this project only: WeChat's own are elsewhere, and the page loads nothing from there.
  if (!user || !user.avatar) return null
  const url = new URL(user.avatar, location.href)
  return url.port === String(config.backendPort) ? `/backend${url.pathname}${url.search}` : null
}

function setUser(one, user) {
  one.user = user
  one.avatar = shown(user)
}

async function loadLogins(one) {
  const result = await one.auth.request({ url: 'me/logins/' })
  one.logins = result.ok ? result.data : []
}

function handlers(one) {
  const { auth } = one
  const say = words

  function needsLogin(result) {
    return result.action === 'signup' || result.code === 'logged_out'
  }

  function toLogin() {
    one.page = 'login'
    // Before a button is pressed: data that it gives is encrypted with the key of this code.
    auth.prepare()
    drawScreen()
  }

  async function entered(result) {
    if (!result.ok) {
      toast(one, explain(result))
      return
    }
    setUser(one, result.data.user)
    one.page = null
    const warning = result.data.warnings[0]
    toast(one, warning ? explain(warning) : result.data.created ? say().welcomeNew : say().welcomeBack)
    if (one.tab === 'me') await loadLogins(one)
  }

  function agreed() {
    if (one.agreed) return true
    one.remind = true
    drawScreen()
    return false
  }

  return {
    tab(name) {
      one.tab = name
      if (name === 'home') {
        drawScreen()
        return
      }
      act(one, () => say().me, async () => {
        const result = await auth.request({ url: 'me/' })
        setUser(one, result.ok ? result.data : null)
        if (result.ok) await loadLogins(one)
        else if (!needsLogin(result)) toast(one, explain(result))
      })
    },
    orders() {
      act(one, () => say().orders, async () => {
        const result = await auth.request({ url: 'me/' })
        if (result.ok) {
          setUser(one, result.data)
          toast(one, say().ordersOf(result.data.nickname || say().somebody))
        } else if (needsLogin(result)) {
          toLogin()
        } else {
          toast(one, explain(result))
        }
      })
    },
    toLogin,
    back() {
      one.page = null
      drawScreen()
    },
    agree(yes) {
      one.agreed = yes
      one.remind = false
      drawScreen()
    },
    plainLogin() {
      if (agreed()) act(one, () => say().plainLogin, async () => entered(await auth.login()))
    },
    askPhone() {
      if (one.page === 'login' && !agreed()) return
      if (NO_NUMBER[state.number]) {
        act(one, () => say().phoneLogin, () => pressed(NO_NUMBER[state.number]))
        return
      }
      one.number = numberOf(one.phone.person).replace(/^(...)....(....)$/, '$1****$2')
      one.sheet = 'phone'
      drawScreen()
    },
    refusePhone() {
      one.sheet = null
      act(one, () => say().refuse, () => pressed({ errMsg: 'getPhoneNumber:fail user deny' }))
    },
    allowPhone() {
      one.sheet = null
      act(one, () => say().allow, async () => pressed(await phoneDetail(one.phone, config.phoneCode)))
    },
    nickname(name) {
      if (document.activeElement) document.activeElement.blur()
      act(one, () => say().save, async () => {
        const result = await auth.setNickname(name)
        if (result.ok) setUser(one, result.data)
        toast(one, result.ok ? say().saved : result.detail || explain(result))
      })
    },
    chooseAvatar: config.avatar ? () => {
      one.sheet = 'avatar'
      drawScreen()
    } : null,
    faces: config.avatar ? faces() : [],
    closeSheet() {
      one.sheet = null
      drawScreen()
    },
    avatar(index) {
      one.sheet = null
      act(one, () => say().chooseAvatar, async () => {
        const result = await auth.uploadAvatar({ detail: { avatarUrl: keepFile(toBlob(faces()[index])) } })
        if (result.ok) setUser(one, result.data)
        toast(one, result.ok ? say().saved : explain(result))
      })
    },
    copy() {
      if (navigator.clipboard) navigator.clipboard.writeText(one.user.id).catch(() => {})
      toast(one, say().copied)
    },
    deviceName(login) {
      const found = /phone (\d+)/.exec(login.device)
      return `${appOf(login.app).name} · ${found ? say().device(found[1]) : login.device || '—'}`
    },
    endLogin(id) {
      act(one, () => say().end, async () => {
        const result = await auth.request({ url: `me/logins/${id}/`, method: 'DELETE' })
        toast(one, result.ok ? say().deviceEnded : explain(result))
        await loadLogins(one)
      })
    },
    logout() {
      act(one, () => say().logout, async () => {
        const result = await auth.logout()
        setUser(one, null)
        one.logins = []
        toast(one, result.ok ? say().loggedOut : say().logoutOwed)
      })
    },
  }

  async function pressed(detail) {
    if (one.page === 'login') {
      await entered(await auth.loginWithPhone({ detail }))
      return
    }
    const result = await auth.bindPhone({ detail })
    if (result.ok) setUser(one, result.data)
    toast(one, result.ok ? say().bound : explain(result))
  }
}

/** The number that WeChat would give of this person now. */
function numberOf(name) {
  const find = (wanted) => config.people.find((one) => one.name === wanted)
  return find(state.number === 'taken' && name === state.person ? state.former : name).phone
}

let drawnFaces
function faces() {
  if (!drawnFaces) {
    drawnFaces = [['#ffb86b', '#ff6b8b'], ['#6bd5ff', '#5b6bff'], ['#a8e063', '#18a06a'], ['#d7a8ff', '#7b4dff']].map(([from, to], index) => {
      const canvas = document.createElement('canvas')
      canvas.width = canvas.height = 132
      const pen = canvas.getContext('2d')
      const fill = pen.createLinearGradient(0, 0, 132, 132)
      fill.addColorStop(0, from)
      fill.addColorStop(1, to)
      pen.fillStyle = fill
      pen.fillRect(0, 0, 132, 132)
      pen.fillStyle = '#fff'
      for (const x of [46, 86]) {
        pen.beginPath()
        pen.arc(x, 56, 8, 0, 7)
        pen.fill()
      }
      pen.lineWidth = 7
      pen.lineCap = 'round'
      pen.strokeStyle = '#fff'
      pen.beginPath()
      pen.arc(66, 76, 20 + index * 2, 0.3, 2.84)
      pen.stroke()
      return canvas.toDataURL('image/png')
    })
  }
  return drawnFaces
}

function toBlob(picture) {
  // Not by fetch: the page's own policy keeps it from reading data: addresses.
  const bytes = Uint8Array.from(atob(picture.split(',')[1]), (character) => character.charCodeAt(0))
  return new Blob([bytes], { type: 'image/png' })
}

// -- what goes wrong -------------------------------------------------------------------------

async function applyFaults() {
  await sandbox('POST', 'faults', { clear: true })
  if (state.used) await sandbox('POST', 'faults', { kind: 'errcode', errcode: 40163, path: PATHS[0] })
  for (const path of PATHS) {
    if (state.down) await sandbox('POST', 'faults', { kind: 'html', status: 503, times: null, path })
    if (state.slow) await sandbox('POST', 'faults', { kind: 'slow', seconds: 4, times: null, path })
  }
}

/** WeChat tells the project what this person did in WeChat's own settings. */
async function push(name, message) {
  const one = session()
  live.gesture(() => words()[name])
  const about = { person: state.person, appid: state.appid }
  // An app of the project's own may have nothing to push with.
  const { answers } = await sandbox('POST', 'push', { ...about, ...message }).catch(() => ({ answers: [] }))
  toast(one, answers.at(-1) === 200 ? words().pushed : words().notPushed)
  live.poll()
}

function drawSide() {
  const say = words()
  const toggle = (name, symbol, on, change) => h('button', {
    type: 'button', class: 'trouble', 'aria-pressed': String(on), onclick: change, 'data-do': `trouble-${name}`,
  }, icon(symbol), h('span', null, h('b', null, say[name]), h('small', null, say[`${name}Hint`])), h('i', { class: 'switch' }))
  const flip = (name) => async () => {
    state[name] = !state[name]
    drawSide()
    await applyFaults()
  }
  const press = (name, symbol, job) => h('button', {
    type: 'button', class: 'trouble', 'data-do': `trouble-${name}`, onclick: job,
  }, icon(symbol), h('span', null, h('b', null, say[name]), h('small', null, say[`${name}Hint`])), icon('go'))
  // What goes wrong on the phone is the phone's business; the sandbox need not know.
  const flipHere = (name) => () => {
    state[name] = !state[name]
    drawSide()
  }
  $('troubles').replaceChildren(
    h('h3', null, say.onPhone),
    toggle('offline', 'offline', state.offline, flipHere('offline')),
    toggle('loss', 'lost', state.loss, flipHere('loss')),
    toggle('hang', 'slow', state.hang, flipHere('hang')),
    press('wipe', 'wipe', () => {
      const one = session()
      one.phone.storage.clear()
      live.gesture(() => words().wipe)
      toast(open(one), words().wiped)
    }),
    h('h3', null, say.inWeChat),
    press('rotate', 'key', async () => {
      const one = session()
      await sandbox('POST', 'rotate', { person: state.person, appid: state.appid })
      one.phone.stale = true
      live.gesture(() => words().rotate)
      toast(one, words().rotated)
    }),
    toggle('used', 'twice', state.used, flip('used')),
    toggle('slow', 'slow', state.slow, flip('slow')),
    toggle('down', 'down', state.down, flip('down')),
    toggle('ban', 'ban', state.banned.has(state.person), async () => {
      const one = session()
      const ban = !state.banned.has(state.person)
      if (ban) state.banned.add(state.person)
      else state.banned.delete(state.person)
      drawAll()
      await sandbox('POST', 'refuse', { person: state.person, errcode: ban ? 40226 : null })
      live.gesture(() => (ban ? words().ban : words().unban))
      // WeChat refuses logins, not what was logged in before: that ends where the project ends it.
      if (ban && one.user) toast(one, words().banLater)
    }),
    press('withdraw', 'lock', () => push('withdraw', { event: 'user_authorization_revoke', fields: { RevokeInfo: '301' } })),
    press('close', 'wipe', () => push('close', { event: 'user_authorization_cancellation' })),
    h('label', { class: 'trouble choose' }, icon('number'), h('span', null, h('b', null, say.number)),
      h('select', { 'data-do': 'number', onchange: (event) => chooseNumber(event.target.value) },
        ['own', 'taken', ...Object.keys(NO_NUMBER)].map((name) => h('option', { value: name, selected: state.number === name }, say.numbers[name])))),
    h('h3', null, say.onServer),
    press('ended', 'power', async () => {
      const one = session()
      const ended = await endByStaff(one.phone)
      live.gesture(() => words().ended)
      toast(one, ended ? words().endedNow : words().notLoggedIn)
      live.poll()
    }),
  )
  $('tries').replaceChildren(
    h('button', {
      type: 'button', 'data-do': 'many', onclick: () => {
        const one = session()
        act(one, () => words().many, async () => {
          const results = await Promise.all(Array.from({ length: 20 }, () => one.auth.request({ url: 'me/' })))
          const good = results.filter((result) => result.ok)
          if (good.length) setUser(one, good[0].data)
          toast(one, good.length ? words().twenty(good.length) : explain(results[0]))
        })
      },
    }, icon('many'), say.many),
    h('button', {
      type: 'button', 'data-do': 'cold', onclick: () => {
        live.gesture(() => words().cold)
        toast(open(session()), words().restarted)
      },
    }, icon('power'), say.cold),
  )
}

async function chooseNumber(name) {
  state.number = name
  drawSide()
  await sandbox('POST', 'people', { people: [{ name: state.person, phone: numberOf(state.person) }] })
}

/** End this phone's login on the server behind its back, as the staff does in the admin. */
async function endByStaff(phone) {
  const kept = [...phone.storage.values()].find((one) => one.token)
  if (!kept) return false
  const headers = { authorization: `Bearer ${kept.token}` }
  const response = await fetch(`/backend${config.api.replace(/\/$/, '')}/logout/`, { method: 'POST', headers })
  return response.ok
}

// -- who, where, which phone -----------------------------------------------------------------

function radio(checked, attributes, ...children) {
  return h('button', { type: 'button', role: 'radio', 'aria-checked': String(checked), ...attributes }, ...children)
}

function drawChoice() {
  const say = words()
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = say[element.dataset.word]
  document.documentElement.lang = tag()
  document.title = `wxauth · ${say.slogan}`

  $('people').replaceChildren(...config.people.slice(0, 8).map((one, index) => radio(one.name === state.person, {
    class: `who tone${index % 4}`, 'data-do': `person-${one.name}`, onclick: () => choose({ person: one.name }),
  }, h('span', { class: 'face' }, personName(one).slice(language() === 'zh' ? -1 : 0)[0]), h('span', null, personName(one)),
  state.banned.has(one.name) && h('span', { class: 'banned' }, say.banned))))

  $('apps').replaceChildren(...config.apps.map((one) => radio(one.appid === state.appid && !state.browser, {
    class: 'app', 'data-do': `app-${one.appid}`, onclick: () => choose({ appid: one.appid, browser: false }), title: one.appid,
  }, h('span', { class: `dot ${appOf(one.appid).icon}` }, icon(appOf(one.appid).icon)),
  h('span', null, h('b', null, appOf(one.appid).name), h('small', null, say.platform(one.platform))))),
  config.browser ? radio(state.browser, {
    class: 'app', 'data-do': 'browser', onclick: () => {
      live.gesture(() => words().browser)
      choose({ browser: true })
      $('browser').scrollIntoView({ block: 'nearest' })
    },
  }, h('span', { class: 'dot globe' }, icon('globe')), h('span', null, h('b', null, say.browser), h('small', null, say.browserHint))) : '')

  const numbers = Array.from({ length: state.devices }, (_, index) => index + 1)
  $('devices').replaceChildren(...numbers.map((number) => h('button', {
    type: 'button', 'aria-pressed': String(number === state.device), 'data-do': `device-${number}`, onclick: () => choose({ device: number }),
  }, say.device(number))), state.devices < 2 && h('button', {
    type: 'button', class: 'add', title: say.second, 'data-do': 'device-2', onclick: () => choose({ device: 2, devices: 2 }),
  }, `+ ${say.addDevice}`) || '')
}

function choose(change) {
  // Whose number it is was said about somebody else.
  if (change.person && state.number === 'taken') chooseNumber('own')
  if (change.person && change.person !== state.person) state.former = state.person
  Object.assign(state, change)
  drawAll()
}

function drawAll() {
  drawChoice()
  drawSide()
  drawScreen()
  drawBrowser()
}

for (const name of ['docs', 'admin']) {
  if (config[name]) {
    $(name).hidden = false
    $(name).href = `${location.protocol}//${location.hostname}:${config.backendPort}${config[name]}`
  }
}
$('language').addEventListener('click', () => {
  switchLanguage()
  drawAll()
  live.redraw()
})
// Somebody may have logged in there, or out.
$('frame').addEventListener('load', () => live.poll())
$('clear').addEventListener('click', () => live.clear())

await sandbox('POST', 'faults', { clear: true })
for (const one of config.people) await sandbox('POST', 'refuse', { person: one.name, errcode: null })
drawAll()
live.redraw()
live.poll()
// While a request is open WeChat may be slow; otherwise only the admin changes rows.
let beat = 0
setInterval(() => {
  beat += 1
  if (!document.hidden && (live.busy() || beat % 8 === 0)) live.poll()
}, 400)
document.documentElement.dataset.ready = 'true'
