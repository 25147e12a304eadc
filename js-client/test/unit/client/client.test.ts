// The client with a model of the server: when it sends, which requests it repeats, and which state and events it shows.
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { capture } from '../../../src/document/capture.ts'
import type { Json } from '../../../src/document/json.ts'
import { patch } from '../../../src/document/patch.ts'
import type {
  Client,
  ClientOptions,
  ConflictEvent,
  Operation,
  OutboxStorage,
  Room,
  SavedOutbox,
  SyncErrorEvent
} from '../../../src/types.ts'
import { createFakeServer } from './fake-server.ts'

interface Board {
  title?: string
  tasks?: { _sync_id?: string; title?: string }[]
  [name: string]: unknown
}

let server: ReturnType<typeof createFakeServer>
const clients: Client[] = []

// Loading takes real time.
beforeAll(() =>
  Promise.all([import('../../../src/client/storage/saved-outbox.ts'), import('../../../src/client/storage/document-cache.ts')])
)
beforeEach(() => {
  vi.useFakeTimers()
  server = createFakeServer()
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  vi.unstubAllGlobals()
  await settle()
  expect(vi.getTimerCount()).toBe(0)
  expect(server.open).toBe(0)
  vi.useRealTimers()
})

/** Runs all pending microtasks and timers of 0 ms. */
async function settle() {
  for (let i = 0; i < 10; i++) await vi.advanceTimersByTimeAsync(0)
}
async function pass(ms: number) {
  await vi.advanceTimersByTimeAsync(ms)
  await settle()
}

function client(options: ClientOptions = {}): Client {
  const made = createClient({ url: 'http://fake', fetch: server.fetch, ...options })
  clients.push(made)
  return made
}

/** A client that is in the room `r`, loaded. */
async function joined(options: ClientOptions = {}) {
  const own = client(options)
  const room = own.room('r')
  const board = room.document<Board>()
  const errors: SyncErrorEvent[] = []
  const conflicts: ConflictEvent[] = []
  room.on('error', (error) => errors.push(error))
  room.on('conflict', (conflict) => void conflicts.push(conflict))
  await settle()
  return { client: own, room, board, errors, conflicts }
}

const set = (path: string, value: Json) => ({ op: 'set' as const, path, value })
const state = (key = 'default') => server.model.docs.get(key)

describe('a change', () => {
  test('is sent 400 ms after the last one, with the others in one batch', async () => {
    const { board } = await joined()
    board.apply(set('title', 'a'))
    await pass(399)
    board.apply(set('zoom', 2))
    await pass(399)
    expect(server.posted).toHaveLength(0)
    await pass(1)
    expect(server.batches.map(({ ops }) => ops)).toEqual([[set('title', 'a'), set('zoom', 2)]])
  })

  test('is sent after the longest wait when changes continue', async () => {
    const { board } = await joined()
    for (let i = 0; i < 40; i++) {
      board.apply(set('title', 'x'.repeat(i)))
      await pass(100)
    }
    // 4 s of typing, with 1.5 s as the longest wait.
    expect(server.posted.length).toBeGreaterThanOrEqual(2)
    await pass(400)
    expect(state()).toEqual({ title: 'x'.repeat(39) })
  })

  test('that is made while a batch is in flight is sent in the next one', async () => {
    const { board } = await joined()
    server.fates.push('stuck')
    board.apply(set('n', 1))
    await pass(400)
    board.apply(set('n', 2))
    await pass(5000)
    expect(server.posted).toHaveLength(1)
    await pass(60_000)
    expect(state()).toEqual({ n: 2 })
    expect(server.batches.map(({ clientSeq }) => clientSeq)).toEqual([1, 1, 2])
  })

  test.each(['lost', 'answer lost'] as const)(
    'is repeated byte for byte when a request is %s, and takes effect once',
    async (fate) => {
      const { board, room } = await joined()
      server.fates.push(fate, fate)
      board.apply({ op: 'array_add', path: 'tasks', value: { title: 'once' } })
      await pass(400)
      await pass(30_000)
      expect(state()).toEqual({ tasks: [{ title: 'once', _sync_id: expect.any(String) as string }] })
      expect(new Set(server.posted.map(({ body }) => body)).size).toBe(1)
      expect(room.status).toMatchObject({ pendingChanges: 0, error: null })
    }
  )

  test('is repeated when a proxy answers with a page, and an error is reported', async () => {
    const { board, room, errors } = await joined()
    server.fates.push(new Response('<html>Bad gateway</html>', { status: 502, headers: { 'Content-Type': 'text/html' } }))
    board.apply(set('n', 1))
    await pass(400)
    expect(errors).toMatchObject([{ room: 'r', code: 'protocol' }])
    expect(room.status.error).toContain('502')
    expect(room.status.pendingChanges).toBe(1)
    await pass(30_000)
    expect(room.status).toMatchObject({ pendingChanges: 0, error: null })
  })

  test('is repeated after Retry-After', async () => {
    const { board } = await joined()
    const body = { type: 'urn:x', title: 'Away', status: 503, code: 'database_unavailable', retryable: true }
    server.fates.push(
      new Response(JSON.stringify(body), {
        status: 503,
        headers: { 'Content-Type': 'application/problem+json', 'Retry-After': '20' }
      })
    )
    board.apply(set('n', 1))
    await pass(400 + 19_900)
    expect(server.posted).toHaveLength(1)
    await pass(10_000)
    expect(state()).toEqual({ n: 1 })
  })

  test('that the server refuses is set aside alone, and reported', async () => {
    const { board, errors, room } = await joined()
    const problem = {
      type: 'urn:x',
      title: 'No',
      status: 422,
      code: 'invalid_request',
      retryable: false,
      errors: [{ pointer: '/ops/1/path', detail: 'no' }]
    }
    server.fates.push(server.json(problem, 422, 'application/problem+json'))
    board.apply(set('a', 1))
    board.apply(set('b', 2))
    await pass(2000)
    expect(state()).toEqual({ a: 1 })
    // It stays in the view until the application retries or discards it.
    expect(board.state).toEqual({ a: 1, b: 2 })
    expect(room.rejected.list).toMatchObject([{ key: 'default', op: set('b', 2), code: 'invalid_request' }])
    expect(errors).toMatchObject([{ code: 'invalid_request', ops: [set('b', 2)] }])
    expect(room.status.pendingChanges).toBe(0)
  })

  test('of a read-only part is set aside alone, and the others are sent', async () => {
    const { board, errors, room } = await joined()
    const problem = {
      type: 'urn:x',
      title: 'No',
      status: 403,
      code: 'forbidden',
      retryable: false,
      errors: [{ pointer: '/ops/0/path', detail: 'read-only' }]
    }
    server.fates.push(server.json(problem, 403, 'application/problem+json'))
    board.apply(set('locked', 1))
    board.apply(set('free', 2))
    await pass(2000)
    expect(state()).toEqual({ free: 2 })
    expect(errors).toMatchObject([{ code: 'forbidden', ops: [set('locked', 1)] }])
    expect(room.status.pendingChanges).toBe(0)
  })

  test('without write permission is set aside after one request, with all others of its batch', async () => {
    const { board, errors, room } = await joined()
    const problem = { type: 'urn:x', title: 'No', status: 403, code: 'forbidden', retryable: false }
    server.fates.push(server.json(problem, 403, 'application/problem+json'))
    const edits = Array.from({ length: 8 }, (_, i) => set(`k${i}`, i))
    for (const edit of edits) board.apply(edit)
    await pass(10_000)
    expect(errors).toMatchObject([{ code: 'forbidden', ops: edits }])
    expect(room.status.pendingChanges).toBe(0)
    expect(board.state).toMatchObject({ k0: 0, k7: 7 })
    board.apply(set('later', 1))
    await pass(2000)
    expect(state()).toEqual({ later: 1 })
    room.rejected.discard()
    expect(board.state).toEqual({ later: 1 })
  })

  test('is sent in smaller batches when a proxy has a lower size limit than the server', async () => {
    const { board } = await joined()
    server.fates.push(new Response('too large', { status: 413 }))
    for (let i = 0; i < 4; i++) board.apply(set(`k${i}`, i))
    await pass(2000)
    expect(server.batches.map(({ ops }) => ops.length)).toEqual([4, 2, 2])
    expect(state()).toEqual({ k0: 0, k1: 1, k2: 2, k3: 3 })
  })

  test('is sent at once by flush, which waits until it is confirmed', async () => {
    const { board, room } = await joined()
    board.apply(set('n', 1))
    await Promise.all([room.flush(), settle()])
    expect(state()).toEqual({ n: 1 })
    expect(room.status.pendingChanges).toBe(0)
  })

  test('is sent with a new token after a 401, and no change is dropped meanwhile', async () => {
    const { board, room } = await joined({ token: () => Promise.resolve('t') })
    server.fates.push(new Response('', { status: 401 }), new Response('', { status: 401 }))
    board.apply(set('n', 1))
    await pass(400)
    expect(room.status).toMatchObject({ pendingChanges: 1 })
    expect(room.status.error).not.toBeNull()
    await pass(60_000)
    expect(state()).toEqual({ n: 1 })
    expect(room.status.error).toBeNull()
  })
})

