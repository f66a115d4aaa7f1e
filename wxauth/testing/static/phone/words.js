// Every word of the page, twice. A function where a value stands inside.

const zh = {
  otherLanguage: 'English',
  slogan: '真实的客户端，真实的服务器，模拟的微信',
  docs: 'API 文档',
  admin: '管理后台',
  who: '谁在用手机',
  which: '打开什么',
  browser: '浏览器', browserHint: '微信里的网页', browserTitle: (name) => `${name}的微信`, closeBrowser: '关闭浏览器',
  trouble: '制造麻烦',
  tryThis: '试一试',
  live: '正在发生',
  rows: '数据库里',
  clear: '清空',
  platform: (name) => (name === 'default' ? '开放平台甲' : name === 'another' ? '开放平台乙' : `开放平台 ${name}`),

  onPhone: '手机上', inWeChat: '微信里', onServer: '服务器上',
  offline: '没有网络', offlineHint: '飞行模式，直到关掉',
  loss: '丢一个回答', lossHint: '请求到了，回答没到',
  hang: '微信登录不回调', hangHint: '客户端等六秒',
  wipe: '清空本地缓存', wipeHint: '像删除小程序那样', wiped: '缓存已清空，小程序已重新打开',
  ended: '下线这个登录', endedHint: '管理员在后台操作', endedNow: '已在服务器上下线，手机还不知道',
  number: '手机号按钮', numbers: {
    own: '给自己的号码', taken: '给上一个人的号码', quota: '额度用完', permission: '个人账号，没有权限', undeclared: '隐私未声明', privacy: '不同意隐私指引',
  },
  banned: '已封禁', unban: '解除封禁', banLater: '微信已封禁：下次登录起生效', logoutOwed: '已退出，联网后在服务器上生效',
  user: (id) => `用户 ${id}`, identity: '身份', login: '登录', blocked: '已封禁',

  rotate: '更换 session_key', rotateHint: '悄悄换掉，服务器不知道',
  used: 'code 已被使用', usedHint: '下次登录时回 40163',
  slow: '微信很慢', slowHint: '每次迟到 4 秒',
  down: '微信宕机', downHint: '只回 503，直到关掉',
  ban: '微信封禁此人', banHint: '登录时回 40226',
  withdraw: '撤回授权', withdrawHint: '微信推送：删除昵称、头像、手机号', close: '注销微信账号', closeHint: '微信推送：没有密码的用户立即删除',
  pushed: '微信已通知服务器', notPushed: '服务器没有收下推送',
  many: '20 个请求', cold: '重开小程序',
  device: (n) => `手机 ${n}`, addDevice: '第二台手机', second: '同一个人的另一台手机',

  home: '首页', me: '我的', orders: '我的订单', ordersHint: '登录后查看', guest: '随便看看，不用登录',
  ordersOf: (name) => `${name}，你还没有订单`, somebody: '朋友',
  welcome: (app) => `登录${app}`, welcomeHint: '登录后可查看订单、同步会员权益',
  phoneLogin: '手机号快捷登录', plainLogin: '仅用微信登录', notNow: '暂不登录',
  agree: '我已阅读并同意', terms: '《用户协议》', and: '和', privacy: '《隐私政策》',
  pleaseAgree: '请先勾选',
  askPhone: (app) => `${app} 申请`, askPhoneWhat: '获取并验证你的手机号', boundNumber: '微信绑定号码',
  allow: '允许', refuse: '不允许',
  notLoggedIn: '未登录', tapToLogin: '点此登录', noNickname: '未设置昵称',
  nickname: '昵称', nicknamePlaceholder: '请输入昵称', save: '保存', phone: '手机号', bind: '绑定', rebind: '更换', none: '未绑定',
  userId: '用户 ID', copy: '复制', devicesTitle: '登录设备', current: '本机', end: '下线', logout: '退出登录', avatar: '头像', chooseAvatar: '选择头像',

  copied: '已复制', saved: '已保存', welcomeNew: '注册成功', welcomeBack: '欢迎回来', bound: '手机号已绑定', deviceEnded: '已下线', loggedOut: '已退出登录',
  twenty: (ok) => `20 个请求，${ok} 个成功`, restarted: '小程序已重新打开', rotated: '密钥换好了：现在点手机号试试',

  result: {
    user_denied: '你拒绝了授权', phone_quota: '暂时无法验证手机号，请用微信登录', network: '网络不可用，请检查网络后重试',
    wx_login_failed: '微信没有回应，请稍后再试', captive_portal: '网络不可用，请先完成 Wi-Fi 认证', privacy_refused: '请先同意隐私保护指引',
    no_permission: '暂不支持手机号登录，请用微信登录', privacy_not_declared: '暂不支持手机号登录，请用微信登录', logged_out: '请先登录',
    tap: '请再点一次', signup: '请先注册', retry: '微信暂时没有回应，请稍后再试', login: '登录没有成功，请再试一次',
    stop: '不能继续', fix: '请求有误', blocked: '该账号无法登录', undecryptable: '数据已过期，请再点一次',
    conflict: '该手机号属于其他账号', wechat_timeout: '微信太慢了，请再试一次',
  },
  action: {
    ok: '完成', login: '换一个 code，重新登录', refetch: '重新登录，再取一次数据', tap: '请用户再点一次', signup: '去注册页',
    retry: '等一等再试', fix: '请求有误', stop: '到此为止',
  },
  toServer: '手机 → 服务器', toWeChat: '服务器 → 微信',
  wait: (seconds) => `客户端等待 ${seconds} 秒`, repeat: '客户端自动重试',
  tap: (what) => `点了「${what}」`, showBody: '内容', lost: '没有回答', waiting: '…',
  emptyTimeline: '还没有请求。随便看看不需要登录：点「我的订单」或「我的」，看看会发生什么。',
  emptyRows: '还没有人登录过。', rowsError: '读不到数据：先运行 migrate',
  logins: (n) => `登录记录 ${n}`, live1: '有效', dead: '已结束', sealed: 'session_key 已加密', unbound: '无 unionid',
  oneUser: '同一个用户，不止一个应用', troubleName: { Errcode: '错误码', Slow: '慢', Body: '宕机', Reset: '断开' },
}

