// Durations on the monotonic clock, and timers that cannot overflow. The wall clock is for display.

/** The longest wait that an option, the server or a proxy can ask for, in milliseconds. */
export const MAX_WAIT_MS = 600_000
/** Browsers keep 31 bits of a delay. A longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

export type Timer = ReturnType<typeof setTimeout>

/** Monotonic time in milliseconds. Only differences have a meaning. */
export const now = (): number => performance.now()

/** Calls once after a delay in milliseconds. A negative delay, or one that is not a number, counts as 0. */
export const after = (ms: number, call: () => void): Timer => setTimeout(call, ms > 0 ? Math.min(ms, MAX_TIMER_MS) : 0)

/** Clamps a value to a range. A value that is not a number counts as `otherwise`. */
export const within = (value: number | undefined, least: number, most: number, otherwise: number): number =>
  Math.min(Math.max(Number.isNaN(Number(value ?? NaN)) ? otherwise : Number(value), least), most)

/**
 * Measures from now on, in milliseconds. The time that the machine sleeps counts: the monotonic clock of some browsers leaves it
 * out, so the larger difference of both clocks is used. A wall clock that is set back changes nothing.
 */
export function stopwatch(): () => number {
  const [start, wall] = [now(), Date.now()]
  return () => Math.max(now() - start, Date.now() - wall)
}