describe('a change that a proxy refuses', () => {
  const html = (status: number) => new Response('<h1>Blocked</h1>', { status, headers: { 'Content-Type': 'text/html' } })
  const fails = [
    ...[400, 403, 404, 405, 406, 413, 418, 500, 502, 504].map(
      (status) => [`with ${status} and a page`, () => html(status)] as const
    ),
    ['with 200 and a page', () => html(200)] as const,
    ['by a reset', () => 'lost' as const] as const
  ]

  test.each(fails)('%s is found, set aside and kept, and all others are sent', async (_, refuse) => {
    const { board, room, errors } = await joined()
    server.middlebox = (body) => (body.includes('DROP TABLE') ? refuse() : undefined)
    for (let i = 0; i < 8; i++) board.apply(set(`k${i}`, i))
    board.apply(set('bad', 'DROP TABLE'))
    board.apply(set('last', 9))
    await pass(120_000)
    expect(state()).toEqual({ k0: 0, k1: 1, k2: 2, k3: 3, k4: 4, k5: 5, k6: 6, k7: 7, last: 9 })
    expect(board.state).toMatchObject({ bad: 'DROP TABLE', last: 9 })
    expect(room.rejected.list).toMatchObject([{ key: 'default', op: set('bad', 'DROP TABLE'), code: 'blocked' }])
    expect(errors.filter(({ ops }) => ops)).toMatchObject([{ ops: [set('bad', 'DROP TABLE')] }])
    expect(room.status).toMatchObject({ pendingChanges: 0, rejectedChanges: 1, connected: true })

    const posts = server.posted.length
    await pass(600_000)
    expect(server.posted).toHaveLength(posts)
    board.apply(set('bad', 'fine'))
    await pass(2000)
    expect(state()).toMatchObject({ bad: 'fine' })
    expect(room.status).toMatchObject({ pendingChanges: 0, rejectedChanges: 0 })
  })

  test('because of one member of an added item: only that member is set aside', async () => {
    const { board, room } = await joined()
    server.middlebox = (body) => (body.includes('DROP TABLE') ? html(403) : undefined)
    const item = { _sync_id: 'x', ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`m${i}`, `text ${i}`])) }
    board.apply({ op: 'array_add', path: 'tasks', value: { ...item, m7: 'DROP TABLE' } })
    await pass(120_000)
    const { m7: _, ...rest } = item as Record<string, unknown>
    expect(state()).toEqual({ tasks: [rest] })
    expect(room.rejected.list).toMatchObject([{ op: set('tasks[x].m7', 'DROP TABLE') }])
    expect(board.state?.tasks).toEqual([{ ...item, m7: 'DROP TABLE' }])
  })

  test('because of one value of the initial state: the rest of the initial state is sent', async () => {
    server.middlebox = (body) => (body.includes('DROP TABLE') ? html(403) : undefined)
    const room = client().room('r')
    room.document('default', { initial: { a: 1, b: { c: 'DROP TABLE', d: 2 }, e: 3 } })
    await pass(120_000)
    expect(state()).toEqual({ a: 1, b: { d: 2 }, e: 3 })
    expect(room.rejected.list).toMatchObject([{ op: set('b.c', 'DROP TABLE') }])
  })

  test('with all others is sent later in the same batch: nothing is divided or set aside', async () => {
    const { board, room } = await joined()
    server.middlebox = () => html(403)
    for (let i = 0; i < 8; i++) board.apply(set(`k${i}`, i))
    await pass(300_000)
    expect(room.status).toMatchObject({ pendingChanges: 8, rejectedChanges: 0 })
    expect(room.status.error).toBeTruthy()
    server.middlebox = () => undefined
    await pass(60_000)
    expect(server.model.log).toHaveLength(1)
    expect(room.status).toMatchObject({ pendingChanges: 0, error: null })
  })

  test('is set aside also where the log cannot be read', async () => {
    const { board, room } = await joined()
    server.unreadable = true
    server.middlebox = (body) => (body.includes('DROP TABLE') ? html(403) : undefined)
    board.apply(set('bad', 'DROP TABLE'))
    board.apply(set('good', 1))
    await pass(300_000)
    expect(state()).toEqual({ good: 1 })
    expect(room.rejected.list).toMatchObject([{ op: set('bad', 'DROP TABLE') }])
  })

  test('after it was committed is not sent under another number: replaced answers, and a late delta', async () => {
    const { board, room } = await joined()
    server.delayed = true
    server.fates.push('answer replaced', 'answer replaced', 'answer replaced')
    board.apply(set('a', 1))
    board.apply(set('b', 2))
    await pass(20_000)
    server.delayed = false
    await pass(60_000)
    expect(server.model.log).toHaveLength(1)
    expect(state()).toEqual({ a: 1, b: 2 })
    expect(room.status).toMatchObject({ pendingChanges: 0, rejectedChanges: 0, error: null })
  })

  test('after an earlier session committed it is repeated unchanged, and no error is shown', async () => {
    const batch = { clientId: 'old', clientSeq: 1, key: 'default', ops: [set('a', 1), set('b', 2)] }
    server.model.post(batch)
    server.middlebox = (body) => (body.includes('"ops":[{') ? html(403) : undefined)
    const left = [{ clientId: 'old', batches: [batch], unsent: [] }]
    const { room, errors } = await joined({
      persist: { adopt: () => Promise.resolve(left), save: () => Promise.resolve(), close() {} }
    })
    await pass(60_000)
    expect(server.batches.length).toBeGreaterThan(3)
    server.middlebox = () => undefined
    await pass(60_000)
    for (const sent of server.batches) expect(sent).toEqual(batch)
    expect(server.model.log).toHaveLength(1)
    expect(room.status).toMatchObject({ pendingChanges: 0, rejectedChanges: 0 })
    expect(errors).toEqual([])
  })

  test('is no longer examined after the client is closed', async () => {
    const asked: AbortSignal[] = []
    const { board, room, client, errors } = await joined({
      fetch: ((url: string, init: RequestInit) => {
        if (!url.includes('/changes')) return server.fetch(url, init)
        asked.push(init.signal!)
        return new Promise((_, reject) => init.signal!.addEventListener('abort', () => reject(new Error('aborted'))))
      }) as typeof fetch
    })
    server.middlebox = (body) => (body.includes('wrong') ? html(403) : undefined)
    board.apply(set('x', 'wrong'))
    board.apply(set('y', 1))
    await pass(500)
    expect(asked.map(({ aborted }) => aborted)).toEqual([false])
    client.close()
    await settle()
    const before = { ...room.status }
    expect(asked.map(({ aborted }) => aborted)).toEqual([true])
    await pass(60_000)
    expect(room.status).toEqual(before)
    expect(errors).toEqual([])
  })

  test('is sent again by retry and dropped by discard', async () => {
    const { board, room } = await joined()
    server.middlebox = (body) => (body.includes('wrong') ? html(403) : undefined)
    board.apply(set('x', 'wrong x'))
    board.apply(set('y', 'wrong y'))
    await pass(60_000)
    expect(room.rejected.list).toHaveLength(2)
    room.rejected.discard(room.rejected.list.find(({ op }) => op.path === 'y')?.id)
    expect(board.state).toEqual({ x: 'wrong x' })
    server.middlebox = () => undefined
    room.rejected.retry()
    await pass(1000)
    expect(state()).toEqual({ x: 'wrong x' })
    expect(room.status.rejectedChanges).toBe(0)
  })
})

