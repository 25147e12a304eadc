// The visible rows of a list, and the place of the window.
import { expect, test } from 'vitest'
import { anchorShift, visibleRange } from '../../../playground/src/list/visible.ts'

/** A list of rows of 40 pixels, and the number of rows that are read. */
function look(count: number, top: number, bottom: number) {
  let reads = 0
  const range = visibleRange(count, (index) => (reads++, (index + 1) * 40), top, bottom)
  return { ...range, reads }
}

test.each([
  ['all of a short list', 3, -100, 900, 0, 3],
  ['the rows that the window cuts', 100, 50, 170, 1, 5],
  ['no row that only touches the window', 100, 40, 160, 1, 4],
  ['none of a list above the window', 10, 400, 900, 10, 10],
  ['none of an empty list', 0, 0, 900, 0, 0]
])('the visible rows are %s', (_, count, top, bottom, first, end) =>
  expect(look(count, top, bottom)).toMatchObject({ first, end })
)

test('few rows of a long list are read', () => expect(look(100_000, 2_000_000, 2_000_800).reads).toBeLessThan(60))

test.each([
  ['follows rows that were inserted above', [40, 40, 40], 40],
  ['follows rows that were removed above', [-40, -40, -40], -40],
  ['stays when a row is inserted below the first', [0, 40, 40], 0],
  ['stays when the first row moves away', [900, -40, -40], -40],
  ['stays without rows', [], 0]
])('the window %s', (_, shifts, scroll) => expect(anchorShift(shifts)).toBe(scroll))
