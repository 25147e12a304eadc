/** Where a row stands in the page, in pixels. */
export interface Span {
  top: number
  height: number
}

/**
 * Which place row `from` is over once it has been dragged by `offset`. It passes a neighbour when its leading edge has
 * passed the neighbour's middle.
 */
export function dropIndex(rows: readonly Span[], from: number, offset: number): number {
  const row = rows[from]
  if (!row) return from
  const top = row.top + offset
  const bottom = top + row.height
  const middle = (span: Span) => span.top + span.height / 2
  const above = rows.findIndex((other, index) => index < from && top < middle(other))
  if (above !== -1) return above
  const below = rows.findLastIndex((other, index) => index > from && bottom > middle(other))
  return below === -1 ? from : below
}

/** How far row `index` is from its place while row `from` is over the place of `to`. */
export function shiftOf(rows: readonly Span[], from: number, to: number, index: number): number {
  const step = stepOf(rows, from)
  if (from < index && index <= to) return -step
  if (to <= index && index < from) return step
  return 0
}

/** The height of row `from` with the gap that belongs to it. */
function stepOf(rows: readonly Span[], from: number): number {
  const row = rows[from]
  if (!row) return 0
  const next = rows[from + 1]
  const previous = rows[from - 1]
  if (next) return next.top - row.top
  return previous ? row.height + row.top - previous.top - previous.height : row.height
}
