// Computes the operations between two versions of a document.
import type { Operation } from '../wire.ts'
import { anchorsAt } from './anchors.ts'
import { longestIncreasing } from './increasing.ts'
import { idOf, isItems } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { type Place, ROOT, extendPlace, parsePath, placeOf } from './path.ts'
import { equal, get, isObject, own } from './values.ts'

/**
 * The fewest operations that lead from one version to the other. Folded over `from`, each of them is applied, and the result
 * equals `to`. Parts that both versions share are skipped.
 *
 * Items are identified by id: an array in another order is a few moves, and an item that left one array and appeared in
 * another is one move across. Any other array changes as a whole.
 *
 * New values are written so that two clients who create the same value do not replace each other's: a document member by
 * member, an item array item by item, an object with one member by that member. Any other new object is one value.
 */
export function diff(from: Json | undefined, to: Json): Operation[] {
  let across: Across = new Map()
  // A move into an item that itself moves to another array is found only after that move.
  for (let levels = 4; ; levels--) {
    const { ops, ids } = differences(from, to, across)
    const more = levels ? movesAcross(from, ops, ids) : new Map()
    if (!more.size) return ops
    across = new Map([...across, ...more])
  }
}

/** Items that move to another array, by id: the path of the item before, and the path of the new array. */
type Across = ReadonlyMap<string, { readonly item: string; readonly array: string }>

/** The items that the operations remove from one array and add to one other. */
function movesAcross(from: Json | undefined, ops: readonly Operation[], ids: ReadonlyMap<Operation, string>): Across {
  const removed = new Map<string, string | undefined>()
  const added = new Map<string, string | undefined>()
  for (const op of ops) {
    const id = ids.get(op)
    if (id === undefined) continue
    const paths = op.op === 'array_del' ? removed : added
    paths.set(id, paths.has(id) ? undefined : op.path) // in two places: ambiguous
  }
  const across = new Map<string, { item: string; array: string }>()
  for (const [id, item] of removed) {
    const array = added.get(id)
    if (item === undefined || array === undefined) continue
    if (get(from, item) && placeOf([...parsePath(array), { item: id }])) across.set(id, { item, array })
  }
  return across
}

/**
 * The operations, and for each that removes or adds an item the item's id. The operations of the new array move items
 * across.
 */
