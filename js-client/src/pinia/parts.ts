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
/** The parts directly inside a part, without Vue's proxies. For an object, the path is that of its array. */
export type Found = ReadonlyMap<object, Path>

/** The object behind Vue's proxies, or the value of a ref. */
export const unwrap = <T>(value: T): T => toRaw(unref(value)) as T

const isLong = (array: readonly unknown[]) => array.length > 100

/** Reads a part through Vue's proxies, so that Vue tracks it. Returns the parts directly inside. */
export function readPart(part: unknown): Found | undefined {
  let found: Map<object, Path> | undefined
  const open: unknown[] = []
  const path: (string | number)[] = []

  function visit(value: unknown) {
    if (!isReactive(value) || open.length > MAX_DEPTH || open.includes(value)) return
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
    const add = (part: object) => (found ??= new Map()).set(part, here)
    if (depth && isLong(raw)) return add(raw)
    // Vue then tracks the array as a whole, and creates a proxy for the first element only.
    array.some(() => true)
    raw.forEach((element, i) => {
      path[depth] = i
      if (Array.isArray(element)) visit(array[i])
      else if (typeof element === 'object' && element !== null) add(toRaw(element))
    })
  }

  visit(part)
  return found
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

/**
 * Calls `visit` with each object in an array of a part that has no id. Skips known parts inside: a change in one of them
 * makes that part stale. Does not track.
 */
export function visitNewItems(part: unknown, known: ReadonlyMap<object, unknown> | undefined, visit: (item: object) => void) {
  const open: object[] = []

  function look(value: unknown, isItem: boolean) {
    const object = unwrap(value)
    if (typeof object !== 'object' || object === null || known?.has(object)) return
    if (open.length > MAX_DEPTH || open.includes(object) || kindOf(object) || 'toJSON' in object) return
    if (isItem && !Array.isArray(object) && idOf(object) === undefined) visit(object)
    enter(object)
  }

  function enter(object: object) {
    open.push(object)
    const isArray = Array.isArray(object)
    for (const value of isArray ? object : Object.values(object)) look(value, isArray)
    open.pop()
  }

  const object = unwrap(part)
  if (typeof object === 'object' && object !== null) enter(object)
}
