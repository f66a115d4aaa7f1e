// Nothing here asks WeChat: no name is found but this machine's own.
const dns = require('node:dns')

const { lookup } = dns
dns.lookup = (host, options, done = options) => {
  if (host === 'localhost') return lookup(host, options, done)
  const error = new Error(`getaddrinfo ENOTFOUND ${host}`)
  return setImmediate(done, Object.assign(error, { code: 'ENOTFOUND' }))
}
