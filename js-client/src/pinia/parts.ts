// State is tracked in parts: each object in an array is a part, and so is each long array. A part excludes the parts inside it,
// so the work after a change depends on the size of the change, not of the state.
import { isReactive, toRaw, unref } from 'vue'
import { capture } from '../document/capture.ts'
import type { Json } from '../document/json.ts'
import { kindOf } from '../document/kind.ts'
import { MAX_DEPTH } from '../document/operation.ts'
import { positionOf } from '../document/items.ts'
import { idOf, isObject, own } from '../document/values.ts'

/** Member names and array positions. */
export type Path = readonly (string | number)[]
/** The object behind Vue's proxies, or the value of a ref. */
export const unwrap = <T>(value: T): T => toRaw(unref(value)) as T

const isLong = (array: readonly unknown[]) => array.length > 100

/**
 * Reads a part through Vue's proxies, so that Vue tracks it.
 *
 * @param found is called with each part directly inside, without Vue's proxies, and its path. For an object, the path is that of
 * its array
 * @param untracked is called when the part contains an object that Vue does not track
 */
export function readPart(part: unknown, found: (part: object, path: Path) => void, untracked: () => void): void {
  const open: unknown[] = []
  const path: (string | number)[] = []

  function visit(value: unknown) {
    if (typeof value !== 'object' || value === null) return
    if (!isReactive(value) || open.length > MAX_DEPTH || open.includes(value)) return untracked()
    const object = value as Record<string, unknown>
    const depth = open.push(object) - 1
    if (Array.isArray(object)) visitArray(object, depth)
    else {
      for (const name of Object.keys(object)) {
        path[depth] = name
        visit(object[name])
      }
    }
    open.pop()
  }

  function visitArray(array: unknown[], depth: number) {
    const raw = toRaw(array)
    const here = path.slice(0, depth)
    if (depth && isLong(raw)) return found(raw, here)
    // Vue then tracks the array as a whole, and creates a proxy for the first element only.
    array.some(() => true)
    raw.forEach((element, i) => {
      path[depth] = i
      if (Array.isArray(element)) visit(array[i])
      else if (typeof element === 'object' && element !== null) found(toRaw(element), here)
    })
  }

  visit(part)
}

/** The value of a part in a document, given the value `doc` of its parent part. */
export function valueOf(part: object, path: Path, doc: Json | undefined): Json | undefined {
  for (const step of path) doc = typeof step === 'string' ? own(doc, step) : Array.isArray(doc) ? doc[step] : undefined
  if (Array.isArray(part)) return doc
  const id = idOf(part)
  return Array.isArray(doc) && id !== undefined ? doc[positionOf(doc, id)] : undefined
}

/** Whether a part equals `doc`. Of the parts inside, only their presence is compared. */
export function agrees(part: unknown, doc: Json | undefined, inner = false): boolean {
  const value = unwrap(part)
  if (Array.isArray(value)) {
    if (!Array.isArray(doc)) return false
    if (inner && isLong(value)) return true
    return (
      value.length === doc.length &&
      value.every((element, i) => {
        const id = idOf(element)
        return id === undefined ? agrees(element, doc[i], true) : id === idOf(doc[i])
      })
    )
  }
  if (isObject(value) && !('toJSON' in value) && !kindOf(value)) {
    return (
      isObject(doc) &&
      Object.keys(doc).every((name) => Object.hasOwn(value, name)) &&
      Object.keys(value).every((name) => agrees(value[name], own(doc, name), true))
    )
  }
  return capture(doc, value) === doc
}
