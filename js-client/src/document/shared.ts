// Finds objects that are in two places of live state. Other clients would get two independent objects, so the object stays at
// its first place, and the second place gets a copy.
import { kindOf } from './kind.ts'
import { put } from './values.ts'

export interface SharingOptions {
  /** Returns the plain object behind a live object or array, such as Vue's `toRaw`. */
  raw<T>(value: T): T
  /** The current live state. */
  root(): unknown
  /** Writes a copy into live state. */
  replace(holder: object, name: string | number, copy: object): void
}

/** The first recorded place of an object. */
interface Home {
  /** Undefined when it is the state itself. */
  readonly holder: object | undefined
  /** The name of the member that it is; undefined in an array. */
  readonly name: string | undefined
  root(): unknown
}

/** The homes of the objects of all states. */
const homes = new WeakMap<object, Home>()

/**
 * Records the place of an object in live state. If the object is still at the place recorded first, replaces it here by a copy and
 * returns true.
 */
export function separate(
  object: object,
  holder: object | undefined,
  at: string | number | undefined,
  { raw, root, replace }: SharingOptions
): boolean {
  const name = typeof at === 'string' ? at : undefined
  const home = homes.get(object)
  if (home && home.holder === holder && home.name === name) return false
  if (
    home &&
    holder &&
    at !== undefined &&
    Object.isExtensible(object) &&
    Object.isExtensible(holder) &&
    isElsewhere(object, holder, name, home, raw)
  ) {
    const copy = copyOf(object, raw)
    replace(holder, at, copy)
    homes.set(copy, { holder, name, root })
    return true
  }
  homes.set(object, { holder, name, root })
  return false
}

/** Whether an object is where it was found first, and that is not the place given: another array may have taken that place. */
function isElsewhere(object: object, here: object, name: string | undefined, home: Home, raw: <T>(value: T) => T): boolean {
  if (!home.holder) return raw(home.root()) === object
  const holder = current(home.holder, raw)
  if (!holder || (holder === here && home.name === name)) return false
  if (Array.isArray(holder)) return holder.some((element: unknown) => raw(element) === object)
  return home.name !== undefined && raw((holder as Record<string, unknown>)[home.name]) === object
}

/** The value at the place where an object or array was found: itself, its replacement as a member, or undefined. */
function current(container: object, raw: <T>(value: T) => T, depth = 0): object | undefined {
  const home = homes.get(container)
  if (!home || depth > 100) return undefined
  let now: unknown
  if (!home.holder) now = raw(home.root())
  else {
    const holder = current(home.holder, raw, depth + 1)
    if (Array.isArray(holder)) now = holder.some((element: unknown) => raw(element) === container) ? container : undefined
    else if (holder && home.name !== undefined) now = raw((holder as Record<string, unknown>)[home.name])
  }
  return typeof now === 'object' && now !== null ? now : undefined
}

/** A deep copy of plain live data. Other values are not copied. */
function copyOf(object: object, raw: <T>(value: T) => T): object {
  const copies = new Map<object, object>()
  const copyValue = (value: unknown): unknown => {
    const object: unknown = raw(value)
    if (typeof object !== 'object' || object === null || kindOf(object) || 'toJSON' in object) return value
    const known = copies.get(object)
    if (known) return known
    const copy: object = Array.isArray(object) ? [] : (Object.create(Object.getPrototypeOf(object) as object | null) as object)
    copies.set(object, copy)
    for (const [name, member] of Object.entries(object)) put(copy, name, copyValue(member))
    return copy
  }
  return copyValue(object) as object
}
