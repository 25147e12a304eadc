// What makes an operation valid whatever document it meets.
import type { Operation } from '../wire.ts'
import type { Json } from './json.ts'
import { type Segment, parsePath } from './path.ts'
import { SYNC_ID, isObject } from './values.ts'

/** How deep objects and arrays may be nested in a value: `[[]]` is 2 deep. */
export const MAX_DEPTH = 64

/** @throws TypeError when no document could take the operation: the server would refuse the batch that it is in. */
export function checkOperation(op: Operation): void {
  readPath(op)
  if (op.value !== undefined && isDeeper(op.value, MAX_DEPTH)) refuse(op, 'value is nested too deep')
}

/**
 * The path of an operation that is valid but perhaps for the depth of its value, which takes time to find out.
 * @throws TypeError when it is not.
 */
export function readPath(op: Operation): Segment[] {
  const { op: kind, value, arrayIndex } = op
  const path = parsePath(op.path)
  const last = path.at(-1)
  const atItem = last !== undefined && 'item' in last
  const hasValue = kind === 'set' || kind === 'array_add' || kind === 'init'

  if (kind === 'init' ? last : kind === 'delete' ? !last || atItem : kind === 'array_del' || kind === 'array_move' ? !atItem : !hasValue) {
    refuse(op, 'path or op does not fit')
  }
  if (hasValue !== (value !== undefined)) refuse(op, 'value is missing or not allowed')
  if ((kind === 'array_add' || (kind === 'set' && atItem)) && !isObject(value)) refuse(op, 'an item must be an object')
  if (
    arrayIndex === undefined
      ? kind === 'array_move'
      : !Number.isInteger(arrayIndex) || (kind !== 'array_add' && kind !== 'array_move')
  ) {
    refuse(op, 'arrayIndex is missing or not allowed')
  }
  path.forEach((segment, i) => {
    if (i > 0 && 'key' in segment && segment.key === SYNC_ID && 'item' in (path[i - 1] ?? {})) {
      refuse(op, 'the id of an item cannot change')
    }
  })
  return path
}

function refuse(op: Operation, why: string): never {
  throw new TypeError(`Invalid operation ${op.op} ${JSON.stringify(op.path)}: ${why}`)
}

const isDeeper = (value: Json, levels: number): boolean =>
  typeof value === 'object' && value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)))
