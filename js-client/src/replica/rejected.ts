// Changes that do not get through: the server refuses them, or something on the way does. They stay on the screen, on top of
// what is confirmed or on its way, until the application retries or discards them or the user changes the same place.
import { fold } from '../document/apply.ts'
import { follow, type Move } from '../document/follow.ts'
import type { Json } from '../document/json.ts'
import { extendPlace, parsePath, placeOf } from '../document/path.ts'
import { equal, get, idOf } from '../document/values.ts'
import type { RejectedChange } from '../types.ts'
import type { DiscardReason, Operation } from '../wire.ts'

export interface Overlay {
  readonly doc: Json | undefined
  /** The changes that take effect, with the paths of items that others have moved. */
  readonly kept: readonly RejectedChange[]
  /** Those that have none any more, with why. Without a reason, the document is as they would make it. */
  readonly gone: readonly { readonly change: RejectedChange; readonly reason: DiscardReason | undefined }[]
}

/** Puts the set-aside changes of one document on top of it. What the server has confirmed meanwhile is no longer set aside. */
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

/** Whether one operation changes what the other one has changed, or what that is in. */
export function touches(one: Operation, other: Operation): boolean {
  const [a, b] = [placeOfChange(one), placeOfChange(other)]
  return a.startsWith(b) ? isBoundary(a, b) : b.startsWith(a) && isBoundary(b, a)
}

/** Whether a path goes on with a new segment after its first part. */
const isBoundary = (path: string, first: string) => !first || path.length === first.length || /[.[]/.test(path[first.length]!)

/** The path of what an operation changes: of an item that it adds, the item's. */
export function placeOfChange({ op, path, value }: Operation): string {
  const place = placeOf(parsePath(path))
  return (op === 'array_add' ? extendPlace(place, { item: idOf(value) ?? '' }) : place)?.path ?? path
}
