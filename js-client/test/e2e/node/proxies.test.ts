// Proxies that answer instead of the server, and those that do not let streams through.
import { describe } from 'vitest'
import { badGateway, response } from '../harness/crowd.ts'
import { test, type World } from '../harness/world.ts'

/** That streams are held back takes half a minute to be noticed, and that they are not any more, a minute: only in soaks. */
const soaking = !!process.env.PATHSYNC_SOAK
const streamFaults = soaking ? ([['end', 'cut'], ['swallow', 'buffered']] as const) : ([['end', 'cut']] as const)

/** Ada is behind the proxy, Bob is not. */
async function startTwo(world: World) {
  const server = await world.server()
  const proxy = await world.relay(server)
  const ada = world.client(proxy, { clientId: 'ada' }).room('r')
  const bob = world.client(server, { clientId: 'bob' }).room('r')
  return { server, proxy, ada, bob, adas: ada.document(), bobs: bob.document() }
}

// They wait most of the time, so they wait together.
describe.concurrent('behind a proxy', () => {
  test.for([
    ['502 and a page', badGateway],
    ['200 and a login page', response('200 OK', 'text/html', '<form>Sign in</form>')],
    ['503 and other JSON', response('503 Service Unavailable', 'application/json', '{"message":"no healthy upstream"}')]
  ] as const)('that answers %s, nothing is lost, and the user is told', async ([, answer], { world, expect }) => {
    const { proxy, ada, adas, bobs } = await startTwo(world)
    await adas.ready
    proxy.set({ answer })
    proxy.cut()
    adas.replace({ title: 'Kept' })
    await expect.poll(() => ada.status, { timeout: 10_000 }).toMatchObject({ connected: false, pendingChanges: 1 })
    await expect.poll(() => ada.status.error).toBeTruthy()
    expect(adas.state).toEqual({ title: 'Kept' })

    proxy.heal()
    await expect.poll(() => bobs.state, { timeout: 20_000 }).toEqual({ title: 'Kept' })
    await expect.poll(() => ada.status, { timeout: 20_000 }).toMatchObject({ connected: true, pendingChanges: 0, error: null })
  })

  test('that loses the answer to a batch, the batch is sent again and takes effect once', async ({ world, expect }) => {
    const { server, proxy, ada, adas, bobs } = await startTwo(world)
    await adas.ready
    proxy.set({ loseAnswers: 1 })
    adas.replace({ list: [{ _sync_id: 'only', text: 'Once' }] })
    await expect.poll(() => proxy.lost, { timeout: 20_000 }).toBeGreaterThan(0)
    proxy.heal()
    await expect.poll(() => ada.status.pendingChanges, { timeout: 20_000 }).toBe(0)
    await expect.poll(() => bobs.state).toEqual({ list: [{ _sync_id: 'only', text: 'Once' }] })
    expect((await server.history('r')).length).toBe(1)
  })

  test('that hangs without a word, a stream is given up after two and a half heartbeats', async ({ world, expect }) => {
    const server = await world.server('--heartbeat-ms', '400')
    const proxy = await world.relay(server)
    const ada = world.client(proxy, { heartbeatMs: 400 }).room('r')
    await expect.poll(() => ada.status.connected).toBe(true)
    proxy.set({ stall: true })
    await expect.poll(() => ada.status.connected, { timeout: 5_000 }).toBe(false)
    proxy.heal()
    await expect.poll(() => ada.status.connected, { timeout: 20_000 }).toBe(true)
  })

  test.for(streamFaults)('that does this to streams: %s, a client polls and says why', { timeout: 180_000 }, async ([streams, recipe], { world, expect }) => {
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
    await expect.poll(() => ada.status.error, { timeout: 20_000 }).toContain(`docs/proxies.md#${recipe}`)

    adas.replace({ from: 'Ada' })
    await expect.poll(() => bobs.state).toEqual({ from: 'Ada' })
    bobs.replace({ from: 'Bob again' })
    await expect.poll(() => adas.state).toEqual({ from: 'Bob again' })
    await expect.poll(() => bob.users.map(user => user.displayName), { timeout: 10_000 }).toContain('Ada')
    await expect.poll(() => ada.users.length, { timeout: 10_000 }).toBe(2)

    // It tries streams again, by and by. Who goes offline and back need not wait for that.
    proxy.heal()
    if (!soaking) {
      client.disconnect()
      client.connect()
    }
    await expect.poll(() => proxy.streams, { timeout: 90_000 }).toBe(1)
    bobs.replace({ from: 'Bob, streaming' })
    await expect.poll(() => adas.state).toEqual({ from: 'Bob, streaming' })
    expect(ada.status.error).toBeNull()
  })
})
