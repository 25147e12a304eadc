import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { delta, follow as start, deltaFrame, preamble, upToDateFrame } from './follower.ts'
import { frame, page, problem, scriptedStream, silence } from './server.ts'

let last: ReturnType<typeof start> | undefined
const follow = (...options: Parameters<typeof start>) => (last = start(...options))

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(async () => {
  last?.connection.stop()
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount(), 'timers after stop').toBe(0)
  expect(last?.server.waiting, 'requests after stop').toBe(0)
  expect(
    last?.streams.every(({ cancelled }) => cancelled),
    'streams after stop'
  ).toBe(true)
  last = undefined
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('a stream', () => {
  test('starts without a position, and delivers the events of one chunk together', async () => {
    const room = follow({ displayName: 'Ada' })
    await room.pass()
    expect(room.heard()).toEqual(['opening'])
    room
      .stream()
      .write(
        preamble,
        frame('state', { room: 'board', key: 'default', serverSeq: 3, state: {} }),
        frame('presence', { room: 'board', users: [{ clientId: 'ada', joinedAt: 1 }] }),
        upToDateFrame(3)
      )
    await room.pass()
    room.stream().write(deltaFrame(4), deltaFrame(5))
    await room.pass()
    expect(room.heard()).toEqual(['events state 3 presence of 1 up-to-date', 'events delta 4 delta 5'])
    expect(room.server.asked[0]?.url.search).toBe('?clientId=ada&displayName=Ada')
  })

  test('has the last display name in its address, and none after the name is removed', async () => {
    let displayName: string | null = 'Countess'
    const room = follow({ displayName: 'Ada', presence: () => ({ displayName }) })
    await room.pass()
    await room.catchUp()
    displayName = null
    room.stream().end()
    await room.pass(2000)
    expect(room.server.asked.map(({ url }) => url.searchParams.get('displayName'))).toEqual(['Countess', null])
  })

  test('whose listener throws is reported and reopened', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.listener.verdict = () => {
      throw new Error('no such path')
    }
    room.stream().write(deltaFrame(4))
    await room.pass(2000)
    expect(room.heard().slice(2)).toEqual([
      'events delta 4',
      'lost',
      'failed protocol: an event cannot be read (no such path)',
      'opening'
    ])
  })

  test('that breaks after it has caught up is reopened without an error', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.stream().break()
    await room.pass(2000)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'lost', 'opening'])
  })

  test('resumes the presence list from its last version, once a stream has caught up', async () => {
    const room = follow()
    const list = (version?: string) => frame('presence', { room: 'board', users: [], version })
    const change = (version?: string) => frame('presence-change', { room: 'board', joined: [], updated: [], left: [], version })
    const next = async (...frames: string[]) => {
      await room.pass(5000)
      room.stream().write(preamble, ...frames)
      await room.pass()
      room.stream().end()
      await room.pass(5000)
      return room.server.asked.at(-1)?.url.searchParams.get('presenceVersion')
    }
    expect(await next(list('a-1'), upToDateFrame(3)), 'of the list').toBe('a-1')
    expect(await next(upToDateFrame(3)), 'without changes').toBe('a-1')
    expect(await next(change('a-2'), upToDateFrame(3), change('a-3')), 'of the last change').toBe('a-3')
    expect(await next(change('a-4')), 'of a stream that was cut off').toBe(null)
    expect(await next(list(), upToDateFrame(3), change('a-5')), 'of a list without a version').toBe(null)
    expect(await next(upToDateFrame(3), list('b-1'), change('b-2')), 'of a list after up-to-date').toBe('b-2')
    expect(await next(upToDateFrame(3)), 'of the last list, when the stream has ended before the list').toBe('b-2')
    expect(await next(), 'of a stream that did not catch up').toBe(null)
    expect(await next(upToDateFrame(3)), 'before the list, after a stream that did not catch up').toBe(null)
  })

  test('resumes from the last position', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp(3)
    room.stream().write(deltaFrame(4))
    await room.pass()
    room.stream().end()
    await room.pass(2000)
    expect(room.positions()).toEqual([null, 'e1-4'])
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'events delta 4', 'lost', 'opening'])
  })

  test('can be split within characters, lines and events', async () => {
    const room = follow()
    await room.pass()
    const bytes = new TextEncoder().encode(preamble + frame('state', { key: 'ü€😀', serverSeq: 1, state: 'ü€😀' }))
    for (const byte of bytes) {
      room.stream().bytes(Uint8Array.of(byte))
      await room.pass()
    }
    expect(room.heard()).toEqual(['opening', 'events state 1'])
  })

  test('that ends within an event drops it', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.stream().write(deltaFrame(4).slice(0, -1))
    await room.pass()
    room.stream().end()
    await room.pass(2000)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'lost', 'opening'])
    expect(room.positions()).toEqual([null, 'e1-3'])
  })

  test('can have unknown events and fields', async () => {
    const room = follow()
    await room.pass()
    room.stream().write(frame('weather', 'rain'), frame('toString', 'x'), 'color: red\n\n', 'data: {}\n\n')
    room.stream().write(upToDateFrame(3))
    await room.pass()
    expect(room.heard()).toEqual(['opening', 'events up-to-date'])
  })

  const legal = `id: e1-4\nevent: delta\ndata: ${JSON.stringify(delta(4))}\n\n`
  test.each([
    ['a byte order mark', `\ufeff${legal}`],
    ['lines that end with CR LF', legal.replaceAll('\n', '\r\n')],
    ['lines that end with CR', legal.replaceAll('\n', '\r')],
    ['several lines of data', legal.replaceAll(',', ',\ndata:')],
    ['fields in another order, without spaces', legal.replace(/(.*)\n(.*)\n(.*)/, '$3\n$2\n$1').replaceAll(': ', ':')],
    ['comments and unknown fields inside', legal.replaceAll('\ndata', '\n:\n: data: x\ncolor\ndata')],
    ['events without data before it', `id: e1-9\n\nid: e1-8\nevent: delta\n\nevent: up-to-date\n\n${legal}`],
    ['events with empty data before it', `data\n\ndata:\n\nevent: color\ndata: \n\n${legal}`],
    ['invalid values of retry before it', `retry\nretry: -5\nretry: soon\nretry: 1e3\n\n${legal}`]
  ])('reads %s as the HTML standard defines it, byte by byte', async (_, text) => {
    const room = follow({ at: 'e1-3' })
    await room.pass()
    // The byte after CR may be LF, so the parser waits for the end of another line.
    for (const byte of new TextEncoder().encode(`${text}:\n`)) room.stream().bytes(Uint8Array.of(byte))
    await room.pass()
    room.stream().end()
    await room.pass(2000)
    expect(room.positions()).toEqual(['e1-3', 'e1-4'])
    expect(room.heard().filter((line) => line.startsWith('events'))).toEqual(['events delta 4'])
  })

  test.each([
    ['text that is not JSON', frame('delta', '{"serverSeq":')],
    ['a delta without operations', frame('delta', { ...JSON.parse('{"key":"k","serverSeq":5,"clientId":"b"}') })],
    ['an operation without a path', frame('delta', { key: 'k', serverSeq: 5, clientId: 'b', ops: [{ op: 'set' }] })],
    ['a number that is a text', frame('delta', { key: 'k', serverSeq: '5', clientId: 'b', ops: [] })],
    ['a state without a state', frame('state', { key: 'k', serverSeq: 5 })],
    ['users that are no list', frame('presence', { users: {} })],
    ['null', frame('presence-change', null)]
  ])('with %s is reopened from the last valid position', async (_, malformed) => {
    const room = follow()
    await room.pass()
    await room.catchUp(3)
    room.stream().write(deltaFrame(4))
    await room.pass()
    room.stream().write(deltaFrame(5), malformed, deltaFrame(7))
    await room.pass(2000)
    expect(room.heard()).toEqual([
      'opening',
      'events up-to-date',
      'events delta 4',
      'lost',
      expect.stringMatching(/^failed protocol: /),
      'opening'
    ])
    expect(room.positions()).toEqual([null, 'e1-4'])
  })

  test('is reopened from the position when the listener has missed an event', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp(3)
    room.listener.verdict = () => 'resume'
    room.stream().write(deltaFrame(7), deltaFrame(8))
    await room.pass(2000)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'events delta 7 delta 8', 'lost', 'opening'])
    expect(room.positions()).toEqual([null, 'e1-3'])
  })

  test('is reopened without a position when the listener has to start again', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp(3)
    room.listener.verdict = () => 'restart'
    room.stream().write(deltaFrame(7))
    await room.pass(2000)
    expect(room.positions()).toEqual([null, null])
  })

  test('with an event of 64 million characters is closed', async () => {
    const room = follow()
    await room.pass()
    const half = `data: ${'x'.repeat(2 ** 25)}\n`
    room.stream().write(half)
    await room.pass()
    room.stream().write(half, 'data: x\n')
    await room.pass()
    expect(room.heard()).toEqual(['opening', 'lost', expect.stringMatching(/^failed protocol: .*max buffer size/)])
  })
})

