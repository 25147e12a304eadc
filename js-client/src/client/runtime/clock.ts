// Time for the client: durations on a clock that is never set, and timers that cannot overflow. The wall clock is for display.

/** No wait is longer, whatever an option, the server or a proxy says, in milliseconds. */
export const MAX_WAIT_MS = 600_000
/** Browsers keep 31 bits of a delay. They call at once after a longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1

export type Timer = ReturnType<typeof setTimeout>

/** Milliseconds since some moment. The difference of two calls is a duration. */
export const now = (): number => performance.now()

/** Calls once after a delay in milliseconds. A delay that is negative or not a number is none. */
export const after = (ms: number, call: () => void): Timer => setTimeout(call, ms > 0 ? Math.min(ms, MAX_TIMER_MS) : 0)

/** The number in a range that is nearest to a value. What is not a number counts as `otherwise`. */
export const within = (value: number | undefined, least: number, most: number, otherwise: number): number =>
  Math.min(Math.max(Number.isNaN(Number(value ?? NaN)) ? otherwise : Number(value), least), most)

/**
 * Measures from now on, in milliseconds. It counts the time that the machine sleeps, which the monotonic clock of some
 * browsers leaves out: it is then the wall clock that goes on. A wall clock that is set back changes nothing.
 */
export function stopwatch(): () => number {
  const [start, wall] = [now(), Date.now()]
  return () => Math.max(now() - start, Date.now() - wall)
}
