// The curl commands, run by a real shell, and the descriptions of operations.
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { curlCommands } from '../../../playground/src/curl.ts'
import { describeConflict, describeOperation } from '../../../playground/src/wording.ts'

/** The arguments that a shell gives to `curl`. */
function argumentsOf(command: string): string[] {
  const output = execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${command}`], { encoding: 'utf8' })
  return output.split('\0').slice(0, -1)
}

test.each(['demo', 'a/b c', 'it\'s $HOME `x` "y" \\'])('the commands for room %s have its name in the URL', (room) => {
  const [listen, setTitle, addTask, read] = curlCommands('http://127.0.0.1:8080', room).map(({ command }) =>
    argumentsOf(command)
  )
  const url = `http://127.0.0.1:8080/v1/rooms/${encodeURIComponent(room)}`
  expect(listen).toEqual(['-N', `${url}/events`])
  expect(read).toEqual([url])
  for (const [address, , header, , body] of [setTitle, addTask].map((given) => given ?? [])) {
    expect(address).toBe(`${url}/ops`)
    expect(header).toBe('Content-Type: application/json')
    expect(JSON.parse(body ?? '')).toMatchObject({ clientId: 'curl', key: 'project', ops: [{ op: expect.any(String) }] })
  }
})

test('the commands for a server with tokens use the variable of the shell, and contain no token', () => {
  for (const { command } of curlCommands('http://127.0.0.1:8080', 'demo', true)) {
    expect(argumentsOf(`TOKEN='a b'\n${command}`)).toContain('Authorization: Bearer a b')
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

test('a conflict names the dropped change and the current value', () => {
  const op = { op: 'set', path: 'title', value: 'Mine' }
  expect(describeConflict({ op, reason: 'changed', current: 'Theirs' })).toBe(
    'Your change “set title "Mine"” was dropped: another user changed this while you were offline. It is now "Theirs".'
  )
  expect(describeConflict({ op, reason: 'changed' })).toContain('It is now empty')
  expect(describeConflict({ op, reason: 'item_deleted' })).toContain('another user removed the item')
  expect(describeConflict({ op, reason: 'type_mismatch' })).toContain('(type mismatch)')
})
