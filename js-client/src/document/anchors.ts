import type { Anchor } from '../wire.ts'
import { idOf } from './items.ts'
import type { JsonArray } from './json.ts'

/**
 * The anchors of the item at a position: the item before it, then the items 2, 4 and 8 places before it, up to `farthest`, in
 * case the nearer ones are deleted. Null, the start of the array, is last for items of the first half.
 */
export function anchorsAt(items: JsonArray, position: number, farthest: number): Anchor | Anchor[] {
  const anchors: Anchor[] = []
  for (let distance = 1; distance <= farthest && distance <= position; distance *= 2)
    anchors.push(idOf(items[position - distance])!)
  if (position < items.length / 2) anchors.push(null)
  return anchors.length === 1 ? (anchors[0] as Anchor) : anchors
}