describe('a slow link', () => {
  test('causes smaller batches after a timeout, down to one operation, and then larger ones again', async () => {
    const { board } = await joined()
    server.middlebox = (body) => (body.length > 15_000 ? 'stuck' : undefined)
    for (let i = 0; i < 16; i++) board.apply(set(`k${i}`, 'x'.repeat(10_000)))
    await pass(400_000)
    expect(Object.keys(state() as object)).toHaveLength(16)
    server.middlebox = () => undefined
    for (let i = 0; i < 16; i++) board.apply(set(`k${i}`, 'y'))
    await pass(2000)
    expect(server.batches.at(-1)?.ops.length).toBeGreaterThan(1)
  })

  test('causes one large value to be sent in parts', async () => {
    const { board } = await joined()
    server.middlebox = (body) => (body.length > 15_000 ? 'stuck' : undefined)
    const value = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, 'x'.repeat(5000)]))
    board.apply(set('large', value))
    await pass(400_000)
    expect(state()).toEqual({ large: value })
  })
})

describe('batches of one client', () => {
  test('that the server has passed are sent under a new number, with the remaining differences', async () => {
    const { board, room } = await joined()
    const passed = { type: 'urn:x', title: 'Passed', status: 409, code: 'client_seq_passed', retryable: false }
    server.fates.push(server.json(passed, 409, 'application/problem+json'))
    board.apply(set('n', 1))
    await pass(2000)
    expect(server.batches.map(({ clientSeq }) => clientSeq)).toEqual([1, 2])
    expect(state()).toEqual({ n: 1 })
    expect(room.rejected.list).toEqual([])
  })

  test('to an older server have no previousClientSeq', async () => {
    const page = Object.assign(new EventTarget(), { visibilityState: 'hidden' })
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', page)
    const { board, room } = await joined()
    const unknown = {
      type: 'urn:x',
      title: 'No',
      status: 422,
      code: 'invalid_request',
      retryable: false,
      errors: [{ pointer: '', detail: 'unknown member' }]
    }
    server.middlebox = (body) =>
      body.includes('previousClientSeq') ? server.json(unknown, 422, 'application/problem+json') : undefined
    server.fates.push('stuck')
    board.apply(set('n', 1))
    await pass(400)
    board.apply(set('n', 2))
    page.dispatchEvent(new Event('visibilitychange'))
    await pass(40_000)
    expect(state()).toEqual({ n: 2 })
    expect(room.status).toMatchObject({ pendingChanges: 0, rejectedChanges: 0 })
  })

  test('with a fixed id and a clock that was set back get numbers after those already used', async () => {
    const first = await joined({ clientId: 'fixed' })
    first.board.apply(set('n', 1))
    await pass(1000)
    first.client.close()
    vi.setSystemTime(Date.now() - 3_600_000)
    const second = await joined({ clientId: 'fixed' })
    second.board.apply(set('n', 2))
    await pass(60_000)
    expect(state()).toEqual({ n: 2 })
  })
})

describe('timers', () => {
  test.each(['1e12', '99999999999', 'Infinity'])(
    'Retry-After: %s causes a wait of at most 10 minutes, which `online` ends',
    async (value) => {
      const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
      vi.stubGlobal('window', page)
      vi.stubGlobal('document', page)
      const { board } = await joined({ heartbeatMs: 600_000 })
      const body = JSON.stringify({ type: 'urn:x', title: 'Away', status: 503, code: 'overloaded', retryable: true })
      server.fates.push(
        new Response(body, { status: 503, headers: { 'Content-Type': 'application/problem+json', 'Retry-After': value } })
      )
      board.apply(set('n', 1))
      await pass(590_000)
      expect(server.posted).toHaveLength(1)
      page.dispatchEvent(new Event('online'))
      await settle()
      expect(state()).toEqual({ n: 1 })
    }
  )

  test.each([Infinity, NaN, 30 * 86_400_000])('heartbeatMs: %s does not cause streams to be reopened', async (heartbeatMs) => {
    const fetch = vi.fn(server.fetch)
    await joined({ heartbeatMs, fetch })
    await pass(20_000)
    expect(fetch.mock.calls.filter(([url]) => `${url}`.includes('/events'))).toHaveLength(1)
  })

  test('a clock that is set back does not delay changes', async () => {
    const { board } = await joined()
    board.apply(set('n', 1))
    vi.setSystemTime(Date.now() - 3_600_000)
    for (let i = 0; i < 20; i++) {
      board.apply(set('n', i))
      await pass(100)
    }
    expect(server.posted.length).toBeGreaterThan(0)
  })

  test('a debounce longer than the longest wait takes effect', async () => {
    const { board } = await joined({ debounceMs: 5000, maxWaitMs: 1000 })
    board.apply(set('n', 1))
    await pass(4900)
    expect(server.posted).toHaveLength(0)
    await pass(200)
    expect(server.posted).toHaveLength(1)
  })
})

