// What to send so that one version of a document becomes another.
import type { Anchor, Operation } from '../wire.ts'
import { idOf, isItems } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { type Place, ROOT, extendPlace, parsePath, placeOf } from './path.ts'
import { equal, get, isObject, own } from './values.ts'

/**
 * The fewest operations that lead from one version to the other. Folded over `from`, each of them takes effect, and what
 * comes out equals `to`. What both versions share is not looked at.
 *
 * Items are told apart by id: the same array in another order is a few moves, and an item that has gone from one array and
 * come into another is one move across. Any other array changes as a whole.
 *
 * What is new is written so that two who make it at the same time do not replace each other's: a document member by
 * member, an item array item by item, an object with one member by that member. Any other new object is one value.
 */
export function diff(from: Json | undefined, to: Json): Operation[] {
  let across: Across = new Map()
  // What goes into an item that itself goes to another array is seen only when that is known.
  for (let levels = 4; ; levels--) {
    const { ops, ids } = differences(from, to, across)
    const more = levels ? movesAcross(from, ops, ids) : new Map()
    if (!more.size) return ops
    across = new Map([...across, ...more])
  }
}

/** Items that move to another array, by their ids: from which path, and into the array at which path. */
type Across = ReadonlyMap<string, { readonly item: string; readonly array: string }>

/** The items that the operations remove from one array and add to one other. */
function movesAcross(from: Json | undefined, ops: readonly Operation[], ids: ReadonlyMap<Operation, string>): Across {
  const removed = new Map<string, string | undefined>()
  const added = new Map<string, string | undefined>()
  for (const op of ops) {
    const id = ids.get(op)
    if (id === undefined) continue
    const paths = op.op === 'array_del' ? removed : added
    paths.set(id, paths.has(id) ? undefined : op.path) // in two places: it is not known which is which
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
 * The operations, and of which item each is that removes or adds one. Items that move across are moved by the operations of
 * the array that they go to.
 */
function differences(from: Json | undefined, to: Json, across: Across) {
  const ops: Operation[] = []
  const idsOfOps = new Map<Operation, string>()

  /** Writes the operations for one place. False when no path names it: what contains it must change instead. */
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
   * The same for an item of an array. With thousands of pending changes, all but a few items are compared again unchanged: those
   * get the same operations as the last time.
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
    // Operations of arrays may depend on the rest of the document.
    const isAlone = !across.size && own.every(({ op }) => op === 'set' || op === 'delete')
    if (isObject(to) && isAlone) edits.set(to, { from, array: array.path, ops: own })
    return true
  }

  /** False when the place has no inside that operations could change. */
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
    if (from.length === to.length && from.every((item, i) => item === to[i] || idOf(item) === idOf(to[i]))) {
      return to.every((item, i) => compareItem(from[i], item, place, idOf(item) as string))
    }

    const ids = to.map((item) => idOf(item) as string)
    const wanted = new Set(ids)
    const oldPositions = new Map<string, number>()
    for (const [i, item] of from.entries()) {
      const id = idOf(item) as string
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

    // The items that stay give the order; from left to right, all others are put behind what is to be before them. What is
    // new behind all that stay is appended, wherever the end is by then.
    const staying = longestIncreasing(ids.flatMap((id) => oldPositions.get(id) ?? []))
    const stays = (id: string): boolean => staying.has(oldPositions.get(id) ?? -1)
    const lastThatStays = ids.findLastIndex(stays)
    // A list that is sorted anew is many moves. They get one anchor each, and less than half of the bytes.
    const farthest = ids.length - staying.size > MANY ? 1 : 8
    for (const [i, id] of ids.entries()) {
      const item = to[i] as Json
      const old = oldPositions.get(id)
      if (stays(id)) {
        if (!compareItem(from[old as number], item, place, id)) return false
        continue
      }
      const after = i < lastThatStays || old !== undefined ? { after: anchorsAt(ids, i, farthest) } : {}
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

/** The last edits of items, by what the items are after them. */
const edits = new WeakMap<object, { from: Json | undefined; array: string; ops: readonly Operation[] }>()

const MANY = 100

/**
 * What the item at a position is put behind: the item before it or, should that be gone by then, the one 2, 4 or 8 places
 * before it, up to the farthest. Beyond these, the nearer end of the array.
 */
function anchorsAt(ids: readonly string[], position: number, farthest: number): Anchor | Anchor[] {
  const anchors: Anchor[] = []
  for (let distance = 1; distance <= farthest && distance <= position; distance *= 2)
    anchors.push(ids[position - distance] as string)
  if (position < ids.length / 2) anchors.push(null)
  return anchors.length === 1 ? (anchors[0] as Anchor) : anchors
}

/** The members of a longest increasing subsequence of distinct numbers, in O(n log n). */
function longestIncreasing(numbers: readonly number[]): Set<number> {
  const tails: number[] = [] // tails[n]: the position of the least number that ends an increasing sequence of n + 1
  const previous: number[] = [] // by position: the position of the number before it in its sequence, or -1
  numbers.forEach((number, i) => {
    const valueOf = (tail: number): number => numbers[tails[tail] ?? -1] ?? -1
    let high = tails.length
    let low = valueOf(high - 1) < number ? high : 0 // most items are in order
    while (low < high) {
      const middle = (low + high) >> 1
      if (valueOf(middle) < number) low = middle + 1
      else high = middle
    }
    previous[i] = tails[low - 1] ?? -1
    tails[low] = i
  })
  const members = new Set<number>()
  for (let i = tails.at(-1) ?? -1; i >= 0; i = previous[i] as number) members.add(numbers[i] as number)
  return members
}
