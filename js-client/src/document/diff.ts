// What to send so that one version of a document becomes another.
import type { Operation } from '../wire.ts'
import { idOf, isItems } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { type Place, ROOT, extendPlace } from './path.ts'
import { equal, isObject, own } from './values.ts'

/**
 * The fewest operations that lead from one version to the other. Folded over `from`, each of them takes effect, and what
 * comes out equals `to`. What both versions share is not looked at.
 *
 * Items are told apart by id: the same array in another order is a few moves. Any other array changes as a whole.
 *
 * What is new is written so that two who make it at the same time do not replace each other's: a document member by
 * member, an item array item by item, an object with one member by that member. Any other new object is one value.
 */
export function diff(from: Json | undefined, to: Json): Operation[] {
  const ops: Operation[] = []

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

  /** False when the place has no inside that operations could change. */
  const compareInside = (from: Json | undefined, to: Json, place: Place): boolean =>
    isObject(from) && isObject(to) ? compareMembers(from, to, place)
    : Array.isArray(from) && Array.isArray(to) && isItems(from) && isItems(to) ? compareItems(from, to, place)
    : from !== undefined && from !== null ? false
    : isObject(to) && Object.keys(to).length === 1 ? compareMembers({}, to, place)
    : Array.isArray(to) && to.length > 0 && isItems(to) ? compareItems([], to, place)
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
    const compareItem = (was: Json | undefined, item: Json, id: string): boolean =>
      was === item || compare(was, item, extendPlace(place, { item: id }))
    if (from.length === to.length && from.every((item, i) => item === to[i] || idOf(item) === idOf(to[i]))) {
      return to.every((item, i) => compareItem(from[i], item, idOf(item) as string))
    }

    const arrange = (op: 'array_del' | 'array_move', item: string, arrayIndex?: number): boolean => {
      const at = extendPlace(place, { item })
      if (at) ops.push(arrayIndex === undefined ? { op, path: at.path } : { op, path: at.path, arrayIndex })
      return at !== undefined
    }
    const ids = to.map((item) => idOf(item) as string)
    const wanted = new Set(ids)
    const oldPositions = new Map<string, number>()
    for (const [i, item] of from.entries()) {
      const id = idOf(item) as string
      if (wanted.has(id)) oldPositions.set(id, i)
      else if (!arrange('array_del', id)) return false
    }

    // The items that stay give the order; from left to right, all others are put behind what is to be before them.
    // Between what is in order and the next item that stays there may be items that have not been moved away yet.
    const staying = longestIncreasing(ids.flatMap((id) => oldPositions.get(id) ?? []))
    const left = new Array<boolean>(from.length).fill(false)
    let passed = 0 // how many of the old positions are at or before the last item that stays
    let inTheWay = 0 // how many items to be moved are before that item
    let length = oldPositions.size
    for (const [i, id] of ids.entries()) {
      const item = to[i] as Json
      const old = oldPositions.get(id)
      if (old === undefined) {
        const arrayIndex = i + inTheWay
        ops.push({ op: 'array_add', path: place.path, value: item, ...(arrayIndex < length ? { arrayIndex } : {}) })
        length++
        continue
      }
      if (staying.has(old)) {
        for (; passed <= old; passed++) {
          if (!staying.has(passed) && !left[passed] && wanted.has(idOf(from[passed]) as string)) inTheWay++
        }
      } else {
        if (old < passed) inTheWay--
        left[old] = true
        if (!arrange('array_move', id, i + inTheWay)) return false
      }
      if (!compareItem(from[old], item, id)) return false
    }
    return true
  }

  const isNew = from === undefined && isObject(to) && Object.keys(to).length > 0
  compare(isNew ? {} : from, to, ROOT)
  return ops
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
