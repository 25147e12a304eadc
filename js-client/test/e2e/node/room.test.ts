import { expect } from 'vitest'
import { test } from '../harness/world.ts'

test('an empty room that two clients seed at once has one set of items', async ({ world }) => {
  const server = await world.server()
  const initial = () => ({ title: 'New', tasks: [{ text: 'First' }, { text: 'Second' }] })
  const documents = ['ada', 'bob'].map((clientId) =>
    world.client(server, { clientId }).room('new').document('default', { initial: initial() })
  )
  await Promise.all(documents.map((document) => document.ready))
  const stored = async () => (await server.snapshot('new')).stores.default?.state
  await expect.poll(stored).toMatchObject(initial())
  for (const document of documents) await expect.poll(() => document.state).toEqual(await stored())
  expect((await server.history('new')).flatMap(({ ops }) => ops).length).toBe(1)
})

test('a change of 5,000 items and more than 1 MB is delivered in several batches', async ({ world }) => {
  const server = await world.server()
  const [ada, bob] = ['ada', 'bob'].map((clientId) => world.client(server, { clientId }).room('large').document())
  if (!ada || !bob) throw new Error('two clients are needed')
  await ada.ready
  const items = Array.from({ length: 5_000 }, (_, n) => ({ _sync_id: `item-${n}`, n, text: 'ü'.repeat(150) }))
  ada.replace({ items })
  await expect.poll(() => bob.state).toEqual({ items })
  expect((await server.history('large')).length).toBeGreaterThan(1)
})

test('an item that is put into an array with its id gets another id there, and is unchanged in the first array', async ({
  world
}) => {
  const server = await world.server()
  const document = world.client(server).room('r').document<Record<'left' | 'right', { _sync_id: string; at: string }[]>>()
  await document.ready
  document.replace({ left: [{ _sync_id: 'x', at: 'left' }], right: [{ _sync_id: 'x', at: 'right' }] })
  const before = document.state
  if (!before) throw new Error('the document does not exist')
  document.replace({ ...before, right: [...before.right, ...before.left] })
  expect(before.left).toEqual([{ _sync_id: 'x', at: 'left' }])
  expect(document.state?.right.map((item) => item.at)).toEqual(['right', 'left'])
  await expect.poll(async () => (await server.snapshot('r')).stores.default?.state).toEqual(document.state)
  expect(document.state?.left).toEqual(before.left)
})

test('documents of a room are separate, and rooms are separate', async ({ world }) => {
  const server = await world.server()
  const client = world.client(server)
  const names = ['a room/with ü', 'another'].flatMap((room) => ['tasks', 'notes'].map((key) => ({ room, key })))
  for (const { room, key } of names)
    client
      .room(room)
      .document(key)
      .replace({ is: `${room} ${key}` })
  const other = world.client(server)
  for (const { room, key } of names) {
    await expect.poll(() => other.room(room).document(key).state).toEqual({ is: `${room} ${key}` })
  }
})

test('all clients see the users of the room and their fields', async ({ world }) => {
  const server = await world.server('--presence-timeout-ms', '300')
  const ada = world.client(server, { clientId: 'ada', displayName: 'Ada' }).room('hall')
  const bobsClient = world.client(server, { clientId: 'bob', displayName: 'Bob' })
  const bob = bobsClient.room('hall')
  await expect.poll(() => ada.users.map((user) => user.displayName).toSorted()).toEqual(['Ada', 'Bob'])
  bob.setPresence({ field: 'title', meta: { colour: 'red' } })
  await expect
    .poll(() => ada.users.find((user) => user.clientId === 'bob'))
    .toMatchObject({ field: 'title', meta: { colour: 'red' } })
  bobsClient.close()
  await expect.poll(() => ada.users.map((user) => user.displayName)).toEqual(['Ada'])
})

test('presence is restored after the server was killed', async ({ world }) => {
  const server = await world.server()
  const ada = world.client(server, { clientId: 'ada' }).room('hall')
  const bob = world.client(server, { clientId: 'bob', displayName: 'Bob' }).room('hall')
  bob.setPresence({ field: 'title' })
  const seen = () => ada.users.find((user) => user.clientId === 'bob')
  await expect.poll(seen).toMatchObject({ field: 'title' })
  await server.kill()
  await expect.poll(() => ada.status.connected).toBe(false)
  await server.start()
  await expect.poll(() => ada.status.connected).toBe(true)
  await expect.poll(seen).toMatchObject({ field: 'title', displayName: 'Bob' })
})
