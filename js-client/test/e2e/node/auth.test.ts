// The client with a server that requires tokens.
import { expect, vi } from 'vitest'
import type { ClientOptions, SyncErrorEvent } from '../../../src/index.ts'
import { pause } from '../harness/crowd.ts'
import { asksForTokens, token } from '../harness/tokens.ts'
import { test, type World } from '../harness/world.ts'

type Notes = Record<string, unknown>

/** Enters the room `board` and records its errors. */
function enter(world: World, server: { url: string }, options: ClientOptions) {
  const client = world.client(server, options)
  const room = client.room('board')
  const errors: SyncErrorEvent[] = []
  room.on('error', (error) => errors.push(error))
  return { client, room, errors, notes: room.document<Notes>() }
}

const reader = [{ room: 'board', read: true, presence: true }]

test('an expired token is requested again, and changes are kept meanwhile', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const issue = vi.fn(() => token({ lives: -60 }))
  const ada = enter(world, server, { token: issue })
  ada.notes.replace({ text: 'typed while signed out' })
  await expect.poll(() => ada.room.status.error).toMatch(/expired/)
  expect(ada.room.status).toMatchObject({ connected: false, pendingChanges: 1 })
  expect(new Set(ada.errors.map(({ code }) => code))).toEqual(new Set(['unauthorized']))

  issue.mockImplementation(() => token())
  await ada.room.flush()
  const bob = enter(world, server, { token: token() })
  await expect.poll(() => bob.notes.state).toEqual({ text: 'typed while signed out' })
  expect(ada.room.status).toMatchObject({ connected: true, error: null })
})

test('streams that end with their tokens resume with new ones, without loss or error', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const issue = vi.fn(() => token({ lives: 2 }))
  const ada = enter(world, server, { token: issue })
  const bob = enter(world, server, { token: token({ user: 'u-2' }) })
  await ada.notes.ready
  const typed: Notes = {}
  for (let n = 0; issue.mock.calls.length < 4; n++) {
    ada.notes.replace(Object.assign(typed, { [`a${n}`]: n }))
    bob.notes.apply({ op: 'set', path: `b${n}`, value: n })
    typed[`b${n}`] = n
    await expect.poll(() => ada.notes.state).toEqual(typed)
  }
  await expect.poll(() => bob.notes.state).toEqual(typed)
  expect([ada.errors, bob.errors]).toEqual([[], []])
})

test('edits of a read-only client are set aside after one request, and it still receives changes', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const ada = enter(world, server, { token: token() })
  ada.notes.replace({ text: 'hers' })
  await ada.room.flush()
  const posts = vi.fn(fetch)
  const bob = enter(world, server, { token: token({ user: 'u-2', rooms: reader }), fetch: posts })
  await expect.poll(() => bob.notes.state).toEqual({ text: 'hers' })
  expect([ada.room.status.readOnly, bob.room.status.readOnly]).toEqual([false, true])

  bob.notes.replace({ text: 'his', more: 1, and: 2 })
  await bob.room.flush()
  // The changes stay in the view until `discard`.
  expect(bob.notes.state).toEqual({ text: 'his', more: 1, and: 2 })
  expect(bob.room.rejected.list).toHaveLength(3)
  bob.room.rejected.discard()
  expect(bob.notes.state).toEqual({ text: 'hers' })
  expect(bob.errors).toMatchObject([{ code: 'forbidden', message: expect.stringContaining('write permission is not granted') }])
  expect(bob.errors[0]?.ops).toHaveLength(3)
  expect(posts.mock.calls.filter(([url]) => `${url}`.endsWith('/ops'))).toHaveLength(1)

  ada.notes.replace({ text: 'hers, again' })
  await expect.poll(() => bob.notes.state).toEqual({ text: 'hers, again' })
  expect(bob.room.status.connected).toBe(true)
})

test('of a batch, exactly the edits of read-only parts are set aside', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const ada = enter(world, server, { token: token() })
  ada.notes.replace({ title: '', budget: { sum: 7 }, tags: 'none' })
  await ada.room.flush()
  const readOnly = [{ key: 'default', path: 'budget' }]
  const bob = enter(world, server, { token: token({ user: 'u-2', readOnly }) })
  await expect.poll(() => bob.notes.state).toEqual(ada.notes.state)

  bob.notes.replace({ title: 'New', budget: { sum: 9_000 }, tags: 'some' })
  await bob.room.flush()
  const after = { title: 'New', budget: { sum: 7 }, tags: 'some' }
  expect(bob.notes.state).toEqual({ ...after, budget: { sum: 9_000 } })
  bob.room.rejected.discard()
  expect(bob.notes.state).toEqual(after)
  await expect.poll(() => ada.notes.state).toEqual(after)
  expect(bob.errors).toMatchObject([{ code: 'forbidden', ops: [{ op: 'set', path: 'budget.sum', value: 9_000 }] }])
})

test('without permission for the room, the status has the code `forbidden` and no requests are repeated', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const asked = vi.fn(fetch)
  const rooms = [{ room: 'another', read: true, write: true, presence: true }]
  const eve = enter(world, server, { token: token({ rooms }), fetch: asked })
  eve.notes.replace({ text: 'mine' })
  await expect.poll(() => eve.room.status.error).toMatch(/read permission is not granted in this room/)
  await pause(3_000)
  expect(asked.mock.calls.length).toBeLessThanOrEqual(2)
  expect(eve.room.status).toMatchObject({ connected: false, pendingChanges: 1 })
  expect(eve.errors).toMatchObject([{ code: 'forbidden' }])
})

test('a new token with fewer permissions ends the stream', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const ada = enter(world, server, { token: token(), clientId: 'ada' })
  await expect.poll(() => ada.room.status.connected).toBe(true)
  const headers = { Authorization: `Bearer ${token({ rooms: [] })}` }
  const answer = await fetch(`${server.url}/v1/rooms/board/events/ada/token`, { method: 'POST', headers })
  expect(answer.status).toBe(403)
  await expect
    .poll(() => ada.room.status)
    .toMatchObject({ status: 'offline', connected: false, code: 'forbidden', error: expect.stringContaining('does not grant') })
  expect(ada.errors).toMatchObject([{ code: 'forbidden' }])
})

test('the user id in presence is that of the token, not that of the display name', async ({ world }) => {
  const server = await world.server(...asksForTokens)
  const ada = enter(world, server, { token: token({ user: 'u-ada' }), clientId: 'ada', displayName: 'u-bob' })
  const bob = enter(world, server, { token: token({ user: 'u-bob' }), clientId: 'bob' })
  const seen = () => bob.room.users.map(({ clientId, userId }) => `${clientId} ${userId}`).toSorted()
  await expect.poll(seen).toEqual(['ada u-ada', 'bob u-bob'])
  ada.room.leave()
  await expect.poll(seen).toEqual(['bob u-bob'])
})
