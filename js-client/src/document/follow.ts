// Rewrites operations whose paths name an item by its place before a move to another array.
import type { Operation } from '../wire.ts'
import type { Json } from './json.ts'
import { type Segment, parsePath, placeOf } from './path.ts'
import { positionOf } from './items.ts'
import { isItems, own } from './values.ts'

/** A move of an item to another array. Both paths are canonical, and valid at the time of the move. */
export interface Move {
  readonly item: string
  readonly array: string
}

/**
 * Returns a valid operation with its paths rewritten to the current places of moved items; the operation itself if no path
 * changes. docs/reference/path-operations.md has the rules.
 */
export function follow(doc: Json | undefined, op: Operation, moves: readonly Move[]): Operation {
  if (!moves.length) return op
  const path = followPath(doc, op.path, moves)
  const to = op.to === undefined ? undefined : followPath(doc, op.to, moves)
  return path === op.path && to === op.to ? op : { ...op, path, ...(to !== undefined && { to }) }
}

function followPath(doc: Json | undefined, path: string, moves: readonly Move[]): string {
  let at = parsePath(path)
  let since = 0
  for (;;) {
    const missing = firstMissing(doc, at)
    if (missing < 0) return since ? (placeOf(at)?.path ?? path) : path
    let end = at.length
    let move = -1
    for (; end > missing && move < 0; end--) {
      if (!('item' in at[end - 1]!)) continue
      const item = placeOf(at.slice(0, end))?.path
      move = moves.findLastIndex((move, i) => i >= since && move.item === item)
    }
    const array = moves[move]?.array
    if (array === undefined) return path
    at = [...parsePath(array), ...at.slice(end)]
    if (!placeOf(at)) return path
    since = move + 1
  }
}

/** The position of the first segment that names a missing item, or -1. */
function firstMissing(doc: Json | undefined, path: readonly Segment[]): number {
  let at = doc
  for (const [i, segment] of path.entries()) {
    if ('key' in segment) {
      if (Array.isArray(at)) return -1
      at = own(at, segment.key)
    } else {
      if (at === undefined || at === null) return i
      if (!Array.isArray(at) || !isItems(at)) return -1
      const position = positionOf(at, segment.item)
      if (position < 0) return i
      at = at[position]
    }
  }
  return -1
}
