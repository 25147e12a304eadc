// Finding the value that a path names in a document, and replacing it in a new version.
import type { DiscardReason } from '../wire.ts'
import { isItems, positionOf, shareIndex } from './items.ts'
import type { Json, JsonArray, JsonObject } from './json.ts'
import type { Segment } from './path.ts'
import { isObject, own } from './values.ts'

/** The containers that the current fold has created. No other version has them, so they may change in place. */
export type Copies = Set<Json>

/** One step of a path: a container, and the member name or array position in it. */
export interface Step {
  /** Undefined if there is no container: the value is missing, or a scalar that will be replaced by an object. */
  readonly at: JsonArray | JsonObject | undefined
  readonly name: string | number
}

/** The value at a path, and the steps to it. */
export interface Target {
  readonly at: Json | undefined
  readonly steps: Step[]
}

/** The target of a path, or the reason why an operation on it is discarded. */
export function find(doc: Json | undefined, path: readonly Segment[]): Target | DiscardReason {
  let at = doc
  const steps: Step[] = []
  for (const segment of path) {
    if ('key' in segment) {
      if (Array.isArray(at)) return 'type_mismatch'
      steps.push({ at: isObject(at) ? at : undefined, name: segment.key })
      at = own(at, segment.key)
    } else {
      if (at === undefined || at === null) return 'item_deleted'
      if (!Array.isArray(at) || !isItems(at)) return 'type_mismatch'
      const name = positionOf(at, segment.item)
      if (name < 0) return 'item_deleted'
      steps.push({ at, name })
      at = at[name]
    }
  }
  return { at, steps }
}

/** The document with `value` at the end of the steps. Missing containers become objects. */
export const replaceAt = (steps: readonly Step[], value: Json, copies: Copies): Json =>
  steps.reduceRight<Json>((inner, { at = {}, name }) => {
    const container = copyOf(at, copies)
    container[name] = inner
    return container
  }, value)

/** A copy of a container that this fold may change; the container itself if it is such a copy. */
export function copyOf(container: JsonArray, copies: Copies): Json[]
export function copyOf(container: JsonArray | JsonObject, copies: Copies): Record<string | number, Json>
export function copyOf(container: JsonArray | JsonObject, copies: Copies): unknown {
  if (copies.has(container)) return container
  const copy = Array.isArray(container) ? container.slice() : { ...container }
  if (Array.isArray(copy)) shareIndex(copy, container as JsonArray)
  copies.add(copy)
  return copy
}
