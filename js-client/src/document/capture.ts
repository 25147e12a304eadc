// Captures live state, which changes in place, as an immutable version.
import { newId as randomId } from './ids.ts'
import { SYNC_ID, idOf, isItems, noteItem, positionOf, shareIndex } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { isInstance, kindOf } from './kind.ts'
import { MAX_DEPTH } from './operation.ts'
import { equal, isObject, own, put } from './values.ts'

export interface CaptureOptions {
  /** Returns the object behind a proxy, such as Vue's `toRaw`. Called before an object or array is read. */
  raw?<T>(value: T): T
  /** Writes a new id into a live item. Default: sets the member. */
  assignId?(item: object, id: string): void
  newId?(): string
  /** The snapshot of an object or array that has certainly not changed since `onRead`. It is not read if that is the known one. */
  versionOf?(live: object): Json | undefined
  /**
   * Called with the snapshot of each object and array whose parts are all plain JSON. If it returns true, it is not called with
   * those around.
   */
  onRead?(live: object, snapshot: Json): boolean | undefined
  /** Objects in arrays get no ids. */
  withoutIds?: boolean
  /**
   * Called for each value that is not JSON. The snapshot omits it: a member keeps its value in `known`; an element becomes
   * null, or is removed if all other elements are items. `isShared`: the snapshot contains the part that is JSON. `place` is
   * for people and has positions: `tasks[3].due`.
   */
  onInvalid?(place: string, why: string, isShared: boolean): void
  /**
   * Called with each object and array that differs from `known`, and its place. It replaces an object that is in two places by
   * a copy in the second.
   */
  separate?(object: object, holder: object | undefined, at: string | number | undefined, place: () => string): void
}

/** Marks an omitted value. */
const INVALID = Symbol('invalid')
type Snapshot = Json | undefined | typeof INVALID

/** Whole snapshots. A snapshot does not change, so it is its own snapshot. */
const snapshots = new WeakSet<object>()

/** The ids of frozen items. */
const idsOfFrozen = new WeakMap<object, string>()

/**
 * Returns an immutable JSON snapshot of live data. It shares equal parts with `known`, and is `known` itself if nothing has
 * changed. Members keep their order in `known`; new ones are last. Undefined if the data has no JSON. Half a surrogate pair
 * in a text, a member name or an id becomes U+FFFD.
 *
 * Every object directly inside an array has an id in the snapshot. An object without an id, or with the id of an earlier
 * element, gets a new one, in the live data too. If an array contains an object twice, a shallow copy replaces the second one.
 */
