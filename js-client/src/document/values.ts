// Reads, compares and copies JSON values.
import { SYNC_ID, idOf, isItems, positionOf, shareIndex } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { type Segment, parsePath } from './path.ts'

export { SYNC_ID, idOf, isItems }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An own member of an object, never of its prototype. Undefined if it is missing, or the value is not an object. */
export const own = (object: Json | undefined, name: string): Json | undefined =>
  isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined

/** Sets a member. Skips `__proto__`, which would set the prototype. */
export function put(object: object, name: string, value: unknown): void {
  if (name !== '__proto__') (object as Record<string, unknown>)[name] = value
}

/** Whether two values are the same JSON, in any order of members unless `inOrder`. Shared parts are skipped. */
export function equal(a: Json | undefined, b: Json | undefined, inOrder = false): boolean {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((value, i) => equal(value, b[i], inOrder))
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  const others = Object.keys(b)
  return (
    names.length === others.length &&
    names.every((name, i) => (inOrder ? name === others[i] : Object.hasOwn(b, name)) && equal(a[name], b[name], inOrder))
  )
}

/** Whether two values are the same JSON with the same order of members. */
export const same = (a: Json | undefined, b: Json | undefined): boolean => equal(a, b, true)

/**
 * Returns `after` with its parts that are the same in `before`, order of members included, replaced by those of `before`;
 * `before` itself if all are. Items are compared by id.
 */
export function share(before: Json | undefined, after: Json): Json
export function share(before: Json | undefined, after: Json | undefined): Json | undefined
export function share(before: Json | undefined, after: Json | undefined): Json | undefined {
  if (before === after) return before
  if (Array.isArray(before) && Array.isArray(after)) return shareElements(before, after)
  if (!isObject(before) || !isObject(after)) return after
  let copy: Record<string, Json> | undefined
  const others = Object.keys(before)
  const names = Object.keys(after)
  let isSame = names.length === others.length
  names.forEach((name, i) => {
    const value = after[name] as Json
    const shared = share(own(before, name), value)
    if (shared !== value) put((copy ??= { ...after }), name, shared)
    isSame &&= name === others[i] && shared === before[name]
  })
  return isSame ? before : (copy ?? after)
}

function shareElements(before: JsonArray, after: JsonArray): JsonArray {
  const items = isItems(before) && isItems(after)
  let copy: Json[] | undefined
  /** The shift of items. After an insertion or removal it is the same for most. */
  let drift = 0
  let positions: Map<string | undefined, number> | undefined
  let isSame = before.length === after.length
  for (let i = 0; i < after.length; i++) {
    const value = after[i] as Json
    const was = before[i + drift]
    let shared = value
    if (value === was) {
      isSame &&= drift === 0
      continue
    }
    if (!items || idOf(value) === idOf(was)) shared = share(was, value)
    else if (was !== undefined && after[i + 1] === was)
      drift-- // the item was inserted
    else if (value === before[i + drift + 1])
      drift++ // an item before it was removed
    else {
      positions ??= new Map(before.map((item, at) => [idOf(item), at]))
      const at = positions.get(idOf(value))
      if (at !== undefined) drift = at - i
      shared = at === undefined ? value : share(before[at], value)
    }
    if (shared !== value) (copy ??= after.slice())[i] = shared
    isSame &&= shared === before[i]
  }
  if (isSame) return before
  if (copy && items) shareIndex(copy, after)
  return copy ?? after
}

/**
 * The value at a path; undefined if there is none.
 * @throws TypeError if the text is not a path
 */
export function get(doc: Json | undefined, path: string | readonly Segment[]): Json | undefined {
  let at = doc
  for (const segment of typeof path === 'string' ? parsePath(path) : path) {
    if ('key' in segment) at = own(at, segment.key)
    else at = Array.isArray(at) ? at[positionOf(at, segment.item)] : undefined
  }
  return at
}

/** A deep, mutable copy. */
export function clone(value: Json): unknown {
  if (Array.isArray(value)) return value.map(clone)
  if (!isObject(value)) return value
  const copy = {}
  for (const [name, member] of Object.entries(value)) put(copy, name, clone(member))
  return copy
}
