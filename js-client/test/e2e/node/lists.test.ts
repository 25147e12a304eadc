// Concurrent changes of lists by several clients, on the real server.
import { expect } from 'vitest'
import { fold } from '../../../src/document/apply.ts'
import type { Move } from '../../../src/document/follow.ts'
import type { Json } from '../../../src/document/json.ts'
import type { ConflictEvent, Operation } from '../../../src/types.ts'
import { logged } from '../../unit/logged.ts'
import { test, type World } from '../harness/world.ts'
import type { Server } from '../harness/server.ts'

interface Item {
  _sync_id: string
  n?: number
  title?: string
}
type Board = Record<string, Item[]>

/** Two clients in a room with a loaded document. */
async function two(world: World, server: Server, room: string, start: Board) {
  const people = ['ada', 'bob'].map((clientId) => {
    const own = world.client(server, { clientId })
    const entered = own.room(room)
    const conflicts: ConflictEvent[] = []
    entered.on('conflict', (conflict) => void conflicts.push(conflict))
    return { client: own, room: entered, board: entered.document<Board>(), conflicts }
  })
  const [ada, bob] = people
  if (!ada || !bob) throw new Error('two clients are needed')
  await Promise.all([ada.board.ready, bob.board.ready])
  ada.board.replace(start)
  await expect.poll(() => bob.board.state).toEqual(start)
  const agreed = async () => {
    await Promise.all([ada.room.flush(), bob.room.flush()])
    await expect
      .poll(async () => {
        const stored = JSON.stringify((await server.snapshot(room)).stores.default?.state)
        return [ada, bob].map(({ board }) => JSON.stringify(board.state) === stored)
      })
      .toEqual([true, true])
    return ada.board.state as Board
  }
  return { ada, bob, agreed }
}

const items = (ids: string): Item[] => [...ids].map((_sync_id) => ({ _sync_id }))
const order = (list: readonly Item[] | undefined) => list?.map(({ _sync_id }) => _sync_id).join('')
const change = (at: { state: Board | undefined; replace(next: Board): void }, edit: (draft: Board) => void) => {
  const draft = structuredClone(at.state as Board)
  edit(draft)
  at.replace(draft)
}

test('a list that two clients sort in the same way at once is sorted', async ({ world }) => {
  const server = await world.server()
  const ids = [...'abcdefghijklmnopqrst']
  for (let round = 0; round < 20; round++) {
    const shuffled = ids
      .map((id) => ({ id, at: world.random.below(1_000_000) }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ id }) => id)
    const { ada, bob, agreed } = await two(world, server, `sort-${round}`, { list: items(shuffled.join('')) })
    for (const { board } of [ada, bob]) change(board, (draft) => draft.list!.sort((a, b) => (a._sync_id < b._sync_id ? -1 : 1)))
    expect(order((await agreed()).list)).toBe(ids.join(''))
  }
})

test('an inserted item stays next to its anchor after earlier items are deleted, and near it after the anchor is deleted', async ({
  world
}) => {
  const server = await world.server()
  const { ada, bob, agreed } = await two(world, server, 'insert', { list: items('abcdefgh') })
  change(ada.board, (draft) => draft.list!.splice(0, 3))
  change(bob.board, (draft) => draft.list!.splice(5, 0, { _sync_id: 'x' }))
  expect(order((await agreed()).list)).toBe('dexfgh')
  change(ada.board, (draft) => (draft.list = draft.list!.filter(({ _sync_id }) => _sync_id !== 'f')))
  change(bob.board, (draft) => draft.list!.splice(4, 0, { _sync_id: 'y' }))
  expect(order((await agreed()).list)).toBe('dexygh')
})

test('a card that two clients move to two lists is in exactly one of them', async ({ world }) => {
  const server = await world.server()
  for (let round = 0; round < 20; round++) {
    const { ada, bob, agreed } = await two(world, server, `card-${round}`, { todo: items('xy'), doing: [], done: [] })
    change(ada.board, (draft) => draft.doing!.push(draft.todo!.shift()!))
    change(bob.board, (draft) => draft.done!.push(draft.todo!.shift()!))
    const board = await agreed()
    expect(order(board.todo)).toBe('y')
    expect(`${order(board.doing)}${order(board.done)}`).toBe('x')
    expect([...ada.conflicts, ...bob.conflicts]).toEqual([])
  }
})

test('an edit of a card that another client moves at the same time is on the card', async ({ world }) => {
  const server = await world.server()
  for (let round = 0; round < 20; round++) {
    const { ada, bob, agreed } = await two(world, server, `edit-${round}`, { todo: items('x'), done: [] })
    change(ada.board, (draft) => draft.done!.push(draft.todo!.shift()!))
    change(bob.board, (draft) => (draft.todo![0]!.title = 'typed'))
    expect(await agreed()).toEqual({ todo: [], done: [{ _sync_id: 'x', title: 'typed' }] })
    expect(bob.conflicts).toEqual([])
  }
})

