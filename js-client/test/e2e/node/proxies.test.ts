// Proxies that answer instead of the server, and those that do not let streams through.
import { describe, type ExpectStatic } from 'vitest'
import type { Document, Json } from '../../../src/index.ts'
import { badGateway, response } from '../harness/crowd.ts'
import type { Fault } from '../harness/hostile.ts'
import { test, type World } from '../harness/world.ts'

/** Detecting buffered streams takes 30 s, and their recovery 60 s, so these cases run only in soaks. */
const soaking = !!process.env.PATHSYNC_SOAK
const streamFaults = soaking
  ? ([
      ['end', 'cut'],
      ['swallow', 'buffered']
    ] as const)
  : ([['end', 'cut']] as const)

/** Ada is behind the proxy, Bob is not. */
async function startTwo(world: World) {
  const server = await world.server()
  const proxy = await world.relay(server)
  const ada = world.client(proxy, { clientId: 'ada' }).room('r')
  const bob = world.client(server, { clientId: 'bob' }).room('r')
  return { server, proxy, ada, bob, adas: ada.document(), bobs: bob.document() }
}

// The tests wait most of the time, so they run concurrently.
describe.concurrent('behind a proxy', () => {
  test.for([
    ['502 and a page', badGateway],
    ['200 and a login page', response('200 OK', 'text/html', '<form>Sign in</form>')],
    ['503 and other JSON', response('503 Service Unavailable', 'application/json', '{"message":"no healthy upstream"}')]
  ] as const)('that answers %s, no change is lost, and an error is shown', async ([, answer], { world, expect }) => {
    const { proxy, ada, adas, bobs } = await startTwo(world)
    await adas.ready
    proxy.set({ answer })
    proxy.cut()
    adas.replace({ title: 'Kept' })
    await expect.poll(() => ada.status).toMatchObject({ connected: false, pendingChanges: 1 })
    await expect.poll(() => ada.status.error).toBeTruthy()
    expect(adas.state).toEqual({ title: 'Kept' })

    proxy.heal()
    await expect.poll(() => bobs.state).toEqual({ title: 'Kept' })
    await expect.poll(() => ada.status).toMatchObject({ connected: true, pendingChanges: 0, error: null })
  })

  test('that loses the answer to a batch, the batch is sent again and takes effect once', async ({ world, expect }) => {
    const { server, proxy, ada, adas, bobs } = await startTwo(world)
    await adas.ready
    proxy.set({ loseAnswers: 1 })
    adas.replace({ list: [{ _sync_id: 'only', text: 'Once' }] })
    await expect.poll(() => proxy.lost).toBeGreaterThan(0)
    proxy.heal()
    await expect.poll(() => ada.status.pendingChanges).toBe(0)
    await expect.poll(() => bobs.state).toEqual({ list: [{ _sync_id: 'only', text: 'Once' }] })
    expect((await server.history('r')).length).toBe(1)
  })

  test('that stalls, a stream is closed after 2.5 heartbeats', async ({ world, expect }) => {
    const server = await world.server('--heartbeat-ms', '400')
    const proxy = await world.relay(server)
    const ada = world.client(proxy, { heartbeatMs: 400 }).room('r')
    await expect.poll(() => ada.status.connected).toBe(true)
    proxy.set({ stall: true })
    await expect.poll(() => ada.status.connected).toBe(false)
    proxy.heal()
    await expect.poll(() => ada.status.connected).toBe(true)
  })

  test.for(streamFaults)(
    'with the stream fault %s, a client polls and reports the cause',
    { timeout: 180_000 },
    async ([streams, recipe], { world, expect }) => {
      const server = await world.server()
      const proxy = await world.relay(server)
      proxy.set({ streams })
      const client = world.client(proxy, { clientId: 'ada', displayName: 'Ada' })
      const ada = client.room('r')
      const bob = world.client(server, { clientId: 'bob' }).room('r')
      const [adas, bobs] = [ada.document(), bob.document()]
      bobs.replace({ from: 'Bob' })
      await expect.poll(() => adas.state, { timeout: 60_000 }).toEqual({ from: 'Bob' })
      await expect.poll(() => ada.status.connected).toBe(true)
      expect(proxy.streams).toBe(0)
      await expect.poll(() => ada.status.error).toContain(`docs/run/proxies.md#${recipe}`)

      adas.replace({ from: 'Ada' })
      await expect.poll(() => bobs.state).toEqual({ from: 'Ada' })
      bobs.replace({ from: 'Bob again' })
      await expect.poll(() => adas.state).toEqual({ from: 'Bob again' })
      await expect.poll(() => bob.users.map((user) => user.displayName)).toContain('Ada')
      await expect.poll(() => ada.users.length).toBe(2)

      // The client retries streams after a minute. A reconnect does so at once.
      proxy.heal()
      if (!soaking) {
        client.disconnect()
        client.connect()
      }
      await expect.poll(() => proxy.streams, { timeout: 90_000 }).toBe(1)
      bobs.replace({ from: 'Bob, streaming' })
      await expect.poll(() => adas.state).toEqual({ from: 'Bob, streaming' })
      expect(ada.status.error).toBeNull()
    }
  )
})

