// Keeps batches within the server's limits.
import type { Operation } from '../wire.ts'
import { idOf, isItems } from './items.ts'
import { extendPlace, parsePath, placeOf } from './path.ts'
import { SYNC_ID, isObject, put } from './values.ts'

/** The limits of one batch: the number of operations, and their total size in bytes of JSON. */
export interface BatchLimits {
  readonly ops: number
  readonly bytes: number
}

/**
 * The first operations that fit into one batch, and at least one. If the first alone is too large, its value is cut; the next
 * `diff` finds the missing part.
 */
export function take(ops: readonly Operation[], limits: BatchLimits): Operation[] {
  const taken: Operation[] = []
  let bytes = 0
  for (const op of ops) {
    bytes += sizeOf(op) + 1 // the comma
    if (taken.length && (bytes > limits.bytes || taken.length >= limits.ops)) break
    taken.push(bytes > limits.bytes ? cut(op, limits.bytes) : op)
  }
  return taken
}

/**
 * Cuts an object or array value to the members or items that fit into `bytes`. An operation that cannot be cut, such as one with
 * a long text, is returned unchanged.
 */
function cut(op: Operation, bytes: number): Operation {
  const { value } = op
  if (Array.isArray(value) && isItems(value)) {
    let room = bytes - sizeOf({ ...op, value: [] })
    return {
      ...op,
      value: value.slice(
        0,
        value.findIndex((item) => (room -= sizeOf(item) + 1) <= 0)
      )
    }
  }
  if (!isObject(value)) return op

  const target = parsePath(op.path)
  if (op.op === 'array_add') target.push({ item: idOf(value) ?? '' })
  const last = target.at(-1)
  const isItem = last && 'item' in last
  const place = placeOf(target)
  /** Whether no later operation could set the member: no path names it, or it is the id of an item. */
  const isFixed = (key: string): boolean => (isItem && key === SYNC_ID) || !extendPlace(place, { key })

  const members = Object.entries(value)
  let room = bytes - sizeOf({ ...op, value: Object.fromEntries(members.filter(([key]) => isFixed(key))) })
  const shell = {}
  for (const [key, member] of members) {
    if (isFixed(key) || (room -= sizeOf({ [key]: member })) > 0) put(shell, key, member)
  }
  return { ...op, value: shell }
}

/** Whether a smaller batch is possible: fewer operations, or a cut of the only one. */
export function isDivisible(ops: readonly Operation[]): boolean {
  const [first] = ops
  return ops.length > 1 || (!!first && sizeOf(cut(first, 1)) < sizeOf(first))
}

/** The size in bytes of the JSON in UTF-8. */
const sizeOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length
