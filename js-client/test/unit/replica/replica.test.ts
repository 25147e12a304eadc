import { describe, expect, test } from 'vitest'
import { fold } from '../../../src/document/apply.ts'
import type { Json } from '../../../src/document/json.ts'
import { createReplica, type ReplicaOptions } from '../../../src/replica/replica.ts'
import type { ConflictEvent } from '../../../src/types.ts'
import type { DeltaEvent, Operation } from '../../../src/wire.ts'

type Conflict = Omit<ConflictEvent, 'room'>

/** A replica, functions that send the server's events, and the reports of the replica. */
function setup(options: Partial<ReplicaOptions> = {}) {
  let seq = 0
  const conflicts: Conflict[] = []
  const refused: (readonly Operation[])[] = []
  const remote: DeltaEvent[] = []
  const loaded: [string, Json | undefined][] = []
  const replica = createReplica({
    clientId: 'me',
    nextSeq: () => ++seq,
    onConflict: ({ at: _, ...conflict }) => conflicts.push(conflict),
    onRejected: (_, ops) => refused.push(ops),
    onRemote: (delta) => remote.push(delta),
    onLoaded: (doc) => loaded.push([doc.key, doc.confirmed]),
    ...options
  })
  const key = 'default'
  return {
    replica,
    conflicts,
    refused,
    remote,
    loaded,
    view: () => replica.doc(key).view,
    confirmed: () => replica.doc(key).confirmed,
    edit: (...ops: Operation[]) => replica.edit(key, fold(replica.doc(key).view, ops).doc!),
    /** Starts from whole state. */
    load(state: Json | undefined, serverSeq = 1, epoch = 'e') {
      replica.opening()
      if (state !== undefined) replica.state({ room: 'r', key, serverSeq, state })
      return replica.upToDate({ room: 'r', epoch, serverSeq })
    },
    delta: (serverSeq: number, ops: Operation[], from: { clientId?: string; clientSeq?: number } = {}, epoch = 'e') =>
      replica.delta(
        { room: 'r', key, serverSeq, clientId: 'you', clientSeq: 1000 + serverSeq, serverTs: 0, ops, ...from },
        epoch
      ),
    upToDate: (serverSeq: number, epoch = 'e') => replica.upToDate({ room: 'r', epoch, serverSeq }),
    /** Freezes a batch, and has the server commit all of it. */
    answer(serverSeq: number) {
      const frozen = replica.queue.find(({ ack }) => !ack) ?? replica.freeze()!
      const results = frozen.batch.ops.map(() => ({ status: 'applied' as const }))
      replica.answered(frozen, { room: 'r', key, epoch: 'e', serverSeq, duplicate: false, results })
      return frozen
    }
  }
}

const set = (path: string, value: Json): Operation => ({ op: 'set', path, value })
const add = (path: string, value: Json): Operation => ({ op: 'array_add', path, value })
const del = (path: string): Operation => ({ op: 'array_del', path })
const why = { code: 'blocked', message: 'no' }

describe('a remote change', () => {
  test('is shown and reported', () => {
    const { load, delta, view, remote } = setup()
    load({ title: 'a' })
    expect(delta(2, [set('title', 'b')])).toBe('ok')
    expect(view()).toEqual({ title: 'b' })
    expect(remote.map(({ serverSeq }) => serverSeq)).toEqual([2])
  })

  test('does not overwrite an unsent change of the same path, and is shown everywhere else', () => {
    const { load, edit, delta, view, confirmed, conflicts } = setup()
    load({ title: 'a', zoom: 1 })
    edit(set('title', 'mine'))
    delta(2, [set('title', 'theirs'), set('zoom', 2)])
    expect(view()).toEqual({ title: 'mine', zoom: 2 })
    expect(confirmed()).toEqual({ title: 'theirs', zoom: 2 })
    expect(conflicts).toEqual([])
  })

  test('does not overwrite a sent change that is not acknowledged', () => {
    const { load, edit, delta, view, replica } = setup()
    load({ title: 'a' })
    edit(set('title', 'mine'))
    replica.freeze()
    delta(2, [set('title', 'theirs')])
    expect(view()).toEqual({ title: 'mine' })
  })

  test('does not overwrite a change that was acknowledged with a later number', () => {
    const { load, edit, delta, view, answer } = setup()
    load({ title: 'a' })
    edit(set('title', 'mine'))
    answer(3)
    delta(2, [set('title', 'theirs')])
    expect(view()).toEqual({ title: 'mine' })
    delta(3, [set('title', 'mine')], { clientId: 'me', clientSeq: 1 })
    expect(view()).toEqual({ title: 'mine' })
  })

  test('that deletes an item drops pending changes inside it, and reports them', () => {
    const { load, edit, delta, view, conflicts } = setup()
    load({ tasks: [{ _sync_id: 'x', title: 'a' }] })
    edit(set('tasks[x].title', 'mine'), set('title', 'kept'))
    delta(2, [del('tasks[x]')])
    expect(view()).toEqual({ tasks: [], title: 'kept' })
    expect(conflicts).toEqual([
      { key: 'default', op: set('tasks[x].title', 'mine'), reason: 'item_deleted', current: undefined }
    ])
  })

  test('that deletes an item that was also deleted locally is no conflict', () => {
    const { load, edit, delta, conflicts, replica } = setup()
    load({ a: 1, tasks: [{ _sync_id: 'x' }] })
    edit(del('tasks[x]'), { op: 'delete', path: 'a' })
    delta(2, [del('tasks[x]'), { op: 'delete', path: 'a' }])
    expect(conflicts).toEqual([])
    expect(replica.pending()).toBe(0)
  })

  test('leaves the identity of unchanged parts', () => {
    const { load, delta, replica } = setup()
    load({ a: { deep: [1, 2] }, b: 1 })
    const before = replica.doc('default').view as { a: Json }
    delta(2, [set('b', 2)])
    expect((replica.doc('default').view as { a: Json }).a).toBe(before.a)
  })
})

