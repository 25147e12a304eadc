// A client with stored documents and a model of the server: closed and opened again.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import type { Client, ClientOptions, StateLoadedEvent, SyncErrorEvent } from '../../../src/types.ts'
import { createFakeServer } from '../client/fake-server.ts'
import { createLocks } from './locks.ts'

let server: ReturnType<typeof createFakeServer>
let locks: ReturnType<typeof createLocks>
const open: (() => void)[] = []

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
  vi.stubGlobal('IDBKeyRange', IDBKeyRange)
  locks = createLocks()
  server = createFakeServer()
})
afterEach(() => {
  for (const close of open.splice(0)) close()
  vi.unstubAllGlobals()
})

/** A page in the room. It closes without an event. `offline`: the client is disconnected from the beginning. */
function visit(options: ClientOptions = {}, offline = false) {
  const tab = locks.openTab()
  vi.stubGlobal('navigator', tab.navigator)
  const asked: string[] = []
  const fetch: typeof globalThis.fetch = (input, init) => {
    asked.push(String(input))
    return server.fetch(input, init)
  }
  const client: Client = createClient({ url: 'http://fake', fetch, persist: true, user: 'ada', debounceMs: 5, ...options })
  if (offline) client.disconnect()
  const room = client.room('r')
  const board = room.document<Record<string, unknown>>('default', { initial: { title: 'initial' } })
  const loaded: StateLoadedEvent[] = []
  const errors: SyncErrorEvent[] = []
  room.on('stateLoaded', (event) => loaded.push(event))
  room.on('error', (error) => errors.push(error))
  const closeTab = () => {
    client.disconnect()
    tab.close()
  }
  open.push(() => client.close())
  return { client, room, board, loaded, errors, asked, closeTab }
}
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 10_000, interval: 5 })

/** A page whose title is confirmed and stored. */
async function visitOnce() {
  const first = visit()
  await eventually(() => expect(first.room.status).toMatchObject({ connected: true, pendingChanges: 0 }))
  first.board.apply({ op: 'set', path: 'title', value: 'agreed' })
  await first.room.flush()
  await eventually(() => keptText().then((text) => expect(text).toContain('agreed')))
  return first
}

const stored = (database: string, store: string) =>
  new Promise<string>((resolve) => {
    const opening = indexedDB.open(database)
    opening.onsuccess = () => {
      const all = opening.result.transaction(store).objectStore(store).getAll()
      all.onsuccess = () => resolve(JSON.stringify(all.result))
    }
  })
const keptText = () => stored('pathsync-documents', 'documents')
const unsentText = () => stored('pathsync', 'outboxes')

test('a room shows stored documents and unsent changes while the server is unreachable, and resumes by the event id', async () => {
  const first = await visitOnce()
  server.down()
  await eventually(() => expect(first.room.status.connected).toBe(false))
  first.board.apply({ op: 'set', path: 'mine', value: 'unsent' })
  await eventually(() => unsentText().then((text) => expect(text).toContain('unsent')))
  first.closeTab()

  const position = `${server.model.epoch}-${server.model.serverSeq}`
  const second = visit()
  await second.board.ready
  await eventually(() => expect(second.board.state).toEqual({ title: 'agreed', mine: 'unsent' }))
  expect(second.room.status).toMatchObject({ connected: false, loaded: true, pendingChanges: 1 })
  expect(second.room.pending.list).toMatchObject([{ key: 'default', op: { path: 'mine' }, sent: false }])
  expect(second.loaded).toEqual([
    { room: 'r', key: 'default', state: { title: 'agreed' }, serverSeq: server.model.serverSeq, kept: true }
  ])
  expect(second.errors.map(({ code }) => code)).not.toContain('storage')

  server.model.post({ clientId: 'you', clientSeq: 1, key: 'default', ops: [{ op: 'set', path: 'note', value: 'theirs' }] })
  server.up()
  await eventually(() => expect(second.room.status).toMatchObject({ connected: true, pendingChanges: 0 }))
  expect(second.board.state).toEqual({ title: 'agreed', mine: 'unsent', note: 'theirs' })
  expect(server.model.docs.get('default')).toEqual(second.board.state)
  expect(second.asked.filter((url) => url.includes('/events')).every((url) => url.includes(`last_event_id=${position}`))).toBe(
    true
  )
  expect(second.loaded).toHaveLength(1)
})

