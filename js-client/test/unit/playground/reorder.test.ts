// The positions of a dragged row and of the other rows.
import { describe, expect, test } from 'vitest'
import { dropIndex, shiftOf } from '../../../playground/src/reorder.ts'

// The first row is tall because it has subtasks. The gap between rows is 10.
const rows = [
  { top: 100, height: 120 },
  { top: 230, height: 40 },
  { top: 280, height: 40 },
  { top: 330, height: 40 }
]

describe('a dragged row', () => {
  test.each([
    ['stays where it is', 1, 0, 1],
    ['does not pass a neighbour that it only touches', 1, 25, 1],
    ['passes a neighbour whose middle its lower edge has passed', 1, 31, 2],
    ['passes several', 1, 85, 3],
    ['goes to the end, however far it is dragged', 1, 10_000, 3],
    ['passes upwards once its upper edge is above the middle', 3, -31, 2],
    ['has a long way over a tall neighbour', 1, -60, 1],
    ['goes to the top, however far it is dragged', 3, -10_000, 0],
    ['is as quick when it is tall itself', 0, 31, 1]
  ])('%s', (_, from, offset, to) => expect(dropIndex(rows, from, offset)).toBe(to))

  test('that is missing keeps its index', () => expect(dropIndex([], 2, 50)).toBe(2))
})

describe('the other rows', () => {
  const shifts = (from: number, to: number) => rows.map((_, index) => shiftOf(rows, from, to, index))

  test('move up by its height and gap when it goes down', () => expect(shifts(0, 2)).toEqual([0, -130, -130, 0]))
  test('move down when it goes up, the gap of the last row included', () => expect(shifts(3, 1)).toEqual([0, 50, 50, 0]))
  test('stay while it is over its own place', () => expect(shifts(2, 2)).toEqual([0, 0, 0, 0]))
})