describe('deltas', () => {
  test('with an old number are ignored', () => {
    const { load, delta, view } = setup()
    load({ n: 5 }, 5)
    expect(delta(5, [set('n', 1)])).toBe('ok')
    expect(delta(3, [set('n', 1)])).toBe('ok')
    expect(view()).toEqual({ n: 5 })
  })

  test('that skip a number are not folded, and the replica resumes', () => {
    const { load, delta, view, replica } = setup()
    load({ n: 1 }, 5)
    expect(delta(7, [set('n', 7)])).toBe('resume')
    expect(view()).toEqual({ n: 1 })
    expect(replica.position).toBe('e-5')
  })

  test('without operations advance the position', () => {
    const { load, delta, replica } = setup()
    load({ n: 1 }, 5)
    delta(6, [])
    expect(replica.position).toBe('e-6')
  })

  test('that end before the number in up-to-date make the replica resume', () => {
    const { load, replica, delta, upToDate } = setup()
    load({ n: 1 }, 5)
    replica.lost()
    replica.opening()
    delta(6, [set('n', 6)])
    expect(upToDate(8)).toBe('resume')
    expect(replica.position).toBe('e-6')
    expect(replica.live).toBe(false)
  })

  test('that skip a number after whole state make the replica restart', () => {
    const { replica, delta } = setup()
    replica.opening()
    replica.state({ room: 'r', key: 'default', serverSeq: 1, state: { n: 1 } })
    expect(delta(2, [set('n', 2)])).toBe('ok')
    expect(delta(4, [set('n', 4)])).toBe('restart')
  })

  test('after whole state take effect together with its documents', () => {
    const { replica, delta, upToDate, view } = setup()
    replica.opening()
    replica.state({ room: 'r', key: 'default', serverSeq: 1, state: { n: 1 } })
    delta(2, [set('n', 2)])
    expect(view()).toBeUndefined()
    expect(upToDate(2)).toBe('ok')
    expect(view()).toEqual({ n: 2 })
  })
})

describe('an own batch', () => {
  test('is confirmed by its delta, even without an answer', () => {
    const { load, edit, delta, replica, confirmed, remote } = setup()
    load({ n: 1 })
    edit(set('n', 2))
    replica.freeze()
    delta(2, [set('n', 2)], { clientId: 'me', clientSeq: 1 })
    expect(replica.queue).toEqual([])
    expect(confirmed()).toEqual({ n: 2 })
    expect(remote).toEqual([])
  })

  test('stays on top after it is acknowledged, until the position reaches it', () => {
    const { load, edit, delta, replica, answer } = setup()
    load({ n: 1 })
    edit(set('n', 2))
    answer(3)
    expect(replica.pending()).toBe(1)
    delta(2, [set('m', 1)])
    expect(replica.pending()).toBe(1)
    delta(3, [set('n', 2)], { clientId: 'me', clientSeq: 1 })
    expect(replica.pending()).toBe(0)
  })

  test('whose delta arrives before its answer needs no answer', () => {
    const { load, edit, delta, replica } = setup()
    load({ n: 1 })
    edit(set('n', 2))
    const frozen = replica.freeze()!
    delta(2, [set('n', 2)], { clientId: 'me', clientSeq: 1 })
    replica.answered(frozen, {
      room: 'r',
      key: 'default',
      epoch: 'e',
      serverSeq: 2,
      duplicate: false,
      results: [{ status: 'applied' }]
    })
    expect(replica.pending()).toBe(0)
  })

  test('that was discarded is reported once, by the answer or by the delta', () => {
    for (const byAnswer of [true, false]) {
      const { load, edit, delta, replica, conflicts } = setup()
      load({ tasks: [{ _sync_id: 'x' }] })
      edit(set('tasks[x].n', 1))
      const frozen = replica.freeze()!
      delta(2, [del('tasks[x]')])
      const results = [{ status: 'discarded' as const, reason: 'item_deleted' as const }]
      if (byAnswer) replica.answered(frozen, { room: 'r', key: 'default', epoch: 'e', serverSeq: 3, duplicate: false, results })
      delta(3, [], { clientId: 'me', clientSeq: 1 })
      expect(conflicts.map(({ reason }) => reason)).toEqual(['item_deleted'])
      expect(replica.pending()).toBe(0)
    }
  })

  test('does not change after it is frozen, and the next change is in the next batch', () => {
    const { load, edit, replica } = setup()
    load({ n: 1 })
    edit(set('n', 2))
    const first = replica.freeze()!
    const bytes = JSON.stringify(first.batch)
    edit(set('n', 3))
    expect(replica.freeze()!.batch).toMatchObject({ clientSeq: 2, ops: [set('n', 3)] })
    expect(JSON.stringify(first.batch)).toBe(bytes)
    expect(replica.freeze()).toBeUndefined()
  })

  test('has at most the limit of operations, and the rest follows in another one', () => {
    const { load, edit, replica } = setup({ limits: { ops: 2, bytes: 1000 } })
    load({})
    edit(set('a', 1), set('b', 2), set('c', 3))
    expect(replica.freeze()!.batch.ops).toHaveLength(2)
    expect(replica.freeze()!.batch.ops).toHaveLength(1)
  })

  test('of a thousand changes of one path has one operation', () => {
    const { load, edit, replica } = setup()
    load({ title: '' })
    for (let i = 0; i < 1000; i++) edit(set('title', 'x'.repeat(i)))
    edit(add('tasks', { _sync_id: 'x' }), del('tasks[x]'), { op: 'delete', path: 'tasks' })
    expect(replica.freeze()!.batch.ops).toEqual([set('title', 'x'.repeat(999))])
  })
})

