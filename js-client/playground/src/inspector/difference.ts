// The difference of two versions of a document, place by place. Pure.
import type { Json, JsonObject, Operation } from '../document.ts'
import { childPath, idOf, isObject, own } from '../document.ts'

export interface Difference {
  path: string
  /** Undefined where there was no value. */
  then: Json | undefined
  now: Json | undefined
  /** The operation that brings the value back; undefined if there is none, as for the order of a list. */
  restore?: Operation
}

/** An empty list may become one of items. */
const isItems = (value: Json | undefined): value is JsonObject[] =>
  Array.isArray(value) && value.every((item) => idOf(item) !== '')

/** The places whose values differ, at most `most`. Equal parts of two versions are skipped without being compared. */
export function differences(then: Json | undefined, now: Json | undefined, most: number): Difference[] {
  const found: Difference[] = []

  function compare(path: string, then: Json | undefined, now: Json | undefined) {
    if (then === now || found.length >= most) return
    if (isObject(then) && isObject(now)) {
      for (const key of Object.keys({ ...then, ...now })) {
        if (key === '_sync_id') continue
        const place = childPath(path, { key })
        if (place !== undefined) compare(place, own(then, key), own(now, key))
      }
    } else if (isItems(then) && isItems(now)) {
      compareItems(path, then, now)
    } else if (JSON.stringify(then) !== JSON.stringify(now)) {
      const restore: Operation | undefined =
        then !== undefined ? { op: 'set', path, value: then } : path ? { op: 'delete', path } : undefined
      found.push({ path, then, now, ...(restore && { restore }) })
    }
  }

  function compareItems(path: string, then: JsonObject[], now: JsonObject[]) {
    const [before, after] = [then, now].map((items) => new Map(items.map((item) => [idOf(item), item])))
    for (const [index, item] of then.entries()) {
      const id = idOf(item)
      const place = childPath(path, { item: id })
      if (place === undefined) continue
      if (after!.has(id)) compare(place, item, after!.get(id))
      else if (found.length < most) {
        const previous = then.slice(0, index).map(idOf).reverse()
        found.push({
          path: place,
          then: item,
          now: undefined,
          restore: { op: 'array_add', path, value: item, after: [...previous.slice(0, 20), null] }
        })
      }
    }
    for (const [id, item] of after!) {
      const place = before!.has(id) ? undefined : childPath(path, { item: id })
      if (place !== undefined && found.length < most)
        found.push({ path: place, then: undefined, now: item, restore: { op: 'array_del', path: place } })
    }
    const common = (items: JsonObject[], other: Map<string, JsonObject>) => items.map(idOf).filter((id) => other.has(id))
    const [orderThen, orderNow] = [common(then, after!), common(now, before!)]
    if (orderThen.some((id, n) => id !== orderNow[n]) && found.length < most)
      found.push({ path: `${path} (order)`, then: orderThen, now: orderNow })
  }

  compare('', then, now)
  return found
}
