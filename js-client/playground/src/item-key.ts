import { toRaw } from 'vue'

const keys = new WeakMap<object, number>()
let last = 0

/**
 * The key of an item in a `v-for`: a number per object. A new item has no `_sync_id` yet, and a key that changes would remove
 * the focus from its row.
 */
export function itemKey(item: object): number {
  const raw = toRaw(item)
  const key = keys.get(raw) ?? ++last
  keys.set(raw, key)
  return key
}