describe('a restart', () => {
  test('replaces all documents, and puts pending changes on top', () => {
    const { load, edit, view, confirmed, loaded } = setup()
    load({ n: 1, gone: true }, 1)
    edit(set('mine', 1))
    load({ n: 9 }, 9)
    expect(confirmed()).toEqual({ n: 9 })
    expect(view()).toEqual({ n: 9, mine: 1 })
    expect(loaded).toHaveLength(2)
  })

  test('with another history without documents removes all documents', () => {
    const { load, view, replica } = setup()
    load({ n: 1 }, 5)
    expect(load(undefined, 0, 'f')).toBe('ok')
    expect(view()).toBeUndefined()
    expect(replica.position).toBe('f-0')
  })

  test('is requested without a position when another history starts with a delta', () => {
    const { load, replica, delta, view } = setup()
    load({ n: 1 }, 0)
    replica.lost()
    replica.opening()
    expect(delta(1, [set('n', 7)], {}, 'f')).toBe('restart')
    expect(replica.position).toBeUndefined()
    expect(view()).toEqual({ n: 1 })
  })

  test('is requested without a position when the history went back and its deltas counted as old', () => {
    const { load, replica, delta, upToDate } = setup()
    load({ n: 1 }, 5)
    replica.lost()
    replica.opening()
    expect(delta(1, [set('n', 7)])).toBe('ok')
    expect(upToDate(1)).toBe('restart')
    expect(replica.position).toBeUndefined()
  })

  test('drops an acknowledged batch that its documents have, and repeats one that another history acknowledged', () => {
    for (const [epoch, left] of [
      ['e', 0],
      ['f', 1]
    ] as const) {
      const { load, edit, answer, replica } = setup()
      load({ n: 1 }, 1)
      edit(set('n', 2))
      answer(3)
      load({ n: epoch === 'e' ? 2 : 1 }, 9, epoch)
      expect(replica.queue).toHaveLength(left)
      expect(replica.queue[0]?.ack).toBeUndefined()
    }
  })

  test('recognises the own batch among its deltas', () => {
    const { load, edit, replica, delta, upToDate, view } = setup()
    load({ n: 1 }, 1)
    edit(set('n', 2))
    replica.freeze()
    replica.opening()
    replica.state({ room: 'r', key: 'default', serverSeq: 4, state: { n: 1 } })
    delta(5, [set('n', 2)], { clientId: 'me', clientSeq: 1 })
    upToDate(5)
    expect(replica.queue).toEqual([])
    expect(view()).toEqual({ n: 2 })
  })
})

describe('offline changes', () => {
  /** Loads, loses the connection, edits, and reconnects after other changes on the server. */
  function offline(before: Json, edits: Operation[], meanwhile: Operation[], whole = false) {
    const all = setup()
    all.load(before, 1)
    all.replica.lost()
    all.edit(...edits)
    if (whole) all.load(fold(before, meanwhile).doc, 2)
    else {
      all.replica.opening()
      if (meanwhile.length) all.delta(2, meanwhile)
      all.upToDate(meanwhile.length ? 2 : 1)
    }
    return { ...all, sent: all.replica.freeze()?.batch.ops }
  }

  for (const whole of [false, true]) {
    const how = whole ? 'whole state' : 'deltas'

    test(`of values that the server changed are dropped and reported, the rest is sent (${how})`, () => {
      const edits = [set('title', 'mine'), set('zoom', 5), add('tasks', { _sync_id: 'm' })]
      const { view, conflicts, sent } = offline(
        { title: 'a', zoom: 1, tasks: [] },
        edits,
        [set('title', 'theirs'), add('tasks', { _sync_id: 't' })],
        whole
      )
      expect(view()).toEqual({ title: 'theirs', zoom: 5, tasks: [{ _sync_id: 't' }, { _sync_id: 'm' }] })
      expect(conflicts).toEqual([{ key: 'default', op: set('title', 'mine'), reason: 'changed', current: 'theirs' }])
      expect(sent).toEqual([set('zoom', 5), add('tasks', { _sync_id: 'm' })])
    })

    test(`of a deleted item are reported as item_deleted (${how})`, () => {
      const { conflicts } = offline({ t: [{ _sync_id: 'x', n: 1 }] }, [set('t[x].n', 2)], [del('t[x]')], whole)
      expect(conflicts.map(({ reason }) => reason)).toEqual(['item_deleted'])
    })

    test(`to the same value as on the server are no conflict (${how})`, () => {
      const { conflicts, sent } = offline({ n: 1 }, [set('n', 2)], [set('n', 2)], whole)
      expect(conflicts).toEqual([])
      expect(sent).toBeUndefined()
    })

    test(`of a parent give way to a change below it (${how})`, () => {
      const { view, conflicts } = offline({ s: [1] }, [set('s', [1, 2])], [set('s', [0])], whole)
      expect(view()).toEqual({ s: [0] })
      expect(conflicts).toHaveLength(1)
    })
  }

  test('do not conflict with a batch of this client that was committed', () => {
    const { load, edit, replica, delta, upToDate, view, conflicts } = setup()
    load({ n: 1 })
    edit(set('n', 2))
    replica.freeze()
    replica.lost()
    edit(set('n', 3))
    replica.opening()
    delta(2, [set('n', 2)], { clientId: 'me', clientSeq: 1 })
    upToDate(2)
    expect(view()).toEqual({ n: 3 })
    expect(conflicts).toEqual([])
  })

  test('are no conflict if they were made online', () => {
    const { load, edit, delta, conflicts } = setup()
    load({ n: 1 })
    edit(set('n', 2))
    delta(2, [set('n', 9)])
    expect(conflicts).toEqual([])
  })

  test('that were made before loading are put on top of the loaded state', () => {
    const { replica, edit, load, view, conflicts } = setup()
    replica.initialise('default', { title: '', tasks: [] })
    edit(set('title', 'early'))
    load({ title: 'theirs', tasks: [{ _sync_id: 'x' }] })
    expect(view()).toEqual({ title: 'early', tasks: [{ _sync_id: 'x' }] })
    expect(conflicts).toEqual([])
  })
})

