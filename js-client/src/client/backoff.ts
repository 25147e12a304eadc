// How long to wait before something is tried again, and the waiting.

const CAP_MS = 30_000

/**
 * Full jitter: anything up to a bound that doubles with each failure, in milliseconds. Those who fail together do not
 * come back together.
 */
export const delay = (failures: number, baseMs: number, capMs = CAP_MS, random: () => number = Math.random): number =>
  random() * Math.min(capMs, baseMs * 2 ** failures)

/** One who waits, and can be woken. */
export function createSleeper() {
  let timer: ReturnType<typeof setTimeout> | undefined
  let resolve: (() => void) | undefined
  function wake() {
    clearTimeout(timer)
    resolve?.()
  }
  return {
    sleep: (ms: number) =>
      new Promise<void>((wakened) => {
        resolve = wakened
        timer = setTimeout(wakened, ms)
      }),
    /** Ends the wait, if there is one. */
    wake
  }
}
