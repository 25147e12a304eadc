import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { delta, deltaFrame, follow as start, preamble, upToDateFrame } from './follower.ts'
import { json, page, problem, silence } from './server.ts'

let last: ReturnType<typeof start> | undefined

// Loading takes real time.
beforeAll(() =>
  Promise.all([import('../../../src/client/transport/poll.ts'), import('../../../src/client/transport/fallback.ts')])
)
beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(async () => {
  last?.connection.stop()
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount(), 'timers after stop').toBe(0)
  expect(last?.server.waiting, 'requests after stop').toBe(0)
  last = undefined
  vi.useRealTimers()
})

const snapshot = (serverSeq: number, epoch = 'e1') =>
  json({
    room: 'board',
    epoch,
    serverSeq,
    stores: { default: { serverSeq, state: { n: serverSeq } }, other: { serverSeq: 1, state: null } }
  })
const changes =
  (...serverSeqs: number[]) =>
  (after: number) =>
    json({
      room: 'board',
      epoch: 'e1',
      changes: serverSeqs.map(delta),
      next: `e1-${serverSeqs.at(-1) ?? after}`,
      upToDate: true
    })
const batches = (after: number, last: number, members: object = {}) =>
  json({
    room: 'board',
    epoch: 'e1',
    changes: Array.from({ length: last - after }, (_, n) => delta(after + n + 1)),
    next: `e1-${last}`,
    upToDate: true,
    ...members
  })
const searches = (room: ReturnType<typeof start>) => room.server.to('/changes').map(({ url }) => url.search)
const later = (ms: number, answer: () => Response) =>
  new Promise<Response>((resolve) => setTimeout(() => resolve(answer()), ms))
const nobody = () => json({ room: 'board', clientId: 'ada', users: [] })

/** A room that is polled because its streams are silent. */
async function polled(options: Parameters<typeof start>[0] = {}) {
  const room = (last = start({ at: 'e1-3', ...options }))
  room.routes.events = silence
  room.routes.presence = nobody
  await room.pass(10_000 + 1000 + 10_000 + 2000 + 9999)
  expect(room.polling).toBe(false)
  room.heard()
  await room.pass(2)
  expect(room.polling).toBe(true)
  return room
}

describe('polling begins', () => {
  test('after three streams in a row that stay silent', async () => {
    const room = await polled()
    expect(room.server.to('/events')).toHaveLength(3)
    expect(room.server.to('/changes')).toHaveLength(1)
    expect(room.heard()).toEqual([expect.stringMatching(/^failed stream_blocked: /)])
  })

  test('after three streams in a row that end within 2 s without having caught up', async () => {
    const room = (last = start())
    for (let n = 0; n < 3; n++) {
      expect(room.polling).toBe(false)
      room.connection.wake()
      await room.pass()
      room.stream().write(': pathsync\n\n')
      await room.pass(1999)
      room.stream().end()
      await room.pass(1)
    }
    expect(room.polling).toBe(true)
    expect(room.heard().filter((line) => !line.startsWith('failed stream'))).toEqual([
      'opening',
      'lost',
      'opening',
      'lost',
      'opening',
      'lost'
    ])
  })

  test('after three streams in a row that send only headers and a comment', async () => {
    const room = (last = start())
    for (let n = 0; n < 3; n++) {
      await room.pass(n && 1000 * 2 ** n)
      room.stream().write(': pathsync\n\n')
      await room.pass(10_000)
    }
    await room.pass(1)
    expect(room.polling).toBe(true)
  })

  test('not after streams that ended later, caught up, or could not be opened', async () => {
    const room = (last = start())
    const { events } = room.routes
    for (let n = 0; n < 12; n++) {
      room.routes.events = n % 4 === 3 ? () => page(502) : events
      room.connection.wake()
      await room.pass()
      if (n % 4 === 0) await room.catchUp()
      if (n % 4 === 1) {
        for (let s = 0; s < 3; s++) {
          room.stream().write(': still here\n\n')
          await room.pass(1000)
        }
      }
      if (n % 4 !== 3) room.stream().end()
      await room.pass(1)
      expect(room.polling).toBe(false)
    }
  })
})

