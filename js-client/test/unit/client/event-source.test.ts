import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { delta, follow, upToDate } from './follower.ts'
import { json, problem } from './server.ts'

/** The part of the browser's `EventSource` that the client uses. */
class ScriptedEventSource {
  static all: ScriptedEventSource[] = []
  listeners = new Map<string, (event: { data: string; lastEventId: string }) => void>()
  onopen = () => {}
  onerror = () => {}
  closed = false
  readonly url: URL
  readonly options: EventSourceInit
  constructor(url: string, options: EventSourceInit) {
    this.url = new URL(url)
    this.options = options
    ScriptedEventSource.all.push(this)
  }

  addEventListener(type: string, listener: (event: { data: string; lastEventId: string }) => void) {
    this.listeners.set(type, listener)
  }

  close() {
    this.closed = true
  }

  say(type: string, data: unknown, lastEventId = '') {
    if (!this.closed) this.listeners.get(type)?.({ data: JSON.stringify(data), lastEventId })
  }
}

const sources = ScriptedEventSource.all
let room: ReturnType<typeof follow>

// Loading takes real time.
beforeAll(() =>
  Promise.all([
    import('../../../src/client/transport/event-source.ts'),
    import('../../../src/client/transport/fallback.ts'),
    import('../../../src/client/transport/poll.ts')
  ])
)
beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000 })
  vi.stubGlobal('EventSource', ScriptedEventSource)
  room = follow({ transport: 'eventsource', displayName: 'Ada' })
  await room.pass()
})
afterEach(async () => {
  room.connection.stop()
  await room.pass()
  expect(vi.getTimerCount()).toBe(0)
  expect(sources.every(({ closed }) => closed)).toBe(true)
  expect(room.server.waiting).toBe(0)
  sources.length = 0
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const newest = () => sources.at(-1) ?? expect.fail()
async function catchUp(serverSeq = 3) {
  newest().onopen()
  newest().say('up-to-date', upToDate(serverSeq))
  await room.pass()
}
const changes = (next: string) => () => json({ room: 'board', epoch: 'e1', changes: [], next, upToDate: true })

test('an EventSource sends cookies, and resumes from the position in its address', async () => {
  await catchUp()
  newest().say('delta', delta(4), 'e1-4')
  newest().say('weather', 'rain')
  newest().onerror()
  await room.pass(1000)
  expect(room.heard()).toEqual(['opening', 'events up-to-date', 'events delta 4', 'lost'])
  expect(sources.map(({ url }) => url.search)).toEqual([
    '?clientId=ada&displayName=Ada',
    '?clientId=ada&displayName=Ada&last_event_id=e1-4'
  ])
  expect(newest().options).toEqual({ withCredentials: true })
  expect(room.server.asked).toEqual([])
})

test('a failed EventSource is reported, and retried with backoff', async () => {
  newest().onerror()
  await room.pass(1000)
  expect(room.heard()).toEqual(['failed network: the stream could not be opened'])
  expect(sources.map(({ closed }) => closed)).toEqual([true, false])
})

test('a malformed event reopens the EventSource', async () => {
  await catchUp()
  newest().say('delta', { serverSeq: 4 })
  newest().say('delta', delta(5))
  await room.pass(1000)
  expect(room.heard()).toEqual([
    'opening',
    'events up-to-date',
    'lost',
    'failed protocol: an event cannot be read (malformed delta)'
  ])
  expect(sources).toHaveLength(2)
})

test('after 2.5 heartbeats without an event, the EventSource stays open if no change was missed', async () => {
  await catchUp(3)
  room.routes.changes = changes('e1-3')
  await room.pass(37_500 * 4)
  expect(room.server.asked.map(({ url }) => url.search)).toEqual(Array(4).fill('?after=e1-3'))
  expect(sources).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(1)
})

test.each([
  ['something has been missed', changes('e1-4')],
  ['the position is gone', () => problem('position_gone', 410, false)],
  ['there is no answer', () => Promise.reject(new TypeError('Failed to fetch'))]
])('after 2.5 heartbeats without an event, when %s, it is reopened at once', async (_, answer) => {
  await catchUp(3)
  room.routes.changes = answer
  await room.pass(37_501)
  expect(sources.map(({ closed }) => closed)).toEqual([true, false])
})

test('after three silent ones in a row, the room is polled', async () => {
  room.routes.changes = changes('e1-0')
  room.routes.room = () => json({ room: 'board', epoch: 'e1', serverSeq: 0, stores: {} })
  await room.pass(10_000 + 1000 + 10_000 + 2000 + 10_000 + 1)
  expect(room.polling).toBe(true)
  expect(sources).toHaveLength(3)
})

test('without EventSource in the environment, an error is reported', async () => {
  room.connection.stop()
  vi.stubGlobal('EventSource', undefined)
  room = follow({ transport: 'eventsource' })
  await room.pass()
  expect(room.heard()).toEqual([expect.stringMatching(/^failed protocol: the stream cannot be read .EventSource is not/)])
})

test('an EventSource that is stopped before it opens is closed', async () => {
  room.connection.stop()
  room = follow({ transport: 'eventsource' })
  room.connection.stop()
  await room.pass()
  expect(sources.map(({ closed }) => closed)).toEqual([true, true])
})