test('an offline edit of a card that was moved meanwhile is on the card', async ({ world }) => {
  const server = await world.server()
  const { ada, bob, agreed } = await two(world, server, 'offline', { todo: items('x'), doing: [], done: [] })
  bob.client.disconnect()
  change(bob.board, (draft) => (draft.todo![0]!.title = 'typed'))
  change(ada.board, (draft) => draft.doing!.push(draft.todo!.shift()!))
  await ada.room.flush()
  change(ada.board, (draft) => draft.done!.push(draft.doing!.shift()!))
  await ada.room.flush()
  bob.client.connect()
  await expect.poll(() => bob.room.status.connected).toBe(true)
  expect(await agreed()).toEqual({ todo: [], doing: [], done: [{ _sync_id: 'x', title: 'typed' }] })
  expect(bob.conflicts).toEqual([])
})

test('an edit of a card whose move was lost in a server restart is reported', async ({ world }) => {
  const server = await world.server()
  const { ada } = await two(world, server, 'restart', { todo: items('x'), done: [] })
  change(ada.board, (draft) => draft.done!.push(draft.todo!.shift()!))
  await ada.room.flush()
  await server.terminate()
  await server.start()
  const post = await fetch(`${server.url}/v1/rooms/restart/ops`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ clientId: 'old', key: 'default', ops: [{ op: 'set', path: 'todo[x].title', value: 'typed' }] })
  })
  expect(await post.json()).toMatchObject({ results: [{ status: 'discarded', reason: 'item_deleted' }] })
})

test('10,000 shuffled items arrive in ten batches, and a reader does not see intermediate orders', async ({ world }) => {
  const server = await world.server()
  const list = Array.from({ length: 10_000 }, (_, n) => ({ _sync_id: `item-${n}` }))
  const { ada, bob, agreed } = await two(world, server, 'shuffle', { list })
  await agreed()
  const before = (await server.history('shuffle')).length
  let orders = 0
  bob.board.subscribe(() => orders++)
  const shuffled = list
    .map((item) => ({ item, at: world.random.below(1_000_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
  ada.board.replace({ list: shuffled })
  await ada.room.flush()
  await expect.poll(() => orders).toBeGreaterThan(0)
  expect((await agreed()).list).toEqual(shuffled)
  // One, unless the machine stalls.
  expect(orders).toBeLessThanOrEqual(3)
  const batches = (await server.history('shuffle')).slice(before)
  expect(batches.length).toBeLessThanOrEqual(10)
  expect(batches.flatMap(({ ops }) => ops).every(({ op }) => op === 'array_move')).toBe(true)
})

test('the server and the client have the same result for any list operations', async ({ world }) => {
  const server = await world.server()
  const { random } = world
  const pick = <T>(...of: T[]): T => of[random.below(of.length)] as T
  const id = () => pick('x', 'y', 'z', 'u.v', 'w[')
  const segment = () => `[${id().replace(/[.[\]\\]/g, '\\$&')}]`
  const list = (depth = 0): string =>
    (depth < 3 && random.below(3) === 0 ? `${list(depth + 1)}${segment()}.` : '') + pick('a', 'b', 'c.d')
  const place = () =>
    pick<Partial<Operation>>(
      { arrayIndex: random.below(5) },
      { after: id() },
      { after: null },
      { after: [id(), id()] },
      { after: [id(), null] }
    )
  const operation = (): Operation => {
    const kind = random.below(12)
    if (kind < 4)
      return { op: 'array_add', path: list(), value: { _sync_id: id(), n: random.below(9) }, ...(random.below(2) && place()) }
    if (kind < 6) return { op: 'array_move', path: list() + segment(), ...place() }
    if (kind < 9) return { op: 'array_move', path: list() + segment(), to: list(), ...(random.below(2) && place()) }
    if (kind === 9) return { op: 'array_del', path: list() + segment() }
    if (kind === 10)
      return { op: 'set', path: `${list()}${segment()}.${pick('n', 'm', 'a')}`, value: pick<Json>(1, null, [], [1], 'text') }
    return { op: 'delete', path: `${list()}${segment()}.${pick('n', 'm', 'a')}` }
  }
  for (let round = 0; round < 10; round++) {
    const moves: Move[] = []
    const expected: Operation[] = []
    let doc: Json | undefined
    for (let batch = 0; batch < 40; batch++) {
      const ops = Array.from({ length: 1 + random.below(8) }, operation)
      const response = await fetch(`${server.url}/v1/rooms/fuzz-${round}/ops`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ clientId: 'fuzz', key: 'default', ops })
      })
      const folded = fold(doc, ops, moves)
      doc = folded.doc
      const { results } = (await response.json()) as { results: unknown }
      expect(results, JSON.stringify(ops)).toEqual(folded.results.map(({ path: _, to: __, ...result }) => result))
      expected.push(...logged(ops, folded.results))
    }
    expect(JSON.stringify((await server.snapshot(`fuzz-${round}`)).stores.default?.state)).toBe(JSON.stringify(doc))
    expect((await server.history(`fuzz-${round}`)).flatMap(({ ops }) => ops)).toEqual(expected)
    expect(expected.some(({ to }) => to !== undefined)).toBe(true)
  }
})