test('a room with another history on the server shows its whole state', async () => {
  const first = await visitOnce()
  first.closeTab()
  server.model.wipe()
  server.model.post({ clientId: 'you', clientSeq: 1, key: 'default', ops: [{ op: 'set', path: 'title', value: 'anew' }] })
  const second = visit()
  await eventually(() => expect(second.room.status.connected).toBe(true))
  expect(second.board.state).toEqual({ title: 'anew' })
  expect(second.loaded.map(({ kept }) => kept)).toEqual([true, undefined])
  await eventually(() => keptText().then((text) => expect(text).toContain('anew')))
})

test('an edit before the storage has answered does not delete what an earlier session with the same client id left', async () => {
  const first = visit({ clientId: 'fixed' })
  await eventually(() => expect(first.room.status.connected).toBe(true))
  server.down()
  first.board.apply({ op: 'set', path: 'mine', value: 'earlier' })
  await eventually(() => unsentText().then((text) => expect(text).toContain('earlier')))
  first.closeTab()

  const second = visit({ clientId: 'fixed' })
  second.board.apply({ op: 'set', path: 'title', value: 'at once' })
  await eventually(() => unsentText().then((text) => expect(text).toContain('at once')))
  expect(await unsentText()).toContain('earlier')
  server.up()
  await eventually(() => expect(server.model.docs.get('default')).toEqual({ title: 'at once', mine: 'earlier' }))
})

test('a set-aside change is still there when its room is left and entered again', async () => {
  const { client, room, board } = visit()
  server.middlebox = (body) => (body.includes('bad') ? server.json({ title: 'No' }, 403, 'text/html') : undefined)
  await eventually(() => expect(room.status.connected).toBe(true))
  board.apply({ op: 'set', path: 'mine', value: 'bad' })
  await eventually(() => expect(room.status).toMatchObject({ pendingChanges: 0, rejectedChanges: 1 }))
  room.leave()
  await eventually(() => expect(server.open).toBe(0))

  const again = client.room('r')
  await eventually(() => expect(again.rejected.list).toMatchObject([{ op: { path: 'mine', value: 'bad' } }]))
  expect(again.document('default').state).toMatchObject({ mine: 'bad' })
  expect(await unsentText()).toContain('bad')
})

test('a client that is disconnected from the beginning shows the stored room, and saves its changes', async () => {
  const first = await visitOnce()
  server.down()
  first.board.apply({ op: 'set', path: 'mine', value: 'unsent' })
  await eventually(() => unsentText().then((text) => expect(text).toContain('unsent')))
  first.closeTab()

  const second = visit({}, true)
  await eventually(() => expect(second.board.state).toEqual({ title: 'agreed', mine: 'unsent' }))
  second.board.apply({ op: 'set', path: 'note', value: 'later' })
  await eventually(() => unsentText().then((text) => expect(text).toContain('later')))
  expect(second.asked).toEqual([])
})

test('unsent changes of one user are not shown to another, and are kept for the first', async () => {
  const first = await visitOnce()
  server.down()
  first.board.apply({ op: 'set', path: 'secret', value: 'of ada' })
  await eventually(() => unsentText().then((text) => expect(text).toContain('of ada')))
  first.closeTab()

  const other = visit({ user: 'bob' })
  await eventually(() => expect(other.asked.some((url) => url.includes('/events'))).toBe(true))
  expect(other.board.state).toEqual({ title: 'initial' })
  expect(other.room.pending.list).toEqual([])
  other.closeTab()

  const again = visit()
  await eventually(() => expect(again.board.state).toEqual({ title: 'agreed', secret: 'of ada' }))
})

test('clear deletes documents and unsent changes, and ends further writes', async () => {
  const first = await visitOnce()
  server.down()
  first.board.apply({ op: 'set', path: 'mine', value: 'unsent' })
  await first.client.clear()
  first.board.apply({ op: 'set', path: 'mine', value: 'later' })
  first.closeTab()
  expect(await keptText()).not.toContain('agreed')
  expect(await unsentText()).toBe('[]')
  const second = visit()
  await eventually(() => expect(second.asked.some((url) => url.includes('/events'))).toBe(true))
  expect(second.board.state).toEqual({ title: 'initial' })
  expect(second.room.pending.list).toEqual([])
})

test('the stored documents of a room are deleted when the read permission is revoked', async () => {
  const first = await visitOnce()
  first.closeTab()
  const forbidden = { type: 'urn:x', title: 'Forbidden', status: 403, code: 'forbidden', retryable: false }
  const { fetch } = server
  const second = visit({
    fetch: async (input, init) =>
      String(input).includes('/events') ? server.json(forbidden, 403, 'application/problem+json') : fetch(input, init)
  })
  await eventually(() => expect(second.errors.map(({ code }) => code)).toContain('forbidden'))
  await eventually(() => keptText().then((text) => expect(text).toBe('[]')))
})