describe('when the network returns', () => {
  let page: EventTarget & { visibilityState?: string }
  beforeEach(() => {
    page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', page)
  })

  test.each(['online', 'visibilitychange', 'resume'])(
    'a request that hangs is aborted within 2 s of %s, and repeated',
    async (event) => {
      const { board } = await joined()
      server.fates.push('stuck')
      board.apply(set('n', 1))
      await pass(400)
      page.dispatchEvent(new Event(event))
      await pass(2100)
      expect(state()).toEqual({ n: 1 })
      expect(new Set(server.posted.map(({ body }) => body)).size).toBe(1)
    }
  )

  test('a silent stream is replaced within 2 s, and the room stays connected', async () => {
    const fetch = vi.fn(server.fetch)
    const { room } = await joined({ fetch })
    const lost: boolean[] = []
    room.on('status', ({ connected }) => lost.push(connected))
    page.dispatchEvent(new Event('online'))
    await pass(2100)
    expect(fetch.mock.calls.filter(([url]) => `${url}`.includes('/events'))).toHaveLength(2)
    expect(room.status.connected).toBe(true)
  })

  test('failed requests cause the stream to be replaced', async () => {
    let offline = false
    const fetch = ((...request: Parameters<typeof server.fetch>) =>
      offline ? Promise.reject(new TypeError('Failed to fetch')) : server.fetch(...request)) as typeof server.fetch
    const { board, room } = await joined({ fetch })
    await pass(5000)
    offline = true
    board.apply(set('n', 1))
    await pass(500)
    expect(room.status).toMatchObject({ connected: false, pendingChanges: 1 })
    offline = false
    await pass(40_000)
    expect(room.status).toMatchObject({ connected: true, pendingChanges: 0, error: null })
  })
})

describe('a hidden page', () => {
  let page: EventTarget & { visibilityState?: string }
  beforeEach(() => {
    page = new EventTarget()
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', page)
  })
  const hide = () => {
    page.visibilityState = 'hidden'
    page.dispatchEvent(new Event('visibilitychange'))
  }

  test('sends pending changes at once, in a request that outlives it', async () => {
    const { board } = await joined()
    board.apply(set('title', 'just typed'))
    hide()
    await settle()
    expect(server.posted).toMatchObject([{ keepalive: true }])
    expect(state()).toEqual({ title: 'just typed' })
  })

  test('sends pending changes without a stream, at the first event', async () => {
    for (const type of ['beforeunload', 'visibilitychange', 'pagehide', 'freeze']) {
      const { board } = await joined()
      server.down()
      await settle()
      server.up()
      board.apply(set('last', type))
      page.visibilityState = 'hidden'
      page.dispatchEvent(new Event(type))
      // The request is made before the listener returns.
      expect(JSON.parse(server.posted.at(-1)!.body)).toMatchObject({ ops: [set('last', type)] })
      expect(server.posted.at(-1)!.keepalive).toBe(true)
      await settle()
    }
  })

  test('sends changes that its own listeners make after the first event', async () => {
    const { board } = await joined()
    board.apply(set('n', 1))
    hide()
    board.apply(set('n', 2))
    page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }))
    expect(server.batches.map(({ ops }) => ops)).toEqual([[set('n', 1)], [set('n', 2)]])
  })

  test('names the previous batch, so that the server keeps the order, and continues afterwards', async () => {
    const { board, room } = await joined()
    server.fates.push('stuck')
    board.apply(set('n', 1))
    await pass(400)
    board.apply(set('n', 2))
    hide()
    await settle()
    const bodies = server.posted.map(({ body }) => JSON.parse(body) as { clientSeq: number; previousClientSeq?: number })
    expect(bodies.map(({ clientSeq, previousClientSeq }) => [clientSeq, previousClientSeq])).toEqual([
      [1, undefined],
      [1, undefined],
      [2, 1]
    ])
    expect(state()).toEqual({ n: 2 })
    board.apply(set('n', 3))
    await pass(40_000)
    expect(state()).toEqual({ n: 3 })
    expect(room.status).toMatchObject({ pendingChanges: 0, connected: true })
  })

  test('repeats no batch while the cause of its refusal is examined', async () => {
    const checks: (() => void)[] = []
    const { board } = await joined({
      fetch: (async (url: string, init: RequestInit) => {
        if (String(init.body).includes('"ops":[]')) await new Promise<void>((resolve) => checks.push(resolve))
        return server.fetch(url, init)
      }) as typeof fetch
    })
    const blocked = () => new Response('<h1>Blocked</h1>', { status: 403, headers: { 'Content-Type': 'text/html' } })
    server.middlebox = (body) => (body.includes('"ops":[{') ? blocked() : undefined)
    for (const name of ['a', 'b']) {
      board.apply(set(name, 1))
      board.apply(set(name + name, 1))
      hide()
    }
    await settle()
    expect(server.posted).toHaveLength(2)
    checks.shift()!()
    await settle()
    expect(server.posted).toHaveLength(2)
    for (let i = 0; i < 10; i++) {
      checks.shift()?.()
      server.middlebox = () => undefined
      await pass(10_000)
    }
    expect(state()).toEqual({ a: 1, aa: 1, b: 1, bb: 1 })
  })

  test('shares 60 KiB among all rooms, the smallest first; the rest is reported, and sent if the page continues to run', async () => {
    const own = client()
    const rooms = [own.room('r'), own.room('s')]
    const [large, small] = rooms.map((room) => room.document<Board>(room.name)) as [
      ReturnType<Room['document']>,
      ReturnType<Room['document']>
    ]
    const errors: SyncErrorEvent[] = []
    rooms.forEach((room) => room.on('error', (error) => errors.push(error)))
    await settle()
    for (let i = 0; i < 20; i++) large.apply(set(`k${i}`, 'x'.repeat(6000)))
    small.apply(set('n', 1))
    hide()
    const kept = server.posted.filter(({ keepalive }) => keepalive)
    expect(JSON.parse(kept[0]!.body)).toMatchObject({ key: 's' })
    const bytes = kept.reduce((sum, { body }) => sum + body.length, 0)
    expect(bytes).toBeGreaterThan(40_000)
    expect(bytes).toBeLessThanOrEqual(60 * 1024)
    expect(errors).toMatchObject([{ room: 'r', code: 'unload' }])
    await pass(5000)
    expect(Object.keys(state('r') as object)).toHaveLength(20)
    expect(state('s')).toEqual({ n: 1 })
  })

  test('sends nothing after disconnect', async () => {
    const { board, client } = await joined()
    client.disconnect()
    board.apply(set('n', 1))
    hide()
    await settle()
    expect(server.posted).toHaveLength(0)
  })

  test('removes its presence when it is closed, by a request that outlives it and has the token', async () => {
    const fetch = vi.fn(server.fetch)
    const { client } = await joined({ token: () => 'secret', fetch })
    const leaving = () => fetch.mock.calls.filter(([url]) => `${url}`.endsWith(`${client.clientId}/leave`))
    hide()
    page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: true }))
    await settle()
    expect(leaving()).toEqual([])
    page.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: false }))
    await settle()
    expect(leaving()).toMatchObject([
      [expect.anything(), { method: 'POST', keepalive: true, headers: { Authorization: 'Bearer secret' } }]
    ])
  })

  test('repeats the batch in flight and sends the rest after it, and each takes effect once', async () => {
    const { board } = await joined()
    server.fates.push('stuck')
    board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: 'a' } })
    await pass(400)
    board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: 'b' } })
    hide()
    await pass(40_000)
    expect(state()).toEqual({ tasks: [{ _sync_id: 'a' }, { _sync_id: 'b' }] })
    expect(server.model.log).toHaveLength(2)
  })
})