describe('reconnecting', () => {
  test('backs off up to 30 s, with full jitter', async () => {
    const room = follow()
    room.routes.events = () => Promise.reject(new TypeError('Failed to fetch'))
    await room.pass()
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      const before = room.server.to('/events').length
      await room.pass(seconds * 1000 - 1)
      expect(room.server.to('/events')).toHaveLength(before)
      await room.pass(1)
      expect(room.server.to('/events')).toHaveLength(before + 1)
    }
    room.random.mockReturnValue(0.5)
    await room.pass(30_000)
    const before = room.server.to('/events').length
    await room.pass(15_000)
    expect(room.server.to('/events')).toHaveLength(before + 1)
    expect(new Set(room.heard())).toEqual(
      new Set(['failed network: https://sync.example.com cannot be reached (Failed to fetch)'])
    )
  })

  test('is fast after a stream that had caught up', async () => {
    const room = follow()
    const { events } = room.routes
    room.routes.events = () => page(502)
    await room.pass(60_000)
    room.routes.events = events
    room.connection.wake()
    await room.pass()
    await room.catchUp()
    const { length } = room.streams
    room.stream().end()
    await room.pass(1999)
    expect(room.streams).toHaveLength(length)
    await room.pass(1)
    expect(room.streams).toHaveLength(length + 1)
  })

  test('starts with the backoff of the server', async () => {
    const room = follow()
    await room.pass()
    room.stream().write('retry: 2700\n\n', upToDateFrame(3))
    await room.pass()
    room.stream().end()
    await room.pass(2699)
    expect(room.streams).toHaveLength(1)
    await room.pass(1)
    expect(room.streams).toHaveLength(2)
  })

  test.each([
    [0, 100],
    [86_400_000, 30_000]
  ])('keeps that backoff within limits: %i', async (retry, ms) => {
    const room = follow()
    await room.pass()
    room.stream().write(`retry: ${retry}\n\n`, upToDateFrame(3))
    await room.pass()
    room.stream().end()
    await room.pass(ms - 1)
    expect(room.streams).toHaveLength(1)
    await room.pass(1)
    expect(room.streams).toHaveLength(2)
  })

  test('waits for the delay that a server names as it shuts down', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.stream().write(deltaFrame(4), frame('reconnect', { afterMs: 5000 }))
    await room.pass(4999)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'events delta 4', 'lost'])
    await room.pass(1)
    expect(room.positions()).toEqual([null, 'e1-4'])
  })

  test.each([
    [7, 7000],
    [3600, 600_000]
  ])('waits at least for Retry-After, within limits: %i', async (seconds, ms) => {
    const room = follow()
    room.routes.events = () => problem('overloaded', 503, true, { 'Retry-After': `${seconds}` })
    await room.pass(ms - 1)
    expect(room.server.to('/events')).toHaveLength(1)
    await room.pass(1)
    expect(room.server.to('/events')).toHaveLength(2)
    expect(room.heard()).toEqual(Array(2).fill('failed overloaded: It is overloaded'))
  })

  test('reports an answer that is not a stream, and retries', async () => {
    const room = follow()
    room.routes.events = () => page()
    await room.pass(1000)
    expect(room.server.to('/events')).toHaveLength(2)
    expect(room.heard()[0]).toBe(
      'failed protocol: something that is not pathsync, such as a proxy or a sign-in page, answered with text/html; charset=utf-8'
    )
  })

  test('drops a position that the server refuses as invalid', async () => {
    const room = follow({ at: 'nonsense' })
    const { events } = room.routes
    room.routes.events = () => problem('invalid_event_id', 400, false)
    await room.pass()
    room.routes.events = events
    await room.pass(1000)
    expect(room.positions()).toEqual(['nonsense', null])
    await room.catchUp(3)
    room.stream().end()
    await room.pass(2000)
    expect(room.positions().at(-1)).toBe('e1-3')
  })

  test('without a valid token backs off up to a minute, and retries at once when woken', async () => {
    const token = vi.fn(() => 'bad')
    const room = follow({ token })
    room.routes.events = () => problem('unauthorized', 401, false)
    await room.pass()
    expect(room.heard()).toEqual(['failed unauthorized: It is unauthorized'])
    expect(token).toHaveBeenCalledTimes(2)
    await room.pass(300_000)
    room.heard()
    await room.pass(59_999)
    expect(room.heard()).toHaveLength(1)
    token.mockClear()
    room.connection.wake()
    await room.pass()
    expect(token).toHaveBeenCalledTimes(2)
  })

  test('waits 30 to 60 s when another stream has replaced it', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.stream().write(frame('problem', { code: 'stream_replaced', title: 'Replaced', status: 409, retryable: false }))
    await room.pass(59_999)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'lost', 'failed stream_replaced: Replaced'])
    expect(room.streams).toHaveLength(1)
    await room.pass(1)
    expect(room.streams).toHaveLength(2)
  })

  test('after an expired token is immediate and reports no error', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.stream().write(frame('problem', { code: 'token_expired', title: 'Expired', status: 401, retryable: true }))
    await room.pass(2000)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'lost', 'opening'])
  })

  test('after a temporary problem reports it and backs off', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room
      .stream()
      .write(frame('problem', { code: 'room_unavailable', title: 'Damaged', detail: 'row 3', status: 503, retryable: true }))
    await room.pass(2000)
    expect(room.heard()).toEqual(['opening', 'events up-to-date', 'lost', 'failed room_unavailable: Damaged: row 3', 'opening'])
  })

  test('retries at once when woken', async () => {
    const room = follow()
    room.routes.events = () => page(502)
    await room.pass(60_000)
    const before = room.server.to('/events').length
    room.connection.wake()
    await room.pass()
    expect(room.server.to('/events')).toHaveLength(before + 1)
  })

  test('retries every few seconds while the browser says that it is offline, without a growing backoff', async () => {
    vi.stubGlobal('navigator', { onLine: false })
    const room = follow()
    room.routes.events = () => Promise.reject(new TypeError('Failed to fetch'))
    await room.pass(60_000)
    const { length } = room.server.to('/events')
    expect(length).toBeGreaterThanOrEqual(15)
    vi.stubGlobal('navigator', { onLine: true })
    room.connection.wake()
    await room.pass()
    expect(room.server.to('/events')).toHaveLength(length + 1)
    await room.pass(1000)
    expect(room.server.to('/events')).toHaveLength(length + 2)
  })
})

