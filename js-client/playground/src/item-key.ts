import { toRaw } from 'vue'

const keys = new WeakMap<object, number>()
let last = 0

/**
 * The key of an item in a `v-for`. `_sync_id` would do, but a new item is without one for a moment, and the row would lose the
 * cursor when it comes. The item itself stays the same object.
 */
export function itemKey(item: object): number {
  const raw = toRaw(item)
  const key = keys.get(raw) ?? ++last
  keys.set(raw, key)
  return key
}
