// Applies operations to a document. docs/reference/path-operations.md has the rules, and tests/vectors tests them.
import type { DiscardReason, Operation, OperationResult } from '../wire.ts'
import { type Move, follow } from './follow.ts'
import { idOf, isItems, noteItem, positionOf } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { MAX_DEPTH, anchorsOf, isDeeper, readPath } from './operation.ts'
import { type Segment, parsePath, placeOf } from './path.ts'
import { type Copies, type Step, type Target, copyOf, find, replaceAt } from './target.ts'
import { SYNC_ID } from './values.ts'

export { checkOperation } from './operation.ts'

/** The result of an operation. If it followed a moved item, `path` and `to` are the paths that it was applied to. */
export type Result = OperationResult & { readonly path?: string; readonly to?: string }

/**
 * Applies operations in order. Arrays and objects on the path to a change are copied once; all others are shared.
 *
 * Operations follow items that earlier operations, or `moves`, moved to other arrays. `fold` appends new moves to `moves`.
 */
export function fold(
  doc: Json | undefined,
  ops: readonly Operation[],
  moves: Move[] = []
): { doc: Json | undefined; results: Result[] } {
  const copies: Copies = new Set()
  const results = ops.map((op) => {
    const outcome = applyOne(doc, op, copies, moves)
    doc = outcome.doc
    return outcome.result
  })
  return { doc, results }
}

/**
 * Applies one operation, or discards it and returns the document itself. An invalid operation is discarded as `type_mismatch`,
 * so that no message of a server can stop a client.
 */
export const apply = (doc: Json | undefined, op: Operation, moves: Move[] = []): Outcome => applyOne(doc, op, new Set(), moves)

interface Outcome {
  doc: Json | undefined
  result: Result
}

function applyOne(doc: Json | undefined, sent: Operation, copies: Copies, moves: Move[]): Outcome {
  let path: Segment[]
  try {
    path = readPath(sent)
  } catch {
    return { doc, result: { status: 'discarded', reason: 'type_mismatch' } }
  }
  const op = follow(doc, sent, moves)
  if (op.path !== sent.path) path = parsePath(op.path)
  const outcome = decide(doc, op, path, copies)
  if (op !== sent) {
    if (op.path !== sent.path) outcome.result = { ...outcome.result, path: op.path }
    if (op.to !== undefined && op.to !== sent.to) outcome.result = { ...outcome.result, to: op.to }
  }
  if (op.to !== undefined && outcome.result.status === 'applied') {
    const item = placeOf(path)?.path
    const array = placeOf(parsePath(op.to))?.path
    if (item !== undefined && array !== undefined && array !== placeOf(path.slice(0, -1))?.path) moves.push({ item, array })
  }
  return outcome
}

