// The status of a room, and when it changes.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import type { Client, Room } from '../../../src/types.ts'
import { createFakeServer } from './fake-server.ts'
import { address, frame, problem, scriptedServer, scriptedStream, silence } from './server.ts'

let client: Client

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  client.close()
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

/** The values of `status` in the order in which they came. */
function statuses(room: Room): string[] {
  const seen: string[] = [room.status.status]
  room.on('status', ({ status }) => {
    if (seen.at(-1) !== status) seen.push(status)
  })
  return seen
}

test('a room connects, and is online when it has caught up', async () => {
  const server = createFakeServer()
  client = createClient({ url: 'http://fake', fetch: server.fetch })
  const room = client.room('r')
  const seen = statuses(room)
  await pass()
  expect(seen).toEqual(['connecting', 'online'])
  client.disconnect()
  client.connect()
  await pass()
  expect(seen).toEqual(['connecting', 'online', 'offline', 'connecting', 'online'])
})

test('a room is offline while attempts fail, without a change at each of them', async () => {
  const server = createFakeServer()
  client = createClient({ url: 'http://fake', fetch: server.fetch })
  const room = client.room('r')
  await pass()
  const seen = statuses(room)
  server.down()
  await pass(60_000)
  expect(seen).toEqual(['online', 'connecting', 'offline'])
  expect(room.status).toMatchObject({ code: 'network', error: expect.any(String) })
  server.up()
  await pass(35_000)
  expect(seen).toEqual(['online', 'connecting', 'offline', 'connecting', 'online'])
  expect(room.status).toMatchObject({ code: null, error: null })
})

test('a room tells when the next attempt begins, while it waits for one', async () => {
  const server = createFakeServer()
  client = createClient({ url: 'http://fake', fetch: server.fetch })
  const room = client.room('r')
  await pass()
  expect(room.retryInMs).toBeUndefined()
  server.down()
  await pass(60_000)
  const left = room.retryInMs
  expect(left).toBeGreaterThan(0)
  expect(left).toBeLessThanOrEqual(30_000)
  await pass(left! / 2)
  expect(room.retryInMs).toBeCloseTo(left! / 2)
  server.up()
  await pass(left! / 2)
  expect(room.status.status).toBe('online')
  expect(room.retryInMs).toBeUndefined()
})

test('a room stays online when the server ends its stream in favour of another one', async () => {
  const streams: ReturnType<typeof scriptedStream>[] = []
  const server = scriptedServer(({ url, signal }) => {
    if (!url.pathname.endsWith('/events')) return silence()
    const stream = scriptedStream()
    streams.push(stream)
    return stream.response(signal)
  })
  client = createClient({ url: address, fetch: server.fetch })
  const room = client.room('r')
  const seen = statuses(room)
  const upToDate = frame('up-to-date', { room: 'r', epoch: 'e1', serverSeq: 0 }, 'e1-0')
  await pass()
  streams[0]!.write(upToDate)
  await pass()
  streams[0]!.write(frame('reconnect', { afterMs: 0 }))
  await pass()
  streams[1]!.write(upToDate)
  await pass()
  expect(seen).toEqual(['connecting', 'online', 'connecting', 'online'])
})

test('a room that the server refuses is offline, with the code of the refusal', async () => {
  const server = scriptedServer(({ url }) => (url.pathname.endsWith('/events') ? problem('forbidden', 403, false) : silence()))
  client = createClient({ url: address, fetch: server.fetch })
  const room = client.room('r')
  await pass()
  expect(room.status).toMatchObject({
    status: 'offline',
    connected: false,
    code: 'forbidden',
    error: 'Changes of others cannot be received: It is forbidden. The connection is tried again.'
  })
})

test('a room is read-only once it has caught up, also if the presence list comes later', async () => {
  let stream = scriptedStream()
  const server = scriptedServer(({ url, signal }) => {
    if (!url.pathname.endsWith('/events')) return silence()
    stream = scriptedStream()
    return stream.response(signal)
  })
  client = createClient({ url: address, fetch: server.fetch })
  const room = client.room('r')
  await pass()
  stream.write(frame('up-to-date', { room: 'r', epoch: 'e1', serverSeq: 0, readOnly: true }, 'e1-0'))
  await pass()
  expect(room.status).toMatchObject({ status: 'online', readOnly: true })
  stream.write(frame('presence', { room: 'r', users: [] }))
  await pass()
  expect(room.status).toMatchObject({ status: 'online', readOnly: false })
})
