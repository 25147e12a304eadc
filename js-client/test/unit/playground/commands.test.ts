// The curl commands, run by a real shell, and the descriptions of operations.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { readCommands, SNIPPETS } from '../../../playground/src/inspector/snippets.ts'
import {
  brief,
  describeConflict,
  describeOperation,
  describeOverwritten,
  describeRemoval,
  shorten
} from '../../../playground/src/wording.ts'

/** The arguments that a shell gives to `curl`. */
function argumentsOf(command: string): string[] {
  const output = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${command}`], { encoding: 'utf8' })
  return output.split('\0').slice(0, -1)
}

const target = (room: string, withToken = false) => ({ origin: 'http://127.0.0.1:8080', room, key: 'project', withToken })
const op = { op: 'set', path: 'title', value: 'it\'s "quoted" $HOME \u2028\u0085 \\ end' } as const

test.each(['demo', 'a/b c', 'it\'s $HOME `x` "y" \\'])('the commands for room %s have its name in the URL', (room) => {
  const url = `http://127.0.0.1:8080/v1/rooms/${encodeURIComponent(room)}`
  const [listen, read, history] = readCommands(target(room)).map(({ command }) => argumentsOf(command))
  expect(listen).toEqual(['-N', `${url}/events`])
  expect(read).toEqual([url])
  expect(history).toEqual([`${url}/changes`])
  expect(argumentsOf(SNIPPETS.curl(op, target(room)))).toEqual([
    `${url}/ops`,
    '-H',
    'Content-Type: application/json',
    '-d',
    '@-'
  ])
})

test('the commands for a server with tokens use the variable of the shell, and contain no token', () => {
  const commands = [
    SNIPPETS.curl(op, target('demo', true)),
    ...readCommands(target('demo', true)).map(({ command }) => command)
  ]
  for (const command of commands) expect(argumentsOf(`TOKEN='a b'\n${command}`)).toContain('Authorization: Bearer a b')
  for (const [language, write] of Object.entries(SNIPPETS)) expect(write(op, target('demo', true)), language).toMatch(/token/i)
})

test('no program has hidden characters, whatever the operation contains', () => {
  const hidden = { ...op, value: '\u0085\u2028\u202e\ufeff' }
  for (const [language, write] of Object.entries(SNIPPETS)) {
    const program = write(hidden, target('room'))
    expect(program, language).not.toMatch(/[\u0085\u2028\u2029\u202e\ufeff]/)
    expect(program, language).toContain('\\u2028')
  }
})

test.each([
  [{ op: 'set', path: 'title', value: 'Hello' }, 'set title "Hello"'],
  [{ op: 'init', path: '', value: null }, 'init (document) null'],
  [{ op: 'delete', path: 'a.b' }, 'delete a.b'],
  [{ op: 'array_move', path: 'tasks[t1]', arrayIndex: 0 }, 'array_move tasks[t1] at 0'],
  [{ op: 'array_move', path: 'todo[t1]', to: 'done', after: ['t2', null] }, 'array_move todo[t1] to done after t2'],
  [{ op: 'array_add', path: 'tasks', value: {}, after: null }, 'array_add tasks {} first']
])('%j reads as one line', (op, line) => expect(describeOperation(op)).toBe(line))

test('a long value is shortened', () => {
  expect(describeOperation({ op: 'set', path: 'title', value: 'x'.repeat(100_000) }).length).toBeLessThan(100)
})

test.each([
  ['A long text. '.repeat(100_000)],
  [{ ['k'.repeat(1_000_000)]: 1 }],
  [Array.from({ length: 1_000_000 }, (_, n) => n)],
  [{ list: [['deep', ['deeper']], '👩'.repeat(1000)] }]
])('the beginning of a large value is the beginning of its JSON', (value) => {
  const short = brief(value, 60)
  expect([59, 60]).toContain(short.length) // without half a character
  expect(JSON.stringify(value).startsWith(short.slice(0, -1))).toBe(true)
})

test.each([['x'], [null], [5], [{ a: [1, { b: 'c' }], d: {} }], [[]]])('a small value is shown as it is: %j', (value) =>
  expect(brief(value)).toBe(JSON.stringify(value))
)

test('a character is not cut in half', () => {
  for (const most of [20, 21, 22]) expect(shorten('👩'.repeat(50), most)).not.toMatch(/\p{Surrogate}/u)
})

test('a conflict names the dropped change and the current value', () => {
  const op = { op: 'set', path: 'title', value: 'Mine' }
  expect(describeConflict({ op, reason: 'changed', current: 'Theirs' })).toBe(
    'Your change “set title "Mine"” was dropped: another user changed this while you were offline. It is now "Theirs".'
  )
  expect(describeConflict({ op, reason: 'changed' })).toContain('It is now empty')
  expect(describeConflict({ op, reason: 'item_deleted' })).toContain('another user removed the item')
  expect(describeConflict({ op, reason: 'type_mismatch' })).toContain('(type mismatch)')
})

test('a long id is shortened, also one with an escaped bracket', () => {
  const id = '8570d274-5408-47a8-9447-dcc5cafce57c'
  expect(describeOperation({ op: 'array_del', path: `tasks[${id}].subtasks[s1]` })).toBe(
    'array_del tasks[8570d274…].subtasks[s1]'
  )
  expect(describeOperation({ op: 'array_move', path: 'a[b\\]c].d', after: id })).toBe('array_move a[b\\]c].d after 8570d274…')
})

test('lost text is quoted', () => {
  expect(describeOverwritten('Grace', 'ONE TWO THREE', 'X')).toBe('Grace has replaced your text “ONE TWO THREE” with “X”.')
  expect(describeOverwritten('Grace', 'ONE', '')).toBe('Grace has replaced your text “ONE” with nothing.')
  expect(describeRemoval('Grace', 'Dig')).toBe('Grace has removed the row “Dig” while you were in it.')
  expect(describeRemoval('Grace', undefined)).toBe('Grace has removed the row while you were in it.')
})