describe('the watchdog', () => {
  test('reopens a stream at once after 2.5 heartbeats of silence', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    await room.pass(37_499)
    expect(room.heard()).toEqual(['opening', 'events up-to-date'])
    await room.pass(2)
    expect(room.streams[0]?.cancelled).toBe(true)
    expect(room.heard()).toEqual(['lost', 'opening'])
  })

  test('is reset by any byte', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    for (let n = 0; n < 10; n++) {
      await room.pass(37_000)
      room.stream().write(':')
    }
    await room.pass(37_000)
    expect(room.streams).toHaveLength(1)
  })

  test('detects a dead stream with the first timer after the machine slept', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    await room.pass(20_000)
    room.stream().write(': ')
    await room.pass(10_000)
    vi.setSystemTime(Date.now() + 3_600_000)
    await room.pass(7501)
    expect(room.streams).toHaveLength(2)
  })

  test('detects a dead stream at once when woken', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.connection.wake()
    await room.pass()
    expect(room.streams).toHaveLength(1)
    vi.setSystemTime(Date.now() + 40_000)
    room.connection.wake()
    await room.pass(1)
    expect(room.streams).toHaveLength(2)
  })

  test('is not affected by a clock that is set back', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    vi.setSystemTime(Date.now() - 3_600_000)
    await room.pass(37_501)
    expect(room.streams).toHaveLength(2)
  })

  test('ends a request that is not answered within 10 s', async () => {
    const room = follow()
    room.routes.events = silence
    await room.pass(9999)
    expect(room.server.waiting).toBe(1)
    await room.pass(1)
    expect(room.server.waiting).toBe(0)
    expect(room.heard()).toEqual(['failed network: nothing comes from the server'])
  })

  test('has no limit for a long first event that makes progress', async () => {
    const room = follow()
    await room.pass()
    room.stream().write('data: ')
    for (let n = 0; n < 20; n++) {
      await room.pass(9000)
      room.stream().write('x')
    }
    expect(room.streams).toHaveLength(1)
  })

  test('is the only timer while idle', async () => {
    const room = follow()
    await room.pass()
    await room.catchUp()
    room.heard()
    const setTimeout = vi.spyOn(globalThis, 'setTimeout')
    for (let ms = 0; ms < 3_600_000; ms += 15_000) {
      await room.pass(15_000)
      room.stream().write(':\n\n')
      expect(vi.getTimerCount()).toBe(1)
    }
    expect(room.server.asked).toHaveLength(1)
    expect(room.heard()).toEqual([])
    // A heartbeat does not reset the timer.
    expect(setTimeout.mock.calls.length).toBeLessThan(3_600_000 / 20_000)
  })
})

