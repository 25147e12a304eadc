// Backoff with jitter, and a wait that can be ended early.
import { after, now, type Timer } from './clock.ts'

const CAP_MS = 30_000
/** Failures within this time are treated as one. */
const TOGETHER_MS = 50

/** Full jitter: a random delay in milliseconds, up to a bound that doubles with each failure. */
export const delay = (failures: number, baseMs: number, capMs = CAP_MS, random: () => number = Math.random): number =>
  random() * Math.min(capMs, baseMs * 2 ** failures)

/** A random source that returns one number to all callers within `TOGETHER_MS`, so that rooms over one stream reopen together. */
export function drawTogether(random = Math.random) {
  let drawn: number
  let until = -Infinity
  return () => {
    if (now() > until) drawn = random()
    until = now() + TOGETHER_MS
    return drawn
  }
}

/** A wait that can be shortened and ended. */
export function createSleeper() {
  let timer: Timer | undefined
  let resolve: (() => void) | undefined
  let until = 0
  let began = 0
  function wake() {
    clearTimeout(timer)
    resolve?.()
    resolve = undefined
  }
  function sleepUntil(end: number) {
    clearTimeout(timer)
    until = end
    timer = after(end - now(), wake)
  }
  return {
    sleep: (ms: number) =>
      new Promise<void>((wakened) => {
        resolve = wakened
        began = now()
        sleepUntil(began + ms)
      }),
    /** Ends a wait within this many milliseconds of its beginning. */
    shorten(ms: number) {
      if (resolve && began + ms < until) sleepUntil(began + ms)
    },
    /** How long the wait still takes, in milliseconds; undefined without one. */
    left: () => resolve && until - now(),
    /** Ends a wait now. */
    wake
  }
}