describe('a room', () => {
  test('that is entered several times has one stream and one state', async () => {
    const own = client()
    const [one, two] = [own.room('r'), own.room('r')]
    const shown: unknown[] = []
    two.document().subscribe((state) => shown.push(state))
    await settle()
    one.document().apply(set('n', 1))
    expect(shown).toEqual([{ n: 1 }])
    expect(server.open).toBe(1)
    one.leave()
    one.leave()
    await settle()
    expect(server.open).toBe(1)
    two.leave()
    await pass(5000)
    expect(server.open).toBe(0)
  })

  test('that is left delivers pending changes, and then removes presence', async () => {
    const { board, room, client } = await joined()
    board.apply(set('n', 1))
    room.leave()
    await pass(1000)
    expect(state()).toEqual({ n: 1 })
    expect(server.presence.at(-1)).toEqual(['POST', `presence/${client.clientId}/leave`, undefined])
  })

  test('that is entered again continues its batch numbers', async () => {
    const { board, room, client } = await joined()
    board.apply(set('n', 1))
    room.leave()
    await pass(1000)
    const again = client.room('r').document<Board>()
    await settle()
    expect(again.state).toEqual({ n: 1 })
    again.apply(set('n', 2))
    await pass(1000)
    expect(server.batches.map(({ clientSeq }) => clientSeq)).toEqual([1, 2])
  })

  test('reconnects after an outage of the server, and gets the changes that it missed', async () => {
    const one = await joined()
    const two = await joined()
    server.down()
    await settle()
    expect(one.room.status.connected).toBe(false)
    one.board.apply(set('offline', true))
    await pass(20_000)
    expect(one.room.status.error).not.toBeNull()
    server.up()
    await pass(120_000)
    expect(one.room.status).toMatchObject({ connected: true, pendingChanges: 0, error: null })
    expect(two.board.state).toEqual({ offline: true })
  })

  test('keeps changes between disconnect and connect, and sends them afterwards', async () => {
    const { client, board, room } = await joined()
    client.disconnect()
    expect(room.status.connected).toBe(false)
    for (let i = 0; i < 100; i++) board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: `t${i}` } })
    await pass(60_000)
    expect(server.posted).toHaveLength(0)
    expect(room.status.pendingChanges).toBe(100)
    client.connect()
    await pass(1000)
    expect((state() as Board).tasks).toHaveLength(100)
  })

  test('reports offline changes of a value that another client has changed', async () => {
    const one = await joined()
    const two = await joined()
    one.board.apply(set('title', 'a'))
    await pass(1000)
    one.client.disconnect()
    one.board.apply(set('title', 'mine'))
    two.board.apply(set('title', 'theirs'))
    await pass(1000)
    one.client.connect()
    await pass(1000)
    expect(one.conflicts).toMatchObject([{ reason: 'changed', current: 'theirs', op: { value: 'mine' } }])
    expect(one.board.state).toEqual({ title: 'theirs' })
  })

  test('emits `remoteChange` when the state has the change', async () => {
    const one = await joined()
    const two = await joined()
    const seen: unknown[] = []
    two.room.on('remoteChange', ({ clientId, ops }) => seen.push([clientId === one.client.clientId, ops, two.board.state]))
    one.board.apply(set('n', 1))
    await pass(1000)
    expect(seen).toEqual([[true, [set('n', 1)], { n: 1 }]])
  })

  test('continues when a listener throws', async () => {
    const { board } = await joined()
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    board.subscribe(() => {
      throw new Error('not mine')
    })
    board.apply(set('n', 1))
    await pass(1000)
    expect(state()).toEqual({ n: 1 })
    expect(reported).toHaveBeenCalled()
  })

  test('is seeded once by several clients with default items', async () => {
    const all = Array.from({ length: 3 }, () =>
      client()
        .room('r')
        .document<Board>('default', { initial: { tasks: [{ title: 'Welcome' }] } })
    )
    await pass(2000)
    const { tasks } = state() as { tasks: unknown[] }
    expect(tasks).toHaveLength(1)
    for (const board of all) expect(board.state).toEqual(state())
  })
})