describe('stopping', () => {
  const moments = {
    'before the answer': async (room) => void (room.routes.events = silence),
    'while catching up': async (room) => void (await room.pass()),
    'when live': async (room) => {
      await room.pass()
      await room.catchUp()
    },
    'while waiting to come back': async (room) => {
      room.routes.events = () => page(502)
      await room.pass(10)
    }
  } satisfies Record<string, (room: ReturnType<typeof start>) => Promise<void>>

  test.each(Object.entries(moments))(
    '%s leaves no timer or request, and makes no further call of the listener',
    async (_, until) => {
      const room = follow()
      await until(room)
      room.heard()
      room.connection.stop()
      await room.pass()
      expect(vi.getTimerCount()).toBe(0)
      expect(room.server.waiting).toBe(0)
      const { length } = room.server.asked
      await room.pass(600_000)
      expect(room.server.asked).toHaveLength(length)
      expect(room.heard()).toEqual([])
    }
  )

  test('from within the listener takes effect at once', async () => {
    const room = follow()
    await room.pass()
    room.listener.verdict = () => {
      room.connection.stop()
      return 'ok'
    }
    await room.catchUp()
    await room.pass(600_000)
    expect(room.heard()).toEqual(['opening', 'events up-to-date'])
    expect(room.streams).toHaveLength(1)
  })

  test('drops events that arrive at that moment', async () => {
    const stream = scriptedStream()
    const room = follow()
    room.routes.events = () => stream.response()
    await room.pass()
    room.connection.stop()
    stream.write(upToDateFrame(3))
    stream.end()
    await room.pass()
    expect(room.heard()).toEqual(['opening'])
  })
})

