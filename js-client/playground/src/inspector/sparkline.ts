/** The points of a line through these values, from left to right, for an SVG of this size. The scale begins at 0. */
export function sparkline(values: readonly number[], width: number, height: number): string {
  const most = Math.max(1, ...values)
  const step = width / Math.max(1, values.length - 1)
  return values
    .map((value, n) => `${(n * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`)
    .join(' ')
}
