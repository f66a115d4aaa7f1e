// The contract without a server: what cannot be provoked at the real one, or is not there yet.
import http from 'node:http'
import { afterEach } from 'node:test'

const open = []

afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/**
 * A server whose `answers` are called by `METHOD path`, with the request as `{header, data, text}`,
 * for `[status, body, header]`. It logs anybody in.
 */
export async function serve(answers = {}, asked = []) {
  let tokens = 0
  const all = {
    'POST /login/': () => {
      tokens += 1
      return [200, { token: `wxa_${tokens}`, token_type: 'Bearer', expires_in: 3600, expires_at: '', created: false, user: { id: '1' }, warnings: [], extra: {} }]
    },
    ...answers,
  }
  const server = http.createServer((request, response) => {
    let text = ''
    request.on('data', (piece) => { text += piece })
    request.on('end', () => {
      const name = `${request.method} ${request.url}`
      let data
      try { data = JSON.parse(text) } catch { data = undefined }
      asked.push({ name, header: request.headers, data })
      const answer = all[name] || (() => [404, { code: 'not_found', detail: '', action: 'stop' }])
      const [status, body, header] = answer({ header: request.headers, data, text })
      const isText = typeof body === 'string'
      response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...header })
      response.end(isText ? body : JSON.stringify(body))
    })
  })
  open.push(server)
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { baseURL: `http://127.0.0.1:${server.address().port}`, asked }
}

/** Each call gives the next answer, the last one for ever. */
export function inTurn(...answers) {
  let turn = 0
  return () => {
    turn += 1
    return answers[Math.min(turn, answers.length) - 1]
  }
}

export function refusal(status, code, action, more = {}) {
  return [status, { code, detail: code, action, ...more }]
}
