/** The vertical position of a row in the page, in pixels. */
export interface Span {
  top: number
  height: number
}

/**
 * The new index of row `from` after a drag by `offset`. The row passes a neighbour when its leading edge passes the
 * neighbour's middle.
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

/** The displacement of row `index` while row `from` is dragged to index `to`. */
export function shiftOf(rows: readonly Span[], from: number, to: number, index: number): number {
  const step = stepOf(rows, from)
  if (from < index && index <= to) return -step
  if (to <= index && index < from) return step
  return 0
}

/** The height of row `from` with its gap. */
function stepOf(rows: readonly Span[], from: number): number {
  const row = rows[from]
  if (!row) return 0
  const next = rows[from + 1]
  const previous = rows[from - 1]
  if (next) return next.top - row.top
  return previous ? row.height + row.top - previous.top - previous.height : row.height
}