/** Ada is behind a faulty proxy, Bob is not. */
async function startBehind(world: World, fault: Fault, room = 'r') {
  const server = await world.server()
  const proxy = await world.hostile(server, fault)
  const conflicts: unknown[] = []
  const ada = world.client(proxy, { clientId: 'ada' }).room(room)
  ada.on('conflict', (conflict) => void conflicts.push(conflict))
  const bob = world.client(server, { clientId: 'bob' }).room(room)
  return { server, proxy, conflicts, ada, bob, adas: ada.document(), bobs: bob.document() }
}

const item = (id: string) => ({ _sync_id: id, text: id.repeat(500) })

/** Both add items in turns, each one in a separate batch. Returns the state that they should end with. */
async function addInTurns(expect: ExpectStatic, { adas, bobs }: { adas: Document; bobs: Document }, rounds: number) {
  await Promise.all([adas.ready, bobs.ready])
  const list: Json[] = []
  for (let i = 0; i < rounds; i++) {
    const added = item(`${i}.`)
    list.push(added)
    const [from, to] = i % 2 ? [adas, bobs] : [bobs, adas]
    from.replace({ list: [...list] })
    await expect.poll(() => to.state).toEqual({ list })
  }
  return { list }
}

describe.concurrent('behind a proxy that violates HTTP, no change is lost or duplicated:', () => {
  test.for(['cuts events', 'doubles posts', 'merges headers'] as const)('it %s', async (fault, { world, expect }) => {
    const two = await startBehind(world, fault)
    const state = await addInTurns(expect, two, 12)
    await expect.poll(() => two.ada.status).toMatchObject({ connected: true, pendingChanges: 0 })
    expect(two.proxy.struck).toBeGreaterThan(2)
    expect(two.adas.state).toEqual(state)
    expect(two.conflicts).toEqual([])
    // One batch for each item, and each item once: a later client gets the same state.
    expect(await two.server.history('r')).toHaveLength(12)
    expect((await two.server.snapshot('r')).stores.default?.state).toEqual(state)
  })

  test('it strips Last-Event-ID', async ({ world, expect }) => {
    const two = await startBehind(world, 'strips Last-Event-ID')
    await addInTurns(expect, two, 4)
    for (let i = 0; i < 3; i++) {
      two.bobs.replace({ ...(two.bobs.state as object), fromBob: i })
      two.proxy.cut()
      two.adas.replace({ ...(two.adas.state as object), fromAda: i })
      await expect.poll(() => two.adas.state).toMatchObject({ fromAda: i, fromBob: i })
      await expect.poll(() => two.bobs.state).toEqual(two.adas.state)
    }
    expect(two.proxy.struck).toBeGreaterThan(0)
    expect(two.conflicts).toEqual([])
    expect((two.adas.state as { list: unknown[] }).list).toHaveLength(4)
  })

  test('it rewrites %2F, and an error is shown', async ({ world, expect }) => {
    const { server, proxy, ada, bob, adas, bobs } = await startBehind(world, 'rewrites %2F', 'a/b')
    adas.replace({ title: 'Kept' })
    await expect.poll(() => ada.status).toMatchObject({ connected: false, pendingChanges: 1 })
    await expect.poll(() => ada.status.error).toBeTruthy()
    expect(proxy.struck).toBeGreaterThan(0)
    expect(bob.status.error).toBeNull()
    expect((await server.snapshot('a/b')).serverSeq).toBe(0)

    proxy.heal()
    await expect.poll(() => bobs.state).toEqual({ title: 'Kept' })
    await expect.poll(() => ada.status).toMatchObject({ connected: true, pendingChanges: 0, error: null })
    expect(await server.history('a/b')).toHaveLength(1)
  })
})

/** These tests take minutes, so they run only in soaks. */
describe.runIf(soaking).concurrent('over a slow link', { timeout: 300_000 }, () => {
  const large = (items: number) => ({ list: Array.from({ length: items }, (_, i) => item(`${i}.`)) })
  const within = { timeout: 240_000, interval: 200 }

  test('of 80 kB/s, 900 kB of offline changes are delivered', async ({ world, expect }) => {
    const { proxy, ada, adas, bobs } = await startTwo(world)
    await adas.ready
    proxy.set({ bytesPerSecond: 80_000 })
    const state = large(500)
    adas.replace(state)
    await expect.poll(() => ada.status.pendingChanges, within).toBe(0)
    expect(ada.status.rejectedChanges).toBe(0)
    await expect.poll(() => bobs.state).toEqual(state)
  })

  test.for(['pass', 'end'] as const)('of 100 kB/s, 4 MB are loaded (streams: %s)', async (streams, { world, expect }) => {
    const { proxy, bob, bobs } = await startTwo(world)
    const state = large(2000)
    bobs.replace(state)
    await bob.flush()
    proxy.set({ bytesPerSecond: 100_000, streams })
    const eve = world.client(proxy, { clientId: 'eve' }).room('r').document()
    await expect.poll(() => eve.state, within).toEqual(state)
  })
})
