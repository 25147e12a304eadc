import { expect } from 'vitest'
import type { Client, ConflictEvent, Document, Room } from '../../../src/index.ts'
import { test, type World } from '../harness/world.ts'

interface Plan {
  title: string
  notes: string
  tasks: { _sync_id: string; text: string }[]
}

interface Person {
  client: Client
  room: Room
  plan: Document<Plan> & { state: Plan }
  conflicts: ConflictEvent[]
}

/** Two clients in one room, which has a plan with two tasks. */
async function startTwo(world: World) {
  const server = await world.server()
  function enter(clientId: string): Person {
    const client = world.client(server, { clientId })
    const room = client.room('plan')
    const conflicts: ConflictEvent[] = []
    room.on('conflict', (conflict) => void conflicts.push(conflict))
    return { client, room, plan: room.document<Plan>() as Person['plan'], conflicts }
  }
  const [ada, bob] = [enter('ada'), enter('bob')]
  await ada.plan.ready
  ada.plan.replace({
    title: 'Plan',
    notes: '',
    tasks: [
      { _sync_id: 'one', text: 'One' },
      { _sync_id: 'two', text: 'Two' }
    ]
  })
  await expect.poll(() => bob.plan.state).toEqual(ada.plan.state)
  return { server, ada, bob }
}
test('offline edits are sent after a reconnect; those of values that the server changed are dropped and reported', async ({
  world
}) => {
  const { server, ada, bob } = await startTwo(world)
  ada.client.disconnect()
  ada.plan.replace({
    ...ada.plan.state,
    title: "Ada's",
    notes: "Ada's",
    tasks: [...ada.plan.state.tasks, { _sync_id: 'three', text: '3' }]
  })
  expect(ada.room.status).toMatchObject({ connected: false, pendingChanges: 3 })

  bob.plan.replace({ ...bob.plan.state, title: "Bob's", tasks: bob.plan.state.tasks.toReversed() })
  await bob.room.flush()
  expect(ada.plan.state.title).toBe("Ada's")

  ada.client.connect()
  const agreed = {
    title: "Bob's",
    notes: "Ada's",
    tasks: [
      { _sync_id: 'two', text: 'Two' },
      { _sync_id: 'one', text: 'One' },
      { _sync_id: 'three', text: '3' }
    ]
  }
  await expect.poll(() => ada.plan.state).toEqual(agreed)
  await expect.poll(() => bob.plan.state).toEqual(agreed)
  await expect.poll(() => ada.room.status).toMatchObject({ connected: true, pendingChanges: 0 })
  expect((await server.snapshot('plan')).stores.default?.state).toEqual(agreed)
  expect(ada.conflicts).toEqual([
    { room: 'plan', key: 'default', op: { op: 'set', path: 'title', value: "Ada's" }, reason: 'changed', current: "Bob's" }
  ])
  expect(bob.conflicts).toEqual([])
})

test('an offline edit of a deleted item is dropped and reported; the rest of its batch is sent', async ({ world }) => {
  const { ada, bob } = await startTwo(world)
  ada.client.disconnect()
  ada.plan.replace({
    ...ada.plan.state,
    notes: "Ada's",
    tasks: ada.plan.state.tasks.map((task) => ({ ...task, text: `${task.text}!` }))
  })
  bob.plan.replace({ ...bob.plan.state, tasks: bob.plan.state.tasks.filter((task) => task._sync_id !== 'one') })
  await bob.room.flush()
  ada.client.connect()

  const agreed = { title: 'Plan', notes: "Ada's", tasks: [{ _sync_id: 'two', text: 'Two!' }] }
  await expect.poll(() => bob.plan.state).toEqual(agreed)
  await expect.poll(() => ada.plan.state).toEqual(agreed)
  expect(ada.conflicts.map(({ op, current }) => ({ path: op.path, current }))).toEqual([
    { path: 'tasks[one].text', current: undefined }
  ])
})

test('edits of different paths merge without a conflict', async ({ world }) => {
  const { ada, bob } = await startTwo(world)
  for (const { client } of [ada, bob]) client.disconnect()
  ada.plan.replace({ ...ada.plan.state, title: "Ada's" })
  bob.plan.replace({ ...bob.plan.state, notes: "Bob's" })
  for (const { client } of [ada, bob]) client.connect()
  for (const { plan } of [ada, bob]) await expect.poll(() => plan.state).toMatchObject({ title: "Ada's", notes: "Bob's" })
  expect([...ada.conflicts, ...bob.conflicts]).toEqual([])
})

test('changes made before a client leaves are delivered', async ({ world }) => {
  const { ada, bob } = await startTwo(world)
  ada.plan.replace({ ...ada.plan.state, notes: 'Goodbye' })
  ada.client.close()
  await expect.poll(() => bob.plan.state.notes).toBe('Goodbye')
})

test('changes made during an outage of the server are delivered afterwards', async ({ world }) => {
  const { server, ada, bob } = await startTwo(world)
  await server.terminate()
  await expect.poll(() => ada.room.status.connected).toBe(false)
  ada.plan.replace({ ...ada.plan.state, title: "Ada's" })
  bob.plan.replace({ ...bob.plan.state, notes: "Bob's" })
  await server.start()
  for (const { plan } of [ada, bob]) {
    await expect.poll(() => plan.state).toMatchObject({ title: "Ada's", notes: "Bob's" })
  }
})
