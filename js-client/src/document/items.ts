// Item arrays: arrays whose elements are identified by `_sync_id`. Each has an index from ids to positions, because a scan
// per operation would be slow with a thousand operations on ten thousand items.
import type { JsonArray } from './json.ts'

/** The member that identifies an object in an array. */
export const SYNC_ID = '_sync_id'

/** The id of an item: its `_sync_id` if that is a non-empty string. */
export function idOf(value: unknown): string | undefined {
  const id = (value as { [SYNC_ID]?: unknown } | null | undefined)?.[SYNC_ID]
  return typeof id === 'string' && id ? id : undefined
}

/**
 * The last known positions of items. Copies of an array share the index of the original, and each copy may then move, add
 * or remove items. So a position is a hint that must be verified. An id without a hint is in none of the copies.
 */
interface Index {
  readonly hints: Map<string, number>
  /** The last error of a hint. An insertion or removal makes many hints wrong by the same number. */
  drift: number
}

/** The indexes of arrays that are known to be item arrays. */
const indexes = new WeakMap<JsonArray, Index>()

/** Whether every element is an object with a unique id. The result is cached: documents are immutable. */
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

/** The position of an item in an array; -1 if it is missing, or the array is not an item array. */
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
  // A recent hint is almost right, whatever happened to other items.
  let at = search(hint, 2)
  if (at < 0) {
    at = search(hint + index.drift, Infinity)
    if (at >= 0) index.drift = at - hint
  }
  if (at !== hint && at >= 0) index.hints.set(id, at)
  return at
}

/** Shares the index of an array with its copy. */
export function shareIndex(copy: JsonArray, original: JsonArray): void {
  const index = indexes.get(original)
  // An index with mostly deleted ids is not shared. The copy builds a new one when it needs it.
  if (index && index.hints.size <= 2 * original.length + 32) indexes.set(copy, index)
}

/** Records the position of a new item. Without it, `positionOf` would not find the item. */
export function noteItem(array: JsonArray, id: string, at: number): void {
  indexes.get(array)?.hints.set(id, at)
}
