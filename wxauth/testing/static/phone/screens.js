// The screens of the mini-program on the phone: the sample of miniprogram/, as HTML.
import { h, icon } from './dom.js'
import { words, tag } from './words.js'

const GOODS = {
  cup: { zh: [['燕麦拿铁', 22], ['手冲瑰夏', 38], ['海盐可颂', 16]], en: [['Oat latte', 22], ['Hand-drip geisha', 38], ['Salted croissant', 16]] },
  book: { zh: [['山茶文具店', 42], ['看不见的城市', 36], ['长安的荔枝', 45]], en: [['The Stationery Shop', 42], ['Invisible Cities', 36], ['The Lychee Road', 45]] },
  paw: { zh: [['年度体检', 198], ['疫苗接种', 90], ['洗护套餐', 128]], en: [['Yearly check-up', 198], ['Vaccination', 90], ['Wash and trim', 128]] },
  app: { zh: [['第一件', 10], ['第二件', 20], ['第三件', 30]], en: [['First thing', 10], ['Second thing', 20], ['Third thing', 30]] },
}

/** The clock, and under it a title with a way back. */
export function bar(title, back, backLabel) {
  const clock = new Date().toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  return h('div', { class: 'bar' },
    h('div', { class: 'status-bar' }, h('span', null, clock), h('span', { class: 'island' }), h('span', { class: 'battery' })),
    h('div', { class: 'nav' },
      back && h('button', { type: 'button', class: 'back', 'aria-label': backLabel, onclick: back, 'data-do': 'back' }, icon('back')),
      h('b', null, title),
      h('span', { class: 'capsule', 'aria-hidden': 'true' }, h('i'), h('u'))))
}

