/** The rows from index `first` up to, and without, `end`. */
export interface Range {
  first: number
  end: number
}

/**
 * The rows of a vertical list that are between `top` and `bottom`. It reads few of them, so that the cost does not grow with the
 * list: `edge(index)` is the lower edge of a row. All positions are in pixels, from the same origin.
 */
export function visibleRange(count: number, edge: (index: number) => number, top: number, bottom: number): Range {
  const first = search(count, (index) => edge(index) > top)
  let end = first
  // A row is visible if it begins, where the one before it ends, above the bottom.
  while (end < count && (end === first || edge(end - 1) < bottom)) end++
  return { first, end }
}

/** The lowest index for which the condition is true; `count` for none. It is true for all indexes after that. */
function search(count: number, condition: (index: number) => boolean): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >> 1
    if (condition(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * How far the window scrolls so that what the user looks at stays in its place: the smallest displacement of the first visible
 * rows. One of them may have moved itself.
 */
export function anchorShift(displacements: readonly number[]): number {
  const [first = 0, ...others] = displacements.slice(0, 3)
  return others.reduce((least, shift) => (Math.abs(shift) < Math.abs(least) ? shift : least), first)
}