describe('a withdrawn batch', () => {
  test('is sent under another number, with the changes made since', () => {
    const { load, edit, replica, view } = setup()
    load({})
    edit(set('a', 1))
    const frozen = replica.freeze()!
    edit(set('b', 2))
    replica.withdraw(frozen)
    expect(view()).toEqual({ a: 1, b: 2 })
    expect(replica.freeze()!.batch).toMatchObject({ clientSeq: 2, ops: [set('a', 1), set('b', 2)] })
  })

  test('is not sent for a path that a later batch of this client has changed', () => {
    const { load, edit, replica, view } = setup()
    load({})
    edit(set('a', 1), set('b', 1))
    const first = replica.freeze()!
    edit(set('a', 2))
    const second = replica.freeze()!
    expect(second.batch.previousClientSeq).toBe(first.batch.clientSeq)
    replica.withdraw(first)
    expect(view()).toEqual({ a: 2, b: 1 })
    expect(replica.freeze()).toBeUndefined()
    expect(replica.freeze({ hidden: true })!.batch).toMatchObject({
      previousClientSeq: second.batch.clientSeq,
      ops: [set('b', 1)]
    })
  })

  test('adds an item again that a later batch failed to change, without a conflict', () => {
    const { load, edit, replica, view, delta, conflicts } = setup()
    load({ tasks: [] })
    edit(add('tasks', { _sync_id: 'x', title: '' }))
    const first = replica.freeze()!
    edit(set('tasks[x].title', 'typed'))
    replica.freeze()
    replica.withdraw(first)
    delta(2, [], { clientId: 'me', clientSeq: 2 })
    expect(conflicts).toEqual([])
    expect(view()).toEqual({ tasks: [{ _sync_id: 'x', title: 'typed' }] })
    expect(replica.freeze()!.batch.ops).toEqual([add('tasks', { _sync_id: 'x', title: 'typed' })])
  })

  test('that is committed after all does not change the view', () => {
    const { load, edit, replica, view, delta } = setup()
    load({ tasks: [], done: [] })
    edit(add('tasks', { _sync_id: 'x' }))
    replica.withdraw(replica.freeze()!)
    edit({ op: 'array_move', path: 'tasks[x]', to: 'done', after: null })
    delta(2, [add('tasks', { _sync_id: 'x' })], { clientId: 'me', clientSeq: 1 })
    expect(view()).toEqual({ tasks: [], done: [{ _sync_id: 'x' }] })
    expect(replica.freeze()!.batch.ops).toEqual([{ op: 'array_move', path: 'tasks[x]', to: 'done' }])
  })
})