export function capture(known: Json | undefined, live: unknown, options: CaptureOptions = {}): Json | undefined {
  const {
    raw = (value) => value,
    assignId = (item, id) => put(item, SYNC_ID, id),
    newId = randomId,
    onInvalid = () => {},
    withoutIds,
    separate,
    versionOf,
    onRead
  } = options
  /** The objects and arrays being read, the outermost first, and the current member of each. */
  const open: object[] = []
  const names: (string | number)[] = []
  /** The number of values so far that are not plain JSON, or whose changes might not be reported. */
  let odd = 0

  const placeText = (): string => {
    const place = names.slice(0, open.length).map((name) => (typeof name === 'number' ? `[${name}]` : `.${name}`))
    return place.join('').replace(/^\./, '')
  }
  const report = (why: string, isShared: boolean): void => {
    odd++
    onInvalid(placeText(), why, isShared)
  }
  const leaveOut = (why: string): typeof INVALID => {
    report(why, false)
    return INVALID
  }

  const read = (known: Json | undefined, live: unknown): Snapshot =>
    readPlain(known, typeof live === 'object' ? plain(raw(live)) : live)

  /** The value that JSON.stringify would write: the result of `toJSON`, such as of a Date. */
  const plain = (value: unknown): unknown => {
    if (typeof value !== 'object') return value
    const toJSON = (value as { toJSON?: unknown } | null | undefined)?.toJSON
    if (typeof toJSON !== 'function') return value
    odd++
    try {
      const json: unknown = toJSON.call(value)
      return json === null && value instanceof Date ? leaveOut('an invalid date is not JSON') : json
    } catch (cause) {
      return leaveOut(`its toJSON failed: ${cause}`)
    }
  }

  const readPlain = (known: Json | undefined, value: unknown): Snapshot => {
    if (value === known) return known
    switch (typeof value) {
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) ? value + 0 : leaveOut(`${value} is not JSON`) // -0 + 0 is 0
      case 'string':
        return repair(value)
      case 'object':
        return value && readContainer(known, value)
      case 'undefined':
        return undefined
    }
    return value === INVALID ? INVALID : leaveOut(`a ${typeof value} is not JSON`)
  }

  const readContainer = (known: Json | undefined, live: object): Snapshot => {
    if (known !== undefined && versionOf?.(live) === known) return known
    const before = odd
    const kind = kindOf(live)
    if (kind) return leaveOut(`${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind} is not JSON`)
    if (open.includes(live)) return leaveOut('it contains itself')
    // Known values may be deeper: the server sent them.
    if (open.length >= MAX_DEPTH && known === undefined) return leaveOut(`deeper than ${MAX_DEPTH}`)
    if (isInstance(live)) report('it is an instance of a class: others get its members and nothing else', true)
    open.push(live)
    const value = Array.isArray(live)
      ? readArray(Array.isArray(known) ? known : undefined, live)
      : readObject(isObject(known) ? known : undefined, live as Record<string, unknown>)
    open.pop()
    if (odd === before && onRead?.(live, value)) odd++
    // An unchanged value is at its old place, so only changed ones are checked.
    if (value !== known) separate?.(live, open.at(-1), names[open.length - 1], placeText)
    return value
  }

  const readObject = (known: JsonObject | undefined, live: Record<string, unknown>): JsonObject => {
    const depth = open.length - 1
    const knownNames = known ? Object.keys(known) : []
    let changes: Record<string, Json | undefined> | undefined
    /** The repaired names of members whose names contain half a surrogate pair. */
    let repaired: Set<string> | undefined
    let unchanged = 0
    Object.keys(live).forEach((name, i) => {
      names[depth] = name
      if (name === '__proto__') return void leaveOut('__proto__ is not allowed')
      // Members usually keep their order, which avoids most lookups.
      let was = knownNames[i] === name ? known?.[name] : own(known, name)
      const member = memberOf(live, name)
      if (was === undefined && isBroken(name)) {
        const shared = repair(name)
        if (Object.hasOwn(live, shared) || repaired?.has(shared)) return void leaveOut('another member has the repaired name')
        ;(repaired ??= new Set()).add(shared)
        was = own(known, (name = shared))
      }
      let value = member === was ? was : read(was, member)
      if (value === INVALID) value = was
      if (value !== was) (changes ??= {})[name] = value
      else if (value !== undefined) unchanged++
    })
    if (known && !changes && unchanged === knownNames.length) return known
    if (!known) return (changes ??= {}) as JsonObject
    const copy = {}
    for (const name of [...knownNames, ...Object.keys(changes ?? {})]) {
      if (!Object.hasOwn(live, name) && !repaired?.has(name)) continue
      const value = changes && Object.hasOwn(changes, name) ? changes[name] : known[name]
      if (value !== undefined) put(copy, name, value)
    }
    return copy
  }

  /** The value of a member; omitted if its getter throws. */
  const memberOf = (live: Record<string, unknown>, name: string): unknown => {
    try {
      return live[name]
    } catch (cause) {
      return leaveOut(`reading it failed: ${cause}`)
    }
  }

  const readArray = (known: JsonArray | undefined, live: unknown[]): JsonArray => {
    const depth = open.length - 1
    /** The elements read so far, once one differs from `known`. */
    let copy = known ? undefined : ([] as Json[])
    const leftOut: number[] = []
    /** So many items at the start are those of `known`, in order. */
    let start = 0
    /** The positions of the ids read after that. */
    let ids: Map<string, number> | undefined
    const find = (id: string): number => (known ? positionOf(known, id) : -1)
    /** The position of the earlier element with this id, or -1. */
    const firstWith = (id: string): number => ids?.get(id) ?? (find(id) < start ? find(id) : -1)
    for (let i = 0; i < live.length; i++) {
      names[depth] = i
      const was = known?.[i]
      const item: unknown = raw(live[i])
      let value = plain(item)
      let snapshot: Snapshot
      if (value === undefined) {
        report(i in live ? 'undefined in an array becomes null' : 'a gap in an array becomes null', true)
        snapshot = null
      } else if (withoutIds || typeof item !== 'object' || item === null || !isObject(value) || kindOf(value) !== '') {
        snapshot = readPlain(was, value)
      } else {
        let id = idOf(item)
        let match = was
        if (start === i && id !== undefined && id === idOf(was)) start++
        else {
          // A new array of one item, as there are many inside items, needs no map.
          if (known || live.length > 1)
            ids ??= new Map(known && !isItems(known) ? known.slice(0, start).map((item, at) => [idOf(item)!, at]) : [])
          id = identify(item, value, live, i, firstWith)
          if (raw(live[i]) !== item) value = plain(raw(live[i]))
          if (id !== idOf(was)) match = known?.[find(id)]
          ids?.set(id, i)
        }
        snapshot = readPlain(match, value)
        if (isObject(snapshot)) snapshot = withId(match, snapshot, id)
      }
      if (snapshot === INVALID) leftOut.push(i)
      const element = snapshot === INVALID ? null : (snapshot ?? null)
      if (element !== was) copy ??= known!.slice(0, i)
      copy?.push(element)
    }
    if (known && !copy && !leftOut.length && known.length === live.length) return known
    copy ??= known!.slice(0, live.length)
    if (leftOut.length) {
      // An item array stays one: omitted elements are removed.
      const items = copy.filter((_, i) => !leftOut.includes(i))
      const rest = items.length && items.every(idOf) ? items : copy
      return known?.length === rest.length && rest.every((element, i) => element === known[i]) ? known : rest
    }
    if (known && copy.every(idOf)) {
      shareIndex(copy, known)
      ids?.forEach((at, id) => noteItem(copy, id, at))
    }
    return copy
  }

  /**
   * The id of an item. If it has none, or an earlier element has it, a new one is written into the live data. `value` is the
   * result of the item's `toJSON`, or the item.
   */
  const identify = (item: object, value: object, live: unknown[], i: number, firstWith: (id: string) => number): string => {
    const given = idsOfFrozen.get(item) ?? idOf(item) ?? idOf(value)
    const present = given && repair(given)
    const first = present === undefined ? -1 : firstWith(present)
    if (present !== undefined && first < 0 && present === given) return present
    const id = present !== undefined && first < 0 ? present : newId()
    let target = item
    if (first >= 0 && raw(live[first]) === item && !Object.isFrozen(live)) {
      target = { ...item }
      live[i] = target
    } else if (first >= 0) {
      // If the object is also elsewhere in the state, it keeps its id there, and a copy gets the new one.
      separate?.(item, live, i, placeText)
      target = raw(live[i]) as object
    }
    if (Object.isExtensible(target)) assignId(target, id)
    else idsOfFrozen.set(target, id)
    return id
  }

  // The plugin passes its snapshot of a state to a document, which takes another.
  if (known === undefined && snapshots.has(live as object)) known = live as Json
  const snapshot = read(known, live)
  if (snapshot === INVALID) return known
  if (typeof snapshot === 'object' && snapshot !== null) snapshots.add(snapshot)
  return snapshot
}

const HALF = /\p{Surrogate}/u
const HALVES = /\p{Surrogate}/gu
const isBroken = (text: string): boolean => HALF.test(text)
const repair = (text: string): string => text.replace(HALVES, '\ufffd')

/** The snapshot of an item with its id, for live items that cannot store one. */
function withId(known: Json | undefined, snapshot: JsonObject, id: string): Json {
  if (idOf(snapshot) === id) return snapshot
  const identified = { ...snapshot, [SYNC_ID]: id }
  return known !== undefined && equal(known, identified) ? known : identified
}
