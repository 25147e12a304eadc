// Item arrays: arrays whose elements are identified by `_sync_id`. Finding an item by its id must not take a scan for
// each of a thousand operations on ten thousand items, so arrays carry an index.
import type { JsonArray } from './json.ts'

/** The member that identifies an object in an array. */
export const SYNC_ID = '_sync_id'

/** The id of a value as an item of an array: its `_sync_id` if that is a non-empty string. */
export function idOf(value: unknown): string | undefined {
  const id = (value as { [SYNC_ID]?: unknown } | null | undefined)?.[SYNC_ID]
  return typeof id === 'string' && id ? id : undefined
}

/**
 * Where items were seen last. Copies of an array share the index of their original, whatever is then moved, added or
 * removed in one of them. So a position is a hint that must be verified; but an id without one is in none of them.
 */
interface Index {
  readonly hints: Map<string, number>
  /** By how much the hint was wrong last time. After an insertion or a removal it is wrong for many items alike. */
  drift: number
}

/** Arrays that are here are item arrays. */
const indexes = new WeakMap<JsonArray, Index>()

/** Whether every element is an object with an id of its own. The answer is kept: documents are immutable. */
export function isItems(array: JsonArray): boolean {
  if (indexes.has(array)) return true
  const hints = new Map<string, number>()
  for (const element of array) {
    const id = idOf(element)
    if (id === undefined || hints.has(id)) return false
    hints.set(id, hints.size)
  }
  indexes.set(array, { hints, drift: 0 })
  return true
}

/** The position of an item in an array; -1 if it is not there, or the array is no item array. */
export function positionOf(array: JsonArray, id: string): number {
  const index = isItems(array) ? indexes.get(array) : undefined
  const hint = index?.hints.get(id)
  if (!index || hint === undefined) return -1
  const isAt = (at: number): boolean => idOf(array[at]) === id
  const search = (from: number, distance: number): number => {
    for (let low = from, high = from; distance >= 0 && (low >= 0 || high < array.length); low--, high++, distance--) {
      if (isAt(low)) return low
      if (isAt(high)) return high
    }
    return -1
  }
  // An item that was noted a moment ago is near, whatever has happened to the others.
  let at = search(hint, 2)
  if (at < 0) {
    at = search(hint + index.drift, Infinity)
    if (at >= 0) index.drift = at - hint
  }
  if (at !== hint && at >= 0) index.hints.set(id, at)
  return at
}

/** Says that an array began as a copy of another. */
export function shareIndex(copy: JsonArray, original: JsonArray): void {
  const index = indexes.get(original)
  // An index that has become mostly ids of the past is left behind. The copy gets a new one when it needs it.
  if (index && index.hints.size <= 2 * original.length + 32) indexes.set(copy, index)
}

/** Says where an array got an item. Without it, a new item would not be found. */
export function noteItem(array: JsonArray, id: string, at: number): void {
  indexes.get(array)?.hints.set(id, at)
}