describe('a document', () => {
  test('throws for an invalid operation, and does not change', async () => {
    const { board } = await joined()
    expect(() => board.apply(set('a..b', 1))).toThrow(TypeError)
    expect(() => board.apply(set('__proto__.x', 1))).toThrow(TypeError)
    expect(board.state).toBeUndefined()
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })

  test('gives an item its id before listeners are called', async () => {
    const { board } = await joined()
    board.apply({ op: 'array_add', path: 'tasks', value: { title: 'new' } })
    expect(board.state?.tasks?.[0]?._sync_id).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('does not change by a replacement that has an item twice', async () => {
    const { board } = await joined()
    board.replace({ tasks: [{ _sync_id: 'x', title: 'one' }] })
    const before = board.state
    const copy = JSON.stringify(before)
    const item = before?.tasks?.[0] ?? {}
    board.replace({ tasks: [item, item] })
    expect(JSON.stringify(before)).toBe(copy)
    await pass(1000)
    expect(new Set(board.state?.tasks?.map(({ _sync_id }) => _sync_id)).size).toBe(2)
    expect(state()).toEqual(board.state)
  })

  test('is replaced by the fewest operations', async () => {
    const { board } = await joined()
    board.replace({ title: 'a', tasks: [{ _sync_id: 'x' }, { _sync_id: 'y' }] })
    await pass(1000)
    board.replace({ ...board.state, tasks: [...(board.state?.tasks ?? [])].reverse() })
    await pass(1000)
    expect(server.batches.at(-1)?.ops).toHaveLength(1)
  })
})

describe('a mirror', () => {
  /** Mutable state that follows a document. */
  function mirrored(room: Room, live: Board) {
    const box = { live: live as unknown }
    const document = room.document<Board>('default', { initial: live })
    const attachment = document.attach({
      read: (known) => capture(known, box.live),
      write: (from, to) => void (box.live = patch(box.live, from, to))
    })
    return { box, document, attachment, live: () => box.live as Board }
  }

  test('applies remote changes, and its own changes are sent', async () => {
    const { room } = await joined()
    const other = await joined()
    const { attachment, live } = mirrored(room, { title: '', tasks: [] })
    await pass(1000)
    live().title = 'typed'
    attachment.touched()
    await pass(1000)
    expect(other.board.state).toEqual({ title: 'typed', tasks: [] })
    other.board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: 'x' } })
    await pass(1000)
    expect(live()).toEqual({ title: 'typed', tasks: [{ _sync_id: 'x' }] })
  })

  test('is read before anything remote is written into it', async () => {
    const { room } = await joined()
    const other = await joined()
    const { attachment, live } = mirrored(room, { title: '' })
    await pass(1000)
    other.board.apply(set('zoom', 1))
    await pass(395)
    live().title = 'not sent yet'
    attachment.touched()
    await pass(10)
    expect(live()).toEqual({ title: 'not sent yet', zoom: 1 })
    await pass(1000)
    expect(state()).toEqual({ title: 'not sent yet', zoom: 1 })
  })

  test('is read and kept without a connection', async () => {
    const saved: SavedOutbox[] = []
    const { client, room } = await joined({
      persist: { adopt: () => Promise.resolve([]), save: (_, outbox) => Promise.resolve(void saved.push(outbox)), close() {} }
    })
    const { attachment, live } = mirrored(room, { title: '' })
    await pass(1000)
    client.disconnect()
    live().title = 'offline'
    attachment.touched()
    await pass(400)
    expect(saved.at(-1)?.unsent).toEqual([{ key: 'default', op: set('title', 'offline'), was: '' }])
  })

  test('shows the changes of another mirror of the same document', async () => {
    const { room } = await joined()
    const one = mirrored(room, { title: '', zoom: 0 })
    const two = mirrored(room, { title: '', zoom: 0 })
    await pass(1000)
    one.live().title = 'one'
    two.live().zoom = 2
    one.attachment.touched()
    two.attachment.touched()
    await pass(1000)
    expect(one.live()).toEqual({ title: 'one', zoom: 2 })
    expect(two.live()).toEqual({ title: 'one', zoom: 2 })
    expect(state()).toEqual({ title: 'one', zoom: 2 })
  })

  test('that is unsure about changes is read before anything remote is written into it', async () => {
    const { room } = await joined()
    const other = await joined()
    const document = room.document<Board>('default', { initial: { title: '' } })
    let live: unknown = { title: '' }
    document.attach({
      read: (known) => capture(known, live),
      write: (from, to) => void (live = patch(live, from, to)),
      unsure: () => true
    })
    await pass(1000)
    ;(live as Board).title = 'mine'
    other.board.apply(set('zoom', 2))
    await pass(1000)
    expect(live).toEqual({ title: 'mine', zoom: 2 })
    expect(document.state).toEqual({ title: 'mine', zoom: 2 })
  })

  test('that throws on reading is reported, and the room continues', async () => {
    const { room, board } = await joined()
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    const attachment = room.document().attach({
      read() {
        throw new Error('broken')
      },
      write() {}
    })
    attachment.touched()
    board.apply(set('n', 1))
    await pass(1000)
    expect(state()).toEqual({ n: 1 })
    expect(reported).toHaveBeenCalled()
  })
})

describe('pending and set-aside changes', () => {
  test('cause an event only when the lists change', async () => {
    const { room, board } = await joined()
    const pending = vi.fn(() => room.pending.list.map(({ op }) => op.value))
    const rejected = vi.fn(() => room.rejected.list.map(({ op }) => op.value))
    const off = room.on('pending', pending)
    room.on('rejected', rejected)
    server.middlebox = (body) => (body.includes('bad') ? server.json({}, 403) : undefined)
    board.replace({ title: 'one' })
    expect(pending.mock.results.map(({ value }) => value)).toEqual([['one']])
    server.model.post({ clientId: 'you', clientSeq: 1, key: 'default', ops: [{ op: 'set', path: 'other', value: 1 }] })
    await settle()
    expect(pending).toHaveBeenCalledTimes(1)
    await pass(400)
    expect(room.pending.list).toEqual([])
    expect(pending.mock.lastCall).toEqual([room.pending])
    expect(pending.mock.results.at(-1)?.value).toEqual([])
    expect(rejected).not.toHaveBeenCalled()
    board.replace({ ...board.state, title: 'bad' })
    await pass(60_000)
    expect(rejected.mock.results.map(({ value }) => value)).toEqual([['bad']])
    room.rejected.discard()
    expect(rejected.mock.results.at(-1)?.value).toEqual([])
    off()
    const told = pending.mock.calls.length
    board.replace({ title: 'two' })
    expect(pending).toHaveBeenCalledTimes(told)
  })

  test('can be discarded while they are in no batch, and changes of a mirror are listed before they are sent', async () => {
    const { room, board } = await joined()
    board.replace({ title: 'a' })
    await pass(400)
    let live = { title: 'a' }
    const attachment = board.attach({
      read: (known) => capture(known, live),
      write: (from, to) => void (live = patch(live, from, to) as typeof live)
    })
    live.title = 'b'
    attachment.touched()
    expect(room.pending.list).toMatchObject([{ key: 'default', op: { op: 'set', path: 'title', value: 'b' }, sent: false }])
    room.pending.discard(room.pending.list[0]!.id)
    expect([live, board.state, room.status.pendingChanges]).toEqual([{ title: 'a' }, { title: 'a' }, 0])
    await pass(2000)
    expect(server.posted).toHaveLength(1)
  })
})

describe('a listener at a path of a document', () => {
  test('is called for visible local and remote changes at the path, and for no others', async () => {
    const { board } = await joined()
    board.replace({ title: 'a', tasks: [{ _sync_id: 'x', title: 'one' }] })
    await pass(400)
    const seen: unknown[] = []
    const off = board.subscribe<string>('tasks[x].title', (title, before) => seen.push([before, title]))
    const item = vi.fn()
    board.subscribe('tasks[x]', item)
    board.apply({ op: 'set', path: 'tasks[x].title', value: 'two' })
    server.model.post({
      clientId: 'you',
      clientSeq: 1,
      key: 'default',
      ops: [{ op: 'set', path: 'tasks[x].title', value: 'three' }]
    })
    await settle()
    expect(seen).toEqual([['one', 'two']])
    await pass(400)
    server.model.post({ clientId: 'you', clientSeq: 2, key: 'default', ops: [{ op: 'set', path: 'title', value: 'b' }] })
    await settle()
    expect(board.state).toMatchObject({ title: 'b' })
    expect(item).toHaveBeenCalledTimes(1)
    off()
    board.replace({})
    expect(seen).toEqual([['one', 'two']])
    expect(item).toHaveBeenLastCalledWith(undefined, { _sync_id: 'x', title: 'two' })
  })
})

