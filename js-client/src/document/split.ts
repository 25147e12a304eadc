// Keeping batches within the server's limits.
import type { Operation } from '../wire.ts'
import { idOf, isItems } from './items.ts'
import type { JsonObject } from './json.ts'
import { formatPath, isAddressable, parsePath } from './path.ts'
import { SYNC_ID, isObject, put } from './values.ts'

/** What one batch may hold: so many operations, and so many bytes of JSON for all of them. */
export interface BatchLimits {
  readonly ops: number
  readonly bytes: number
}

/**
 * The first operations that fit into one batch, and at least one. If the first alone is too large, it is exploded, and the
 * first of its pieces are taken: what is then missing is found by the next `diff`.
 */
export function take(ops: readonly Operation[], limits: BatchLimits): Operation[] {
  const taken: Operation[] = []
  let bytes = 0
  for (const op of ops) {
    bytes += sizeOf(op) + 1 // the comma
    if (taken.length && (bytes > limits.bytes || taken.length >= limits.ops)) return taken
    if (bytes > limits.bytes) {
      const pieces = explode(op, limits.bytes)
      return pieces.length > 1 ? take(pieces, limits) : pieces
    }
    taken.push(op)
  }
  return taken
}

/**
 * Splits an operation that is too large for a batch of so many bytes into smaller ones with the same outcome. The first
 * puts an object or an array with as much in it as fits, the others add the rest. What cannot be split, such as a long
 * text, is returned as it is.
 */
export function explode(op: Operation, bytes: number): Operation[] {
  const { value, path } = op
  if (value === undefined || sizeOf(op) < bytes) return [op]
  if (isObject(value)) return explodeObject(op, value, bytes)
  if (!Array.isArray(value) || !isItems(value)) return [op]

  let room = bytes - sizeOf({ ...op, value: [] })
  const fitting = value.findIndex((item) => (room -= sizeOf(item) + 1) <= 0)
  const rest = value.slice(fitting).map((item): Operation => ({ op: 'array_add', path, value: item }))
  return [{ ...op, value: value.slice(0, fitting) }, ...rest.flatMap((add) => explode(add, bytes))]
}

function explodeObject(op: Operation, value: JsonObject, bytes: number): Operation[] {
  const target = parsePath(op.path)
  if (op.op === 'array_add') target.push({ item: idOf(value) ?? '' })
  const last = target.at(-1)
  const isItem = last !== undefined && 'item' in last
  /** Whether an operation can set the member. The others, and the id of an item, are there from the beginning. */
  const canFollow = (key: string): boolean => !(isItem && key === SYNC_ID) && isAddressable([...target, { key }])

  const members = Object.entries(value)
  const staying = members.filter(([name]) => !canFollow(name))
  let room = bytes - sizeOf({ ...op, value: Object.fromEntries(staying) })
  const shell = {}
  const rest: Operation[] = []
  for (const [key, member] of members) {
    if (!canFollow(key)) put(shell, key, member)
    else if (!rest.length && (room -= sizeOf({ [key]: member })) > 0) put(shell, key, member)
    else rest.push({ op: 'set', path: formatPath([...target, { key }]), value: member })
  }
  return [{ ...op, value: shell }, ...rest.flatMap((set) => explode(set, bytes))]
}

/** Bytes of JSON in UTF-8. */
function sizeOf(value: unknown): number {
  const text = JSON.stringify(value)
  return /^[\0-\x7f]*$/.test(text) ? text.length : new TextEncoder().encode(text).length
}
