// A page that is hidden while a batch is in flight, and runs on: the order of its changes is kept.
import { describe, expect } from 'vitest'
import type { createClient, Document, Room } from '../../../src/index.ts'
import { executable, test } from '../harness/browser.ts'
import { openBlank } from '../harness/script.ts'

interface Board {
  title: string
  tasks: { _sync_id: string; title: string }[]
}
interface Here {
  pathsync: { createClient: typeof createClient }
  room: Room
  board: Document<Board>
}

/** Edits in pairs: the first is in flight when the second is made and the page is hidden for a short time. */
async function edit(rounds: number) {
  const here = globalThis as unknown as Here
  const client = here.pathsync.createClient({ debounceMs: 5, maxWaitMs: 20 })
  here.room = client.room('hiding')
  const board = (here.board = here.room.document<Board>('default', { initial: { title: '', tasks: [] } }))
  await board.ready
  const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  let visible = true
  Object.defineProperty(document, 'visibilityState', { get: () => (visible ? 'visible' : 'hidden') })
  const turn = (to: boolean) => {
    visible = to
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
  }
  for (let n = 0; n < rounds; n++) {
    const id = `t${n}`
    const edits: [() => void, () => void][] = [
      [
        () => board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: id, title: '' } }),
        () => board.apply({ op: 'set', path: `tasks[${id}].title`, value: 'typed' })
      ],
      [
        () => board.apply({ op: 'set', path: 'title', value: `older ${n}` }),
        () => board.apply({ op: 'set', path: 'title', value: `newer ${n}` })
      ],
      [
        () => board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: id, title: 'gone' } }),
        () => board.apply({ op: 'array_del', path: `tasks[${id}]` })
      ]
    ]
    const [first, second] = edits[n % 3]!
    first()
    await later(10 + (n % 5) * 10)
    second()
    turn(false)
    await later(n % 4 ? 20 : 0)
    turn(true)
  }
  await here.room.flush()
  return { state: board.state, rejected: here.room.rejected.list.length }
}

/** An added item in flight, and text typed into it right before the page is closed. */
async function add(room: string) {
  const here = globalThis as unknown as Here
  const client = here.pathsync.createClient({ debounceMs: 5, maxWaitMs: 20 })
  const board = client.room(room).document<Board>()
  await board.ready
  board.apply({ op: 'array_add', path: 'tasks', value: { _sync_id: 'new', title: '' } })
  await new Promise((resolve) => setTimeout(resolve, 25))
  board.apply({ op: 'set', path: 'tasks[new].title', value: 'typed' })
}

describe.skipIf(!executable)('a page that is closed while a batch is in flight', () => {
  test('delivers the item that it added, and the text typed into it', async ({ world, windows }) => {
    const server = await world.server()
    const relay = await world.relay(server)
    const context = await windows.context()
    for (let n = 0; n < 8; n++) {
      const page = await context.newPage()
      relay.set({ delay: 0 })
      await openBlank(page, relay.url)
      relay.set({ delay: 40 })
      await page.evaluate(add, `room ${n}`)
      await page.close({ runBeforeUnload: true })
      await expect
        .poll(async () => (await server.snapshot(`room ${n}`)).stores.default?.state)
        .toEqual({ tasks: [{ _sync_id: 'new', title: 'typed' }] })
    }
  })
})

describe.skipIf(!executable)('a page that is hidden repeatedly while batches are in flight', () => {
  test('keeps the order of its changes: none is lost, no deleted item returns, the newer value wins', async ({
    world,
    windows
  }) => {
    const server = await world.server()
    const relay = await world.relay(server)
    relay.set({ delay: 15 })
    const page = await (await windows.context()).newPage()
    await openBlank(page, relay.url)
    const rounds = 30
    const { state, rejected } = await page.evaluate(edit, rounds)
    const tasks = Array.from({ length: rounds }, (_, n) => n)
      .filter((n) => n % 3 === 0)
      .map((n) => ({ _sync_id: `t${n}`, title: 'typed' }))
    expect(state).toEqual({ title: 'newer 28', tasks })
    expect(rejected).toBe(0)
    expect((await server.snapshot('hiding')).stores.default?.state).toEqual(state)
  })
})