const en = {
  otherLanguage: '中文',
  slogan: 'The real client, the real server, a simulated WeChat',
  docs: 'API docs',
  admin: 'Admin',
  who: 'Who holds the phone',
  which: 'What is open',
  browser: 'Browser', browserHint: 'Pages inside WeChat', browserTitle: (name) => `${name}’s WeChat`, closeBrowser: 'Close the browser',
  trouble: 'Make trouble',
  tryThis: 'Try',
  live: 'What happens',
  rows: 'In the database',
  clear: 'Clear',
  platform: (name) => (name === 'default' ? 'Open Platform A' : name === 'another' ? 'Open Platform B' : `Open Platform ${name}`),

  onPhone: 'On the phone', inWeChat: 'In WeChat', onServer: 'On the server',
  offline: 'No network', offlineHint: 'Airplane mode until switched off',
  loss: 'Lose one answer', lossHint: 'The request arrives, its answer does not',
  hang: 'WeChat login hangs', hangHint: 'The client waits six seconds',
  wipe: 'Clear the storage', wipeHint: 'As if deleted and added again', wiped: 'Storage cleared, mini-program reopened',
  ended: 'End this login', endedHint: 'The staff does, in the admin', endedNow: 'Ended on the server; the phone does not know yet',
  number: 'Phone button', numbers: {
    own: 'gives their own number', taken: 'gives the previous person’s', quota: 'quota used up', permission: 'personal account, not allowed', undeclared: 'privacy not declared', privacy: 'privacy refused',
  },
  banned: 'Blocked', unban: 'No longer blocked', banLater: 'Blocked by WeChat: from the next login on', logoutOwed: 'Logged out; the server learns of it when there is a network',
  user: (id) => `User ${id}`, identity: 'Identity', login: 'Login', blocked: 'Blocked',

  rotate: 'Rotate session_key', rotateHint: 'Behind the server’s back',
  used: 'Code used twice', usedHint: '40163 at the next login',
  slow: 'Slow WeChat', slowHint: 'Each answer 4 s late',
  down: 'WeChat down', downHint: '503 until switched off',
  ban: 'Blocked person', banHint: '40226 at login',
  withdraw: 'Withdraw authorisation', withdrawHint: 'WeChat pushes: name, picture, phone go', close: 'Close WeChat account', closeHint: 'WeChat pushes: no password, no user',
  pushed: 'WeChat has told the server', notPushed: 'The server did not take the push',
  many: '20 requests', cold: 'Restart it',
  device: (n) => `Phone ${n}`, addDevice: 'Second phone', second: 'Another phone of the same person',

  home: 'Home', me: 'Me', orders: 'My orders', ordersHint: 'after logging in', guest: 'Browse freely, no login needed',
  ordersOf: (name) => `No orders yet, ${name}`, somebody: 'friend',
  welcome: (app) => `Log in to ${app}`, welcomeHint: 'See your orders, keep your benefits',
  phoneLogin: 'Log in with phone number', plainLogin: 'Log in with WeChat only', notNow: 'Not now',
  agree: 'I have read and accept the', terms: 'Terms of Use', and: 'and the', privacy: 'Privacy Policy',
  pleaseAgree: 'Please tick this first',
  askPhone: (app) => `${app} asks to`, askPhoneWhat: 'use and verify your phone number', boundNumber: 'Number bound to WeChat',
  allow: 'Allow', refuse: 'Refuse',
  notLoggedIn: 'Not logged in', tapToLogin: 'Tap to log in', noNickname: 'No nickname yet',
  nickname: 'Nickname', nicknamePlaceholder: 'Your nickname', save: 'Save', phone: 'Phone', bind: 'Bind', rebind: 'Change', none: 'not bound',
  userId: 'User id', copy: 'Copy', devicesTitle: 'Logged-in devices', current: 'this one', end: 'End', logout: 'Log out', avatar: 'Avatar', chooseAvatar: 'Choose avatar',

  copied: 'Copied', saved: 'Saved', welcomeNew: 'Welcome! You are registered', welcomeBack: 'Welcome back', bound: 'Phone number bound', deviceEnded: 'Login ended', loggedOut: 'Logged out',
  twenty: (ok) => `20 requests, ${ok} succeeded`, restarted: 'The mini-program was reopened', rotated: 'Key rotated: now press the phone button',

  result: {
    user_denied: 'You refused', phone_quota: 'The number cannot be checked now. Please log in with WeChat', network: 'No network. Please check it and try again',
    wx_login_failed: 'WeChat does not answer. Please try again later', captive_portal: 'No network. Please log in to the Wi-Fi first', privacy_refused: 'Please accept the privacy guideline first',
    no_permission: 'A phone number cannot be used here. Please log in with WeChat', privacy_not_declared: 'A phone number cannot be used here. Please log in with WeChat', logged_out: 'Please log in first',
    tap: 'Please tap again', signup: 'Please register first', retry: 'WeChat does not answer. Try again later', login: 'Not logged in. Please try again',
    stop: 'This cannot go on', fix: 'The request is wrong', blocked: 'This account may not log in', undecryptable: 'The data was stale. Please tap again',
    conflict: 'This number belongs to another account', wechat_timeout: 'WeChat is too slow. Please try again',
  },
  action: {
    ok: 'done', login: 'log in again with a new code', refetch: 'log in again, then obtain the data anew', tap: 'ask for another tap', signup: 'show the sign-up page',
    retry: 'wait, then try again', fix: 'mend the request', stop: 'do not repeat',
  },
  toServer: 'phone → server', toWeChat: 'server → WeChat',
  wait: (seconds) => `the client waits ${seconds} s`, repeat: 'the client repeats',
  tap: (what) => `Tapped “${what}”`, showBody: 'content', lost: 'no answer', waiting: '…',
  emptyTimeline: 'No request so far: browsing needs no login. Tap “My orders” or “Me” and see what happens.',
  emptyRows: 'Nobody has logged in yet.', rowsError: 'Cannot read the data: run migrate first',
  logins: (n) => `Logins: ${n}`, live1: 'live', dead: 'ended', sealed: 'session_key sealed', unbound: 'no unionid',
  oneUser: 'One user, more than one app', troubleName: { Errcode: 'errcode', Slow: 'slow', Body: 'down', Reset: 'reset' },
}

const all = { zh, en }
let chosen = (navigator.languages || [navigator.language]).some((tag) => /^zh/i.test(tag)) ? 'zh' : 'en'

export const language = () => chosen
export const tag = () => (chosen === 'zh' ? 'zh-CN' : 'en')
export const words = () => all[chosen]

export function switchLanguage() {
  chosen = chosen === 'zh' ? 'en' : 'zh'
}

/** What to say about a result that is no success. */
export function explain(result) {
  const say = words().result
  return say[result.code] || say[result.action] || result.detail || result.code
}
