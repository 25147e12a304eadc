import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import type { Client, ClientOptions, Room } from '../../../src/types.ts'
import { createRoomsServer } from './rooms-server.ts'
import { address } from './server.ts'

let server: ReturnType<typeof createRoomsServer>
let client: Client
/** The events of each room, as text. */
let log: string[]

// Loading takes real time.
beforeAll(() =>
  Promise.all([import('../../../src/client/transport/one-stream.ts'), import('../../../src/client/transport/event-source.ts')])
)
beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  server = createRoomsServer()
  log = []
})
afterEach(async () => {
  client.close()
  await pass()
  expect(vi.getTimerCount(), 'timers after close').toBe(0)
  expect(server.open.size, 'streams after close').toBe(0)
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)
const gathered = () => pass(25)

function start(options: ClientOptions = {}) {
  client = createClient({ url: address, clientId: 'ada', fetch: server.fetch, oneStream: true, ...options })
}

function enter(name: string) {
  const room = client.room(name)
  room.on('remoteChange', ({ serverSeq }) => log.push(`${name} ${serverSeq}`))
  room.on('error', ({ code }) => log.push(`${name} ${code}`))
  let live = false
  room.on('status', ({ connected }) => {
    if (live && !connected) log.push(`${name} is lost`)
    live = connected
  })
  return room
}

async function enterAll(...names: string[]): Promise<Room[]> {
  start()
  const rooms = names.map(enter)
  await gathered()
  log.length = server.asked.length = 0
  return rooms
}

const stateOf = (room: Room) => room.document().state
const only = () => [...server.open][0] ?? expect.fail('no stream is open')

test('rooms that are entered together share one stream', async () => {
  start()
  const [a, b] = [enter('a'), enter('b / c')]
  await gathered()
  expect(server.asked).toEqual(['a b / c'])
  expect(server.paths).toEqual(['/v1/events'])
  server.set('b / c', 'x', 1)
  server.set('a', 'x', 2)
  await pass()
  expect([stateOf(a), stateOf(b)]).toEqual([{ x: 2 }, { x: 1 }])
  expect(server.open.size).toBe(1)
})

test('without the option, each room has its own stream', async () => {
  start({ oneStream: false })
  enter('a')
  enter('b')
  await gathered()
  expect(server.paths).toEqual(['/v1/rooms/a/events', '/v1/rooms/b/events'])
})

test('a single room uses the stream of one room', async () => {
  start()
  enter('a')
  await gathered()
  expect(server.paths).toEqual(['/v1/rooms/a/events'])
})

test('when a third room is entered, the others resume from their position and stay connected', async () => {
  const [a, b] = await enterAll('a', 'b')
  server.set('a', 'x', 1)
  server.set('b', 'x', 1)
  server.set('b', 'x', 2)
  await pass()
  log.length = 0
  const c = enter('c')
  await pass(10)
  server.set('a', 'y', 2)
  await pass(15)
  expect(server.asked).toEqual(['a b c from e1-2.2._'])
  expect(log).toEqual(['a 2'])
  expect([a, b, c].map((room) => room!.status.connected)).toEqual([true, true, true])
})

test('events during a reopening arrive once, on the next stream', async () => {
  const [a] = await enterAll('a', 'b')
  server.set('a', 'x', 1)
  await pass()
  server.delayMs = 100
  enter('c')
  await gathered()
  server.set('a', 'y', 2)
  expect(log).toEqual(['a 1'])
  await pass(100)
  only().send('delta', server.room('a').log[1], 'e1-2.0.0') // duplicated by the network
  await pass()
  expect(log).toEqual(['a 1', 'a 2'])
  expect(stateOf(a!)).toEqual({ x: 1, y: 2 })
})

test('when a room is left, the others resume from their position', async () => {
  const [a, b] = await enterAll('a', 'b', 'c')
  server.set('c', 'x', 1)
  await pass()
  log.length = 0
  b!.leave()
  await gathered()
  server.set('a', 'x', 1)
  await pass()
  expect(server.asked).toEqual(['a c from e1-0.1'])
  expect(log).toEqual(['b is lost', 'a 1'])
  expect(a!.status.connected).toBe(true)
})

test('a broken stream ends for all rooms, and one stream resumes them all', async () => {
  await enterAll('a', 'b')
  server.set('b', 'x', 1)
  await pass()
  log.length = 0
  only().end()
  await pass()
  server.set('a', 'x', 1)
  expect(log).toEqual(['a is lost', 'b is lost'])
  await pass(600)
  expect(server.asked).toEqual(['a b from e1-0.1'])
  expect(log.slice(2)).toEqual(['a 1'])
})

test('while the server is unreachable, each attempt is one request', async () => {
  const rooms = await enterAll('a', 'b', 'c')
  let chance = 0
  vi.mocked(Math.random).mockImplementation(() => (chance = (chance + 0.37) % 1))
  server.down = true
  only().end()
  await pass(5000)
  expect(server.asked.length).toBeGreaterThan(1)
  expect(new Set(server.asked)).toEqual(new Set(['a b c from e1-0.0.0']))
  server.down = false
  await pass(30_000)
  expect(rooms.every(({ status }) => status.connected)).toBe(true)
})

test('a server that shuts down names the time after which all rooms reconnect', async () => {
  await enterAll('a', 'b')
  only().send('reconnect', { afterMs: 3000 })
  await pass(2999)
  expect(server.asked).toEqual([])
  await pass(30)
  expect(server.asked).toEqual(['a b from e1-0.0'])
})

test.each([
  { code: 'forbidden', status: 403, retryable: false },
  { code: 'initial_state_unavailable', status: 503, retryable: true }
])('a room that is refused ($code) does not delay the others', async (why) => {
  server.refused.set('b', why)
  start()
  const [a, b, c] = [enter('a'), enter('b'), enter('c')]
  await pass(60)
  expect(server.asked).toEqual(['a b c', 'a c'])
  expect([a, b, c].map(({ status }) => status.connected)).toEqual([true, false, true])
  expect(log).toEqual([`b ${why.code}`])

  server.refused.clear()
  for (let n = 0; n < 7; n++) {
    await pass(10_000)
    for (const { send } of server.open) send('presence', { room: 'a', users: [] })
  }
  expect(server.asked.at(-1)).toBe('a c b from e1-0.0._')
  expect(b.status.connected).toBe(true)
  expect(log).toEqual([`b ${why.code}`])
})

test('a problem that names a room ends the stream for that room', async () => {
  await enterAll('a', 'b', 'c')
  const stream = only()
  stream.send('problem', { title: 'No', code: 'forbidden', status: 403, retryable: false, rooms: ['b'] })
  stream.end()
  await gathered()
  expect(server.asked).toEqual(['a c from e1-0.0'])
  expect(log).toEqual(['b is lost', 'b forbidden'])
})

test('a problem that names no room ends the stream for all rooms', async () => {
  await enterAll('a', 'b')
  only().send('problem', { title: 'No', code: 'stream_replaced', status: 409, retryable: false })
  await pass()
  expect(log).toEqual(['a is lost', 'a stream_replaced', 'b is lost', 'b stream_replaced'])
})

test('a malformed event affects only its room', async () => {
  await enterAll('a', 'b')
  only().send('delta', { room: 'b', serverSeq: 1 }, 'e1-0.1')
  server.set('a', 'x', 1)
  await pass(1100)
  expect(log).toEqual(['b is lost', 'b protocol', 'a 1'])
  expect(server.asked.at(-1)).toBe('a b from e1-1.0')
})

test.each([
  ['cannot be read', (send: (...event: [string, unknown, string?]) => void) => send('delta', '{"room":', 'e1-1.0')],
  ['has no room', (send: (...event: [string, unknown, string?]) => void) => send('delta', { serverSeq: 1 }, 'e1-1.0')]
])('an event that %s ends the stream for all rooms', async (_, say) => {
  await enterAll('a', 'b')
  say(only().send)
  await pass(600)
  expect(log).toEqual(['a is lost', 'a protocol', 'b is lost', 'b protocol'])
  expect(server.asked).toEqual(['a b from e1-0.0'])
})

test('an id with too few positions is malformed', async () => {
  await enterAll('a', 'b')
  only().send('delta', { room: 'b', key: 'default', serverSeq: 1, clientId: 'bob', ops: [] }, 'e1-1')
  await pass()
  expect(log).toEqual(['b is lost', 'b protocol'])
})

test('events of a room that was left, or never entered, are ignored', async () => {
  const [, b] = await enterAll('a', 'b')
  b!.leave()
  only().send('delta', { room: 'b' }, 'e1-0.1')
  only().send('delta', { room: 'x' }, 'e1-0.1')
  await gathered()
  expect(log).toEqual(['b is lost'])
})

test('after the history was lost, all rooms load whole state', async () => {
  const [a, b] = await enterAll('a', 'b')
  server.set('a', 'x', 1)
  server.set('b', 'x', 1)
  await pass()
  for (const name of ['a', 'b']) server.room(name).wipe()
  server.set('a', 'x', 7)
  only().end()
  await pass(5000)
  expect(stateOf(a!)).toEqual({ x: 7 })
  expect(b!.status.connected).toBe(true)
  expect(server.open.size).toBe(1)
  server.set('b', 'y', 3)
  await pass()
  expect(stateOf(b!)).toEqual({ y: 3 })
})

test.each([
  ['the second room', 'b', 'a b from e2-1._'],
  ['the first room', 'a', 'a b from e2-_.1']
])('only the room with a position of a lost history (%s) loads whole state; the other resumes', async (_, late, asked) => {
  const rooms = await enterAll('a', 'b')
  for (const name of ['a', 'b']) {
    server.set(name, 'x', 1)
    await pass()
    server.room(name).wipe()
    server.set(name, 'x', 7)
  }
  server.refused.set(late, { code: 'initial_state_unavailable', status: 503, retryable: true })
  only().end()
  await pass(600)
  expect(rooms.filter(({ status }) => status.connected).map(({ name }) => name)).toEqual([late === 'a' ? 'b' : 'a'])
  client.disconnect()
  server.refused.clear()
  client.connect()
  await gathered()
  expect(server.asked.at(-1)).toBe(asked)
  expect(rooms.map(stateOf)).toEqual([{ x: 7 }, { x: 7 }])
})

test('a live room whose history was lost while the stream is reopened shows the new state', async () => {
  const [a] = await enterAll('a', 'b')
  server.set('a', 'x', 1)
  await pass()
  log.length = 0
  server.room('a').wipe()
  server.set('a', 'x', 7)
  enter('c')
  await pass(2000)
  expect(log.filter((line) => line === 'a is lost')).toEqual(['a is lost'])
  expect(stateOf(a!)).toEqual({ x: 7 })
})

test('more than 32 rooms use several streams, and a new room reopens only one of them', async () => {
  const names = Array.from({ length: 40 }, (_, n) => `r${n}`)
  const rooms = await enterAll(...names)
  expect([...server.open].map(({ rooms }) => rooms.length)).toEqual([32, 8])
  expect(rooms.every(({ status }) => status.connected)).toBe(true)
  enter('new')
  await gathered()
  expect(server.asked.map((asked) => asked.split(' from ')[0]!.split(' ').length)).toEqual([9])
  for (const room of rooms.slice(0, 30)) room.leave()
  await gathered()
  expect([...server.open].map(({ rooms }) => rooms.length)).toEqual([11])
})

test('a silent stream counts as dead for all of its rooms', async () => {
  await enterAll('a', 'b')
  await pass(37_500 + 100)
  expect(server.asked).toEqual(['a b from e1-0.0'])
})

test('bytes of one room keep the stream of all rooms alive', async () => {
  await enterAll('a', 'b')
  for (let n = 1; n <= 6; n++) {
    await pass(15_000)
    server.set('a', 'x', n)
  }
  await pass()
  expect(server.asked).toEqual([])
})

test('a room that is catching up when another is entered starts again', async () => {
  start()
  server.set('a', 'x', 1)
  const a = enter('a')
  await gathered()
  const b = enter('b')
  await gathered()
  expect([a, b].map(({ status }) => status.connected)).toEqual([true, true])
  expect(stateOf(a)).toEqual({ x: 1 })
  expect(server.open.size).toBe(1)
})

test('disconnect ends the stream, and connect opens one again', async () => {
  await enterAll('a', 'b')
  client.disconnect()
  await pass()
  expect(server.open.size).toBe(0)
  client.connect()
  await gathered()
  expect(server.asked).toEqual(['a b from e1-0.0'])
})

/** The browser's `EventSource`, on the same server. */
class ModelEventSource {
  onopen = () => {}
  onerror = () => {}
  closed = false
  stop = () => {}
  readonly listeners = new Map<string, (event: { data: string; lastEventId: string }) => void>()
  constructor(address: string) {
    const url = new URL(address)
    server.note(url)
    void Promise.resolve().then(() => {
      if (this.closed) return
      const { searchParams, pathname } = url
      if (
        [...server.refused.keys()].some((name) => searchParams.getAll('room').includes(name) || pathname.includes(`/${name}/`))
      )
        return this.onerror()
      this.onopen()
      const send = (type: string, data: unknown, lastEventId = '') =>
        this.closed || this.listeners.get(type)?.({ data: JSON.stringify(data), lastEventId })
      this.stop = server.start(url, send, () => this.onerror())
    })
  }
  addEventListener(type: string, listener: (event: { data: string; lastEventId: string }) => void) {
    this.listeners.set(type, listener)
  }
  close() {
    this.closed = true
    this.stop()
  }
}

test('EventSource: rooms share one stream', async () => {
  vi.stubGlobal('EventSource', ModelEventSource)
  start({ transport: 'eventsource' })
  const [a, b] = [enter('a'), enter('b')]
  await gathered()
  server.set('b', 'x', 1)
  await pass()
  enter('c')
  await gathered()
  server.set('a', 'x', 2)
  await pass()
  expect(server.asked).toEqual(['a b', 'a b c from e1-0.1._'])
  expect([stateOf(a), stateOf(b)]).toEqual([{ x: 2 }, { x: 1 }])
  expect(log).toEqual(['b 1', 'a 1'])
})

test('EventSource: when a shared stream cannot be opened, each room is tried alone, and accepted rooms share again', async () => {
  vi.stubGlobal('EventSource', ModelEventSource)
  server.refused.set('b', { code: 'forbidden', status: 403, retryable: false })
  start({ transport: 'eventsource' })
  const [a, b, c] = [enter('a'), enter('b'), enter('c')]
  await pass(1500)
  expect(server.asked.slice(0, 4)).toEqual(['a b c', 'a', 'b', 'c'])
  expect([a, b, c].map(({ status }) => status.connected)).toEqual([true, false, true])
  expect([...server.open].map(({ rooms }) => rooms.join(' '))).toEqual(['a c'])
})
