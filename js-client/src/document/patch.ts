// Changes live state in place from one immutable version to the next.
import { idOf, isItems, positionOf } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { clone, isObject, own, put } from './values.ts'

/**
 * Changes live state where two versions differ. Returns the state, or a copy of `to` to replace it if it cannot change in
 * place. Parts that the versions share are not touched, and items stay the same objects, so that a user interface updates no
 * more than necessary. The state may be behind a proxy, such as Vue's `reactive`.
 *
 * The state should equal `from`. Where it does not, it still becomes `to` if the versions differ there.
 */
export function patch(live: unknown, from: Json | undefined, to: Json | undefined): unknown {
  if (to === undefined) return undefined
  if (from === to) return live
  if (typeof live === 'object' && live !== null && Object.isExtensible(live)) {
    if (Array.isArray(to)) {
      if (Array.isArray(live)) return patchArray(live, Array.isArray(from) ? from : [], to)
    } else if (isObject(to) && !Array.isArray(live)) {
      const members = live as Record<string, unknown>
      // An object with toJSON, such as a Date, does not have the members of its JSON.
      if (typeof members.toJSON !== 'function') return patchObject(members, isObject(from) ? from : undefined, to)
    }
  }
  return clone(to)
}

function patchObject(live: Record<string, unknown>, from: JsonObject | undefined, to: JsonObject): unknown {
  for (const name of Object.keys(from ?? live)) {
    if (!Object.hasOwn(to, name) && Object.hasOwn(live, name)) delete live[name]
  }
  for (const name of Object.keys(to)) {
    const before = own(from, name)
    const value = to[name]
    if (value === before) continue
    const was = Object.hasOwn(live, name) ? live[name] : undefined
    const next = patch(was, before, value)
    if (next !== was) put(live, name, next)
  }
  return live
}

function patchArray(live: unknown[], from: JsonArray, to: JsonArray): unknown {
  if (isItems(from) && isItems(to)) patchItems(live, from, to)
  else {
    const known = live.length
    fill(
      live,
      0,
      known,
      to.map((value, i) => (i < known ? patch(live[i], from[i], value) : clone(value)))
    )
  }
  return live
}

function patchItems(live: unknown[], from: JsonArray, to: JsonArray): void {
  /** The new value of an item: the same object if it has the same id. */
  const become = (item: unknown, before: Json | undefined, after: Json): unknown =>
    idOf(item) === idOf(after) ? patch(item, before, after) : clone(after)
  const keep = (at: number, before: Json | undefined, after: Json): void => {
    if (before === after) return
    const item = live[at]
    const next = become(item, before, after)
    if (next !== item) live[at] = next
  }

  // Items that are the same at both ends keep their positions. If `live` has another length than `from`, none do.
  const most = live.length === from.length ? Math.min(from.length, to.length) : 0
  let start = 0
  let end = 0
  while (start < most && idOf(from[start]) === idOf(to[start])) start++
  while (end < most - start && idOf(from[from.length - 1 - end]) === idOf(to[to.length - 1 - end])) end++
  for (let i = 0; i < start; i++) keep(i, from[i], to[i] as Json)
  for (let i = 1; i <= end; i++) keep(live.length - i, from[from.length - i], to[to.length - i] as Json)

  const stop = live.length - end
  const middle = to.slice(start, to.length - end)
  if (start === stop && !middle.length) return
  const items = new Map(live.slice(start, stop).map((item) => [idOf(item), item]))
  fill(
    live,
    start,
    stop,
    middle.map((after) => {
      const id = idOf(after) as string
      return become(items.get(id), from[positionOf(from, id)], after)
    })
  )
}

/** How many elements one `splice` inserts. The number of arguments of a call is limited. */
const CHUNK = 10_000

/** Replaces live[start..stop). Does not write elements that stay the same. */
function fill(live: unknown[], start: number, stop: number, values: readonly unknown[]): void {
  const common = Math.min(stop - start, values.length)
  for (let i = 0; i < common; i++) if (live[start + i] !== values[i]) live[start + i] = values[i]
  if (stop - start > common) live.splice(start + common, stop - start - common)
  for (let i = common; i < values.length; i += CHUNK) live.splice(start + i, 0, ...values.slice(i, i + CHUNK))
}
