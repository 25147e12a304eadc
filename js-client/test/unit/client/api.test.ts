import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApi } from '../../../src/client/transport/api.ts'
import type { Token } from '../../../src/types.ts'
import type { Batch } from '../../../src/wire.ts'
import { address, json, page, problem, scriptedServer, scriptedStream, silence, type Answering } from './server.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

const batch: Batch = { clientId: 'ada', clientSeq: 1, key: 'default', ops: [{ path: 'title', op: 'set', value: 'Ü' }] }
const result = {
  room: 'board',
  key: 'default',
  epoch: 'e1',
  serverSeq: 7,
  duplicate: false,
  results: [{ status: 'applied' }]
}
const room = { room: 'board', epoch: 'e1', serverSeq: 7, stores: {} }
const stream = { clientId: 'ada', signal: new AbortController().signal }

function start(answer: Answering, token?: Token) {
  const server = scriptedServer(answer)
  return { server, api: createApi({ url: address, token, fetch: server.fetch }) }
}

describe('a batch', () => {
  test('is posted as JSON and answered with its result', async () => {
    const { api, server } = start(() => json(result))
    expect(await api.postBatch('board', batch)).toEqual({ kind: 'ok', value: result })
    const [asked] = server.asked
    expect(asked).toMatchObject({ method: 'POST', body: JSON.stringify(batch), keepalive: false })
    expect(asked?.url.href).toBe(`${address}/v1/rooms/board/ops`)
    expect(asked?.headers.get('Content-Type')).toBe('application/json')
  })

  test('is repeated byte for byte', async () => {
    const { api, server } = start(() => json(result))
    const mutable = structuredClone(batch) as { clientSeq: number } & Batch
    await api.postBatch('board', mutable)
    mutable.clientSeq = 2
    await api.postBatch('board', mutable)
    expect(server.asked[1]?.body).toBe(server.asked[0]?.body)
  })

  test('uses keepalive only within the limit of browsers', async () => {
    const { api, server } = start(() => json(result))
    const big = { ...batch, ops: [{ path: 'text', op: 'set', value: 'ü'.repeat(33_000) }] } as const
    await api.postBatch('board', batch, { keepalive: true })
    await api.postBatch('board', big, { keepalive: true })
    expect(server.asked.map(({ keepalive }) => keepalive)).toEqual([true, false])
  })

  test('without an answer within 30 s fails', async () => {
    const { api, server } = start(silence)
    const answer = api.postBatch('board', batch)
    await vi.advanceTimersByTimeAsync(29_999)
    expect(server.waiting).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toEqual({ kind: 'failed', code: 'network', message: 'no answer within 30 s', slow: true })
    expect(server.waiting).toBe(0)
  })

  test('whose answer stalls fails after 30 s', async () => {
    const half = scriptedStream()
    const { api } = start(({ signal }) => half.response(signal))
    const answer = api.postBatch('board', batch)
    await vi.advanceTimersByTimeAsync(1000)
    half.write('{"room":')
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await answer).toMatchObject({ kind: 'failed', code: 'network', slow: true })
  })

  test('whose answer takes minutes succeeds if bytes arrive every 30 s', async () => {
    const slow = scriptedStream()
    const { api } = start(({ signal }) => slow.response(signal))
    const answer = api.getRoom('board')
    for (const part of JSON.stringify(room)) {
      await vi.advanceTimersByTimeAsync(29_000)
      slow.write(part)
    }
    slow.end()
    expect(await answer).toEqual({ kind: 'ok', value: room })
  })
})

