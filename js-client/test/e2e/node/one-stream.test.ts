import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { test } from '../harness/world.ts'

test('two rooms over one stream resume when a third is entered, and after the server is killed', async ({ world }) => {
  const server = await world.server()
  const streams: string[] = []
  const counting: typeof fetch = (input, init) => {
    const { pathname, search } = new URL(String(input))
    if (pathname.endsWith('/events')) streams.push(pathname + search)
    return fetch(input, init)
  }
  const ada = world.client(server, { clientId: 'ada', oneStream: true, fetch: counting })
  const bob = world.client(server, { clientId: 'bob' })
  const enter = (name: string) => {
    const room = ada.room(name)
    const writer = bob.room(name)
    return { room, writer, read: room.document<object>(), written: writer.document<object>() }
  }
  const [a, b] = [enter('a'), enter('b')]
  const expectEqual = async (...rooms: ReturnType<typeof enter>[]) => {
    const same = () => rooms.map(({ read, written }) => isDeepStrictEqual(read.state, written.state))
    await expect.poll(same, { timeout: 15_000 }).toEqual(rooms.map(() => true))
  }
  await Promise.all([a, b].flatMap(({ read, written }) => [read.ready, written.ready]))
  expect(streams).toEqual(['/v1/events?room=a&room=b&clientId=ada'])
  a.written.replace({ n: 1 })
  b.written.replace({ n: 1 })
  await expectEqual(a, b)

  const states: boolean[] = []
  a.room.on('status', ({ connected }) => states.push(connected))
  const c = enter('c')
  for (let n = 2; n < 40; n++) {
    a.written.replace({ n })
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all([c.read.ready, c.written.ready])
  c.written.replace({ n: 1 })
  await expectEqual(a, b, c)
  expect(streams).toHaveLength(2)
  expect(states).not.toContain(false)

  await server.kill()
  b.written.replace({ n: 2, offline: true })
  a.read.replace({ n: 3, offline: true })
  await server.start()
  await Promise.all([a.room.flush(), b.writer.flush()])
  await expectEqual(a, b, c)
  expect([a, b].map(({ read }) => read.state)).toEqual([
    { n: 3, offline: true },
    { n: 2, offline: true }
  ])
  await expect.poll(() => c.room.users.map(({ clientId }) => clientId).sort()).toEqual(['ada', 'bob'])
  expect(streams.every((stream) => stream.startsWith('/v1/events?'))).toBe(true)
})
