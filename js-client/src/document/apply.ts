// What an operation does to a document. The rules are in docs/operations.md, and tests/vectors puts them to the test.
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

/** A container on the way, and where the way goes on in it. Undefined: there is none yet, or a scalar that gives way. */
type Step =
  | { readonly at: JsonObject | undefined; readonly name: string }
  | { readonly at: JsonArray; readonly position: number }

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
      const position = positionOf(at, segment.item)
      if (position < 0) return discard('item_deleted')
      way.push({ at, position })
      at = at[position]
    }
  }

  const applied = (changed: Json, arrayIndex?: number): Outcome => ({
    doc: changed,
    result: arrayIndex === undefined ? { status: 'applied' } : { status: 'applied', arrayIndex }
  })
  const last = way.at(-1)
  const index = Math.max(op.arrayIndex ?? Infinity, 0)
  switch (op.op) {
    case 'init':
      return doc === undefined ? applied(op.value as Json) : discard('exists')
    case 'set': {
      const value = last && 'position' in last ? withId(op.value as JsonObject, idOf(at)) : (op.value as Json)
      return applied(replace(way, value, copies))
    }
    case 'delete': {
      if (!last || !('name' in last) || at === undefined) return discard('not_found')
      const object = copyOf(last.at ?? {}, copies)
      delete object[last.name]
      return applied(replace(way.slice(0, -1), object, copies))
    }
    case 'array_add': {
      const id = idOf(op.value)
      if (id === undefined) return discard('type_mismatch')
      const value = op.value as Json
      if (at === undefined || at === null) return applied(replace(way, [value], copies), 0)
      if (!Array.isArray(at) || !isItems(at)) return discard('type_mismatch')
      const present = positionOf(at, id)
      const array = copyOf(at, copies)
      const position = present < 0 ? Math.min(index, array.length) : present
      array.splice(position, present < 0 ? 0 : 1, value)
      noteItem(array, id, position)
      return applied(replace(way, array, copies), position)
    }
    case 'array_del':
    case 'array_move': {
      if (!last || !('position' in last)) return discard('type_mismatch')
      const array = copyOf(last.at, copies)
      const items = array.splice(last.position, 1)
      const rest = way.slice(0, -1)
      if (op.op === 'array_del') return applied(replace(rest, array, copies))
      const position = Math.min(index, array.length)
      array.splice(position, 0, ...items)
      return applied(replace(rest, array, copies), position)
    }
  }
}

/** The document with another value where a way ends. Missing containers on the way become objects. */
function replace(way: readonly Step[], value: Json, copies: Copies): Json {
  return way.reduceRight<Json>((inner, step) => {
    if ('position' in step) {
      const array = copyOf(step.at, copies)
      array[step.position] = inner
      return array
    }
    const object = copyOf(step.at ?? {}, copies)
    object[step.name] = inner
    return object
  }, value)
}

function copyOf(container: JsonArray, copies: Copies): Json[]
function copyOf(container: JsonObject, copies: Copies): Record<string, Json>
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
