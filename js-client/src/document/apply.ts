// What an operation does to a document. The rules are in docs/path-operations.md, and tests/vectors puts them to the test.
import type { DiscardReason, Operation, OperationResult } from '../wire.ts'
import { type Move, follow } from './follow.ts'
import { idOf, isItems, noteItem, positionOf, shareIndex } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { MAX_DEPTH, anchorsOf, isDeeper, readPath } from './operation.ts'
import { type Segment, parsePath, placeOf } from './path.ts'
import { SYNC_ID, isObject, own } from './values.ts'

export { checkOperation } from './operation.ts'

/** What became of an operation. Where it has followed a moved item, with the paths that it has led to. */
export type Result = OperationResult & { readonly path?: string; readonly to?: string }

/**
 * Applies operations in order. Arrays and objects on the way to a change are copied once, all else is shared.
 *
 * Operations follow the items that were moved to other arrays by those before them, and by `moves`, to which it adds them.
 */
export function fold(
  doc: Json | undefined,
  ops: readonly Operation[],
  moves: Move[] = []
): { doc: Json | undefined; results: Result[] } {
  const copies: Copies = new Set()
  const results = ops.map((op) => {
    const outcome = carryOut(doc, op, copies, moves)
    doc = outcome.doc
    return outcome.result
  })
  return { doc, results }
}

/**
 * Applies one operation, or discards it and returns the document itself. One that is not valid is discarded as
 * `type_mismatch`, so that nothing a server sends can stop a client.
 */
export const apply = (doc: Json | undefined, op: Operation, moves: Move[] = []): Outcome => carryOut(doc, op, new Set(), moves)

interface Outcome {
  doc: Json | undefined
  result: Result
}

/** The containers that this fold has made and nobody else has seen. They may change in place. */
type Copies = Set<Json>

/** A container on the way, and where the way goes on in it: by a name, or in an array by a position. */
interface Step {
  /** Undefined: there is none yet, or a scalar that gives way. */
  readonly at: JsonArray | JsonObject | undefined
  readonly name: string | number
}

/** Where a path leads, and the way there. */
interface Goal {
  readonly at: Json | undefined
  readonly way: Step[]
}

function carryOut(doc: Json | undefined, sent: Operation, copies: Copies, moves: Move[]): Outcome {
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
  const goal = find(doc, path)
  if (typeof goal === 'string') return discard(goal)
  const { at, way } = goal
  const applied = (doc: Json, arrayIndex?: number): Outcome => ({
    doc,
    result: arrayIndex === undefined ? { status: 'applied' } : { status: 'applied', arrayIndex }
  })
  const value = op.value as Json
  switch (op.op) {
    case 'init':
      return doc === undefined ? applied(put(way, value, copies)) : discard('exists')
    case 'set': {
      const isItem = typeof way.at(-1)?.name === 'number'
      return applied(put(way, isItem ? withId(value as JsonObject, idOf(at)) : value, copies))
    }
    case 'array_add': {
      const added = add(goal, value, op, copies)
      return typeof added === 'string' ? discard(added) : applied(added.doc, added.position)
    }
  }
  // The others change what contains the place.
  const inner = way.slice(0, -1)
  const { at: parent = {}, name } = way.at(-1) as Step
  if (op.op === 'delete') {
    if (at === undefined) return discard('not_found')
    const object = copyOf(parent, copies)
    delete object[name]
    return applied(put(inner, object, copies))
  }
  const isAcross = op.to !== undefined && !isSame(parsePath(op.to), path.slice(0, -1))
  if (isAcross) {
    // Nothing may be copied in vain: what is discarded leaves the document as it is.
    const reason = cannotMove(doc, at as Json, path, parsePath(op.to as string))
    if (reason) return discard(reason)
  }
  const array = copyOf(parent as JsonArray, copies)
  const items = array.splice(name as number, 1)
  if (op.op === 'array_del') return applied(put(inner, array, copies))
  if (isAcross) {
    const rest = put(inner, array, copies)
    const moved = add(find(rest, parsePath(op.to as string)) as Goal, at as Json, op, copies)
    return typeof moved === 'string' ? discard(moved) : applied(moved.doc, moved.position)
  }
  const id = idOf(at) as string
  const position = positionIn(array, op, id, name as number)
  array.splice(position, 0, ...items)
  noteItem(array, id, position)
  return applied(put(inner, array, copies), position)
}

/** Follows a path, or says why it leads nowhere. */
function find(doc: Json | undefined, path: readonly Segment[]): Goal | DiscardReason {
  let at = doc
  const way: Step[] = []
  for (const segment of path) {
    if ('key' in segment) {
      if (Array.isArray(at)) return 'type_mismatch'
      way.push({ at: isObject(at) ? at : undefined, name: segment.key })
      at = own(at, segment.key)
    } else {
      if (at === undefined || at === null) return 'item_deleted'
      if (!Array.isArray(at) || !isItems(at)) return 'type_mismatch'
      const name = positionOf(at, segment.item)
      if (name < 0) return 'item_deleted'
      way.push({ at, name })
      at = at[name]
    }
  }
  return { at, way }
}

/** The document with another value where the way ends. Missing containers on the way become objects. */
const put = (way: readonly Step[], value: Json, copies: Copies): Json =>
  way.reduceRight<Json>((inner, { at = {}, name }) => {
    const container = copyOf(at, copies)
    container[name] = inner
    return container
  }, value)

/** Puts an item into the array at a place, or says why not. */
function add({ at, way }: Goal, item: Json, op: Operation, copies: Copies): { doc: Json; position: number } | DiscardReason {
  const id = idOf(item)
  if (id === undefined) return 'type_mismatch'
  if (at === undefined || at === null) return { doc: put(way, [item], copies), position: 0 }
  if (!Array.isArray(at) || !isItems(at)) return 'type_mismatch'
  const present = positionOf(at, id)
  const array = copyOf(at, copies)
  const position = present < 0 ? positionIn(array, op, id) : present
  array.splice(position, present < 0 ? 0 : 1, item)
  noteItem(array, id, position)
  return { doc: put(way, array, copies), position }
}

/** Where an operation puts an item that is not in the array, or no longer: it was at `own`. */
function positionIn(array: JsonArray, op: Operation, id: string, own?: number): number {
  for (const anchor of anchorsOf(op)) {
    if (anchor === null) return 0
    if (anchor === id && own !== undefined) return own
    const at = positionOf(array, anchor)
    if (at >= 0) return at + 1
  }
  return Math.min(Math.max(op.arrayIndex ?? Infinity, 0), array.length)
}

/** Why an item cannot be moved to another array, if it cannot. */
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

function copyOf(container: JsonArray, copies: Copies): Json[]
function copyOf(container: JsonArray | JsonObject, copies: Copies): Record<string | number, Json>
function copyOf(container: JsonArray | JsonObject, copies: Copies): unknown {
  if (copies.has(container)) return container
  const copy = Array.isArray(container) ? container.slice() : { ...container }
  if (Array.isArray(copy)) shareIndex(copy, container as JsonArray)
  copies.add(copy)
  return copy
}

/** The id of an item never changes. A wrong one is replaced in its place, a missing one comes last. */
const withId = (value: JsonObject, id: string | undefined): JsonObject =>
  id === undefined || idOf(value) === id ? value : { ...value, [SYNC_ID]: id }