describe('a set-aside change', () => {
  test('stays in the view, and the others are sent under a new number', () => {
    const { load, edit, replica, view, confirmed, refused } = setup()
    load({})
    edit(set('a', 1), set('b', 2), set('c', 3))
    replica.setAside(replica.freeze()!, [set('b', 2)], why)
    expect(refused).toEqual([[set('b', 2)]])
    expect(replica.rejected).toMatchObject([{ key: 'default', op: set('b', 2), code: 'blocked', message: 'no' }])
    expect(view()).toEqual({ a: 1, b: 2, c: 3 })
    expect(replica.freeze()!.batch).toMatchObject({ clientSeq: 2, ops: [set('a', 1), set('c', 3)] })
    expect(replica.freeze()).toBeUndefined()
    expect(confirmed()).toEqual({})
  })

  test('stays in the view after remote changes', () => {
    const { load, edit, replica, view, delta } = setup()
    load({ a: 0, tasks: [] })
    edit(set('a', 1), add('tasks', { _sync_id: 'x' }))
    const frozen = replica.freeze()!
    replica.setAside(frozen, frozen.batch.ops, why)
    delta(2, [set('a', 5), add('tasks', { _sync_id: 'y' })])
    expect(view()).toMatchObject({ a: 1 })
    expect(replica.pending()).toBe(0)
    expect(replica.freeze()).toBeUndefined()
  })

  test('is replaced by a newer change of the same path, of a part, or of a parent', () => {
    for (const newer of [set('a.b', 2), set('a.b.c', 2), set('a', 2)]) {
      const { load, edit, replica, view } = setup()
      load({ a: {} })
      edit(set('a.b', { c: 1, d: 1 }))
      const frozen = replica.freeze()!
      replica.setAside(frozen, frozen.batch.ops, why)
      edit(newer)
      const shown = view()
      expect(fold({ a: {} }, replica.freeze()!.batch.ops).doc).toEqual(shown)
      expect(replica.rejected).toEqual([])
    }
  })

  test('that adds an item is sent with the whole item when a part changes, and dropped when the item is removed', () => {
    for (const [newer, sent] of [
      [set('tasks[x].title', 'new'), [add('tasks', { _sync_id: 'x', title: 'new' })]],
      [del('tasks[x]'), undefined]
    ] as const) {
      const { load, edit, replica } = setup()
      load({ tasks: [{ _sync_id: 'w' }] })
      edit(add('tasks', { _sync_id: 'x', title: 'bad' }))
      const frozen = replica.freeze()!
      replica.setAside(frozen, frozen.batch.ops, why)
      edit(newer)
      expect(replica.freeze()?.batch.ops).toEqual(sent)
    }
  })

  test('is sent again by retry, and replaced by the value of the server by discard', () => {
    const { load, edit, replica, view } = setup()
    load({ a: 0, b: 0 })
    edit(set('a', 1), set('b', 1))
    const frozen = replica.freeze()!
    replica.setAside(frozen, frozen.batch.ops, why)
    const [a] = replica.rejected
    replica.discard(a!.id)
    expect(view()).toEqual({ a: 0, b: 1 })
    replica.retry()
    expect(replica.rejected).toEqual([])
    expect(view()).toEqual({ a: 0, b: 1 })
    expect(replica.freeze()!.batch.ops).toEqual([set('b', 1)])
  })

  test('is dropped and reported when its item is deleted', () => {
    const { load, edit, replica, delta, conflicts } = setup()
    load({ tasks: [{ _sync_id: 'x' }] })
    edit(set('tasks[x].title', 'bad'))
    const frozen = replica.freeze()!
    replica.setAside(frozen, frozen.batch.ops, why)
    delta(2, [del('tasks[x]')])
    expect(replica.rejected).toEqual([])
    expect(conflicts).toMatchObject([{ reason: 'item_deleted', op: set('tasks[x].title', 'bad') }])
  })

  test.each(['answer', 'delta'] as const)(
    'includes the operation that makes the document too large, if the %s comes first',
    (first) => {
      const { load, edit, replica, view, delta } = setup()
      load({ a: 0 })
      edit(set('text', 'long'), set('a', 1))
      const frozen = replica.freeze()!
      const answered = () =>
        replica.answered(frozen, {
          room: 'r',
          key: 'default',
          epoch: 'e',
          serverSeq: 2,
          duplicate: false,
          results: frozen.batch.ops.map(({ path }) =>
            path === 'text' ? { status: 'discarded', reason: 'too_large' } : { status: 'applied' }
          )
        })
      if (first === 'answer') answered()
      delta(2, [set('a', 1)], { clientId: 'me', clientSeq: 1 })
      if (first === 'delta') answered()
      expect(view()).toEqual({ a: 1, text: 'long' })
      expect(replica.rejected).toMatchObject([{ op: set('text', 'long'), code: 'too_large' }])
      expect(replica.pending()).toBe(0)
    }
  )

  test('of the initial state is not repeated, and later changes are sent', () => {
    const { load, edit, replica } = setup()
    replica.initialise('default', { title: '' })
    load(undefined, 0)
    const frozen = replica.freeze()!
    replica.setAside(frozen, frozen.batch.ops, why)
    expect(replica.freeze()).toBeUndefined()
    edit(set('title', 'x'))
    expect(replica.freeze()!.batch.ops).toEqual([set('title', 'x')])
  })

  test('is restored from the storage of a closed tab, and stays set aside', () => {
    const gone = setup()
    gone.load({ a: 0 })
    gone.edit(set('a', 1))
    const frozen = gone.replica.freeze()!
    gone.replica.setAside(frozen, frozen.batch.ops, why)
    const heir = setup({ clientId: 'heir' })
    heir.replica.adopt(JSON.parse(JSON.stringify(gone.replica.saved())))
    heir.load({ a: 5 }, 3)
    expect(heir.view()).toEqual({ a: 1 })
    expect(heir.replica.rejected).toMatchObject([{ op: set('a', 1) }])
    expect(heir.replica.freeze()).toBeUndefined()
  })
})

describe('a lost connection', () => {
  function sent() {
    const world = setup()
    world.load({ a: 0, b: 0 })
    world.edit(set('a', 1))
    world.replica.freeze()
    world.edit(set('b', 1))
    world.replica.lost()
    return world
  }

  test('for long: a sent batch that is not in the log does not overwrite changes of others', () => {
    const { replica, delta, upToDate, view, conflicts } = sent()
    replica.opening(true)
    delta(2, [set('a', 5)])
    upToDate(2)
    expect(view()).toEqual({ a: 5, b: 1 })
    expect(conflicts).toMatchObject([{ reason: 'changed', op: set('a', 1), current: 5 }])
    expect(replica.freeze()!.batch).toMatchObject({ clientSeq: 2, ops: [set('b', 1)] })
  })

  test('for long: a sent batch that is in the log is not repeated', () => {
    const { replica, delta, upToDate, view, conflicts } = sent()
    replica.opening(true)
    delta(2, [set('a', 1)], { clientId: 'me', clientSeq: 1 })
    delta(3, [set('a', 5)])
    upToDate(3)
    expect(view()).toEqual({ a: 5, b: 1 })
    expect(conflicts).toEqual([])
    expect(replica.freeze()!.batch.ops).toEqual([set('b', 1)])
  })

  test('for long, and the log does not reach back: a sent batch is repeated', () => {
    const { replica, upToDate } = sent()
    replica.opening(true)
    replica.state({ room: 'r', key: 'default', serverSeq: 7, state: { a: 5, b: 0 } })
    upToDate(7)
    expect(replica.queue.map(({ batch }) => batch.clientSeq)).toEqual([1])
  })

  test('for a short time: the last write wins', () => {
    const { replica, delta, upToDate, view, conflicts } = sent()
    replica.opening(false)
    delta(2, [set('a', 5), set('b', 5)])
    upToDate(2)
    expect(view()).toEqual({ a: 1, b: 1 })
    expect(conflicts).toEqual([])
    expect(replica.queue.map(({ batch }) => batch.clientSeq)).toEqual([1])
  })
})

describe('changes made before the room is loaded', () => {
  test('are sent with the initial state, if they are sent before loading', () => {
    const { edit, replica } = setup()
    replica.initialise('default', { title: '', tasks: [] })
    expect(replica.freeze()).toBeUndefined()
    edit(set('title', 'typed'))
    expect(replica.freeze()!.batch.ops).toEqual([
      { op: 'init', path: '', value: { title: '', tasks: [] } },
      set('title', 'typed')
    ])
  })
})

