/** wxauth: the login of a WeChat mini-program. README.md tells how to use it. */

/** What to do next. The first one is ours, the others are the server's words. */
export type Action = 'ok' | 'login' | 'refetch' | 'tap' | 'signup' | 'retry' | 'fix' | 'stop'

export interface Success<Data> {
  ok: true
  action: 'ok'
  /** The HTTP status; 0: nothing had to be asked. */
  status: number
  data: Data
}

export interface Failure {
  ok: false
  /**
   * - `login`: nobody is logged in (`code: 'logged_out'` after `logout()`): show the login page
   * - `signup`: nobody is registered yet: show the login page
   * - `refetch`: the client has logged in anew; obtain the data again and send that
   * - `tap`: likewise, but the data came by a tap: ask for another one
   * - `retry`: the same again after `retryAfter` seconds; the client has waited as long as it may
   * - `fix`: the request is wrong, or the mini-program is not set up
   * - `stop`: do not repeat
   */
  action: Exclude<Action, 'ok'>
  /**
   * The server's code (`blocked`, `undecryptable`, …), or one of the client's own: `network`,
   * `http_502` and the like for answers that are not wxauth's, `captive_portal`, `not_wxauth`,
   * `option_failed`, `unauthorized`, `logged_out`, `abort`, `wx_login_failed`, `user_denied`,
   * `phone_quota`, `no_permission`, `privacy_refused`, `privacy_not_declared`, `wx_failed`.
   */
  code: string
  /** For people, in the language of the request; may be empty. */
  detail: string
  /** The HTTP status; 0: there was no answer. */
  status: number
  /** In seconds. */
  retryAfter?: number
  /** The field of the request that is wrong. */
  field?: string
  data?: any
}

export type Result<Data = any> = Success<Data> | Failure

/** What `token()` and `header()` reject with: a `Failure` that is an `Error`. */
export interface WxauthError extends Error {
  action: Failure['action']
  code: string
  detail: string
  status: number
  retryAfter?: number
  /** The failure itself. */
  result: Failure
}

export interface User {
  id: string
  nickname: string | null
  avatar: string | null
  /** `+8613800138000`, to its owner. */
  phone: string | null
  /** RFC 3339, UTC. */
  created_at: string
  /** When this account is deleted, because its owner asked for it: `DELETE me/`. */
  deletion_due_at: string | null
}

export interface LoginData {
  token: string
  token_type: 'Bearer'
  /** In seconds. */
  expires_in: number
  expires_at: string
  /** Whether this login registered the person. */
  created: boolean
  user: User
  /** What was sent along and could not be used; the login stands. */
  warnings: Array<{ field: string; code: string; action: string }>
  /** The project's own. */
  extra: Record<string, any>
}

export interface Answer {
  statusCode: number
  data: any
  header?: Record<string, any>
  errMsg?: string
}

/** `wx.request`, `uni.request`, `Taro.request`, `wx.cloud.callContainer`: all have this shape. */
export type Transport = (request: any) => any

/**
 * A button's event: `bindgetphonenumber`, `bindgetrealtimephonenumber`, `bindchooseavatar`,
 * `bindgetuserinfo`.
 */
export interface TapEvent {
  detail: any
}

export interface TraceEvent {
  step: 'login' | 'answer' | 'wait' | 'repeat'
  url?: string
  status?: number
  action?: Action
  code?: string
  seconds?: number
}

export interface Options {
  /** Where `include("wxauth.urls")` is, for all versions of the mini-program or for each. */
  baseURL: string | { develop: string; trial: string; release: string }
  /** Default: that of the running mini-program. */
  appid?: string
  /** Cloud Hosting (微信云托管): requests go by `wx.cloud.callContainer`; `baseURL` is a path. */
  cloud?: { env: string; service: string }
  /** Default: `wx.request`, with `cloud` `wx.cloud.callContainer`. */
  transport?: Transport
  /** Default: `wx.uploadFile`. Needed with `cloud`, where nothing takes files. */
  upload?: Transport
  /** Default: the global `wx`. `uni` and `Taro` have what is needed of it. */
  wx?: any
  /** Takes an answer out of the project's envelope. Default: `res => res.data`. */
  unwrap?: (res: Answer) => any
  /** For hosts that answer 200 with `{code: 401}`. Default: status 401. */
  isUnauthorized?: (res: Answer) => boolean
  /** Other origins of yours that the token may be sent to, such as `https://shop.example.com`. */
  origins?: string[]
  /** `false`: only a tap (`login()`, `loginWithPhone()`) registers people. Default: `true`. */
  signup?: boolean
  /** `true`: at launch a stored token is dropped if `wx.checkSession` fails. Default: `false`. */
  checkSession?: boolean
  /**
   * `true`: after each login WeChat is given the token, for data pre-fetch (`wx.setBackgroundFetchToken`).
   * Default: `false`.
   */
  prefetch?: boolean
  /** Seconds that one call may wait because the server asks for it. Default: 20. */
  patience?: number
  /**
   * Of `wx.login`, of a login and of a logout, in milliseconds. Default: 15000. What WeChat does
   * not end by then ends a second later.
   */
  timeout?: number
  /** Is told what happens, without secrets: for a log. */
  trace?: (event: TraceEvent) => void
}