describe('streams that a proxy refuses', () => {
  test.each([
    ...[403, 404, 405, 407, 502, 503, 504].map((status) => [`${status} and a page`, () => page(status)] as const),
    ['200 and a page', () => page()] as const,
    ['404 of the server after a proxy rewrote the address', () => problem('not_found', 404, false)] as const,
    ['a reset', () => Promise.reject<Response>(new TypeError('Failed to fetch'))] as const
  ])('by %s: the room is polled within seconds, since other requests succeed', async (_, refuse) => {
    const room = (last = start({ at: 'e1-3' }))
    room.routes.events = refuse
    room.routes.presence = nobody
    room.routes.changes = () => changes()(3)
    await room.pass(8000)
    expect(room.polling).toBe(true)
    expect(room.server.to('/events')).toHaveLength(4)
    expect(room.heard()).toContainEqual('opening')
  })

  test.each([
    ['resets every connection', () => Promise.reject<Response>(new TypeError('Failed to fetch'))],
    ['answers everything with 502', () => page(502)],
    ['answers everything with a sign-in page', () => page()]
  ])('with a proxy that %s: streams are retried, and the room is not polled', async (_, fail) => {
    const room = (last = start({ at: 'e1-3' }))
    room.routes.events = room.routes.presence = room.routes.changes = fail
    await room.pass(300_000)
    expect(room.polling).toBe(false)
    expect(room.server.to('/events').length).toBeGreaterThan(10)
    expect(room.server.to('/presence').length).toBeLessThan(room.server.to('/events').length / 2)
  })
})

describe('polling', () => {
  test('without a position reads the room', async () => {
    const room = await startPolling(silence, undefined, { at: '' })
    expect(room.heard()).toEqual(['opening', 'events state 9 state 1 up-to-date', 'events presence of 0'])
    expect(room.server.to('/changes')).toEqual([])
    await room.pass(1000)
    expect(room.server.to('/changes').map(({ url }) => url.search)).toEqual(['?after=e2-9&cursor=0&wait=10'])
  })

  test('with a position requests later changes, first without and then with a wait', async () => {
    const pages = new Map([
      [3, changes(4, 5)],
      [5, changes(6)]
    ])
    const room = await startPolling((after) => pages.get(after)?.(after) ?? silence())
    expect(room.server.to('/changes').map(({ url }) => url.search)).toEqual([
      '?after=e1-3&cursor=0',
      '?after=e1-5&cursor=0&wait=10',
      '?after=e1-6&cursor=0&wait=10'
    ])
  })

  test('sends the cursor of the last answer, so that no address is requested twice', async () => {
    let cursor = 70
    const room = await startPolling((after) => later(2000, () => batches(after, after, { cursor: ++cursor })))
    await room.pass(5000)
    room.routes.changes = silence
    await room.pass(2000)
    expect(searches(room)).toEqual([
      '?after=e1-3&cursor=0',
      '?after=e1-3&cursor=71&wait=10',
      '?after=e1-3&cursor=72&wait=10',
      '?after=e1-3&cursor=73&wait=10'
    ])
  })

  test('reads whole pages when it is far behind, and then open ranges', async () => {
    const pages = { size: 100, through: 'e1-300' }
    const room = await startPolling((after, until) => {
      if (until) return batches(after, Math.min(until, after + 60))
      if (after === 3) return batches(3, 100, { cursor: 7, pages, upToDate: false })
      return after === 300 ? batches(300, 304, { cursor: 8 }) : silence()
    })
    await room.pass(10)
    expect(searches(room)).toEqual([
      '?after=e1-3&cursor=0',
      '?after=e1-100&until=e1-200',
      '?after=e1-160&until=e1-200',
      '?after=e1-200&until=e1-300',
      '?after=e1-260&until=e1-300',
      '?after=e1-300&cursor=7&wait=10',
      '?after=e1-304&cursor=8&wait=10'
    ])
    const heard = room
      .heard()
      .join(' ')
      .match(/delta \d+/g)
    expect(heard).toEqual(Array.from({ length: 301 }, (_, n) => `delta ${n + 4}`))
  })

  test('ignores a page that does not advance the position', async () => {
    const pages = { size: 100, through: 'e1-300' }
    const room = await startPolling((after, until) =>
      until ? batches(after, after, { upToDate: false }) : after === 3 ? batches(3, 100, { pages, upToDate: false }) : silence()
    )
    await room.pass(1000)
    expect(searches(room).slice(1)).toEqual(['?after=e1-100&until=e1-200', '?after=e1-100&cursor=0&wait=10'])
  })

  test.each([{}, { size: 0, through: 'e1-300' }, { size: 'x', through: 'e1-300' }, { size: 100, through: 'e1' }, 7, null])(
    'ignores invalid pages: %j',
    async (pages) => {
      const room = await startPolling((after) => (after === 3 ? batches(3, 4, { pages, upToDate: false }) : silence()))
      expect(searches(room).slice(1)).toEqual(['?after=e1-4&cursor=0&wait=10'])
    }
  )

  test('delivers events in the order of a stream', async () => {
    const room = await startPolling((after) => (after === 3 ? changes(4, 5)(after) : silence()))
    expect(room.heard()).toEqual(['opening', 'events delta 4 delta 5 up-to-date', 'events presence of 0'])
  })

  test('of several pages is up to date after the last one', async () => {
    const more = json({ room: 'board', epoch: 'e1', changes: [delta(4)], next: 'e1-4', upToDate: false })
    const room = await startPolling((after) => (after === 3 ? more : after === 4 ? changes(5)(4) : silence()))
    expect(room.heard()).toEqual(['opening', 'events delta 4', 'events delta 5 up-to-date', 'events presence of 0'])
  })

  test('loads the room when the log does not reach back', async () => {
    const room = await startPolling((_after, _until, epoch) =>
      epoch === 'e1' ? problem('position_gone', 410, false) : silence()
    )
    await room.pass(1000)
    expect(room.heard()).toEqual(['opening', 'events state 9 state 1 up-to-date', 'events presence of 0'])
    expect(room.listener.at).toBe('e2-9')
  })

  test('loads the room when the listener needs whole state', async () => {
    const room = await startPolling(
      (after) => (after === 3 ? changes(4)(3) : silence()),
      (room) => {
        room.listener.verdict = (events) => (events[0]?.type === 'delta' ? 'restart' : 'ok')
      }
    )
    await room.pass(1000)
    expect(room.heard().filter((line) => !/presence/.test(line))).toEqual([
      'opening',
      'events delta 4 up-to-date',
      'opening',
      'events state 9 state 1 up-to-date'
    ])
  })

  test('requests events again that the listener missed', async () => {
    const room = await startPolling(
      () => changes(4)(3),
      (room) => (room.listener.verdict = () => 'resume')
    )
    await room.pass(5000)
    const positions = room.server.to('/changes').map(({ url }) => url.searchParams.get('after'))
    expect(positions).toEqual(Array(6).fill('e1-3'))
  })

  test('limits its rate when the server does not wait', async () => {
    const room = await startPolling((after) => changes()(after))
    const before = room.server.to('/changes').length
    await room.pass(10_000)
    expect(room.server.to('/changes').length - before).toBe(10)
  })

  test('that fails reports the connection as lost, and retries with backoff', async () => {
    const room = await startPolling((after) => (after === 3 ? changes(4)(3) : page(502)))
    expect(room.heard()).toEqual([
      'opening',
      'events delta 4 up-to-date',
      'lost',
      'failed protocol: something that is not pathsync, such as a proxy, answered with HTTP 502'
    ])
    room.routes.changes = () => changes(5)(4)
    await room.pass(1000)
    expect(room.heard().slice(0, 2)).toEqual(['opening', 'events delta 5 up-to-date'])
  })

  test.each([
    ['a malformed delta', () => json({ room: 'board', epoch: 'e1', changes: [{}], next: 'e1-4', upToDate: true })],
    ['a malformed position', () => json({ room: 'board', epoch: 'e1', changes: [], next: 'e1-x', upToDate: true })]
  ])('that brings %s takes nothing of it', async (_, answer) => {
    const room = await startPolling(() => answer())
    expect(room.heard()).toEqual([expect.stringMatching('failed protocol: an event cannot be read .malformed')])
  })
})