describe('seeding', () => {
  test('happens once, when the loaded room has no such document', () => {
    const { load, replica } = setup()
    replica.initialise('default', { tasks: [] })
    expect(replica.freeze()).toBeUndefined()
    load(undefined, 0)
    expect(replica.freeze()!.batch.ops).toEqual([{ op: 'init', path: '', value: { tasks: [] } }])
    expect(replica.freeze()).toBeUndefined()
  })

  test('does not happen if the document exists', () => {
    const { load, replica, view } = setup()
    replica.initialise('default', { tasks: [] })
    load({ n: 1 })
    expect(replica.freeze()).toBeUndefined()
    expect(view()).toEqual({ n: 1 })
  })

  test('by two clients ends with the initial state of the first, and the changes of both', () => {
    const { load, edit, delta, replica, view } = setup()
    replica.initialise('default', { tasks: [{ _sync_id: 'mine' }] })
    load(undefined, 0)
    edit(set('title', 'my change'))
    expect(replica.freeze()!.batch.ops.map(({ op }) => op)).toEqual(['init', 'set'])
    delta(1, [{ op: 'init', path: '', value: { tasks: [{ _sync_id: 'theirs' }] } }])
    expect(view()).toEqual({ tasks: [{ _sync_id: 'theirs' }], title: 'my change' })
    delta(2, [set('title', 'my change')], { clientId: 'me', clientSeq: 1 })
    expect(view()).toEqual({ tasks: [{ _sync_id: 'theirs' }], title: 'my change' })
    expect(replica.pending()).toBe(0)
  })
})

describe('seeding with more than the limit of a batch', () => {
  test('sends the initial state in several batches, completely', () => {
    const { load, replica, view, delta } = setup({ limits: { ops: 10, bytes: 200 } })
    const initial = {
      title: 'large',
      tasks: Array.from({ length: 20 }, (_, i) => ({ _sync_id: `t${i}`, text: 'x'.repeat(30) }))
    }
    replica.initialise('default', initial)
    load(undefined, 0)
    for (let seq = 1; replica.freeze(); seq++) {
      const { batch } = replica.queue.at(-1)!
      expect(JSON.stringify(batch.ops).length).toBeLessThan(400)
      delta(seq, [...batch.ops], { clientId: 'me', clientSeq: batch.clientSeq })
    }
    expect(view()).toEqual(initial)
    expect(replica.doc('default').confirmed).toEqual(initial)
  })
})

describe('the outbox of a closed tab', () => {
  test('has its sent batches repeated unchanged, and its unsent changes checked', () => {
    const gone = setup({ clientId: 'gone' })
    gone.load({ a: 1, b: 1, tasks: [] })
    gone.edit(set('a', 2))
    gone.replica.freeze()
    gone.edit(set('b', 2), set('c', 3), add('tasks', { _sync_id: 'x' }))
    const left = JSON.parse(JSON.stringify(gone.replica.saved()))

    const heir = setup()
    heir.replica.adopt(left)
    expect(heir.replica.pending()).toBe(4)
    heir.load({ a: 1, b: 'changed', tasks: [] }, 2)
    expect(heir.replica.queue.map(({ batch }) => batch)).toEqual([
      { clientId: 'gone', clientSeq: 1, key: 'default', ops: [set('a', 2)] }
    ])
    expect(heir.view()).toEqual({ a: 2, b: 'changed', tasks: [{ _sync_id: 'x' }], c: 3 })
    expect(heir.conflicts).toEqual([{ key: 'default', op: set('b', 2), reason: 'changed', current: 'changed' }])
    heir.delta(3, [set('a', 2)], { clientId: 'gone', clientSeq: 1 })
    expect(heir.replica.queue).toEqual([])
    expect(heir.replica.freeze()!.batch.clientId).toBe('me')
  })

  test('is searched for in the whole log, and an own batch from the position at which it was made', () => {
    const { replica, edit, load } = setup()
    load({ a: 1 }, 5)
    edit(set('a', 2))
    const own = replica.freeze()!
    replica.adopt({ clientId: 'gone', batches: [{ ...own.batch, clientId: 'gone' }], unsent: [] })
    const origins = () => replica.queue.map(replica.origin)
    expect(origins()).toEqual(['e-0', 'e-5'])
    load({ a: 3 }, 9)
    expect(origins()).toEqual(['e-0', 'e-5'])
    load({ a: 3 }, 2, 'f')
    expect(origins()).toEqual(['f-0', 'f-0'])
  })

  test('is kept when the tab that adopted it is closed before loading', () => {
    const left = {
      clientId: 'gone',
      batches: [{ clientId: 'gone', clientSeq: 1, key: 'k', ops: [set('a', 1)] }],
      unsent: [{ key: 'k', op: set('b', 1) }]
    }
    const heir = setup()
    heir.replica.adopt(left)
    expect(heir.replica.saved()).toEqual({ ...left, clientId: 'me' })
  })
})