/** What `wx.request` takes, and two words of ours. Callbacks are called once, at the end. */
export interface RequestOptions {
  /** Absolute, from the root (`/api/orders/`), or relative to `baseURL` (`me/`). */
  url: string
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'TRACE' | 'CONNECT'
  data?: any
  header?: Record<string, any>
  /** In milliseconds. Default: 60000. */
  timeout?: number
  /** With `text` an answer may be HTML; otherwise HTML is taken for the page of a captive portal. */
  dataType?: string
  success?: (res: any) => void
  fail?: (res: any) => void
  complete?: (res: any) => void
  /** `true`: send the token if there is one, and log nobody in. */
  guest?: boolean
  /** `true`: to do it twice does no harm. A POST is otherwise not repeated after a lost answer. */
  repeatable?: boolean
  [more: string]: any
}

/** What `wx.uploadFile` takes, and the same two words. `name` is `file` where nothing is said. */
export interface UploadOptions extends Omit<RequestOptions, 'method' | 'data' | 'dataType'> {
  filePath: string
  name?: string
  formData?: Record<string, any>
}

/** A result to come, of a request that can be given up. */
export interface Task<Data = any> extends Promise<Result<Data>> {
  /** The result is then `abort`; a login that others wait for goes on. */
  abort(): void
  onProgressUpdate(callback: (progress: any) => void): void
}

/** None of the promises rejects, but those of `token()` and `header()`. */
export interface Client {
  /** Log in because a person asked for it. Registers them if they are new; ends a `logout()`. */
  login(options?: { extra?: Record<string, any> }): Promise<Result<LoginData>>
  /** A valid token; logs in silently where there is none. Rejects with `WxauthError`. */
  token(): Promise<string>
  /** `{Authorization: 'Bearer …'}`. Rejects with `WxauthError`. */
  header(): Promise<{ Authorization: string }>
  /** What to make of an answer. `header`: what the request was sent with. */
  handle(res: Answer, header?: Record<string, any>): Result
  /** `wx.request` with the token, one new login on 401, and the patience the server asks for. */
  request<Data = any>(options: RequestOptions): Task<Data>
  /** `wx.uploadFile` likewise. It is sent once, unless it is `repeatable`. */
  upload<Data = any>(options: UploadOptions): Task<Data>
  /** Is this person registered? Registers nobody. */
  probe(): Promise<Result<{ registered: boolean }>>
  /** Call it before a button for a phone number or user info is shown (`onShow`). */
  prepare(): Promise<void>
  /**
   * Afterwards nothing logs in silently, until a tap calls `login()`. `all`: on all devices. Not
   * `ok`: the server does not know yet; it is told with the next answer that arrives.
   */
  logout(options?: { all?: boolean }): Promise<Result<null>>
  /** Log in and hand over the phone number, in one request. */
  loginWithPhone(event: TapEvent, extra?: Record<string, any>): Promise<Result<LoginData>>
  /** Hand over the phone number of somebody who is, or will be, logged in. */
  bindPhone(event: TapEvent): Promise<Result<User>>
  /** Hand over what WeChat tells about the person; without an event, `wx.getUserInfo` is asked. */
  getUserInfo(event?: TapEvent): Promise<Result<User>>
  setNickname(nickname: string): Promise<Result<User>>
  /** Upload what `open-type="chooseAvatar"` gave: its temporary file is worth nothing later. */
  uploadAvatar(event: TapEvent): Promise<Result<User>>
}

export function create(options: Options): Client
