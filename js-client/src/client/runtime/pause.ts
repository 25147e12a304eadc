// A wait for code that is loaded on demand.
import { after } from './clock.ts'

/** Resolves after this many milliseconds, or when the signal aborts. */
export const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = after(ms, end)
    signal.addEventListener('abort', end)
  })
