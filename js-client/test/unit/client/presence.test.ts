import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApi } from '../../../src/client/transport/api.ts'
import { ownPresence } from '../../../src/client/room/presence.ts'
import { address, json, page, problem, scriptedServer } from './server.ts'

let server: ReturnType<typeof scriptedServer>
let presence: ReturnType<typeof ownPresence>
let connected: boolean
let errors: { code: string; message: string; path?: string }[]
/** Answers the oldest open request. */
let answer: (response?: Response) => Promise<unknown>

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(1)
  const waiting: ((response: Response) => void)[] = []
  server = scriptedServer(() => new Promise((resolve) => waiting.push(resolve)))
  answer = (response = json({ clientId: 'ada' })) => {
    waiting.shift()?.(response)
    return vi.advanceTimersByTimeAsync(0)
  }
  connected = true
  errors = []
  presence = enter()
})
const enter = (displayName?: string) =>
  ownPresence(
    { api: createApi({ url: address, fetch: server.fetch }), room: 'board', clientId: 'ada', displayName },
    { connected: () => connected, report: (error) => void errors.push(error) }
  )
afterEach(async () => {
  presence.bye()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

async function set(own: Parameters<typeof presence.set>[0]) {
  presence.set(own)
  await vi.advanceTimersByTimeAsync(0)
}
const said = () => server.asked.map(({ url, body }) => (url.pathname.endsWith('/leave') ? 'leave' : JSON.parse(body ?? '')))
const methods = () => server.asked.map(({ method }) => method)

test('a request has the new values and all earlier ones', async () => {
  await set({ displayName: 'Ada', field: 'title' })
  await answer()
  await set({ field: null, meta: { colour: 'teal' } })
  await answer()
  expect(said()).toEqual([
    { displayName: 'Ada', field: 'title' },
    { displayName: 'Ada', field: null, meta: { colour: 'teal' } }
  ])
  expect(presence.current()).toEqual({ displayName: 'Ada', field: null, meta: { colour: 'teal' } })
})

test('one request is in flight, and only the last value follows', async () => {
  for (const field of ['a', 'b', 'c', 'd']) await set({ field })
  expect(said()).toEqual([{ field: 'a' }])
  await answer()
  expect(said()).toEqual([{ field: 'a' }, { field: 'd' }])
  await answer()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(said()).toHaveLength(2)
})

test('a failed request is repeated with backoff while the room is connected, and reported once', async () => {
  await set({ field: 'a' })
  for (const ms of [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    await answer(page(502))
    const before = said().length
    await vi.advanceTimersByTimeAsync(ms - 1)
    expect(said()).toHaveLength(before)
    await vi.advanceTimersByTimeAsync(1)
    expect(said()).toHaveLength(before + 1)
  }
  expect(errors).toEqual([
    { code: 'presence', message: expect.stringMatching(/HTTP 502\. It is sent again later\. Documents are not affected\.$/) }
  ])
  await answer()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(said().at(-1)).toEqual({ field: 'a' })
  expect(said()).toHaveLength(10)
})

test('a failed request is dropped while the connection is lost, since the next connection repeats it', async () => {
  connected = false
  await set({ field: 'a' })
  await answer(page(502))
  await vi.advanceTimersByTimeAsync(120_000)
  expect(said()).toHaveLength(1)
  expect(errors).toEqual([])
})

describe('by POST', () => {
  test.each([
    ['405 and a page, as from IIS with WebDAV', () => page(405)],
    ['403 and a page', () => page(403)],
    ['404 and a page', () => page(404)],
    ['501 and a page', () => page(501)],
    ['200 and a page', () => page()]
  ])('when PUT is answered by %s, also for later requests', async (_, refuse) => {
    await set({ field: 'a' })
    await answer(refuse())
    await vi.advanceTimersByTimeAsync(500)
    await answer()
    await set({ field: 'b' })
    await answer()
    expect(methods()).toEqual(['PUT', 'POST', 'POST'])
    expect(said()).toEqual([{ field: 'a' }, { field: 'a' }, { field: 'b' }])
  })

  test('not again when the server is too old for POST', async () => {
    await set({ field: 'a' })
    await answer(page(502))
    await vi.advanceTimersByTimeAsync(500)
    await answer(problem('method_not_allowed', 405, false))
    await vi.advanceTimersByTimeAsync(1000)
    await answer()
    expect(methods()).toEqual(['PUT', 'POST', 'PUT'])
  })

  test('not when the server itself refuses', async () => {
    await set({ field: 'a' })
    await answer(problem('rate_limited', 429, true))
    await vi.advanceTimersByTimeAsync(500)
    await answer()
    expect(methods()).toEqual(['PUT', 'PUT'])
  })
})

test('after 429, no request is sent before Retry-After is over, even if values are set meanwhile', async () => {
  await set({ field: 'a' })
  await answer(problem('rate_limited', 429, true, { 'Retry-After': '20' }))
  await set({ field: 'b' })
  await vi.advanceTimersByTimeAsync(19_999)
  expect(said()).toEqual([{ field: 'a' }])
  await vi.advanceTimersByTimeAsync(1)
  expect(said()).toEqual([{ field: 'a' }, { field: 'b' }])
  expect(errors).toMatchObject([{ code: 'presence' }])
  await answer()
})

test('a page that is online or visible again ends the wait of Retry-After, also for values that are set then', async () => {
  await set({ field: 'a' })
  await answer(problem('rate_limited', 429, true, { 'Retry-After': '600' }))
  presence.wake()
  await vi.advanceTimersByTimeAsync(0)
  expect(said()).toEqual([{ field: 'a' }, { field: 'a' }])
  await set({ field: 'b' })
  await answer()
  await answer()
  expect(said()).toHaveLength(3)
})

describe('a value that the server would refuse is repaired and reported:', () => {
  test.each([
    ['half a surrogate pair', { displayName: 'Ada \ud83d' }, { displayName: 'Ada \ufffd' }, 'displayName'],
    ['control characters', { displayName: 'Ada\r\nLovelace\u0085' }, { displayName: 'Ada  Lovelace ' }, 'displayName'],
    ['a name of 256 characters', { displayName: 'é'.repeat(256) }, { displayName: 'é'.repeat(255) }, 'displayName'],
    [
      'a name whose limit splits a character',
      { displayName: `${'x'.repeat(254)}😀` },
      { displayName: 'x'.repeat(254) },
      'displayName'
    ],
    ['a name that is a number', { displayName: 7 as never }, { displayName: '7' }, 'displayName'],
    ['a field of 1001 characters', { field: 'x'.repeat(1001) }, { field: 'x'.repeat(1000) }, 'field'],
    [
      'values that JSON cannot represent',
      { meta: { at: new Map(), n: NaN, big: 1n, ok: [{ x: 1 }] } as never },
      { meta: { ok: [{ x: 1 }] } },
      'meta'
    ],
    ['half a surrogate pair in meta', { meta: { name: '\udc00' } }, { meta: { name: '\ufffd' } }, undefined],
    ['a meta of more than 4 KiB', { field: 'a', meta: 'é'.repeat(2048) }, { field: 'a', meta: null }, 'meta']
  ])('%s', async (_, given, sent, member) => {
    await set(given)
    expect(said()).toEqual([sent])
    expect(errors.map(({ code, path }) => [code, path])).toEqual(member ? [['invalid_value', `presence.${member}`]] : [])
    await answer()
  })

  test('a meta that contains itself', async () => {
    const meta: Record<string, unknown> = { colour: 'teal' }
    meta.self = meta
    await set({ meta: meta as never })
    expect(said()).toEqual([{ meta: { colour: 'teal' } }])
    await answer()
    await set({ field: 'b' })
    expect(said()).toHaveLength(2)
    await answer()
  })

  test('the display name of the client, once', async () => {
    presence = enter('Ada\n')
    expect(presence.current()).toEqual({ displayName: 'Ada ' })
    presence.set({ displayName: 'Ada\n' })
    expect(errors).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(0)
    await answer()
  })

  test('meta gets no ids, and is copied when it is set', async () => {
    const meta = { cursors: [{ x: 1 }] }
    presence.set({ meta })
    meta.cursors[0]!.x = 2
    await vi.advanceTimersByTimeAsync(0)
    expect(said()).toEqual([{ meta: { cursors: [{ x: 1 }] } }])
    expect(meta).toEqual({ cursors: [{ x: 2 }] })
    await answer()
  })
})

test('a member that the server names in a refusal is left out, and the rest is sent', async () => {
  await set({ displayName: 'Ada', field: 'a' })
  const refusal = {
    title: 'Invalid',
    status: 422,
    code: 'invalid_request',
    retryable: false,
    errors: [{ pointer: '/displayName', detail: 'is too long' }]
  }
  await answer(json(refusal, 422))
  expect(said()).toEqual([{ displayName: 'Ada', field: 'a' }, { field: 'a' }])
  expect(errors).toMatchObject([{ code: 'invalid_value', path: 'presence.displayName' }])
  await answer()
})

test('a value that is set during a backoff is sent at once', async () => {
  await set({ field: 'a' })
  await answer(page(502))
  await set({ field: 'b' })
  expect(said()).toEqual([{ field: 'a' }, { field: 'b' }])
  await answer()
})

test.each(['invalid_request', 'forbidden'])(
  'presence that the server refuses as %s is reported, and not repeated until it changes',
  async (code) => {
    await set({ field: 'a' })
    await answer(problem(code, code === 'forbidden' ? 403 : 422, false))
    await vi.advanceTimersByTimeAsync(60_000)
    expect(said()).toHaveLength(1)
    expect(errors).toEqual([{ code: 'presence', message: expect.stringContaining('It is sent again when it changes.') }])
    await set({ field: 'b' })
    await answer()
    expect(said()).toEqual([{ field: 'a' }, { field: 'b' }])
  }
)

test('a reconnect repeats the presence if it was set', async () => {
  presence.reopened(false)
  await vi.advanceTimersByTimeAsync(0)
  expect(said()).toEqual([])
  await set({ field: 'a' })
  await answer()
  presence.reopened(false)
  await vi.advanceTimersByTimeAsync(0)
  await answer()
  expect(said()).toEqual([{ field: 'a' }, { field: 'a' }])
})

test('leaving aborts the request in flight, so that it does not restore the presence', async () => {
  await set({ field: 'a' })
  await set({ field: 'b' })
  presence.bye()
  await vi.advanceTimersByTimeAsync(0)
  expect(server.asked[0]?.signal?.aborted).toBe(true)
  expect(said()).toEqual([{ field: 'a' }, 'leave'])
})

test('leaving during a backoff ends the retries', async () => {
  await set({ field: 'a' })
  await answer(page(502))
  presence.bye()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(said()).toEqual([{ field: 'a' }, 'leave'])
})
