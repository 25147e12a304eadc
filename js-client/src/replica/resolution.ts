// What an application decides about a conflict, as an edit like any other.
import { apply } from '../document/apply.ts'
import { diff } from '../document/diff.ts'
import type { Json } from '../document/json.ts'
import { equal, get } from '../document/values.ts'
import type { ConflictEvent } from '../types.ts'
import type { Operation } from '../wire.ts'

/** A conflict that has been reported. */
export interface Conflict extends Omit<ConflictEvent, 'room'> {
  /** `op` with the path where its item is now, if others have moved it. */
  readonly at: Operation
  /** This client has changed the place again before the conflict was reported. */
  readonly superseded?: boolean
}

/** A resolution that changes something: the own change again, or a value for its place. */
export type Change = 'mine' | { readonly value: Json }

/**
 * The document as it is with a resolution. Undefined when that changes nothing: when the place has changed since the conflict was
 * reported, so that newer edits stay; when the change has no effect any more, as in an item that is gone; and when it is set
 * aside, so that it is decided by `rejected`.
 */
export function resolve(
  view: Json | undefined,
  { at, reason, current, superseded }: Conflict,
  change: Change
): Json | undefined {
  if (superseded || reason === 'too_large' || !equal(get(view, at.path), current)) return undefined
  const op: Operation = change === 'mine' ? at : { op: 'set', path: at.path, value: change.value }
  const { doc } = apply(view, op)
  return doc !== undefined && diff(view, doc).length ? doc : undefined
}
