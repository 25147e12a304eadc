import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/client.ts'

let warn: ReturnType<typeof vi.spyOn>
beforeEach(() => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** Enters a room by name, and leaves it before anything is requested. */
function enter(name: string) {
  const client = createClient({ url: 'http://sync.test', fetch: () => new Promise(() => {}) })
  client.disconnect()
  client.room(name)
  client.close()
}

test.each([
  ['', 'the name is empty'],
  ['.', '"." is removed from URLs'],
  ['..', '".." is removed from URLs'],
  ['a\ud800', 'half a surrogate pair']
])('the room %j is refused with a reason', (name, why) => {
  expect(() => enter(name)).toThrow(TypeError)
  expect(() => enter(name)).toThrow(why)
})

test.each(['.', '..', 'a\ud800'])('the client id %j is refused with a reason', (clientId) => {
  expect(() => createClient({ clientId })).toThrow('a client cannot be named')
})

test.each(['...', '.a', 'a/..', '😀', ' '])('the room %j is not checked by the client', (name) => {
  expect(() => enter(name)).not.toThrow()
})

test.each([
  'project-undefined',
  'project-null',
  'projectundefined',
  'undefined',
  'a/undefined/b',
  'null:7',
  'x-NaN',
  '[object Object]',
  'team-[object Promise]-1'
])('the room %j is warned about, once', (name) => {
  enter(name)
  enter(name)
  expect(warn).toHaveBeenCalledOnce()
  expect(warn.mock.calls[0]?.[0]).toContain(`"${name}"`)
})

test.each(['project-7', 'nullable', 'annulled', 'nans-and-rotis', 'undefinedness'])('the room %j causes no warning', (name) => {
  enter(name)
  expect(warn).not.toHaveBeenCalled()
})

test('a production build logs no warning', () => {
  vi.stubEnv('NODE_ENV', 'production')
  enter('production-undefined')
  expect(warn).not.toHaveBeenCalled()
})
