// Validates operations without a document.
import type { Anchor, Operation } from '../wire.ts'
import type { Json } from './json.ts'
import { type Segment, parsePath } from './path.ts'
import { SYNC_ID, isObject } from './values.ts'

/** The greatest depth of nested objects and arrays in a value: `[[]]` has depth 2. */
export const MAX_DEPTH = 64

/** @throws TypeError if the operation is invalid for every document. The server would refuse its whole batch. */
export function checkOperation(op: Operation): void {
  readPath(op)
  if (op.value !== undefined && isDeeper(op.value, MAX_DEPTH)) refuse(op, `value is deeper than ${MAX_DEPTH}`)
}

/**
 * Validates an operation, except for the depth of its value, which is expensive. Returns its path.
 * @throws TypeError if the operation is invalid
 */
export function readPath(op: Operation): Segment[] {
  const { op: kind, value, arrayIndex, after, to } = op
  const path = parsePath(op.path)
  const array = to === undefined ? [] : parsePath(to)
  const last = path.at(-1)
  const isItem = !!last && 'item' in last
  const adds = kind === 'array_add'
  const moves = kind === 'array_move'
  const puts = adds || kind === 'set' || kind === 'init'

  const fits = kind === 'init' ? !last : kind === 'delete' ? last && !isItem : kind === 'array_del' || moves ? isItem : puts
  if (!fits) refuse(op, 'unknown op, or wrong path for it')
  if (puts !== (value !== undefined)) refuse(op, `value is ${puts ? 'missing' : 'not allowed'}`)
  if ((adds || (puts && isItem)) && !isObject(value)) refuse(op, 'an item must be an object')
  if (
    arrayIndex === undefined
      ? moves && after === undefined && to === undefined
      : !(moves || adds) || !Number.isInteger(arrayIndex)
  ) {
    refuse(op, 'arrayIndex is missing or not allowed')
  }
  if (after !== undefined && (!(moves || adds) || arrayIndex !== undefined || !areAnchors(anchorsOf(op)))) {
    refuse(op, 'after is not allowed, or not an id, null or up to 8 of these')
  }
  if (to !== undefined && !moves) refuse(op, 'to is not allowed')
  if (changesId(path) || changesId(array)) refuse(op, `the ${SYNC_ID} of an item cannot change`)
  return path
}

/** Whether a path names the id of an item, or a part of it. */
const changesId = (path: readonly Segment[]): boolean =>
  path.some((segment, i) => {
    const before = path[i - 1]
    return before && 'item' in before && 'key' in segment && segment.key === SYNC_ID
  })

const MAX_ANCHORS = 8

export const anchorsOf = ({ after }: Operation): readonly Anchor[] =>
  after === undefined ? [] : Array.isArray(after) ? (after as readonly Anchor[]) : [after as Anchor]

const areAnchors = (anchors: readonly unknown[]): boolean =>
  anchors.length > 0 &&
  anchors.length <= MAX_ANCHORS &&
  anchors.every((anchor) => anchor === null || (typeof anchor === 'string' && anchor !== ''))

function refuse(op: Operation, why: string): never {
  throw new TypeError(`Invalid operation ${op.op} ${JSON.stringify(op.path)}: ${why}`)
}

export const isDeeper = (value: Json, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)))
