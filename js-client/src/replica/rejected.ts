// Set-aside changes: the server, or a proxy, refuses them. They stay in the view, on top of the confirmed and frozen
// changes, until the application retries or discards them, or a newer change of the same place replaces them.
import { fold } from '../document/apply.ts'
import { follow, type Move } from '../document/follow.ts'
import type { Json } from '../document/json.ts'
import { extendPlace, parsePath, placeOf } from '../document/path.ts'
import { equal, get, idOf } from '../document/values.ts'
import type { RejectedChange } from '../types.ts'
import type { DiscardReason, Operation } from '../wire.ts'

export interface Overlay {
  readonly doc: Json | undefined
  /** The changes that take effect, with paths that follow moved items. */
  readonly kept: readonly RejectedChange[]
  /** The changes without effect. Without a reason, the server has confirmed the same value. */
  readonly gone: readonly { readonly change: RejectedChange; readonly reason: DiscardReason | undefined }[]
}

/** Folds the set-aside changes of a document over it. Values that the server has confirmed meanwhile are no longer set aside. */
export function overlay(
  base: Json | undefined,
  confirmed: Json | undefined,
  changes: readonly RejectedChange[],
  moves: Move[] = []
): Overlay {
  const kept: RejectedChange[] = []
  const gone: { change: RejectedChange; reason: DiscardReason | undefined }[] = []
  let doc = base
  for (const { op: known, ...rest } of changes) {
    const op = follow(doc, known, moves)
    const change = { ...rest, op }
    const { doc: next, results } = fold(doc, [op], moves)
    const { reason } = results[0] ?? {}
    if (op.op === 'init') kept.push(change)
    else if (reason) gone.push({ change, reason })
    else if (op.op === 'set' && equal(get(confirmed, op.path), op.value)) gone.push({ change, reason: undefined })
    else {
      kept.push(change)
      doc = next
    }
  }
  return { doc, kept, gone }
}

/** Whether one operation's place is the other's, or contains it. */
export function touches(one: Operation, other: Operation): boolean {
  const [a, b] = [placeOfChange(one), placeOfChange(other)]
  return a.startsWith(b) ? isBoundary(a, b) : b.startsWith(a) && isBoundary(b, a)
}

/** Whether a prefix of a path ends at a segment. */
const isBoundary = (path: string, first: string) => !first || path.length === first.length || /[.[]/.test(path[first.length]!)

/** The path of the place that an operation changes. For an added item, it is the item's path. */
export function placeOfChange({ op, path, value }: Operation): string {
  const place = placeOf(parsePath(path))
  return (op === 'array_add' ? extendPlace(place, { item: idOf(value) ?? '' }) : place)?.path ?? path
}
