// Resolutions of conflicts by the application, and their effect.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import type { Json } from '../../../src/document/json.ts'
import type { Client, ConflictAnswer, ConflictEvent, Operation, Resolution } from '../../../src/types.ts'
import { createFakeServer } from './fake-server.ts'

let server: ReturnType<typeof createFakeServer>
let client: Client
let seq: number

beforeEach(() => {
  vi.useFakeTimers()
  server = createFakeServer()
  client = createClient({ url: 'http://fake', fetch: server.fetch })
  seq = 0
})
afterEach(() => {
  client.close()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)
/** Long enough for a change to be sent and answered. */
const settle = () => pass(2000)
const set = (path: string, value: Json): Operation => ({ op: 'set', path, value })
const theirs = (...ops: Operation[]) => server.model.post({ clientId: 'you', clientSeq: ++seq, key: 'default', ops })
const stored = () => server.model.docs.get('default')

/** A room that is loaded, with a title. */
async function joined(...answers: ((conflict: ConflictEvent) => ConflictAnswer)[]) {
  theirs(set('title', 'first'), { op: 'array_add', path: 'tasks', value: { _sync_id: 't', title: 'task' } })
  const room = client.room('r')
  const board = room.document<{ title: string; tasks: { title: string }[] }>()
  const conflicts: ConflictEvent[] = []
  room.on('conflict', (conflict) => void conflicts.push(conflict))
  for (const answer of answers) room.on('conflict', answer)
  await settle()
  return { room, board, conflicts }
}

/** Edits offline while another client edits, and reconnects. */
async function offline(mine: () => void, ...ops: Operation[]) {
  client.disconnect()
  mine()
  theirs(...ops)
  client.connect()
  await pass()
}

describe('a resolution', () => {
  test.each<[Resolution | undefined, string]>([
    ['mine', 'mine'],
    ['theirs', 'theirs'],
    [undefined, 'theirs'],
    [{ value: 'both' }, 'both']
  ])('%j of a change made offline shows at once, is sent, and raises no other conflict', async (resolution, title) => {
    const { board, conflicts } = await joined(() => resolution)
    await offline(() => board.apply(set('title', 'mine')), set('title', 'theirs'))
    expect(board.state?.title).toBe(title)
    await settle()
    expect(stored()).toMatchObject({ title })
    expect(conflicts).toEqual([{ room: 'r', key: 'default', op: set('title', 'mine'), reason: 'changed', current: 'theirs' }])
    expect(server.batches).toHaveLength(title === 'theirs' ? 0 : 1)
  })

  test('`mine` of a removed member removes it', async () => {
    const { board } = await joined(() => 'mine')
    await offline(() => board.apply({ op: 'delete', path: 'title' }), set('title', 'theirs'))
    await settle()
    expect(stored()).not.toHaveProperty('title')
  })

  test('applies to the last of several remote values', async () => {
    const { board, conflicts } = await joined(({ current }) => ({ value: `${current} and mine` }))
    client.disconnect()
    board.apply(set('title', 'mine'))
    theirs(set('title', 'second'))
    theirs(set('title', 'third'))
    client.connect()
    await settle()
    expect(conflicts).toMatchObject([{ current: 'third' }])
    expect(stored()).toMatchObject({ title: 'third and mine' })
  })

  test('does not replace an edit that was made while the room caught up', async () => {
    const { board, conflicts } = await joined(() => 'mine')
    client.disconnect()
    board.apply(set('title', 'mine'))
    theirs(set('title', 'second'))
    const off = board.subscribe((state) => {
      off()
      if (state?.title === 'second') board.apply(set('title', 'newer'))
    })
    client.connect()
    await settle()
    expect(conflicts).toMatchObject([{ op: set('title', 'mine'), current: 'newer' }])
    expect(stored()).toMatchObject({ title: 'newer' })
  })

  test('applies to the last of several changes that were made and dropped while the room caught up', async () => {
    const { board, conflicts } = await joined(() => 'mine')
    client.disconnect()
    board.apply(set('title', 'mine'))
    theirs(set('title', 'second'))
    theirs(set('title', 'third'))
    const off = board.subscribe((state) => {
      off()
      if (state?.title === 'second') board.apply(set('title', 'newer'))
    })
    client.connect()
    await settle()
    expect(conflicts).toMatchObject([{ op: set('title', 'newer'), current: 'third' }])
    expect(stored()).toMatchObject({ title: 'newer' })
  })

  test('applies to the current place of an item', async () => {
    const { board, conflicts } = await joined(() => 'mine')
    await offline(() => board.apply(set('tasks[t].title', 'mine')), set('tasks[t].title', 'theirs'), {
      op: 'array_move',
      path: 'tasks[t]',
      to: 'done'
    })
    await settle()
    expect(conflicts).toMatchObject([{ reason: 'changed', current: 'theirs' }])
    expect(stored()).toMatchObject({ tasks: [], done: [{ title: 'mine' }] })
  })

  test('does not restore a deleted item', async () => {
    const { board, conflicts } = await joined(() => 'mine')
    await offline(() => board.apply(set('tasks[t].title', 'mine')), { op: 'array_del', path: 'tasks[t]' })
    await settle()
    expect(conflicts).toMatchObject([{ reason: 'item_deleted' }])
    expect(stored()).toMatchObject({ tasks: [] })
    expect(server.batches).toHaveLength(0)
  })

  test('with an item in its value gives the item an id', async () => {
    const { board } = await joined(() => ({ value: [{ title: 'new' }] }))
    await offline(() => board.apply(set('list', [1])), set('list', [2]))
    await settle()
    expect(stored()).toMatchObject({ list: [{ _sync_id: expect.any(String), title: 'new' }] })
  })

  test('is the first value that a listener returns', async () => {
    const { board } = await joined(
      () => {},
      async () => {},
      () => ({ value: 'second' }),
      () => 'mine'
    )
    await offline(() => board.apply(set('title', 'mine')), set('title', 'theirs'))
    await settle()
    expect(stored()).toMatchObject({ title: 'second' })
  })

  test('does not replace a change that its listener has made', async () => {
    const { board } = await joined(() => {
      board.apply(set('title', 'written'))
      return 'mine'
    })
    await offline(() => board.apply(set('title', 'mine')), set('title', 'theirs'))
    await settle()
    expect(stored()).toMatchObject({ title: 'written' })
  })

  test('with an invalid value is ignored', async () => {
    const { board } = await joined(() => 'ours' as never)
    await offline(() => board.apply(set('title', 'mine')), set('title', 'theirs'))
    await settle()
    expect(stored()).toMatchObject({ title: 'theirs' })
  })

  test('causes a finite number of conflicts when two clients both keep their value', async () => {
    const other = createClient({ url: 'http://fake', fetch: server.fetch })
    const room = other.room('r')
    room.on('conflict', () => 'mine')
    const { board, conflicts } = await joined(() => 'mine')
    client.disconnect()
    other.disconnect()
    board.apply(set('title', 'mine'))
    room.document().apply(set('title', 'yours'))
    theirs(set('title', 'theirs'))
    client.connect()
    other.connect()
    await pass(60_000)
    expect(conflicts).toHaveLength(1)
    expect(server.batches).toHaveLength(2)
    expect(board.state).toEqual(stored())
    expect(room.document().state).toEqual(stored())
    other.close()
  })

  test('of a change that is too large does not apply: the change is set aside', async () => {
    const { board, room, conflicts } = await joined(() => ({ value: 'large again' }))
    const post = server.model.post
    server.model.post = (batch) => {
      const answer = post({ ...batch, ops: [] })
      return answer && { ...answer, results: batch.ops.map(() => ({ status: 'discarded', reason: 'too_large' })) }
    }
    board.apply(set('title', 'large'))
    await pass(60_000)
    expect(conflicts).toMatchObject([{ reason: 'too_large' }])
    expect(server.batches).toHaveLength(1)
    expect(room.rejected.list).toMatchObject([{ op: set('title', 'large') }])
  })
})

describe('a late resolution', () => {
  /** A conflict that waits for the user. */
  async function asked() {
    let decide: (answer: Resolution) => void = () => {}
    const room = await joined(() => new Promise((resolve) => (decide = resolve)))
    await offline(() => room.board.apply(set('title', 'mine')), set('title', 'theirs'))
    await settle()
    expect(room.board.state?.title).toBe('theirs')
    return {
      ...room,
      async decide(answer: Resolution) {
        decide(answer)
        await settle()
      }
    }
  }

  test('applies when the place is unchanged', async () => {
    const { decide } = await asked()
    await decide('mine')
    expect(stored()).toMatchObject({ title: 'mine' })
  })

  test('does not replace a newer edit of this client', async () => {
    const { board, decide } = await asked()
    board.apply(set('title', 'newer'))
    await decide('mine')
    expect(stored()).toMatchObject({ title: 'newer' })
  })

  test('does not replace a newer edit of another client', async () => {
    const { decide } = await asked()
    theirs(set('title', 'newer'))
    await pass()
    await decide({ value: 'both' })
    expect(stored()).toMatchObject({ title: 'newer' })
  })

  test('is ignored after the room was left', async () => {
    const { room, decide } = await asked()
    room.leave()
    await settle()
    await decide('mine')
    expect(stored()).toMatchObject({ title: 'theirs' })
  })

  test('that rejects is an error of the application, and the remote value stays', async () => {
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    const { board } = await joined(() => Promise.reject(new Error('the dialog was closed')))
    await offline(() => board.apply(set('title', 'mine')), set('title', 'theirs'))
    await settle()
    expect(stored()).toMatchObject({ title: 'theirs' })
    expect(reported).toHaveBeenCalledWith(new Error('the dialog was closed'))
  })
})
