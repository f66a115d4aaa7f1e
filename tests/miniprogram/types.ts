// What a mini-program in TypeScript relies on. Compiled, never run.
import { create, type Failure, type Result, type User } from '../../miniprogram/wxauth'

const urls = { develop: 'http://127.0.0.1:8000/api', trial: 'https://t.example', release: 'https://a.example' }
const auth = create({
  baseURL: urls,
  // WeChat's own functions are what the client takes, by WeChat's own typings.
  transport: wx.request,
  upload: wx.uploadFile,
  wx,
})
create({ baseURL: '/api', transport: (request) => wx.cloud.callContainer({ ...request, path: request.url }) })
create({ baseURL: '/api', cloud: { env: 'prod-1', service: 'django' } })
// @ts-expect-error the service is missing
create({ baseURL: '/api', cloud: { env: 'prod-1' } })

// @ts-expect-error a version is missing
create({ baseURL: { develop: '', trial: '' } })
// @ts-expect-error wx.request has no PATCH
auth.request({ url: 'me/', method: 'PATCH' })

// The methods that the client's types offer are those of wx.request, no more.
type Offered = NonNullable<Parameters<typeof auth.request>[0]['method']>
const method: NonNullable<WechatMiniprogram.RequestOption['method']> = 'GET' as Offered
void method

auth.request<User>({ url: 'me/' }).then((result: Result<User>) => {
  if (result.ok) {
    const name: string | null = result.data.nickname
    return name
  }
  const failure: Failure = result
  if (failure.action === 'retry') return failure.retryAfter
  // @ts-expect-error the word is not in the contract
  return failure.action === 'dance'
})

const leaving = auth.request<User>({ url: 'me/', success: (res) => void res, complete: () => {} })
leaving.abort()
const uploading = auth.upload<{ id: number }>({ url: 'photos/', filePath: 'wxfile://tmp', formData: { album: 'summer' } })
uploading.onProgressUpdate((news: WechatMiniprogram.UploadTaskOnProgressUpdateListenerResult) => news.progress)
// @ts-expect-error a file is missing
auth.upload({ url: 'photos/' })

Page({
  // The events of WeChat's buttons fit as they are.
  onPhone(event: WechatMiniprogram.ButtonGetPhoneNumber) {
    auth.bindPhone(event)
    auth.loginWithPhone(event, { channel: 'poster' })
  },
  onAvatar(event: WechatMiniprogram.CustomEvent<{ avatarUrl: string }>) {
    auth.uploadAvatar(event)
  },
  onUserInfo(event: WechatMiniprogram.ButtonGetUserInfo) {
    auth.getUserInfo(event)
  },
  onSend() {
    auth.header().then((header) => wx.request({
      url: 'https://a.example/',
      header,
      success: (res) => auth.handle(res, header).action === 'login',
    }))
  },
})