describe('presence while polling', () => {
  test('is renewed and read with each answer, at most every 5 s', async () => {
    const room = await startPolling((after) => later(1000, () => changes(after + 1)(after)), undefined, {
      displayName: 'Ada',
      presence: () => ({ field: 'title' })
    })
    const before = room.server.to('/presence/ada').length
    await room.pass(20_000)
    const puts = room.server.to('/presence/ada').slice(before)
    expect(puts).toHaveLength(4)
    expect(puts[0]).toMatchObject({ method: 'PUT', body: '{"displayName":"Ada","field":"title"}' })
    expect(room.server.to('/presence').slice(before)).toHaveLength(4)
    room.connection.stop()
    await room.pass(1000)
  })

  test('is read even if it cannot be renewed', async () => {
    const room = await startPolling(
      (after) => (after === 3 ? changes(4)(3) : silence()),
      (room) => {
        room.routes.presence = ({ method }) => (method === 'PUT' ? problem('internal', 500, false) : nobody())
      }
    )
    expect(room.heard().at(-1)).toBe('events presence of 0')
  })
})

describe('streams are tried again while the room is polled', () => {
  test('after a minute, then twice as long each time, up to 10 minutes', async () => {
    const room = await polled()
    room.routes.changes = () => later(9000, () => changes()(3))
    await room.pass(1000)
    const tried: number[] = []
    const began = Date.now()
    room.routes.events = () => {
      tried.push(Math.round((Date.now() - began) / 60_000))
      return silence()
    }
    await room.pass(40 * 60_000)
    // Each try takes 10 s.
    expect(tried).toEqual([1, 3, 7, 15, 26, 36])
    room.connection.stop()
    await room.pass(9000)
  })

  test('and replace polling when one catches up, from the position of polling', async () => {
    const room = await startPolling((after) => (after === 3 ? changes(4)(3) : silence()))
    room.heard()
    const opened = room.openStreams()
    await room.pass(60_000)
    const [probe] = room.streams
    probe?.write(preamble, deltaFrame(4), upToDateFrame(4))
    await room.pass(1)
    expect(room.polling).toBe(false)
    expect(probe?.cancelled).toBe(true)
    expect(room.streams).toHaveLength(2)
    expect(opened().at(-1)).toBe('e1-4')
    await room.catchUp(4)
    expect(room.heard().filter((line) => !/failed|presence/.test(line))).toEqual(['lost', 'opening', 'events up-to-date'])
    expect(room.server.waiting).toBe(0)
    await room.pass(1)
    expect(vi.getTimerCount()).toBe(1)
  })

  test('at once when woken', async () => {
    const room = await startPolling((after) => (after === 3 ? changes(4)(3) : silence()))
    room.openStreams()
    room.connection.wake()
    await room.pass()
    expect(room.streams).toHaveLength(1)
  })

  test('and deliver no events before they have caught up', async () => {
    const room = await startPolling((after) => (after === 3 ? changes(4)(3) : silence()))
    room.openStreams()
    room.heard()
    room.connection.wake()
    await room.pass()
    room.stream().write(preamble, deltaFrame(5))
    await room.pass()
    room.stream().end()
    await room.pass()
    expect(room.heard()).toEqual([])
    expect(room.polling).toBe(true)
  })
})

