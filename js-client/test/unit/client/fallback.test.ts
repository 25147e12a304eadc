import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/index.ts'
import { follow } from './follower.ts'
import { address, frame, json, page, problem, scriptedServer, scriptedStream, silence } from './server.ts'

let room: ReturnType<typeof follow>
let probe: ReturnType<typeof scriptedStream>

// Loading takes real time.
beforeAll(() =>
  Promise.all([import('../../../src/client/transport/fallback.ts'), import('../../../src/client/transport/poll.ts')])
)
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  probe = scriptedStream()
  room = follow({ at: 'e1-3' })
  room.routes.probe = ({ signal }) => probe.response(signal)
})
afterEach(async () => {
  room.connection.stop()
  await vi.advanceTimersByTimeAsync(0)
  expect(vi.getTimerCount(), 'timers after stop').toBe(0)
  expect(room.server.waiting, 'requests after stop').toBe(0)
  vi.useRealTimers()
})

const start = frame('probe-start', { id: '1', protocol: 'HTTP/1.1' })
const event = (n: number) => frame('probe', { n, ms: n * 1000 })
const end = frame('probe-end', { ms: 5000 })
const failures = () => room.heard().filter((line) => line.startsWith('failed'))

/** Fails streams until the room is polled and the probe has started. */
async function fallBack() {
  for (let n = 0; n < 3; n++) {
    room.connection.wake()
    await room.pass()
    room.stream().end()
    await room.pass()
  }
  expect(room.polling).toBe(true)
  expect(room.server.to('/probe')).toHaveLength(1)
}

/** The events of the probe at their times, changed by the test. */
async function stream(write: (second: number, text: string) => void = (_, text) => probe.write(text)) {
  write(0, `: pathsync\n\nretry: 1000\n\n${start}`)
  for (let n = 1; n <= 4; n++) {
    await room.pass(1000)
    write(n, event(n))
  }
  await room.pass(1000)
  write(5, end)
}

test('the probe requests timed events at the root of the server, with the client id', async () => {
  await fallBack()
  const [asked] = room.server.to('/probe')
  expect(asked?.url.href).toBe('https://sync.example.com/v1/probe?seconds=5&events=4&intervalMs=1000')
  expect(asked?.headers.get('Accept')).toBe('text/event-stream')
})