function decide(doc: Json | undefined, op: Operation, path: readonly Segment[], copies: Copies): Outcome {
  const discard = (reason: DiscardReason): Outcome => ({ doc, result: { status: 'discarded', reason } })
  const target = find(doc, path)
  if (typeof target === 'string') return discard(target)
  const { at, steps } = target
  const applied = (doc: Json, arrayIndex?: number): Outcome => ({
    doc,
    result: arrayIndex === undefined ? { status: 'applied' } : { status: 'applied', arrayIndex }
  })
  const value = op.value as Json
  switch (op.op) {
    case 'init':
      return doc === undefined ? applied(replaceAt(steps, value, copies)) : discard('exists')
    case 'set': {
      const isItem = typeof steps.at(-1)?.name === 'number'
      return applied(replaceAt(steps, isItem ? withId(value as JsonObject, idOf(at)) : value, copies))
    }
    case 'array_add': {
      const added = add(target, value, op, copies)
      return typeof added === 'string' ? discard(added) : applied(added.doc, added.position)
    }
  }
  // The other operations change the container of the value.
  const outer = steps.slice(0, -1)
  const { at: parent = {}, name } = steps.at(-1) as Step
  if (op.op === 'delete') {
    if (at === undefined) return discard('not_found')
    const object = copyOf(parent, copies)
    delete object[name]
    return applied(replaceAt(outer, object, copies))
  }
  const isAcross = op.to !== undefined && !isSame(parsePath(op.to), path.slice(0, -1))
  if (isAcross) {
    // Checked before anything is copied: a discarded operation leaves the document itself.
    const reason = cannotMove(doc, at as Json, path, parsePath(op.to as string))
    if (reason) return discard(reason)
  }
  const array = copyOf(parent as JsonArray, copies)
  const items = array.splice(name as number, 1)
  if (op.op === 'array_del') return applied(replaceAt(outer, array, copies))
  if (isAcross) {
    const rest = replaceAt(outer, array, copies)
    const moved = add(find(rest, parsePath(op.to as string)) as Target, at as Json, op, copies)
    return typeof moved === 'string' ? discard(moved) : applied(moved.doc, moved.position)
  }
  const id = idOf(at) as string
  const position = positionIn(array, op, id, name as number)
  array.splice(position, 0, ...items)
  noteItem(array, id, position)
  return applied(replaceAt(outer, array, copies), position)
}

/** Inserts an item into the target array, or replaces the item with its id. Otherwise returns why the operation is discarded. */
function add(
  { at, steps }: Target,
  item: Json,
  op: Operation,
  copies: Copies
): { doc: Json; position: number } | DiscardReason {
  const id = idOf(item)
  if (id === undefined) return 'type_mismatch'
  if (at === undefined || at === null) return { doc: replaceAt(steps, [item], copies), position: 0 }
  if (!Array.isArray(at) || !isItems(at)) return 'type_mismatch'
  const present = positionOf(at, id)
  const array = copyOf(at, copies)
  const position = present < 0 ? positionIn(array, op, id) : present
  array.splice(position, present < 0 ? 0 : 1, item)
  noteItem(array, id, position)
  return { doc: replaceAt(steps, array, copies), position }
}

/** The position for an item that is not in the array. `previous` is its position before it was removed, if it was. */
function positionIn(array: JsonArray, op: Operation, id: string, previous?: number): number {
  for (const anchor of anchorsOf(op)) {
    if (anchor === null) return 0
    if (anchor === id && previous !== undefined) return previous
    const at = positionOf(array, anchor)
    if (at >= 0) return at + 1
  }
  return Math.min(Math.max(op.arrayIndex ?? Infinity, 0), array.length)
}

/** The reason why an item cannot move to another array; undefined if it can. */
function cannotMove(
  doc: Json | undefined,
  item: Json,
  path: readonly Segment[],
  to: readonly Segment[]
): DiscardReason | undefined {
  if (startsWith(to, path) || startsWith(path.slice(0, -1), [...to, path.at(-1) as Segment])) return 'type_mismatch'
  const target = find(doc, to)
  if (typeof target === 'string') return target
  const { at } = target
  if (isDeeper(item, MAX_DEPTH)) return 'type_mismatch'
  return at === undefined || at === null || (Array.isArray(at) && isItems(at)) ? undefined : 'type_mismatch'
}

const isSame = (a: readonly Segment[], b: readonly Segment[]): boolean => a.length === b.length && startsWith(a, b)

const startsWith = (path: readonly Segment[], prefix: readonly Segment[]): boolean =>
  prefix.length <= path.length &&
  prefix.every((segment, i) => {
    const other = path[i] as Segment
    return 'key' in segment ? 'key' in other && other.key === segment.key : 'item' in other && other.item === segment.item
  })

/** The value with the id of the item that it replaces. The id of an item never changes. A missing id becomes the last member. */
const withId = (value: JsonObject, id: string | undefined): JsonObject =>
  id === undefined || idOf(value) === id ? value : { ...value, [SYNC_ID]: id }