/** A polled room whose answers depend on the number of the position. */
async function startPolling(
  answer: (after: number, until: number, epoch: string | undefined) => Response | Promise<Response>,
  prepare?: (room: ReturnType<typeof start>) => void,
  options: Parameters<typeof start>[0] = {}
) {
  const room = (last = start({ at: 'e1-3', ...options }))
  const { events } = room.routes
  room.routes.events = silence
  room.routes.presence = nobody
  room.routes.room = () => snapshot(9, 'e2')
  room.routes.changes = ({ url }) => {
    const seqOf = (name: string) => Number(url.searchParams.get(name)?.split('-')[1] ?? 0)
    return answer(seqOf('after'), seqOf('until'), url.searchParams.get('after')?.split('-')[0])
  }
  await room.pass(10_000 + 1000 + 10_000 + 2000 + 9999)
  room.heard()
  prepare?.(room)
  await room.pass(2)
  room.listener.log = room.listener.log.filter((line) => !/^failed (network|stream)/.test(line))
  return Object.assign(room, {
    /** Makes streams succeed. Returns the positions that they resume from. */
    openStreams() {
      const before = room.server.to('/events').length
      room.routes.events = events
      return () => room.positions().slice(before)
    }
  })
}

describe('presence of a polling client', () => {
  /** A quiet polled room with the given answer to presence, and the times of presence requests, in milliseconds. */
  async function present(
    answer: () => Response,
    change: (after: number) => Response | Promise<Response> = (after) => changes()(after)
  ) {
    const times: number[] = []
    const room = await startPolling(
      (after) => (after === 3 && !times.length ? change(3) : silence()),
      (room) => {
        room.routes.presence = ({ method }) => {
          if (method !== 'GET') times.push(performance.now())
          return method === 'GET' ? nobody() : answer()
        }
      }
    )
    return { room, times }
  }

  test.each([15_000, 5000, 1000])(
    'is renewed three times within a lease of %i ms, while the room is quiet',
    async (leaseMs) => {
      const { room, times } = await present(() => json({ clientId: 'ada', joinedAt: 1, leaseMs }))
      await room.pass(31_000)
      const gaps = times.slice(1).map((time, i) => time - times[i]!)
      expect(gaps.length).toBeGreaterThan(5)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(leaseMs / 3 + 1)
    }
  )

  test.each([
    ...[400, 403, 404, 405, 413, 422, 429, 500, 502].map((status) => [`${status} and a page`, () => page(status)] as const),
    ['200 and a page', () => page()] as const,
    ['422 of the server', () => problem('invalid_request', 422, false)] as const
  ])('that is answered by %s holds up nothing', async (_, answer) => {
    const { room, times } = await present(answer, () => later(6000, () => changes(4)(3)))
    await room.pass(10_000)
    expect(room.heard()).toContain('events delta 4 up-to-date')
    expect(times.length).toBeGreaterThan(0)
    expect(room.polling).toBe(true)
  })

  test('waits for Retry-After', async () => {
    const { room, times } = await present(() => problem('rate_limited', 429, true, { 'Retry-After': '20' }))
    await room.pass(19_000)
    expect(times).toHaveLength(1)
    await room.pass(2000)
    expect(times).toHaveLength(2)
  })
})