describe('an answer', () => {
  test.each([
    [
      'HTML with status 200, such as a login page',
      page(),
      'protocol',
      /not pathsync, such as a proxy or a sign-in page, answered with text\/html/
    ],
    ['JSON of another shape', json({ room: 'board', epoch: 'e1', serverSeq: '7', results: [] }), 'protocol', /json/],
    ['JSON that is not an object', json([]), 'protocol', /json/],
    ['a bare 204', new Response(null, { status: 204 }), 'protocol', /no type/],
    ['a page of a proxy', page(502), 'protocol', /HTTP 502/],
    ['a page for a path that the proxy does not know', page(404), 'protocol', /HTTP 404/],
    ["the server's 404 for an address that a proxy rewrote", problem('not_found', 404, false), 'not_found', /It is not_found/],
    [
      "the server's 405 for an address that a proxy rewrote",
      problem('method_not_allowed', 405, false),
      'method_not_allowed',
      /It is method_not_allowed/
    ],
    ['a retryable problem', problem('database_unavailable', 503, true), 'database_unavailable', /It is database/]
  ])('that is %s may be better later', async (_, response, code, message) => {
    const { api } = start(() => response)
    const answer = await api.postBatch('board', batch)
    expect(answer).toMatchObject({ kind: 'failed', code, message: expect.stringMatching(message) })
    if (!response.ok) expect(answer).toMatchObject({ status: response.status })
  })

  test.each([
    ['2', 2000],
    ['', 0],
    ['Thu, 01 Jan 1970 00:17:00 GMT', 0]
  ])('with Retry-After %j says when', async (header, ms) => {
    const { api } = start(() => problem('overloaded', 503, true, { 'Retry-After': header }))
    expect(((await api.getRoom('board')) as { retryAfterMs?: number }).retryAfterMs).toBe(ms)
  })

  test('with a problem that is not retryable is a refusal', async () => {
    const { api } = start(() => problem('invalid_request', 422, false))
    const answer = await api.postBatch('board', batch)
    expect(answer).toMatchObject({ kind: 'refused', problem: { code: 'invalid_request', status: 422 } })
  })

  test('with a server error is a failure, not a refusal', async () => {
    const { api } = start(() => problem('internal', 500, false))
    expect(await api.postBatch('board', batch)).toMatchObject({ kind: 'failed', code: 'internal', status: 500 })
  })

  test('403 of a proxy is unauthorized, and no other token is tried', async () => {
    const token = vi.fn(() => 'secret')
    const { api, server } = start(() => page(403), token)
    expect(await api.postBatch('board', batch)).toEqual({
      kind: 'unauthorized',
      message: 'something that is not pathsync, such as a proxy, answered with HTTP 403',
      status: 403
    })
    expect([server.asked.length, token.mock.calls.length]).toEqual([1, 1])
  })

  test('403 of the server is a refusal, and the next request asks for another token', async () => {
    const tokens = ['reader', 'writer']
    const { api } = start(
      ({ headers }) => (headers.get('Authorization') === 'Bearer writer' ? json(result) : problem('forbidden', 403, false)),
      () => tokens.shift()
    )
    expect(await api.postBatch('board', batch)).toMatchObject({ kind: 'refused', problem: { code: 'forbidden' } })
    expect(await api.postBatch('board', batch)).toMatchObject({ kind: 'ok' })
  })

  test.each([
    ['1e9', 600_000],
    ['Infinity', 600_000],
    ['-5', 0],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['soon', 0],
    ['20', 20_000]
  ])('with Retry-After: %s is waited for at most ten minutes', async (after, ms) => {
    const { api } = start(() => problem('overloaded', 503, true, { 'Retry-After': after }))
    expect(await api.getRoom('board')).toMatchObject({ kind: 'failed', retryAfterMs: ms })
  })

  test('that does not arrive without a network is a failure', async () => {
    const { api } = start(() => Promise.reject(new TypeError('Failed to fetch')))
    expect(await api.getRoom('board')).toEqual({
      kind: 'failed',
      code: 'network',
      message: 'https://sync.example.com cannot be reached (Failed to fetch)'
    })
  })

  test('is not awaited after the caller aborts', async () => {
    const { api, server } = start(silence)
    const caller = new AbortController()
    const answer = api.getRoom('board', caller.signal)
    await vi.advanceTimersByTimeAsync(10)
    caller.abort()
    expect(await answer).toMatchObject({ kind: 'failed' })
    expect(server.waiting).toBe(0)
    expect(await api.getRoom('board', caller.signal)).toMatchObject({ kind: 'failed' })
  })
})