function differences(from: Json | undefined, to: Json, across: Across) {
  const ops: Operation[] = []
  const idsOfOps = new Map<Operation, string>()

  /** Adds the operations for one place. Returns false if no path names it: then its container is replaced. */
  const compare = (from: Json | undefined, to: Json, place: Place | undefined): boolean => {
    if (from === to) return true
    const start = ops.length
    if (place && compareInside(from, to, place)) return true
    ops.length = start
    if (equal(from, to)) return true
    if (place) ops.push({ op: 'set', path: place.path, value: to })
    return place !== undefined
  }

  /**
   * The same for an item of an array. With thousands of pending changes, almost all changed items are the same as in the last
   * diff: their operations are cached.
   */
  const compareItem = (from: Json | undefined, to: Json, array: Place, id: string): boolean => {
    if (from === to) return true
    const known = isObject(to) ? edits.get(to) : undefined
    if (known && known.from === from && known.array === array.path) {
      for (const op of known.ops) ops.push(op)
      return true
    }
    const start = ops.length
    if (!compare(from, to, extendPlace(array, { item: id }))) return false
    const own = ops.slice(start)
    // Operations on arrays may depend on the rest of the document, so they are not cached.
    const isAlone = !across.size && own.every(({ op }) => op === 'set' || op === 'delete')
    if (isObject(to) && isAlone) {
      edits.set(to, { from, array: array.path, ops: own })
      // Otherwise each version of an item would keep all versions before it in memory.
      if (isObject(from)) edits.delete(from)
    }
    return true
  }

  /** Returns false if operations cannot change the inside of the place. */
  const compareInside = (from: Json | undefined, to: Json, place: Place): boolean =>
    isObject(from) && isObject(to)
      ? compareMembers(from, to, place)
      : Array.isArray(from) && Array.isArray(to) && isItems(from) && isItems(to)
        ? compareItems(from, to, place)
        : from !== undefined && from !== null
          ? false
          : isObject(to) && Object.keys(to).length === 1
            ? compareMembers({}, to, place)
            : Array.isArray(to) && to.length > 0 && isItems(to)
              ? compareItems([], to, place)
              : false

  const compareMembers = (from: JsonObject, to: JsonObject, place: Place): boolean => {
    for (const key of Object.keys(from)) {
      if (Object.hasOwn(to, key) || key === '__proto__') continue
      const member = extendPlace(place, { key })
      if (!member) return false
      ops.push({ op: 'delete', path: member.path })
    }
    return Object.keys(to).every((key) => {
      const was = own(from, key)
      const value = to[key] as Json
      return was === value || key === '__proto__' || compare(was, value, extendPlace(place, { key }))
    })
  }

  const compareItems = (from: JsonArray, to: JsonArray, place: Place): boolean => {
    // Most items are at their places, counted from the start or from the end.
    const { length } = to
    const shift = length - from.length
    const isKept = (i: number, old: number): boolean => from[old] === to[i] || idOf(from[old]) === idOf(to[i])
    let start = 0
    while (start < length && isKept(start, start)) start++
    let end = length
    while (end > start && end - shift > start && isKept(end - 1, end - shift - 1)) end--

    const ids = to.slice(start, end).map((item) => idOf(item) as string)
    const wanted = new Set(ids)
    const oldPositions = new Map<string, number>()
    for (let i = start; i < end - shift; i++) {
      const id = idOf(from[i]) as string
      if (wanted.has(id)) {
        oldPositions.set(id, i)
        continue
      }
      const at = extendPlace(place, { item: id })
      if (!at) return false
      if (across.get(id)?.item === at.path) continue
      const op: Operation = { op: 'array_del', path: at.path }
      idsOfOps.set(op, id)
      ops.push(op)
    }

    // Items of a longest increasing subsequence stay. From left to right, each other item is placed after its new predecessor.
    // New items after the last one that stays are appended without an anchor.
    const staying = longestIncreasing(ids.flatMap((id) => oldPositions.get(id) ?? []))
    const lastThatStays = end < length ? end : start + ids.findLastIndex((id) => staying.has(oldPositions.get(id) ?? -1))
    // Sorting a list makes many moves. One anchor each saves more than half of the bytes.
    const farthest = ids.length - staying.size > MANY ? 1 : 8
    for (let i = 0; i < length; i++) {
      const item = to[i] as Json
      const id = idOf(item) as string
      const isInside = i >= start && i < end
      const old = isInside ? oldPositions.get(id) : i < start ? i : i - shift
      if (!isInside || staying.has(old ?? -1)) {
        if (!compareItem(from[old as number], item, place, id)) return false
        continue
      }
      const after = i < lastThatStays || old !== undefined ? { after: anchorsAt(to, i, farthest) } : {}
      if (old !== undefined) {
        const at = extendPlace(place, { item: id })
        if (!at) return false
        ops.push({ op: 'array_move', path: at.path, ...after })
        if (!compareItem(from[old], item, place, id)) return false
        continue
      }
      const move = across.get(id)
      if (move?.array === place.path) {
        ops.push({ op: 'array_move', path: move.item, to: place.path, ...after })
        if (!compareItem(get(fromDoc, move.item), item, place, id)) return false
        continue
      }
      const op: Operation = { op: 'array_add', path: place.path, value: item, ...after }
      idsOfOps.set(op, id)
      ops.push(op)
    }
    return true
  }

  const fromDoc = from
  const isNew = from === undefined && isObject(to) && Object.keys(to).length > 0
  compare(isNew ? {} : from, to, ROOT)
  return { ops, ids: idsOfOps }
}

/** Cache of the operations that led to a version of an item, by that version. */
const edits = new WeakMap<object, { from: Json | undefined; array: string; ops: readonly Operation[] }>()

/** More moves than this in one array get one anchor each. */
const MANY = 100