describe('a fault of streams is reported with a code, a description and a remedy:', () => {
  test('events that arrive together at the end', async () => {
    await fallBack()
    const held: string[] = []
    await stream((second, text) => {
      held.push(text)
      if (second === 5) probe.write(...held)
    })
    probe.end()
    await room.pass()
    expect(failures()).toEqual([
      expect.stringMatching(/^failed stream_buffered: .*many events together.*docs\/run\/proxies\.md#buffered$/)
    ])
  })

  test('events that arrive together, in an encoding', async () => {
    room.routes.probe = ({ signal }) => {
      const response = probe.response(signal)
      response.headers.set('Content-Encoding', 'gzip')
      return response
    }
    await fallBack()
    let held = ''
    await stream((second, text) => {
      held += text
      if (second === 5) probe.write(held)
    })
    probe.end()
    await room.pass()
    expect(failures()).toEqual([
      expect.stringMatching(/^failed stream_compressed: .*\(gzip\).*docs\/run\/proxies\.md#compressed$/)
    ])
  })

  test('no answer', async () => {
    room.routes.probe = silence
    await fallBack()
    await room.pass(14_900)
    expect(failures()).toEqual([])
    await room.pass(200)
    expect(failures()).toEqual([expect.stringMatching(/^failed stream_buffered: .*no end came in 15\.0 s.*#buffered$/)])
  })

  test('a header and no body', async () => {
    await fallBack()
    await room.pass(15_000)
    expect(failures()).toEqual([expect.stringMatching(/^failed stream_buffered: /)])
  })

  test('no answer until the connection breaks at the end', async () => {
    room.routes.probe = () => new Promise((_, reject) => setTimeout(reject, 5000, new TypeError('Failed to fetch')))
    await fallBack()
    await room.pass(5000)
    expect(failures()).toEqual([expect.stringMatching(/^failed stream_buffered: .*no end came in 5\.0 s/)])
  })

  test.each([
    ['breaks', () => probe.break()],
    ['ends', () => probe.end()]
  ])('a stream that %s early', async (_, end) => {
    await fallBack()
    probe.write(start)
    await room.pass(1000)
    probe.write(event(1))
    await room.pass(400)
    end()
    await room.pass()
    expect(failures()).toEqual([
      expect.stringMatching(/^failed stream_cut: .*cuts event streams after 1\.4 s.*docs\/run\/proxies\.md#cut$/)
    ])
  })

  test.each([
    ['a server that knows no probes', () => problem('not_found', 404, false)],
    ['a page', () => page(403)],
    ['no network', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['other JSON', () => json({})]
  ])('%s', async (_, answer) => {
    room.routes.probe = answer
    await fallBack()
    await room.pass()
    expect(failures()).toEqual([expect.stringMatching(/^failed stream_blocked: .*docs\/run\/proxies\.md$/)])
  })

  test('a successful probe while streams fail', async () => {
    await fallBack()
    await stream()
    probe.end()
    await room.pass()
    expect(failures()).toEqual([expect.stringMatching(/^failed stream_blocked: /)])
  })
})

test('a delay of one event does not count as buffering', async () => {
  await fallBack()
  let held = ''
  await stream((second, text) => {
    if (second === 2) held = text
    else probe.write(held + text)
    if (second !== 2) held = ''
  })
  probe.end()
  await room.pass()
  expect(failures()).toEqual([expect.stringMatching(/^failed stream_blocked: /)])
})

test('events that are split at any byte are joined', async () => {
  await fallBack()
  await stream((_, text) => {
    for (const character of text) probe.write(character)
  })
  probe.end()
  await room.pass()
  expect(failures()).toEqual([expect.stringMatching(/^failed stream_blocked: /)])
})

test('the fault is reported while the room is polled, and cleared afterwards', async () => {
  await fallBack()
  expect(room.connection).toMatchObject({ polling: true, fault: undefined })
  probe.end()
  await room.pass()
  expect(room.connection.fault).toEqual({
    code: 'stream_cut',
    message: expect.stringContaining('cuts event streams') as string
  })
  room.connection.wake()
  await room.pass()
  await room.catchUp(3)
  await room.pass(1)
  expect(room.connection).toMatchObject({ polling: false, fault: undefined })
})

test('a room shows the fault while it is polled', async () => {
  const server = scriptedServer(({ url, signal }) => {
    const last = url.pathname.split('/').at(-1)
    if (last === 'probe') return problem('not_found', 404, false)
    if (last === 'presence') return json({ room: 'r', users: [] })
    if (last === 'r') return json({ room: 'r', epoch: 'e1', serverSeq: 0, stores: {} })
    if (last === 'changes') return json({ room: 'r', epoch: 'e1', changes: [], next: 'e1-0', upToDate: true })
    const stream = scriptedStream()
    const response = stream.response(signal)
    stream.end()
    return response
  })
  const client = createClient({ url: address, fetch: server.fetch })
  const polled = client.room('r')
  const codes: string[] = []
  polled.on('error', ({ code }) => codes.push(code))
  await room.pass(10_000)
  expect(codes).toEqual(['stream_blocked'])
  const { lastSyncedAt } = polled.status
  await room.pass(5000)
  expect(polled.status).toMatchObject({
    status: 'polling',
    connected: true,
    code: 'stream_blocked',
    error: expect.stringContaining('does not let event streams through')
  })
  expect(polled.status.lastSyncedAt).not.toEqual(lastSyncedAt)
  client.close()
})

test('a stopped connection reports no fault', async () => {
  await fallBack()
  room.connection.stop()
  await room.pass(20_000)
  expect(failures()).toEqual([])
})