describe('a token', () => {
  const authorization = ({ headers }: { headers: Headers }) => headers.get('Authorization')

  test('that is a string is sent with every request', async () => {
    const { api, server } = start(() => json(room), 'secret')
    await api.getRoom('board')
    await api.openStream(api.streamUrl('board', stream), stream.signal)
    expect(server.asked.map(authorization)).toEqual(['Bearer secret', 'Bearer secret'])
  })

  test('is not sent when none is configured', async () => {
    const { api, server } = start(
      () => json(room),
      () => undefined
    )
    await api.getRoom('board')
    expect(server.asked.map(authorization)).toEqual([null])
  })

  test('is requested once, until the server answers 401', async () => {
    const tokens = ['old', 'new']
    const { api, server } = start(
      (asked) => (authorization(asked) === 'Bearer new' ? json(room) : problem('unauthorized', 401, false)),
      async () => tokens.shift()
    )
    expect(await api.getRoom('board')).toMatchObject({ kind: 'ok' })
    expect(await api.getRoom('board')).toMatchObject({ kind: 'ok' })
    expect(server.asked.map(authorization)).toEqual(['Bearer old', 'Bearer new', 'Bearer new'])
  })

  test('that is new and refused makes the request unauthorized; the next request gets another', async () => {
    const token = vi.fn(() => 'bad')
    const { api, server } = start(() => problem('unauthorized', 401, false), token)
    expect(await api.getRoom('board')).toEqual({ kind: 'unauthorized', message: 'It is unauthorized' })
    expect([server.asked.length, token.mock.calls.length]).toEqual([2, 2])
    await api.getRoom('board')
    expect(token).toHaveBeenCalledTimes(4)
  })

  test('that is a string is not tried twice', async () => {
    const { api, server } = start(() => page(401), 'secret')
    expect(await api.getRoom('board')).toEqual({
      kind: 'unauthorized',
      message: 'something that is not pathsync, such as a proxy, answered with HTTP 401'
    })
    expect(server.asked).toHaveLength(1)
  })

  test('is fetched once for requests made together, also after their 401', async () => {
    let count = 0
    const { api } = start(
      (asked) => (authorization(asked) === 'Bearer 2' ? json(room) : problem('unauthorized', 401, false)),
      async () => `${++count}`
    )
    const answers = await Promise.all([api.getRoom('a'), api.getRoom('b'), api.getRoom('c')])
    expect(answers.map(({ kind }) => kind)).toEqual(['ok', 'ok', 'ok'])
    expect(count).toBe(2)
  })

  test('whose function throws is a failure with its own code, and is requested again', async () => {
    const token = vi.fn<() => string>().mockImplementationOnce(() => {
      throw new Error('session is over')
    })
    const { api } = start(() => json(room), token)
    const message = 'the token function failed (Error: session is over)'
    expect(await api.getRoom('board')).toEqual({ kind: 'failed', code: 'unauthorized', message })
    expect(await api.getRoom('board')).toMatchObject({ kind: 'ok' })
  })

  test('whose function does not return fails at the deadline of the request', async () => {
    const { api } = start(() => json(room), vi.fn(() => 'late').mockReturnValueOnce(new Promise(() => {}) as never))
    const answer = api.getRoom('board')
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await answer).toMatchObject({ kind: 'failed', code: 'unauthorized' })
    expect(await api.getRoom('board')).toMatchObject({ kind: 'ok' })
  })
})

describe('changes', () => {
  test('are requested after a position, with a longer deadline for the wait', async () => {
    const { api, server } = start(silence)
    const answer = api.getChanges('board', 'after=e1-7&wait=10', 10)
    await vi.advanceTimersByTimeAsync(39_999)
    expect(server.waiting).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(await answer).toMatchObject({ kind: 'failed' })
    expect(server.asked[0]?.url.search).toBe('?after=e1-7&wait=10')
  })
})

