// From live state, which changes in place, to an immutable version.
import { newId as randomId } from './ids.ts'
import { SYNC_ID, idOf, positionOf, setIndex } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { MAX_DEPTH } from './operation.ts'
import { equal, isObject, own, put } from './values.ts'

export interface CaptureOptions {
  /** What is behind a live object or array, such as Vue's `toRaw`. It is asked before any of them is read. */
  raw?<T>(value: T): T
  /** Writes a new id into a live item. Without it, the member is simply set. */
  assignId?(item: object, id: string): void
  newId?(): string
  /**
   * Hears of what JSON or a document cannot hold, and the snapshot leaves out (in arrays: has as null). The place is
   * written for people, with positions: `tasks[3].due`.
   */
  onInvalid?(place: string, why: string): void
}

/** The ids of items that cannot be written to. */
const idsOfFrozen = new WeakMap<object, string>()

/**
 * An immutable snapshot of live data, as JSON would have it, that shares with `known` whatever is equal; `known` itself
 * when nothing has changed. Members keep the order that they have in `known`; new ones come last. Undefined when there is
 * nothing that JSON has.
 *
 * Every object directly inside an array has an id in the snapshot. One that has none, or one that an earlier element has,
 * gets a new one, in the live data too. An object that is in an array twice is replaced there, at its second place, by a
 * shallow copy.
 */
export function capture(known: Json | undefined, live: unknown, options: CaptureOptions = {}): Json | undefined {
  const {
    raw = (value) => value,
    assignId = (item, id) => put(item, SYNC_ID, id),
    newId = randomId,
    onInvalid = () => {}
  } = options
  /** The objects and arrays that are being read, from the outermost to the innermost, and which member each is read at. */
  const open: object[] = []
  const names: (string | number)[] = []

  const leaveOut = (why: string): undefined => {
    const place = names.slice(0, open.length).map((name) => (typeof name === 'number' ? `[${name}]` : `.${name}`))
    onInvalid(place.join('').replace(/^\./, ''), why)
  }

  const read = (known: Json | undefined, live: unknown): Json | undefined => readPlain(known, plain(live))

  /** What JSON.stringify would look at: what is behind a proxy, and what `toJSON` returns, such as for a Date. */
  const plain = (live: unknown): unknown => {
    if (typeof live !== 'object' || live === null) return live
    const value: unknown = raw(live)
    const { toJSON } = (value ?? {}) as { toJSON?: unknown }
    return typeof toJSON === 'function' ? (toJSON.call(value) as unknown) : value
  }

  const readPlain = (known: Json | undefined, value: unknown): Json | undefined => {
    if (value === known) return known
    switch (typeof value) {
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) ? value + 0 : null // -0 + 0 is 0
      case 'string':
        return value.replace(/\p{Surrogate}/gu, '\ufffd')
      case 'bigint':
        return leaveOut('a bigint is not JSON')
      case 'object':
        return value && readContainer(known, value)
    }
    return undefined
  }

  const readContainer = (known: Json | undefined, live: object): Json | undefined => {
    if (open.includes(live)) return leaveOut('it contains itself')
    // What a server has sent may be deeper, and stays.
    if (open.length >= MAX_DEPTH && known === undefined) return leaveOut(`deeper than ${MAX_DEPTH}`)
    open.push(live)
    const value = Array.isArray(live)
      ? readArray(Array.isArray(known) ? known : undefined, live)
      : readObject(isObject(known) ? known : undefined, live as Record<string, unknown>)
    open.pop()
    return value
  }

  const readObject = (known: JsonObject | undefined, live: Record<string, unknown>): JsonObject => {
    const depth = open.length - 1
    const changes = new Map<string, Json | undefined>()
    let unchanged = 0
    for (const name of Object.keys(live)) {
      names[depth] = name
      if (name === '__proto__') {
        leaveOut('__proto__ is not allowed')
        continue
      }
      const was = own(known, name)
      const value = read(was, live[name])
      if (value !== was) changes.set(name, value)
      else if (value !== undefined) unchanged++
    }
    const knownNames = known ? Object.keys(known) : []
    if (known && !changes.size && unchanged === knownNames.length) return known
    const copy = {}
    for (const name of knownNames) {
      if (!Object.hasOwn(live, name)) continue
      const value = changes.has(name) ? changes.get(name) : own(known, name)
      if (value !== undefined) put(copy, name, value)
    }
    for (const [name, value] of changes) if (value !== undefined) put(copy, name, value)
    return copy
  }

  const readArray = (known: JsonArray | undefined, live: unknown[]): JsonArray => {
    const depth = open.length - 1
    const positions = new Map<string, number>()
    const copy: Json[] = []
    let changed = known?.length !== live.length
    for (let i = 0; i < live.length; i++) {
      names[depth] = i
      const value = readElement(known, live, i, positions)
      changed ||= value !== known?.[i]
      copy.push(value)
    }
    if (known && !changed) return known
    if (positions.size === copy.length) setIndex(copy, positions)
    return copy
  }

  const readElement = (known: JsonArray | undefined, live: unknown[], i: number, positions: Map<string, number>): Json => {
    const was = known?.[i]
    const item: unknown = raw(live[i])
    const value = plain(item)
    if (typeof item !== 'object' || item === null || !isObject(value)) return readPlain(was, value) ?? null
    const id = identify(item, value, live, i, positions)
    positions.set(id, i)
    const match = !known || idOf(was) === id ? was : known[positionOf(known, id)]
    const snapshot = readPlain(match, value)
    if (!isObject(snapshot)) {
      positions.delete(id)
      return null
    }
    if (idOf(snapshot) === id) return snapshot
    const identified = { ...snapshot, [SYNC_ID]: id }
    return match !== undefined && equal(match, identified) ? match : identified
  }

  /** The id of an item, of which `value` is what is read: the one that it has, if no earlier element has it, or a new one. */
  const identify = (
    item: object, value: object, live: unknown[], i: number, positions: Map<string, number>
  ): string => {
    const present = idsOfFrozen.get(item) ?? idOf(value) ?? idOf(item)
    const first = present === undefined ? undefined : positions.get(present)
    if (present !== undefined && first === undefined) return present
    const id = newId()
    let target = item
    if (first !== undefined && raw(live[first]) === item && !Object.isFrozen(live)) {
      target = { ...item }
      live[i] = target
    }
    if (Object.isExtensible(target)) assignId(target, id)
    else idsOfFrozen.set(target, id)
    return id
  }

  return read(known, live)
}
