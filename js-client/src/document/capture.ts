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
  /** Objects in arrays are read as any other value, without ids. */
  withoutIds?: boolean
  /**
   * Called for each value that JSON or a document cannot hold. The snapshot leaves it out: a member stays as it is in
   * `known`; an element is null, or missing if all other elements are items. `isShared`: what JSON can hold of the value is in
   * the snapshot all the same. The place is written for people, with positions: `tasks[3].due`.
   */
  onInvalid?(place: string, why: string, isShared: boolean): void
  /**
   * Called with each object and array that differs from `known`, and where it is. For state in which an object that is in two
   * places becomes two.
   */
  separate?(object: object, holder: object | undefined, at: string | number | undefined, place: () => string): void
}

/** What stands for a value that is left out. */
const INVALID = Symbol('invalid')
type Snapshot = Json | undefined | typeof INVALID

/** The ids of items that cannot be written to. */
const idsOfFrozen = new WeakMap<object, string>()

/**
 * An immutable snapshot of live data, as JSON would have it, that shares with `known` whatever is equal; `known` itself
 * when nothing has changed. Members keep the order that they have in `known`; new ones come last. Undefined when there is
 * nothing that JSON has. Half a surrogate pair becomes U+FFFD, in texts, names of members and ids.
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
    onInvalid = () => {},
    withoutIds,
    separate
  } = options
  /** The objects and arrays that are being read, the outermost first, and the member that each is read at. */
  const open: object[] = []
  const names: (string | number)[] = []

  const placeText = (): string => {
    const place = names.slice(0, open.length).map((name) => (typeof name === 'number' ? `[${name}]` : `.${name}`))
    return place.join('').replace(/^\./, '')
  }
  const report = (why: string, isShared: boolean): void => onInvalid(placeText(), why, isShared)
  const leaveOut = (why: string): typeof INVALID => {
    report(why, false)
    return INVALID
  }

  const read = (known: Json | undefined, live: unknown): Snapshot => readPlain(known, plain(live))

  /** What JSON.stringify would look at: what is behind a proxy, and what `toJSON` returns, such as for a Date. */
  const plain = (live: unknown): unknown => {
    if (typeof live !== 'object' || live === null) return live
    const value: unknown = raw(live)
    const toJSON = (value as { toJSON?: unknown } | null | undefined)?.toJSON
    if (typeof toJSON !== 'function') return value
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
    const kind = kindOf(live)
    if (kind !== '') return leaveOut(`${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind} is not JSON`)
    if (open.includes(live)) return leaveOut('it contains itself')
    // What a server has sent may be deeper, and stays.
    if (open.length >= MAX_DEPTH && known === undefined) return leaveOut(`deeper than ${MAX_DEPTH}`)
    if (isInstance(live)) report('it is an instance of a class: others get its members and nothing else', true)
    open.push(live)
    const value = Array.isArray(live)
      ? readArray(Array.isArray(known) ? known : undefined, live)
      : readObject(isObject(known) ? known : undefined, live as Record<string, unknown>)
    open.pop()
    // What is as it was is where it was: only what has changed is looked at, which costs nothing.
    if (value !== known) separate?.(live, open.at(-1), names[open.length - 1], placeText)
    return value
  }

  const readObject = (known: JsonObject | undefined, live: Record<string, unknown>): JsonObject => {
    const depth = open.length - 1
    const knownNames = known ? Object.keys(known) : []
    let changes: Map<string, Json | undefined> | undefined
    /** The names that stand for names with half a character. */
    let repaired: Set<string> | undefined
    let unchanged = 0
    Object.keys(live).forEach((name, i) => {
      names[depth] = name
      if (name === '__proto__') return void leaveOut('__proto__ is not allowed')
      // The members have the same order as a rule, which spares most of the looking up.
      let was = knownNames[i] === name ? known?.[name] : own(known, name)
      const member = memberOf(live, name)
      if (was === undefined && isBroken(name)) {
        const shared = repair(name)
        if (Object.hasOwn(live, shared) || repaired?.has(shared)) return void leaveOut('another member has its name, repaired')
        ;(repaired ??= new Set()).add(shared)
        was = own(known, (name = shared))
      }
      let value = member === was ? was : read(was, member)
      if (value === INVALID) value = was
      if (value !== was) (changes ??= new Map()).set(name, value)
      else if (value !== undefined) unchanged++
    })
    if (known && !changes && unchanged === knownNames.length) return known
    const copy = {}
    for (const name of knownNames) {
      if (!Object.hasOwn(live, name) && !repaired?.has(name)) continue
      const value = changes?.has(name) ? changes.get(name) : own(known, name)
      if (value !== undefined) put(copy, name, value)
    }
    changes?.forEach((value, name) => value !== undefined && put(copy, name, value))
    return copy
  }

  /** A member; what cannot be read is left out. */
  const memberOf = (live: Record<string, unknown>, name: string): unknown => {
    try {
      return live[name]
    } catch (cause) {
      return leaveOut(`reading it failed: ${cause}`)
    }
  }

  const readArray = (known: JsonArray | undefined, live: unknown[]): JsonArray => {
    const depth = open.length - 1
    const copy: Json[] = []
    const leftOut: number[] = []
    let changed = known?.length !== live.length
    /** Where the ids are that have been met. Not needed as long as the items are those of `known`, one by one. */
    let positions: Map<string, number> | undefined
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
        if (positions || id === undefined || id !== idOf(was)) {
          positions ??= new Map(copy.map((element, at) => [idOf(element) ?? '', at]))
          id = identify(item, value, live, i, positions)
          if (raw(live[i]) !== item) value = plain(live[i])
          if (known && id !== idOf(was)) match = known[positionOf(known, id)]
          positions.set(id, i)
        }
        snapshot = readPlain(match, value)
        if (isObject(snapshot)) snapshot = withId(match, snapshot, id)
      }
      if (snapshot === INVALID) leftOut.push(i)
      changed ||= snapshot !== was
      copy.push(snapshot === INVALID ? null : (snapshot ?? null))
    }
    if (leftOut.length) {
      // Items stay items when what cannot be one is among them.
      const items = copy.filter((_, i) => !leftOut.includes(i))
      const rest = items.length && items.every(idOf) ? items : copy
      return known?.length === rest.length && rest.every((element, i) => element === known[i]) ? known : rest
    }
    if (known && !changed) return known
    if (known && !positions && copy.every(idOf)) shareIndex(copy, known)
    return copy
  }

  /**
   * The id of an item: the one that it has, unless an earlier element has it; or a new one, written into the live data.
   * `value` is what is read instead of the item if it has a `toJSON`.
   */
  const identify = (item: object, value: object, live: unknown[], i: number, positions: Map<string, number>): string => {
    const given = idsOfFrozen.get(item) ?? idOf(item) ?? idOf(value)
    const present = given && repair(given)
    const first = present === undefined ? undefined : positions.get(present)
    if (present !== undefined && first === undefined && present === given) return present
    const id = present !== undefined && first === undefined ? present : newId()
    let target = item
    if (first !== undefined && raw(live[first]) === item && !Object.isFrozen(live)) {
      target = { ...item }
      live[i] = target
    } else if (first !== undefined) {
      // An object that is elsewhere in the state as well keeps its id there.
      separate?.(item, live, i, placeText)
      target = raw(live[i]) as object
    }
    if (Object.isExtensible(target)) assignId(target, id)
    else idsOfFrozen.set(target, id)
    return id
  }

  const snapshot = read(known, live)
  return snapshot === INVALID ? known : snapshot
}

const HALF = /\p{Surrogate}/u
const HALVES = /\p{Surrogate}/gu
const isBroken = (text: string): boolean => HALF.test(text)
const repair = (text: string): string => text.replace(HALVES, '\ufffd')

/** The name of a built-in kind of object that JSON does not have, such as `Map`; empty for objects and arrays. */
export function kindOf(object: object): string {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return ''
  const kind = Object.prototype.toString.call(object).slice(8, -1)
  return kind === 'Object' || Array.isArray(object) ? '' : kind
}

/** Whether an object is of a class. Plain objects of another realm, such as a frame, are not. */
function isInstance(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return (
    prototype !== null && prototype !== Object.prototype && !Array.isArray(object) && Object.getPrototypeOf(prototype) !== null
  )
}

/** The snapshot of an item, with the item's id where the live data cannot hold it. */
function withId(known: Json | undefined, snapshot: JsonObject, id: string): Json {
  if (idOf(snapshot) === id) return snapshot
  const identified = { ...snapshot, [SYNC_ID]: id }
  return known !== undefined && equal(known, identified) ? known : identified
}
