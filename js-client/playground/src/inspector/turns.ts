/** Runs at most `most` functions at a time. The others wait, until their signal aborts: then they are not run. */
export function createTurns(most: number) {
  const waiting = new Set<() => void>()
  let running = 0

  const wakeNext = () => running < most && [...waiting][0]?.()
  const woken = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const wake = () => {
        waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      waiting.add(wake)
      signal.addEventListener('abort', wake)
    })

  return async function inTurn<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    while (running >= most && !signal.aborted) await woken(signal)
    if (signal.aborted) {
      wakeNext()
      throw signal.reason
    }
    running++
    try {
      return await run()
    } finally {
      running--
      wakeNext()
    }
  }
}