describe('a stored outbox', () => {
  function memory() {
    const kept = new Map<string, SavedOutbox>()
    const storage: OutboxStorage = {
      adopt: (room) =>
        Promise.resolve([...kept.entries()].filter(([name]) => name.startsWith(`${room} `)).map(([, outbox]) => outbox)),
      save(room, outbox, takenOver) {
        for (const id of takenOver) kept.delete(`${room} ${id}`)
        const name = `${room} ${outbox.clientId}`
        if (outbox.batches.length || outbox.unsent.length) kept.set(name, JSON.parse(JSON.stringify(outbox)) as SavedOutbox)
        else kept.delete(name)
        return Promise.resolve()
      },
      close() {}
    }
    return { kept, storage }
  }

  test('is delivered once by the next tab, and deleted', async () => {
    const { kept, storage } = memory()
    const first = await joined({ persist: storage })
    server.fates.push('answer lost')
    first.board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: 'sent' } })
    await pass(400)
    server.down()
    first.board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: 'unsent' } })
    await pass(1000)
    clients.splice(0)
    first.client.close()
    expect(kept.size).toBe(1)

    server.up()
    const second = await joined({ persist: storage })
    await pass(2000)
    expect(state()).toEqual({ tasks: [{ _sync_id: 'sent' }, { _sync_id: 'unsent' }] })
    expect(second.board.state).toEqual(state())
    expect(kept.size).toBe(0)
  })

  test('that cannot be loaded is reported, and the room continues', async () => {
    const { board, errors } = await joined({
      persist: { adopt: () => Promise.reject(new Error('no room on disk')), save: () => Promise.resolve(), close() {} }
    })
    board.apply(set('n', 1))
    await pass(1000)
    expect(errors).toMatchObject([{ code: 'storage' }])
    expect(state()).toEqual({ n: 1 })
  })

  test('that loads late does not connect a client that was disconnected meanwhile', async () => {
    let answer = (_: SavedOutbox[]) => {}
    const left = new Promise<SavedOutbox[]>((resolve) => (answer = resolve))
    const { client } = await joined({ persist: { adopt: () => left, save: () => Promise.resolve(), close() {} } })
    client.disconnect()
    answer([])
    await pass(1000)
    expect(server.open).toBe(0)
    client.connect()
    await pass(1000)
    expect(server.open).toBe(1)
  })

  test('is not overwritten through a handle of a room that was left', async () => {
    const { kept, storage } = memory()
    const { client, room, board } = await joined({ persist: storage })
    board.apply(set('left', 1))
    await room.flush()
    room.leave()
    await settle()
    const again = client.room('r').document<Board>()
    await settle()
    server.down()
    again.apply(set('n', 1))
    await settle()
    board.apply(set('m', 1))
    await settle()
    expect([...kept.values()].flatMap(({ unsent }) => unsent)).toMatchObject([{ op: set('n', 1) }])
    await pass(1000)
  })

  test('that is taken over is not deleted before a save has succeeded', async () => {
    const { storage } = memory()
    const named: (readonly string[])[] = []
    const left = { clientId: 'old', batches: [], unsent: [{ key: 'default', op: set('n', 1) }] }
    const { board } = await joined({
      persist: {
        ...storage,
        adopt: () => Promise.resolve([left]),
        save(_room, _outbox, takenOver) {
          named.push([...takenOver])
          return named.length === 1 ? Promise.reject(new Error('no room on disk')) : Promise.resolve()
        }
      }
    })
    board.apply(set('m', 1))
    await pass(1000)
    board.apply(set('m', 2))
    await pass(1000)
    expect(named.slice(0, 3)).toEqual([['old'], ['old'], []])
  })

  test('that loads after the room was opened is sent then, and newer changes overwrite it', async () => {
    let answer = (_: SavedOutbox[]) => {}
    const left = new Promise<SavedOutbox[]>((resolve) => (answer = resolve))
    const save = vi.fn<OutboxStorage['save']>(() => Promise.resolve())
    const { board } = await joined({ clientId: 'fixed', persist: { adopt: () => left, save, close() {} } })
    await pass(5000)
    server.fates.push('lost')
    board.apply(set('title', 'newer'))
    await pass(400)
    expect(save).not.toHaveBeenCalled()
    const batch = { clientId: 'fixed', clientSeq: 1, key: 'default', ops: [set('title', 'older'), set('sent', 1)] }
    answer([{ clientId: 'fixed', batches: [batch], unsent: [{ key: 'default', op: set('unsent', 1) }] }])
    await settle()
    expect(save.mock.lastCall?.[2]).toEqual(['fixed'])
    expect(board.state).toEqual({ title: 'newer', sent: 1, unsent: 1 })
    await pass(60_000)
    expect(state()).toEqual({ title: 'newer', sent: 1, unsent: 1 })
    expect(board.state).toEqual(state())
  })

  test.each([
    ['does not load', () => ({ adopt: () => new Promise<never>(() => {}), save: () => Promise.resolve(), close() {} })],
    ['does not load, like the documents,', () => true as const]
  ])('that %s delays the room by 5 s', async (_, storage) => {
    vi.stubGlobal('indexedDB', { open: () => ({}) })
    vi.stubGlobal('navigator', { locks: {} })
    const { board } = await joined({ persist: storage(), user: 'ada' })
    board.apply(set('n', 1))
    await pass(4900)
    expect(server.open).toBe(0)
    await pass(2000)
    expect(state()).toEqual({ n: 1 })
  })
})

test('a client that is idle for an hour has one timer, and nothing grows', async () => {
  const { room } = await joined()
  let most = 0
  for (let minute = 0; minute < 60; minute++) {
    await pass(60_000)
    most = Math.max(most, vi.getTimerCount())
  }
  // The fake server sends no heartbeats, so streams are reopened; between them there is one timer.
  expect(most).toBeLessThanOrEqual(1)
  expect(server.open).toBeLessThanOrEqual(1)
  expect(server.posted).toHaveLength(0)
  expect(room.status.pendingChanges).toBe(0)
})

