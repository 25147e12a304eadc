// What an operation does to a document. The rules are in docs/path-operations.md, and tests/vectors puts them to the test.
import type { DiscardReason, Operation, OperationResult } from '../wire.ts'
import { idOf, isItems, noteItem, positionOf, shareIndex } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import { readPath } from './operation.ts'
import type { Segment } from './path.ts'
import { SYNC_ID, isObject, own } from './values.ts'

export { checkOperation } from './operation.ts'

/** Applies operations in order. Arrays and objects on the way to a change are copied once, all else is shared. */
export function fold(
  doc: Json | undefined,
  ops: readonly Operation[]
): { doc: Json | undefined; results: OperationResult[] } {
  const copies: Copies = new Set()
  const results = ops.map((op) => {
    const outcome = carryOut(doc, op, copies)
    doc = outcome.doc
    return outcome.result
  })
  return { doc, results }
}

/**
 * Applies one operation, or discards it and returns the document itself. One that is not valid is discarded as
 * `type_mismatch`, so that nothing a server sends can stop a client.
 */
export const apply = (doc: Json | undefined, op: Operation): Outcome => carryOut(doc, op, new Set())

interface Outcome {
  doc: Json | undefined
  result: OperationResult
}

/** The containers that this fold has made and nobody else has seen. They may change in place. */
type Copies = Set<Json>

/** A container on the way, and where the way goes on in it: by a name, or in an array by a position. */
interface Step {
  /** Undefined: there is none yet, or a scalar that gives way. */
  readonly at: JsonArray | JsonObject | undefined
  readonly name: string | number
}

function carryOut(doc: Json | undefined, op: Operation, copies: Copies): Outcome {
  const discard = (reason: DiscardReason): Outcome => ({ doc, result: { status: 'discarded', reason } })
  let path: Segment[]
  try {
    path = readPath(op)
  } catch {
    return discard('type_mismatch')
  }

  let at = doc
  const way: Step[] = []
  for (const segment of path) {
    if ('key' in segment) {
      if (Array.isArray(at)) return discard('type_mismatch')
      way.push({ at: isObject(at) ? at : undefined, name: segment.key })
      at = own(at, segment.key)
    } else {
      if (at === undefined || at === null) return discard('item_deleted')
      if (!Array.isArray(at) || !isItems(at)) return discard('type_mismatch')
      const name = positionOf(at, segment.item)
      if (name < 0) return discard('item_deleted')
      way.push({ at, name })
      at = at[name]
    }
  }

  /** The document with another value where the way ends. Missing containers on the way become objects. */
  const applied = (value: Json, arrayIndex?: number): Outcome => ({
    doc: way.reduceRight<Json>((inner, { at = {}, name }) => {
      const container = copyOf(at, copies)
      container[name] = inner
      return container
    }, value),
    result: arrayIndex === undefined ? { status: 'applied' } : { status: 'applied', arrayIndex }
  })
  const value = op.value as Json
  const index = Math.max(op.arrayIndex ?? Infinity, 0)
  switch (op.op) {
    case 'init':
      return doc === undefined ? applied(value) : discard('exists')
    case 'set':
      return applied(typeof way.at(-1)?.name === 'number' ? withId(value as JsonObject, idOf(at)) : value)
    case 'array_add': {
      const id = idOf(value)
      if (id === undefined) return discard('type_mismatch')
      if (at === undefined || at === null) return applied([value], 0)
      if (!Array.isArray(at) || !isItems(at)) return discard('type_mismatch')
      const present = positionOf(at, id)
      const array = copyOf(at, copies)
      const position = present < 0 ? Math.min(index, array.length) : present
      array.splice(position, present < 0 ? 0 : 1, value)
      noteItem(array, id, position)
      return applied(array, position)
    }
  }
  // The others change what contains the place.
  const { at: parent = {}, name } = way.pop() as Step
  if (op.op === 'delete') {
    if (at === undefined) return discard('not_found')
    const object = copyOf(parent, copies)
    delete object[name]
    return applied(object)
  }
  const array = copyOf(parent as JsonArray, copies)
  const items = array.splice(name as number, 1)
  if (op.op === 'array_del') return applied(array)
  const position = Math.min(index, array.length)
  array.splice(position, 0, ...items)
  return applied(array, position)
}

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