describe('stored documents', () => {
  const left = (value: Json, was?: Json) => ({
    clientId: 'tab',
    batches: [],
    unsent: [{ key: 'default', op: set('title', value), ...(was !== undefined && { was }) }]
  })
  function restored(state: Json, options = {}) {
    const all = setup(options)
    all.replica.restore({ epoch: 'e', serverSeq: 1, docs: new Map([['default', state]]), deltas: [] })
    return all
  }

  test('are shown before the server answers, and resume from their position', () => {
    const { replica, view, delta, upToDate, loaded } = restored({ title: 'kept' })
    expect(view()).toEqual({ title: 'kept' })
    expect(replica).toMatchObject({ loaded: true, live: false, position: 'e-1' })
    expect(loaded).toEqual([['default', { title: 'kept' }]])
    replica.opening()
    expect(delta(2, [set('zoom', 2)])).toBe('ok')
    expect(upToDate(2)).toBe('ok')
    expect(view()).toEqual({ title: 'kept', zoom: 2 })
    expect(replica.live).toBe(true)
  })

  test('have the outbox of a closed tab on top, which is pending until the server answers, and then sent', () => {
    const { replica, view, upToDate } = restored({ title: 'kept' })
    replica.adopt(left('mine', 'kept'))
    expect(view()).toEqual({ title: 'mine' })
    expect(replica.pendingChanges()).toMatchObject([{ key: 'default', op: set('title', 'mine'), sent: false }])
    expect(replica.saved().unsent).toEqual(left('mine', 'kept').unsent)
    expect(replica.freeze()).toBeUndefined()
    replica.opening()
    upToDate(1)
    expect(replica.freeze()?.batch.ops).toEqual([set('title', 'mine')])
    expect(view()).toEqual({ title: 'mine' })
  })

  test('keep changes that depend on the outbox of a closed tab unsent when the page is hidden', () => {
    const { replica, edit, view, upToDate, conflicts } = restored({ tasks: [] })
    replica.adopt({
      clientId: 'tab',
      batches: [],
      unsent: [{ key: 'default', op: add('tasks', { _sync_id: 'x', title: '' }) }]
    })
    edit(set('tasks[x].title', 'typed'))
    expect(replica.freeze({ hidden: true })).toBeUndefined()
    expect(replica.saved().unsent).toHaveLength(2)
    replica.opening()
    upToDate(1)
    expect(replica.freeze()?.batch.ops).toEqual([add('tasks', { _sync_id: 'x', title: 'typed' })])
    expect([view(), conflicts]).toEqual([{ tasks: [{ _sync_id: 'x', title: 'typed' }] }, []])
  })

  test('that are older than the outbox of a closed tab cause no conflict', () => {
    const { replica, view, delta, upToDate, conflicts } = restored({ title: 'older' })
    replica.adopt(left('mine', 'kept'))
    replica.opening()
    delta(2, [set('title', 'kept')])
    upToDate(2)
    expect([view(), conflicts]).toEqual([{ title: 'mine' }, []])
    expect(replica.freeze()?.batch.ops).toEqual([set('title', 'mine')])
  })

  test.each([
    ['by deltas', false],
    ['by whole state, since the epoch has changed', true]
  ])('are replaced by newer changes of the server, %s; local changes of the same paths are conflicts', (_, anew) => {
    const { replica, view, delta, upToDate, edit, conflicts } = restored({ title: 'kept', zoom: 1 })
    replica.adopt(left('mine', 'kept'))
    edit(set('zoom', 2))
    expect(view()).toEqual({ title: 'mine', zoom: 2 })
    replica.opening()
    const ops = [set('title', 'theirs'), set('zoom', 3), set('more', 1)]
    if (anew) replica.state({ room: 'r', key: 'default', serverSeq: 1, state: { title: 'theirs', zoom: 3, more: 1 } })
    else delta(2, ops)
    upToDate(anew ? 1 : 2, anew ? 'e2' : 'e')
    expect(view()).toEqual({ title: 'theirs', zoom: 3, more: 1 })
    expect(conflicts.map(({ op, reason }) => [op, reason])).toEqual(
      expect.arrayContaining([
        [set('title', 'mine'), 'changed'],
        [set('zoom', 2), 'changed']
      ])
    )
    expect(conflicts).toHaveLength(2)
    expect(replica.pending()).toBe(0)
  })

  test('are below edits made before they were read, and below newer edits than the outbox of a closed tab', () => {
    const { replica, view, edit, upToDate } = setup()
    replica.initialise('default', { title: '' })
    edit(set('note', 'early'))
    replica.restore({ epoch: 'e', serverSeq: 1, docs: new Map([['default', { title: 'kept' }]]), deltas: [] })
    replica.adopt(left('mine', 'kept'))
    expect(view()).toEqual({ title: 'mine', note: 'early' })
    edit(set('title', 'newer'))
    replica.opening()
    upToDate(1)
    expect(view()).toEqual({ title: 'newer', note: 'early' })
    expect(replica.freeze()?.batch.ops).toEqual([set('title', 'newer'), set('note', 'early')])
  })

  test('are ignored after the room was loaded', () => {
    const { replica, load, view } = setup()
    load({ title: 'a' })
    replica.restore({ epoch: 'e', serverSeq: 9, docs: new Map([['default', { title: 'kept' }]]), deltas: [] })
    expect([view(), replica.position]).toEqual([{ title: 'a' }, 'e-1'])
  })
})

describe('pending changes', () => {
  test('are listed in the order in which they are sent, and only those in no batch are discarded', () => {
    const { replica, load, edit, view } = setup()
    load({ title: 'a', tasks: [] })
    edit(set('title', 'b'))
    replica.freeze()
    edit(set('title', 'c'), add('tasks', { _sync_id: 'x' }))
    const list = replica.pendingChanges()
    expect(list.map(({ op, sent }) => [op.op, op.value, sent])).toEqual([
      ['set', 'b', true],
      ['set', 'c', false],
      ['array_add', { _sync_id: 'x' }, false]
    ])
    expect(new Set(list.map(({ id }) => id)).size).toBe(3)
    replica.discardPending(list[0]!.id)
    expect(replica.pendingChanges()).toEqual(list)
    replica.discardPending(list[1]!.id)
    expect(view()).toEqual({ title: 'b', tasks: [{ _sync_id: 'x' }] })
    replica.discardPending()
    expect(view()).toEqual({ title: 'b', tasks: [] })
    expect(replica.pendingChanges().map(({ sent }) => sent)).toEqual([true])
  })

  test('that depend on a discarded one are discarded with it', () => {
    const { replica, load, edit, view, conflicts } = setup()
    load({ a: [{ _sync_id: 'x', n: 0 }], b: [] })
    edit({ op: 'array_move', path: 'a[x]', to: 'b' }, set('b[x].n', 1))
    const [move] = replica.pendingChanges()
    expect(move?.op.op).toBe('array_move')
    replica.discardPending(move!.id)
    expect(view()).toEqual({ a: [{ _sync_id: 'x', n: 0 }], b: [] })
    expect([replica.pending(), conflicts]).toEqual([0, []])
  })

  test('of a closed tab can be discarded before the server answers', () => {
    const { replica, view } = setup()
    replica.restore({ epoch: 'e', serverSeq: 1, docs: new Map([['default', { title: 'kept' }]]), deltas: [] })
    replica.adopt({ clientId: 'tab', batches: [], unsent: [{ key: 'default', op: set('title', 'mine'), was: 'kept' }] })
    replica.discardPending(replica.pendingChanges()[0]!.id)
    expect([view(), replica.pending()]).toEqual([{ title: 'kept' }, 0])
  })
})

