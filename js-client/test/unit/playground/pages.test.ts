// The page's handling of valid and invalid input.
import { describe, expect, test } from 'vitest'
import { initialsOf, peopleOf } from '../../../playground/src/people.ts'
import { items, themeOf, zoomOf } from '../../../playground/src/project.ts'
import { isRoomName, roomOf } from '../../../playground/src/room-name.ts'

describe('the room in the address', () => {
  test.each([
    ['?room=team%2Fboard', 'team/board'],
    ['?room=%20padded%20', 'padded'],
    ['', 'demo'],
    ['?room=', 'demo'],
    ['?room=..', 'demo'],
    ['?room=a%00b', 'demo'],
    [`?room=${'x'.repeat(256)}`, 'demo']
  ])('%s is %s', (search, room) => expect(roomOf(search)).toBe(room))

  test('is valid for the server', () => {
    expect(isRoomName('a/b')).toBe(true)
    expect(isRoomName(' a')).toBe(false)
    expect(isRoomName('\ud800')).toBe(false)
  })
})

describe('people', () => {
  test.each([
    ['Ada Lovelace', 'AL'],
    ['ada', 'AD'],
    ['', ''],
    ['👩🏽 x', '👩X']
  ])('%s has the initials %s', (name, initials) => {
    expect(initialsOf(name)).toBe(initials)
  })

  test('have different colours while there are enough, the same in every window', () => {
    const users = Array.from({ length: 10 }, (_, i) => ({ clientId: `c${i}`, joinedAt: i }))
    const here = peopleOf(users, 'c3')
    expect(new Set(here.map(({ colour }) => colour)).size).toBe(10)
    const there = peopleOf([...users].reverse(), 'c4')
    expect(there.map(({ colour }) => colour)).toEqual(here.map(({ colour }) => colour))
    expect(here.filter(({ mine }) => mine).map(({ id }) => id)).toEqual(['c3'])
  })
})

test('a project with invalid values is shown without them', () => {
  expect(zoomOf({ zoom: 'big' as never })).toBe(1)
  expect(zoomOf({ zoom: 99 })).toBe(1.4)
  expect(zoomOf(undefined)).toBe(1)
  expect(themeOf({ theme: 'pink' as never })).toBe('auto')
  expect(items('nothing' as never)).toEqual([])
  expect(items([1, null, { title: 'x' }] as never)).toEqual([{ title: 'x' }])
})
