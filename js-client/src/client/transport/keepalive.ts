// What keepalive requests may still carry. Browsers limit the bodies of all that are in flight, over the whole page: a request
// beyond the limit fails at once. So all clients of a page share one budget.

/** The limit of browsers is 64 KiB. Something is left for other scripts of the page. */
const BUDGET_BYTES = 60 * 1024

let reserved = 0

/** Reserves so many bytes. Returns how to give them back, or undefined when they are not to be had. */
export function reserve(bytes: number): (() => void) | undefined {
  if (reserved + bytes > BUDGET_BYTES) return undefined
  reserved += bytes
  return () => {
    reserved -= bytes
    bytes = 0
  }
}

/** How many bytes can be reserved now. */
export const available = (): number => BUDGET_BYTES - reserved