describe('repeated whole state', () => {
  test('keeps the identity of all parts that are equal', () => {
    const { load, view } = setup()
    const state = () => ({
      tasks: [
        { _sync_id: 'x', deep: { n: 1 } },
        { _sync_id: 'y', deep: { n: 1 } }
      ],
      title: 'a'
    })
    load(state())
    const before = view() as ReturnType<typeof state>
    load({ ...state(), tasks: state().tasks.toReversed(), title: 'b' })
    const after = view() as ReturnType<typeof state>
    expect(after.title).toBe('b')
    expect(after.tasks[0]).toBe(before.tasks[1])
    expect(after.tasks[1]).toBe(before.tasks[0])
  })
})

describe('an item that another client moves to another list', () => {
  const board = { todo: [{ _sync_id: 'x', n: 0 }], doing: [], done: [] }
  const move = (path: string, to: string): Operation => ({ op: 'array_move', path, to })
  const moved: Operation = { op: 'array_move', path: 'todo[x]', to: 'doing', arrayIndex: 0 }

  test('keeps an unsent edit', () => {
    const { load, edit, delta, view, conflicts, replica } = setup()
    load(board)
    edit(set('todo[x].n', 1))
    delta(2, [moved])
    expect(view()).toEqual({ todo: [], doing: [{ _sync_id: 'x', n: 1 }], done: [] })
    expect(replica.unsent('default')).toEqual([set('doing[x].n', 1)])
    expect(conflicts).toEqual([])
  })

  test('keeps an edit in flight, whose batch does not change', () => {
    const { load, edit, delta, view, conflicts, replica } = setup()
    load(board)
    edit(set('todo[x].n', 1))
    const frozen = replica.freeze()!
    edit(set('todo[x].m', 2))
    delta(2, [moved])
    expect(view()).toEqual({ todo: [], doing: [{ _sync_id: 'x', n: 1, m: 2 }], done: [] })
    expect(frozen.batch.ops).toEqual([set('todo[x].n', 1)])
    delta(3, [set('doing[x].n', 1)], { clientId: 'me', clientSeq: 1 })
    expect(view()).toEqual({ todo: [], doing: [{ _sync_id: 'x', n: 1, m: 2 }], done: [] })
    expect(conflicts).toEqual([])
  })

  test('and that is also moved locally is one item, in the local place until the last move is known', () => {
    const { load, edit, delta, view, conflicts, replica } = setup()
    load(board)
    edit(move('todo[x]', 'done'))
    replica.freeze()
    delta(2, [moved])
    expect(view()).toEqual({ todo: [], doing: [], done: [{ _sync_id: 'x', n: 0 }] })
    delta(3, [{ op: 'array_move', path: 'doing[x]', to: 'done', arrayIndex: 0 }], { clientId: 'me', clientSeq: 1 })
    expect(view()).toEqual({ todo: [], doing: [], done: [{ _sync_id: 'x', n: 0 }] })
    expect(conflicts).toEqual([])
  })

  test('during an outage keeps edits of unchanged values, and reports the others with the value in the new place', () => {
    const { load, edit, delta, upToDate, view, conflicts, replica } = setup()
    load({ ...board, todo: [{ _sync_id: 'x', n: 0, m: 0 }] })
    replica.lost()
    edit(set('todo[x].n', 1), set('todo[x].m', 1))
    replica.opening()
    delta(2, [moved])
    delta(3, [set('doing[x].n', 5)])
    upToDate(3)
    expect(view()).toEqual({ todo: [], doing: [{ _sync_id: 'x', n: 5, m: 1 }], done: [] })
    expect(conflicts).toEqual([{ key: 'default', op: set('doing[x].n', 1), reason: 'changed', current: 5 }])
  })

  test('and then deletes loses the edit, which is reported', () => {
    const { load, edit, delta, view, conflicts } = setup()
    load(board)
    edit(set('todo[x].n', 1))
    delta(2, [moved, del('doing[x]')])
    expect(view()).toEqual({ todo: [], doing: [], done: [] })
    expect(conflicts).toEqual([{ key: 'default', op: set('todo[x].n', 1), reason: 'item_deleted', current: undefined }])
  })

  test('in the deltas after whole state keeps edits', () => {
    const { load, edit, delta, upToDate, view, conflicts, replica } = setup()
    load(board)
    replica.lost()
    edit(set('todo[x].n', 1))
    replica.opening()
    replica.state({ room: 'r', key: 'default', serverSeq: 5, state: board })
    delta(6, [moved])
    upToDate(6)
    expect(view()).toEqual({ todo: [], doing: [{ _sync_id: 'x', n: 1 }], done: [] })
    expect(conflicts).toEqual([])
  })

  test('is not recorded after the last pending change', () => {
    const { load, delta, edit, replica } = setup()
    load(board)
    edit(set('todo[x].n', 1))
    delta(2, [moved])
    expect(replica.doc('default').moves).toHaveLength(1)
    edit(set('doing[x].n', 0))
    delta(3, [])
    expect(replica.doc('default').moves).toEqual([])
  })
})