describe('a large list that another client sorts', () => {
  const ids = Array.from({ length: 3500 }, (_, i) => ({ _sync_id: `i${i}` }))
  const reverse = () => {
    const sorted = ids.toReversed()
    const moves = sorted.map((item, i): Operation => ({ op: 'array_move', path: `tasks[${item._sync_id}]`, arrayIndex: i }))
    return { sorted, batches: [moves.slice(0, 1000), moves.slice(1000, 2000), moves.slice(2000, 3000), moves.slice(3000)] }
  }
  let seq = 0
  const post = (ops: Operation[], clientId = 'sorter') => server.model.post({ clientId, clientSeq: ++seq, key: 'default', ops })
  /** A reader of a list, and the orders that its listener got. */
  async function reader() {
    post([{ op: 'set', path: 'tasks', value: ids }])
    const world = await joined()
    const shown: (string | undefined)[] = []
    world.board.subscribe((state) => shown.push(state?.tasks?.[0]?._sync_id))
    return { ...world, shown }
  }

  test('is shown when its last batch has arrived, and not before', async () => {
    const { board, shown } = await reader()
    const { sorted, batches } = reverse()
    for (const ops of batches) {
      expect(shown).toEqual([])
      post(ops)
      await pass(300)
    }
    expect(shown).toEqual(['i3499'])
    expect(board.state?.tasks).toEqual(sorted)
  })

  test('is shown after 2 s without another batch', async () => {
    const { shown } = await reader()
    post(reverse().batches[0]!)
    await pass(1900)
    expect(shown).toEqual([])
    await pass(200)
    expect(shown).toEqual(['i3499'])
  })

  test('is shown at once when a third client changes the document', async () => {
    const { shown, board } = await reader()
    post(reverse().batches[0]!)
    await settle()
    expect(shown).toEqual([])
    post([{ op: 'set', path: 'title', value: 'new' }], 'other')
    await settle()
    expect(shown).toEqual(['i3499'])
    expect(board.state?.title).toBe('new')
  })

  test('is shown after 10 s while batches continue', async () => {
    const { shown } = await reader()
    const there = ids
      .slice(0, 1000)
      .map(({ _sync_id }, i): Operation => ({ op: 'array_move', path: `tasks[${_sync_id}]`, arrayIndex: 3000 + (i % 2) }))
    for (let i = 0; i < 6; i++) {
      post(there)
      await pass(1900)
    }
    expect(shown.length).toBeGreaterThan(0)
  })

  test('shows local changes meanwhile', async () => {
    const { board, room, shown } = await reader()
    const { sorted, batches } = reverse()
    post(batches[0]!)
    await settle()
    board.apply({ op: 'set', path: 'tasks[i7].title', value: 'mine' })
    await pass(500)
    expect(shown).toEqual([])
    for (const ops of batches.slice(1)) post(ops)
    await settle()
    await room.flush()
    const expected = sorted.map((item) => (item._sync_id === 'i7' ? { ...item, title: 'mine' } : item))
    expect(board.state?.tasks).toEqual(expected)
    expect((server.model.docs.get('default') as Board).tasks).toEqual(expected)
  })
})

test('a value that JSON cannot represent is left out and reported with its path; all others are sent', async () => {
  const { board, errors, room } = await joined()
  board.replace({ title: 'x', due: NaN, tasks: [{ title: 'a' }, new Map() as never], meta: { map: new Map() } })
  board.apply({ op: 'set', path: 'half', value: { 'a\ud83d': 'b\udc00', no: 1n } as unknown as Json })
  await room.flush()
  expect(errors.map(({ code, path }) => [code, path])).toEqual([
    ['invalid_value', 'due'],
    ['invalid_value', 'tasks[1]'],
    ['invalid_value', 'meta.map'],
    ['invalid_value', 'no']
  ])
  expect(server.model.docs.get('default')).toEqual({
    title: 'x',
    tasks: [{ title: 'a', _sync_id: expect.any(String) as string }],
    meta: {},
    half: { 'a\ufffd': 'b\ufffd' }
  })
})

describe('a room that is left with undelivered changes', () => {
  test('drops them after 30 s without an answer, reports them, and leaves no timer', async () => {
    const { board, room, errors } = await joined()
    server.down()
    board.apply(set('n', 1))
    room.leave()
    await pass(29_999)
    expect(errors.filter(({ code }) => code === 'unsent')).toEqual([])
    expect(vi.getTimerCount()).toBeGreaterThan(0)
    await pass(1)
    expect(errors.at(-1)).toMatchObject({ code: 'unsent', ops: [set('n', 1)] })
    await pass(60_000)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('keeps them if it is entered again', async () => {
    const { board, room, client, errors } = await joined()
    server.down()
    board.apply(set('n', 1))
    room.leave()
    await pass(20_000)
    const again = client.room('r')
    await pass(40_000)
    server.up()
    await pass(30_000)
    expect(errors.filter(({ code }) => code === 'unsent')).toEqual([])
    expect(state()).toEqual({ n: 1 })
    again.leave()
  })

  test('keeps them without a time limit in a page', async () => {
    vi.stubGlobal('window', new EventTarget())
    const { board, room } = await joined()
    server.down()
    board.apply(set('n', 1))
    room.leave()
    await pass(600_000)
    server.up()
    await pass(60_000)
    expect(state()).toEqual({ n: 1 })
  })
})

test('`stateLoaded` has the initial state for the first client of a room, and the stored state for the next one', async () => {
  const loaded: [string, Json][] = []
  const enter = async (name: string, initial: Json) => {
    const room = client().room('r')
    room.on('stateLoaded', ({ state }) => loaded.push([name, state]))
    room.document('default', { initial })
    await pass(1000)
  }
  await enter('ada', { title: 'new' })
  await enter('bob', { title: 'mine' })
  expect(loaded).toEqual([
    ['ada', { title: 'new' }],
    ['bob', { title: 'new' }]
  ])
})

test('a batch without effect emits no `remoteChange`', async () => {
  const { room } = await joined()
  const heard: unknown[] = []
  room.on('remoteChange', ({ ops }) => heard.push(ops))
  const post = (clientSeq: number, op: Operation) =>
    server.model.post({ clientId: 'bob', clientSeq, key: 'default', ops: [op] })
  post(1, set('n', 1))
  post(2, { op: 'array_del', path: 'tasks[gone]' })
  post(3, set('n', 2))
  await settle()
  expect(heard).toEqual([[set('n', 1)], [set('n', 2)]])
})

test('a failing storage is reported once', async () => {
  const { board, errors } = await joined({
    persist: { adopt: () => Promise.resolve([]), save: () => Promise.reject(new Error('no room on disk')), close() {} }
  })
  for (let n = 0; n < 5; n++) {
    board.apply(set('n', n))
    await pass(1000)
  }
  expect(errors).toEqual([
    {
      room: 'r',
      code: 'storage',
      message: 'Changes are not kept beyond this tab: Error: no room on disk. Changes are sent while the tab is open.'
    }
  ])
})

test('a failure of presence has its own error code, and documents are synced', async () => {
  const { board, room, errors } = await joined({
    fetch: (async (input: string, init: RequestInit) =>
      input.includes('/presence/') ? server.json({ title: 'No' }, 400) : server.fetch(input, init)) as typeof fetch
  })
  room.setPresence({ field: 'title' })
  board.apply(set('n', 1))
  await pass(1000)
  expect(state()).toEqual({ n: 1 })
  expect(room.status).toMatchObject({ connected: true, pendingChanges: 0, error: null })
  expect(errors).toMatchObject([{ code: 'presence' }])
})
