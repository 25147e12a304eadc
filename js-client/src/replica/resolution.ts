// Turns the application's resolution of a conflict into an edit.
import { apply } from '../document/apply.ts'
import { diff } from '../document/diff.ts'
import type { Json } from '../document/json.ts'
import { equal, get } from '../document/values.ts'
import type { ConflictEvent } from '../types.ts'
import type { Operation } from '../wire.ts'

/** A reported conflict. */
export interface Conflict extends Omit<ConflictEvent, 'room'> {
  /** `op` with a path that follows moved items. */
  readonly at: Operation
  /** This client had changed the place again before the conflict was reported. */
  readonly superseded?: boolean
}

/** A resolution with an effect: the own change again, or a value for its place. */
export type Change = 'mine' | { readonly value: Json }

/**
 * Applies a resolution to a document. Undefined when it has no effect: the place has changed since the conflict was reported, so that
 * newer edits stay; the change can no longer take effect, as in a deleted item; or the change is set aside, so that the
 * application decides by `rejected`.
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
