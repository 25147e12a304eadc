// State is watched in parts: an object in an array is one, and so is a long array. A part ends where other parts begin, so
// what has to be looked at again after a change goes with the size of the change, and not of the state.
import { isReactive, toRaw, unref } from 'vue'
import { capture, kindOf } from '../document/capture.ts'
import type { Json } from '../document/json.ts'
import { MAX_DEPTH } from '../document/operation.ts'
import { positionOf } from '../document/items.ts'
import { idOf, isObject, own } from '../document/values.ts'

/** Names of members and positions in arrays. */
export type Path = readonly (string | number)[]
/** The parts in a part, without Vue's proxies, and where they are: a long array itself, or the array of an object. */
export type Found = ReadonlyMap<object, Path>

/** What is behind Vue's proxies, and behind a ref where one stands for its value. */
export const behind = <T>(value: T): T => toRaw(unref(value)) as T

const isLong = (array: readonly unknown[]) => array.length > 100

/** Reads, through Vue's proxies, all that is in a part; returns the parts in it. */
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
    // By this, Vue tracks the array as a whole, and makes a proxy of the first element only.
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

/** What a document has for a part, where it has `doc` for the part that this one is in. */
export function valueOf(part: object, path: Path, doc: Json | undefined): Json | undefined {
  for (const step of path) doc = typeof step === 'string' ? own(doc, step) : Array.isArray(doc) ? doc[step] : undefined
  if (Array.isArray(part)) return doc
  const id = idOf(part)
  return Array.isArray(doc) && id !== undefined ? doc[positionOf(doc, id)] : undefined
}

/** Whether a part is as `doc` says. Of the parts in it, only their presence is looked at. */
export function agrees(part: unknown, doc: Json | undefined, inner = false): boolean {
  const value = behind(part)
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
 * Calls `visit` with the objects in arrays of a part that have no id. The parts in it that are known are passed over: a
 * change in one of them makes that one stale. Nothing is tracked.
 */
export function visitNewItems(part: unknown, known: ReadonlyMap<object, unknown> | undefined, visit: (item: object) => void) {
  const open: object[] = []

  function look(value: unknown, isItem: boolean) {
    const object = behind(value)
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

  const object = behind(part)
  if (typeof object === 'object' && object !== null) enter(object)
}
