// The seconds of the client and of its phone, moved by hand: nothing in a test waits for them.
import { isWaiting } from './wx.mjs'

let now = 0
let timers = []

globalThis.setTimeout = (callback, ms = 0, ...rest) => {
  // Node's own fetch expects more of a timer than a phone gives.
  const timer = { at: now + ms, run: () => callback(...rest), unref() {}, refresh() {} }
  timers.push(timer)
  return timer
}
globalThis.clearTimeout = (timer) => { timers = timers.filter((one) => one !== timer) }

const turn = () => new Promise((resolve) => { setImmediate(resolve) })

/** Until something has come about by itself; a test that waits in vain is ended by its runner. */
export async function until(condition) {
  while (!condition()) await turn()
}

/**
 * What a promise came to within so many seconds, which stand still while a server works;
 * undefined: it is pending.
 */
export async function within(seconds, promise) {
  let result
  promise.then((value) => { result = value }, (error) => { result = error })
  const end = now + seconds * 1000
  for (;;) {
    for (let turns = 0; turns < 5; turns += 1) await turn()
    await until(() => !isWaiting())
    const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
    if (result !== undefined || (!next && now === end)) return result
    now = next ? next.at : end
    if (next) {
      clearTimeout(next)
      next.run()
    }
  }
}