describe('presence', () => {
  test('is set, read and removed under encoded names', async () => {
    const { api, server } = start(() => json({ clientId: 'a b', users: [] }))
    expect(await api.putPresence('a/b', 'a b', { field: 'title' })).toMatchObject({ kind: 'ok' })
    expect(await api.getPresence('a/b')).toMatchObject({ kind: 'ok' })
    api.leave('a/b', 'a b')
    await vi.advanceTimersByTimeAsync(0)
    expect(server.asked.map(({ method, url, keepalive }) => [method, url.pathname, keepalive])).toEqual([
      ['PUT', '/v1/rooms/a%2Fb/presence/a%20b', false],
      ['GET', '/v1/rooms/a%2Fb/presence', false],
      ['POST', '/v1/rooms/a%2Fb/presence/a%20b/leave', true]
    ])
  })

  test('can be removed without a network', async () => {
    const { api } = start(() => Promise.reject(new TypeError('Failed to fetch')))
    api.leave('board', 'ada')
    await vi.advanceTimersByTimeAsync(0)
  })
})

describe('a stream', () => {
  test('names the client and the position', async () => {
    const { api, server } = start(() => scriptedStream().response())
    const answer = await api.openStream(
      api.streamUrl('a/b', { ...stream, displayName: 'Ada L', lastEventId: 'e1-7' }),
      stream.signal
    )
    expect(answer).toMatchObject({ kind: 'ok', value: { status: 200 } })
    const { url, headers } = server.asked[0] ?? expect.fail()
    expect(url.pathname).toBe('/v1/rooms/a%2Fb/events')
    expect(Object.fromEntries(url.searchParams)).toEqual({
      clientId: 'ada',
      displayName: 'Ada L',
      last_event_id: 'e1-7'
    })
    expect(headers.get('Accept')).toBe('text/event-stream')
  })

  test('that is HTML is a failure', async () => {
    const { api } = start(() => page())
    expect(await api.openStream(`${api.root}probe`, stream.signal)).toMatchObject({ kind: 'failed', code: 'protocol' })
  })

  test('that is refused returns the reason', async () => {
    const { api } = start(() => problem('invalid_event_id', 400, false))
    expect(await api.openStream(`${api.root}probe`, stream.signal)).toMatchObject({
      kind: 'refused',
      problem: { code: 'invalid_event_id' }
    })
  })
})

test('a server address may end with slashes, have a path, or be left out', async () => {
  const urls = ['https://a.example/', 'https://a.example/sync//', ''].map((url) =>
    createApi({ url, fetch }).streamUrl('r', { clientId: 'c' })
  )
  expect(urls).toEqual([
    'https://a.example/v1/rooms/r/events?clientId=c',
    'https://a.example/sync/v1/rooms/r/events?clientId=c',
    '/v1/rooms/r/events?clientId=c'
  ])
})

describe('a redirect that turns POST into GET', () => {
  const redirected = (response: Response, url: string) =>
    Object.defineProperties(response, { redirected: { value: true }, url: { value: url } })
  const batch = { clientId: 'ada', clientSeq: 1, key: 'default', ops: [] }

  test.each([
    ['405 of the server', () => problem('method_not_allowed', 405, false)],
    ['a page', () => page()],
    ['404 and a page', () => page(404)]
  ])('and ends in %s names the new address', async (_, answer) => {
    const { api } = start(() => redirected(answer(), 'https://secure.example.com/v1/rooms/a%2Fb/ops'))
    expect(await api.postBatch('a/b', batch)).toEqual({
      kind: 'failed',
      code: 'redirected',
      message: 'the server has moved to https://secure.example.com: give that address as `url`'
    })
  })

  test('and ends at another page names that page', async () => {
    const { api } = start(() => redirected(page(), 'https://login.example.com/?next=1'))
    expect(await api.postBatch('board', batch)).toMatchObject({
      code: 'redirected',
      message: 'requests are redirected to https://login.example.com/?next=1'
    })
  })

  test("does not hide the server's answer", async () => {
    const { api } = start(() =>
      redirected(problem('invalid_request', 422, false), 'https://secure.example.com/v1/rooms/board/ops')
    )
    expect(await api.postBatch('board', batch)).toMatchObject({ kind: 'refused' })
  })
})