/** What the phone shows now. `on` holds what each tap does. */
export function draw(session, app, on) {
  const say = words()
  const busy = session.busy

  const top = (title, back) => bar(title, back, say.notNow)

  const tab = (name, symbol, label) => h('button', {
    type: 'button', class: 'tab', 'aria-current': session.tab === name ? 'page' : null, onclick: () => on.tab(name), 'data-do': `tab-${name}`,
  }, icon(symbol), label)

  const tabs = h('div', { class: 'tabs' }, tab('home', 'home', say.home), tab('me', 'me', say.me))

  function home() {
    const list = GOODS[app.icon][tag() === 'en' ? 'en' : 'zh']
    return [top(app.name),
      h('div', { class: 'scroll' },
        h('div', { class: `hero ${app.icon}` }, icon(app.icon), h('div', null, h('h3', null, app.name), h('p', null, say.guest))),
        h('button', { type: 'button', class: 'cell orders', disabled: busy, onclick: on.orders, 'data-do': 'orders' },
          h('span', { class: 'cell-title' }, say.orders), h('small', null, say.ordersHint), icon('go')),
        h('div', { class: 'goods' }, list.map(([name, price]) => h('div', { class: 'item' },
          h('span', { class: `tile ${app.icon}` }, icon(app.icon)), h('span', null, name), h('b', null, `¥${price}`))))),
      tabs]
  }

  function login() {
    return [top('', on.back),
      h('div', { class: 'scroll login-page' },
        h('span', { class: `logo ${app.icon}` }, icon(app.icon)),
        h('h3', null, say.welcome(app.name)),
        h('p', null, say.welcomeHint),
        h('button', { type: 'button', class: 'primary', disabled: busy, onclick: on.askPhone, 'data-do': 'phone-login' }, say.phoneLogin),
        h('button', { type: 'button', class: 'secondary', disabled: busy, onclick: on.plainLogin, 'data-do': 'plain-login' }, say.plainLogin),
        h('button', { type: 'button', class: 'text', onclick: on.back, 'data-do': 'not-now' }, say.notNow),
        h('label', { class: `agree ${session.remind ? 'shake' : ''}` },
          session.remind && h('span', { class: 'remind', role: 'alert' }, say.pleaseAgree),
          h('input', { type: 'checkbox', checked: session.agreed, onchange: (event) => on.agree(event.target.checked), 'data-do': 'agree' }),
          h('span', null, say.agree, h('em', null, say.terms), say.and, h('em', null, say.privacy))))]
  }

  function me() {
    const user = session.user
    if (!user) {
      return [top(say.me),
        h('div', { class: 'scroll' },
          h('button', { type: 'button', class: 'profile', disabled: busy, onclick: on.toLogin, 'data-do': 'to-login' },
            h('span', { class: 'avatar none' }, icon('me')),
            h('span', null, h('b', null, say.notLoggedIn), h('small', null, say.tapToLogin)), icon('go'))),
        tabs]
    }
    const picture = session.avatar
      ? h('img', { class: 'avatar', src: session.avatar, alt: say.avatar })
      : h('span', { class: 'avatar' }, user.nickname ? [...user.nickname][0] : icon('me'))
    return [top(say.me),
      h('div', { class: 'scroll' },
        h('div', { class: 'profile' },
          on.chooseAvatar ? h('button', { type: 'button', class: 'plain', 'aria-label': say.chooseAvatar, onclick: on.chooseAvatar, 'data-do': 'avatar' }, picture) : picture,
          h('span', null, h('b', null, user.nickname || say.noNickname), h('small', null, `${say.userId} ${user.id}`))),
        h('form', { class: 'cells', onsubmit: (event) => { event.preventDefault(); on.nickname(event.target.nickname.value) } },
          h('label', { class: 'cell' }, h('span', { class: 'cell-title' }, say.nickname),
            h('input', { name: 'nickname', value: user.nickname || '', placeholder: say.nicknamePlaceholder, maxlength: 64, autocomplete: 'off', 'data-do': 'nickname' }),
            h('button', { type: 'submit', class: 'mini', disabled: busy, 'data-do': 'save' }, say.save)),
          h('div', { class: 'cell' }, h('span', { class: 'cell-title' }, say.phone), h('span', { class: 'value' }, user.phone ? hide(user.phone) : say.none),
            h('button', { type: 'button', class: 'mini', disabled: busy, onclick: on.askPhone, 'data-do': 'bind' }, user.phone ? say.rebind : say.bind)),
          h('div', { class: 'cell' }, h('span', { class: 'cell-title' }, say.userId), h('span', { class: 'value' }, user.id),
            h('button', { type: 'button', class: 'mini', onclick: on.copy, 'data-do': 'copy' }, say.copy))),
        session.logins.length > 0 && h('p', { class: 'group' }, say.devicesTitle),
        session.logins.length > 0 && h('div', { class: 'cells' }, session.logins.slice(0, 5).map((one) => h('div', { class: 'cell' },
          h('span', { class: 'cell-title device' }, on.deviceName(one)),
          one.current
            ? h('span', { class: 'value green' }, say.current)
            : h('button', { type: 'button', class: 'mini', disabled: busy, onclick: () => on.endLogin(one.id), 'data-do': 'end' }, say.end)))),
        h('button', { type: 'button', class: 'cell quit', disabled: busy, onclick: on.logout, 'data-do': 'logout' }, say.logout)),
      tabs]
  }

  function sheet() {
    if (session.sheet === 'phone') {
      return h('div', { class: 'shade' }, h('div', { class: 'sheet', role: 'dialog', 'aria-label': say.askPhone(app.name) },
        h('p', { class: 'asks' }, h('span', { class: `dot ${app.icon}` }, icon(app.icon)), say.askPhone(app.name)),
        h('h4', null, say.askPhoneWhat),
        h('div', { class: 'number' }, h('b', null, session.number), h('small', null, say.boundNumber)),
        h('div', { class: 'choice' },
          h('button', { type: 'button', class: 'secondary', onclick: on.refusePhone, 'data-do': 'refuse' }, say.refuse),
          h('button', { type: 'button', class: 'primary', onclick: on.allowPhone, 'data-do': 'allow' }, say.allow))))
    }
    if (session.sheet === 'avatar') {
      return h('div', { class: 'shade' }, h('div', { class: 'sheet', role: 'dialog', 'aria-label': say.chooseAvatar },
        h('h4', null, say.chooseAvatar),
        h('div', { class: 'faces' }, on.faces.map((face, index) => h('button', { type: 'button', class: 'plain', onclick: () => on.avatar(index), 'data-do': 'face' }, h('img', { class: 'avatar', src: face, alt: '' })))),
        h('button', { type: 'button', class: 'text', onclick: on.closeSheet }, say.refuse)))
    }
    return null
  }

  const body = session.page === 'login' ? login() : session.tab === 'me' ? me() : home()
  return [
    h('div', { class: 'view' }, body),
    sheet(),
    busy && h('div', { class: 'busy', role: 'status' }, h('i')),
    session.toast && h('div', { class: 'toast', role: 'status' }, session.toast),
  ].filter(Boolean)
}

function hide(number) {
  return `${number.slice(0, -8)}****${number.slice(-4)}`
}
