// Presence that the server or a proxy refuses: documents are synced nevertheless.
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe } from 'vitest'
import type { SyncErrorEvent } from '../../../src/index.ts'
import { test, type World } from '../harness/world.ts'

const page = (status: number) => new Response('<title>No</title>', { status, headers: { 'Content-Type': 'text/html' } })

/** The answer of a proxy to a request; undefined if it passes the request on. */
type Middlebox = (method: string, path: string) => Response | undefined

/** Ada is behind a middlebox, Bob is not. */
async function startTwo(world: World, middlebox: Middlebox, displayName = 'Ada', flags: string[] = []) {
  const server = await world.server(...flags)
  const behind = (input: string, init: RequestInit = {}) => {
    const answer = middlebox(init.method ?? 'GET', new URL(input).pathname)
    return answer ? Promise.resolve(answer) : fetch(input, init)
  }
  const ada = world.client(server, { clientId: 'ada', displayName, fetch: behind as typeof fetch }).room('r')
  const bob = world.client(server, { clientId: 'bob' }).room('r')
  const errors: SyncErrorEvent[] = []
  ada.on('error', (error) => errors.push(error))
  const [adas, bobs] = [ada.document(), bob.document()]
  await Promise.all([adas.ready, bobs.ready])
  const seen = () => bob.users.find(({ clientId }) => clientId === 'ada')
  return { ada, bob, adas, bobs, errors, seen }
}

describe.concurrent('presence', () => {
  test.for([
    ['half an emoji', 'Ada \ud83d', 'Ada \ufffd'],
    ['a line end', 'Ada\nLovelace', 'Ada Lovelace'],
    ['300 characters', 'x'.repeat(300), 'x'.repeat(255)]
  ])('with a display name with %s is repaired, and documents are synced', async ([, given, shown], { world, expect }) => {
    const { adas, bobs, errors, seen } = await startTwo(world, () => undefined, given)
    adas.replace({ title: 'Kept' })
    await expect.poll(() => bobs.state).toEqual({ title: 'Kept' })
    await expect.poll(() => seen()?.displayName).toBe(shown)
    expect(errors).toMatchObject([{ code: 'invalid_value', path: 'presence.displayName' }])
  })

  test('with a meta of 4 KiB is shared; of a larger one, only the field', async ({ world, expect }) => {
    const { ada, errors, seen } = await startTwo(world, () => undefined)
    ada.setPresence({ field: 'a', meta: `${'é'.repeat(2046)}\n` })
    await expect.poll(() => seen()?.meta).toBe(`${'é'.repeat(2046)}\n`)
    ada.setPresence({ field: 'b', meta: { text: 'x'.repeat(4096) } })
    await expect.poll(() => seen()).toMatchObject({ field: 'b' })
    expect(seen()?.meta).toBeUndefined()
    expect(errors).toMatchObject([{ code: 'invalid_value', path: 'presence.meta' }])
  })

  test('is sent by POST where PUT and DELETE are blocked, as by IIS with WebDAV', async ({ world, expect }) => {
    const { ada, adas, bobs, seen } = await startTwo(world, (method) =>
      method === 'PUT' || method === 'DELETE' ? page(405) : undefined
    )
    ada.setPresence({ field: 'title' })
    await expect.poll(() => seen()?.field).toBe('title')
    adas.replace({ n: 1 })
    await expect.poll(() => bobs.state).toEqual({ n: 1 })
    ada.leave()
    await expect.poll(() => seen()).toBeUndefined()
  })

  test.for([400, 403, 404, 405, 413, 422, 429, 500, 502, 200])(
    'that is answered by %i and a page is reported once, and documents are synced',
    async (status, { world, expect }) => {
      const { ada, adas, bobs, errors } = await startTwo(world, (_, path) =>
        path.includes('/presence') ? page(status) : undefined
      )
      ada.setPresence({ field: 'title' })
      await expect.poll(() => errors.map(({ code }) => code)).toEqual(['presence'])
      for (let n = 0; n < 3; n++) {
        adas.replace({ n })
        await expect.poll(() => bobs.state).toEqual({ n })
      }
      expect(ada.status).toMatchObject({ connected: true, pendingChanges: 0, error: null })
      expect(errors).toHaveLength(1)
    }
  )

  test('with a name that a firewall refuses in addresses: the stream is opened without it, and presence has the name', async ({
    world,
    expect
  }) => {
    const server = await world.server()
    const firewall = ((input: string, init?: RequestInit) =>
      input.includes('displayName=') ? Promise.resolve(page(403)) : fetch(input, init)) as typeof fetch
    const ada = world.client(server, { clientId: 'ada', displayName: "O'Brien <ada>", fetch: firewall }).room('r')
    await expect.poll(() => ada.status.connected).toBe(true)
    await expect.poll(() => ada.users[0]?.displayName).toBe("O'Brien <ada>")
    expect(ada.status.error).toBeNull()
  })

  test('of a polling client is renewed within a short lease', async ({ world, expect }) => {
    const { ada, bob, seen } = await startTwo(world, (_, path) => (path.endsWith('/events') ? page(403) : undefined), 'Ada', [
      '--presence-timeout-ms',
      '1500'
    ])
    await expect.poll(() => ada.status.connected).toBe(true)
    await expect.poll(() => seen()?.displayName).toBe('Ada')
    let gone = 0
    const since = performance.now()
    bob.on('presence', (users) => (gone += users.some(({ clientId }) => clientId === 'ada') ? 0 : 1))
    await expect.poll(() => performance.now() > since + 6000, { timeout: 20_000 }).toBe(true)
    expect(gone).toBe(0)
  })
})

test('a redirect to another address that turns POST into GET names the address, and the change is kept', async ({
  world,
  expect
}) => {
  const server = await world.server()
  const moved = createServer((request, response) => response.writeHead(301, { Location: server.url + request.url }).end())
  moved.listen(0, '127.0.0.1')
  await once(moved, 'listening')
  world.defer(() => {
    moved.closeAllConnections()
    moved.close()
  })
  const room = world.client({ url: `http://127.0.0.1:${(moved.address() as AddressInfo).port}` }).room('r')
  const board = room.document()
  await board.ready
  board.replace({ n: 1 })
  await expect.poll(() => room.status.error).toContain(`the server has moved to ${server.url}: give that address as \`url\``)
  expect(room.status).toMatchObject({ pendingChanges: 1, rejectedChanges: 0 })
})
