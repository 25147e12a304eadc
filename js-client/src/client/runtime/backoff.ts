// How long to wait before something is tried again, and the waiting.
import { after, now, type Timer } from './clock.ts'

const CAP_MS = 30_000
/** Within this, what fails has failed together. */
const TOGETHER_MS = 50

/**
 * Full jitter: anything up to a bound that doubles with each failure, in milliseconds. Those who fail together do not
 * come back together.
 */
export const delay = (failures: number, baseMs: number, capMs = CAP_MS, random: () => number = Math.random): number =>
  random() * Math.min(capMs, baseMs * 2 ** failures)

/** Chance that is the same for all who ask at the same time: what has failed together comes back together. */
export function drawTogether(random = Math.random) {
  let drawn: number
  let until = -Infinity
  return () => {
    if (now() > until) drawn = random()
    until = now() + TOGETHER_MS
    return drawn
  }
}

/** One who waits, and can be woken. */
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
    /** Makes the wait so long at most, if there is one. */
    shorten(ms: number) {
      if (resolve && began + ms < until) sleepUntil(began + ms)
    },
    /** Ends the wait, if there is one. */
    wake
  }
}
