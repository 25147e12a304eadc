// From live state, which changes in place, to an immutable version.
import { newId as randomId } from './ids.ts'
import { SYNC_ID, idOf, positionOf, shareIndex } from './items.ts'
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
  /** The objects and arrays that are being read, the outermost first, and the member that each is read at. */
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
    const toJSON = (value as { toJSON?: unknown } | null | undefined)?.toJSON
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
    const knownNames = known ? Object.keys(known) : []
    let changes: Map<string, Json | undefined> | undefined
    let unchanged = 0
    Object.keys(live).forEach((name, i) => {
      names[depth] = name
      if (name === '__proto__') return leaveOut('__proto__ is not allowed')
      // The members have the same order as a rule, which spares most of the looking up.
      const was = knownNames[i] === name ? known?.[name] : own(known, name)
      const member = live[name]
      const value = member === was ? was : read(was, member)
      if (value !== was) (changes ??= new Map()).set(name, value)
      else if (value !== undefined) unchanged++
    })
    if (known && !changes && unchanged === knownNames.length) return known
    const copy = {}
    for (const name of knownNames) {
      if (!Object.hasOwn(live, name)) continue
      const value = changes?.has(name) ? changes.get(name) : own(known, name)
      if (value !== undefined) put(copy, name, value)
    }
    changes?.forEach((value, name) => value !== undefined && put(copy, name, value))
    return copy
  }

  const readArray = (known: JsonArray | undefined, live: unknown[]): JsonArray => {
    const depth = open.length - 1
    const copy: Json[] = []
    let changed = known?.length !== live.length
    /** Where the ids are that have been met. Not needed as long as the items are those of `known`, one by one. */
    let positions: Map<string, number> | undefined
    for (let i = 0; i < live.length; i++) {
      names[depth] = i
      const was = known?.[i]
      const item: unknown = raw(live[i])
      const value = plain(item)
      let snapshot: Json
      if (typeof item !== 'object' || item === null || !isObject(value)) snapshot = readPlain(was, value) ?? null
      else {
        let id = idOf(item)
        let match = was
        if (positions || id === undefined || id !== idOf(was)) {
          positions ??= new Map(copy.map((element, at) => [idOf(element) ?? '', at]))
          id = identify(item, value, live, i, positions)
          if (known && id !== idOf(was)) match = known[positionOf(known, id)]
          positions.set(id, i)
        }
        snapshot = withId(match, readPlain(match, value), id)
      }
      changed ||= snapshot !== was
      copy.push(snapshot)
    }
    if (known && !changed) return known
    if (known && !positions && copy.every(idOf)) shareIndex(copy, known)
    return copy
  }

  /**
   * The id of an item: the one that it has, unless an earlier element has it; or a new one, written into the live data.
   * `value` is what is read instead of the item if it has a `toJSON`.
   */
  const identify = (
    item: object, value: object, live: unknown[], i: number, positions: Map<string, number>
  ): string => {
    const present = idsOfFrozen.get(item) ?? idOf(item) ?? idOf(value)
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

/** The snapshot of an item, with the item's id where the live data cannot hold it. What cannot be read is null. */
function withId(known: Json | undefined, snapshot: Json | undefined, id: string): Json {
  if (!isObject(snapshot)) return null
  if (idOf(snapshot) === id) return snapshot
  const identified = { ...snapshot, [SYNC_ID]: id }
  return known !== undefined && equal(known, identified) ? known : identified
}
