// The page's handling of valid and invalid input.
import { describe, expect, test } from 'vitest'
import { initialsOf, peopleOf } from '../../../playground/src/people.ts'
import { items, textOf, themeOf, zoomOf } from '../../../playground/src/project.ts'
import { roomNameProblem, roomOf } from '../../../playground/src/room-name.ts'

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

  test.each([
    ['a/b', ''],
    ['a'.repeat(255), ''],
    ['', 'needs a name'],
    ['a'.repeat(256), 'at most 255 characters. This one has 256'],
    ['..', 'cannot be called'],
    ['a\tb', 'control characters'],
    ['\ud800', 'half a character'],
    [' a', 'begin or end with a space']
  ])('%j is refused with a reason, or valid', (name, reason) => {
    if (reason) expect(roomNameProblem(name)).toContain(reason)
    else expect(roomNameProblem(name)).toBe('')
  })
})

describe('people', () => {
  test.each([
    ['Ada Lovelace', 'AL'],
    ['ada', 'AD'],
    ['Robot 12', 'R12'],
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

test('two people never have the same name and colour, in every window', () => {
  const users = Array.from({ length: 30 }, (_, i) => ({
    clientId: `c${i}`,
    displayName: i % 2 ? 'Ada Lark' : ' ada lark ',
    joinedAt: 7
  }))
  const people = peopleOf(users, 'c3')
  expect(new Set(people.map(({ name }) => name.toLowerCase())).size).toBe(30)
  expect(new Set(people.map(({ initials, colour }) => initials + colour)).size).toBe(30)
  expect(peopleOf(users.toReversed(), 'c4').map(({ id, name }) => [id, name])).toEqual(people.map(({ id, name }) => [id, name]))
})

test('a name that somebody else has got first is not given again', () => {
  const names = ['Ada 2', 'Ada', 'Ada'].map((displayName, joinedAt) => ({ clientId: `c${joinedAt}`, displayName, joinedAt }))
  expect(peopleOf(names, '').map(({ name }) => name)).toEqual(['Ada 2', 'Ada', 'Ada 3'])
})

test('thousands of people with one name get different ones at once', () => {
  const users = Array.from({ length: 20_000 }, (_, n) => ({ clientId: `c${n}`, displayName: 'Ada', joinedAt: n }))
  const started = performance.now()
  const people = peopleOf(users, '')
  expect(new Set(people.map(({ name }) => name)).size).toBe(20_000)
  expect(performance.now() - started).toBeLessThan(2000) // one by one, it takes 20 s
})

test('a name without a visible character is not shown', () => {
  expect(peopleOf([{ clientId: 'c', displayName: '\u200b\u202e ', joinedAt: 1 }], '')[0]!.name).toBe('Anonymous')
})

test.each([
  ['x', 'x'],
  [5, '5'],
  [true, 'true'],
  [undefined, ''],
  [null, ''],
  [{ toString: 1, valueOf: 1 }, ''],
  [['x'], '']
])('%j is the text %j', (value, text) => expect(textOf(value)).toBe(text))

test('a project with invalid values is shown without them', () => {
  expect(zoomOf({ zoom: 'big' as never })).toBe(1)
  expect(zoomOf({ zoom: 99 })).toBe(1.4)
  expect(zoomOf(undefined)).toBe(1)
  expect(themeOf({ theme: 'pink' as never })).toBe('auto')
  expect(items('nothing' as never)).toEqual([])
  expect(items([1, null, { title: 'x' }] as never)).toEqual([{ title: 'x' }])
})
