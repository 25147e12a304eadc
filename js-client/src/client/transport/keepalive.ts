// The budget of keepalive requests. Browsers limit the bytes of all such requests in flight, over the whole page, and a request
// beyond the limit fails at once. So all clients of a page share one budget.

/** Browsers allow 64 KiB. The rest is left to other scripts of the page. */
const BUDGET_BYTES = 60 * 1024

let reserved = 0

/** Reserves bytes. Returns a function that releases them, or undefined when too few are left. */
export function reserve(bytes: number): (() => void) | undefined {
  if (reserved + bytes > BUDGET_BYTES) return undefined
  reserved += bytes
  return () => {
    reserved -= bytes
    bytes = 0
  }
}

/** The bytes that can be reserved now. */
export const available = (): number => BUDGET_BYTES - reserved