describe('a display name that may cause the refusal of a stream', () => {
  test.each([
    ['422 of the server', () => problem('invalid_name', 422, false)],
    ['403 and a page', () => page(403)]
  ])('is left out of the address after %s, and the stream is opened at once', async (_, refuse) => {
    const room = follow({ displayName: "<script>'" })
    const { events } = room.routes
    room.routes.events = (asked) => (asked.url.searchParams.has('displayName') ? refuse() : events(asked))
    await room.pass()
    await room.catchUp()
    expect(room.heard().at(-1)).toBe('events up-to-date')
    expect(room.server.to('/events')).toHaveLength(2)
    expect(room.connection.unnamed).toBe(true)
  })

  test('is kept when the server is unreachable', async () => {
    const room = follow({ displayName: 'Ada' })
    room.routes.events = () => page(502)
    await room.pass(10_000)
    expect(room.server.to('/events').every(({ url }) => url.searchParams.get('displayName') === 'Ada')).toBe(true)
    expect(room.connection.unnamed).toBe(false)
  })
})

test('an error names the failure, the reason and the next step', async () => {
  const room = follow()
  const told: string[] = []
  room.listener.failed = (_, message) => void told.push(message)
  room.routes.events = () => page(502)
  await room.pass()
  expect(told).toEqual([
    'Changes of others cannot be received: something that is not pathsync, such as a proxy, answered with HTTP 502. The connection is tried again.'
  ])
})
