// The pure parts of the tabs: log, history, difference, tree, doctor, robots and line.
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { diff, fold } from '../../../playground/src/document.ts'
import type { Operation } from '../../../playground/src/document.ts'
import { differences } from '../../../playground/src/inspector/difference.ts'
import { judge } from '../../../playground/src/inspector/doctor.ts'
import type { Probe } from '../../../playground/src/inspector/doctor.ts'
import { createHistory } from '../../../playground/src/inspector/history.ts'
import { createBatchLog, filterBatches } from '../../../playground/src/inspector/log.ts'
import { createCrew, MOST_ROBOTS, nextEdit } from '../../../playground/src/inspector/robots.ts'
import type { Robot } from '../../../playground/src/inspector/robots.ts'
import { sparkline } from '../../../playground/src/inspector/sparkline.ts'
import { createTurns } from '../../../playground/src/inspector/turns.ts'
import { childrenOf, countOf, summary } from '../../../playground/src/inspector/tree.ts'
import { describeOperation } from '../../../playground/src/wording.ts'
import { anyObject } from '../document/arbitrary.ts'

const set = (path: string, value: string): Operation => ({ op: 'set', path, value })

describe('the log', () => {
  let time = 1000
  const create = (most = 3) => createBatchLog(most, () => time)
  const request = (clientSeq: number, ...ops: Operation[]) => ({
    room: 'r',
    body: JSON.stringify({ clientId: 'me', clientSeq, key: 'project', ops })
  })
  const answer = (serverSeq: number, ...results: object[]) => ({ status: 200, body: JSON.stringify({ serverSeq, results }) })

  test('shows a batch as pending until it is confirmed, with the time and the dropped operations', () => {
    const log = create()
    const answered = log.sent(request(1, set('a', 'x'), set('tasks[t].b', 'y')))
    expect(log.list()).toMatchObject([
      { clientId: 'me', mine: true, fate: 'sent', ops: [{ path: 'a' }, { path: 'tasks[t].b' }] }
    ])
    time += 25
    answered(answer(7, { status: 'applied' }, { status: 'discarded', reason: 'item_deleted' }))
    expect(log.list()).toMatchObject([{ fate: 'confirmed', serverSeq: 7, tookMs: 25, dropped: ['', 'item deleted'] }])
    expect(log.lastSeq()).toBe(7)
  })

  test('has one entry for a batch that is repeated, with the time since the first request', () => {
    const log = create()
    log.sent(request(1, set('a', 'x')))(undefined)
    expect(log.list()).toMatchObject([{ fate: 'unanswered' }])
    time += 1000
    const again = log.sent(request(1, set('a', 'x')))
    expect(log.list()).toMatchObject([{ fate: 'sent' }])
    again(answer(2, { status: 'applied' }))
    expect(log.list()).toMatchObject([{ fate: 'confirmed', tookMs: 1000 }])
  })

  test.each([
    [
      { status: 422, body: '{"detail":"too long","retryable":false}' },
      { fate: 'refused', refusal: 'too long' }
    ],
    [
      { status: 503, body: '{"title":"Unavailable","retryable":true}' },
      { fate: 'unanswered', refusal: 'Unavailable' }
    ],
    [
      { status: 502, body: '<html>' },
      { fate: 'unanswered', refusal: 'status 502' }
    ]
  ])('tells from the answer %j what becomes of the batch', (given, fate) => {
    const log = create()
    log.sent(request(1, set('a', 'x')))(given)
    expect(log.list()).toMatchObject([fate])
  })

  test('keeps the newest batches of a hot room, and reports changes to who looks', () => {
    const log = create(200)
    const changed = vi.fn()
    log.watch(changed)
    for (let serverSeq = 1; serverSeq <= 10_000; serverSeq++)
      log.received({ clientId: 'other', serverSeq, ops: [set('a', 'x')] })
    expect(changed).toHaveBeenCalledTimes(10_000)
    expect(log.list().map(({ serverSeq }) => serverSeq)).toEqual(Array.from({ length: 200 }, (_, n) => 10_000 - n))
  })

  test('keeps fewer of large batches', () => {
    const log = create(200)
    for (let serverSeq = 1; serverSeq <= 100; serverSeq++)
      log.received({ clientId: 'other', serverSeq, ops: [set('a', 'x'.repeat(1_000_000))] })
    expect(log.list().map(({ serverSeq }) => serverSeq)).toEqual([100, 99, 98, 97, 96, 95, 94])
  })

  test('leaves out batches without operations, which only ask whether the page may write', () => {
    const log = create()
    log.sent({ room: 'r', body: '{}' })(undefined)
    expect(log.list()).toEqual([])
  })

  test('is filtered by author, path and operation', () => {
    const log = create()
    log.received({ clientId: 'c1', serverSeq: 1, ops: [set('title', 'x')] })
    log.received({ clientId: 'c2', serverSeq: 2, ops: [{ op: 'array_del', path: 'tasks[t]' }] })
    const nameOf = (clientId: string) => (clientId === 'c1' ? 'Ada' : 'Grace')
    const found = (text: string) => filterBatches(log.list(), text, nameOf, describeOperation).map(({ serverSeq }) => serverSeq)
    expect([found('GRACE'), found('title'), found('array_'), found('tasks[t]'), found(''), found('nothing')]).toEqual([
      [2],
      [1],
      [2],
      [2],
      [2, 1],
      []
    ])
  })
})

describe('the history', () => {
  const batches = Array.from({ length: 500 }, (_, n) => ({
    serverSeq: n + 1,
    key: n % 7 ? 'project' : 'other',
    clientId: 'c',
    serverTs: n,
    ops: [set(`m${n % 11}`, `${n}`)]
  }))
  const mine = batches.filter(({ key }) => key === 'project')

  test('has the state after each batch of the document', () => {
    const history = createHistory('project', 1000)
    for (let n = 0; n < batches.length; n += 37) history.append(batches.slice(n, n + 37))
    expect(history.length).toBe(mine.length)
    for (const index of [0, 1, 49, 50, 51, 99, 250, mine.length - 1]) {
      const ops = mine.slice(0, index + 1).flatMap(({ ops }) => ops)
      expect(history.stateAt(index), `${index}`).toEqual(fold(undefined, ops).doc)
    }
  })

  test('keeps the newest batches, with the same states', () => {
    const [all, few] = [createHistory('project', 1000), createHistory('project', 100)]
    for (const history of [all, few]) history.append(batches)
    expect(few.length).toBeLessThanOrEqual(149)
    expect(few.dropped + few.length).toBe(all.length)
    for (let index = 0; index < few.length; index++) {
      expect(few.batch(index)).toBe(all.batch(index + few.dropped))
      expect(few.stateAt(index)).toEqual(all.stateAt(index + few.dropped))
    }
  })
})

test('a history keeps fewer of large batches, and may begin with a state', () => {
  const history = createHistory('project', 1000, { title: 'Before' })
  const batch = { key: 'project', clientId: 'c', serverTs: 0 }
  history.append([{ ...batch, serverSeq: 8, ops: [set('a', 'x')] }])
  expect(history.stateAt(0)).toEqual({ title: 'Before', a: 'x' })
  for (let serverSeq = 9; serverSeq < 208; serverSeq++)
    history.append([{ ...batch, serverSeq, ops: [set('a', 'y'.repeat(1_000_000))] }])
  expect(history.length).toBe(50)
  expect(history.dropped).toBe(150)
})

describe('the difference of two versions', () => {
  test('names the places whose values differ, and the operations that bring them back', () => {
    const then = {
      title: 'A',
      gone: 1,
      tasks: [
        { _sync_id: 't1', title: 'Dig' },
        { _sync_id: 't2', title: 'Sow' }
      ]
    }
    const now = {
      title: 'B',
      added: true,
      tasks: [
        { _sync_id: 't3', title: 'Eat' },
        { _sync_id: 't1', title: 'Dug' }
      ]
    }
    expect(differences(then, now, 100)).toEqual([
      { path: 'title', then: 'A', now: 'B', restore: { op: 'set', path: 'title', value: 'A' } },
      { path: 'gone', then: 1, now: undefined, restore: { op: 'set', path: 'gone', value: 1 } },
      { path: 'tasks[t1].title', then: 'Dig', now: 'Dug', restore: { op: 'set', path: 'tasks[t1].title', value: 'Dig' } },
      {
        path: 'tasks[t2]',
        then: then.tasks[1],
        now: undefined,
        restore: { op: 'array_add', path: 'tasks', value: then.tasks[1], after: ['t1', null] }
      },
      { path: 'tasks[t3]', then: undefined, now: now.tasks[0], restore: { op: 'array_del', path: 'tasks[t3]' } },
      { path: 'added', then: undefined, now: true, restore: { op: 'delete', path: 'added' } }
    ])
  })

  test('of an order has no operation', () => {
    const items = [{ _sync_id: 'a' }, { _sync_id: 'b' }]
    expect(differences({ t: items }, { t: items.toReversed() }, 100)).toEqual([
      { path: 't (order)', then: ['a', 'b'], now: ['b', 'a'] }
    ])
  })

  test('disappears when all of it is restored, but for orders', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (then, now) => {
        const ops = differences(then, now, 1000).flatMap(({ restore }) => restore ?? [])
        const left = differences(then, fold(now, ops).doc, 1000)
        expect(left.filter(({ restore }) => restore)).toEqual([])
      }),
      { numRuns: 300 }
    )
  })

  test('is bounded', () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`m${n}`, n]))
    expect(differences({}, many, 100)).toHaveLength(100)
  })
})

describe('the tree', () => {
  const state = { title: 'A', tasks: [{ _sync_id: 'a.b', title: 'Dig' }], tags: ['x', 'y'], 'odd.name': null }

  test('names the children with the paths that operations use', () => {
    expect(childrenOf('', state, 10).map(({ name, path }) => [name, path])).toEqual([
      ['title', 'title'],
      ['tasks', 'tasks'],
      ['tags', 'tags'],
      ['odd.name', 'odd\\.name']
    ])
    expect(childrenOf('tasks', state.tasks, 10)).toEqual([{ name: '[a.b]', path: 'tasks[a\\.b]', value: state.tasks[0] }])
    expect(childrenOf('tags', state.tags, 10).map(({ path }) => path)).toEqual([undefined, undefined])
    expect(childrenOf(undefined, { a: 1 }, 10)).toEqual([{ name: 'a', path: undefined, value: 1 }])
  })

  test('shows some of many children, and says what they are', () => {
    expect(
      childrenOf(
        '',
        Array.from({ length: 99 }, (_, n) => n),
        50
      )
    ).toHaveLength(50)
    expect([countOf(state), countOf(state.tasks), countOf(state.tasks[0]!), countOf('x')]).toEqual([4, 1, 1, 0])
    expect([summary(state), summary(state.tasks), summary('x'), summary(null), summary({ a: 1 })]).toEqual([
      'A',
      '1 item',
      '"x"',
      'null',
      '{…}'
    ])
  })

  test('shares unchanged parts between versions, so that only changed ones flash', () => {
    const { doc } = fold(state, diff(state, { ...state, title: 'B' }))
    const changed = childrenOf('', doc!, 10).filter(({ value }, n) => value !== childrenOf('', state, 10)[n]!.value)
    expect(changed.map(({ name }) => name)).toEqual(['title'])
  })
})

describe('the doctor', () => {
  const start = { protocol: 'HTTP/2.0', forwarded: [], at: 5 }
  const sent = [400, 800, 1200, 1600, 2000]
  const healthy: Probe = {
    start,
    events: sent.map((ms) => ({ sentMs: ms, at: ms + 10 })),
    complete: true,
    encoding: '',
    name: 'a/b'
  }
  const bad = (probe: Partial<Probe>) => judge({ ...healthy, ...probe }).flatMap(({ ok, text }) => (ok ? [] : text))

  test('finds nothing on a direct way', () => expect(bad({})).toEqual([]))
  test.each([
    ['no stream', { start: undefined }, 'No event stream was opened'],
    ['events that arrive together', { events: sent.map((ms) => ({ sentMs: ms, at: 2010 })) }, 'arrive late'],
    ['one late event', { events: [...healthy.events.slice(0, 4), { sentMs: 2000, at: 2500 }] }, 'arrive late'],
    ['a stream that was cut', { complete: false }, 'was cut'],
    ['a compressed stream', { encoding: 'gzip' }, 'compresses'],
    ['a changed name', { name: 'a' }, 'A slash in a room name'],
    ['a refused name', { name: undefined }, 'A slash in a room name']
  ])('finds %s', (_, probe, text) => expect(bad(probe as Partial<Probe>)).toEqual([expect.stringContaining(text)]))
})

describe('robots', () => {
  test('make valid operations, and neither empty nor flood a list', () => {
    let seed = 1
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647
    let tasks: { _sync_id: string; title?: unknown; done?: unknown }[] = []
    let [most, made] = [0, 0]
    for (let n = 0; n < 3000; n++) {
      const { ops, field } = nextEdit(tasks, 'Robot 1', random)
      expect(field).toMatch(/^(title|tasks\[t\d+\]\.title)$/)
      const withIds = ops.map((op) =>
        op.op === 'array_add' ? { ...op, value: { ...(op.value as object), _sync_id: `t${made++}` } } : op
      )
      const { doc, results } = fold({ tasks } as never, withIds as Operation[])
      expect(results.map(({ status }) => status)).toEqual(['applied'])
      tasks = (doc as unknown as { tasks: typeof tasks }).tasks
      most = Math.max(most, tasks.length)
    }
    expect(most).toBeLessThanOrEqual(30)
    expect(tasks.length).toBeGreaterThan(5)
  })

  test('have clientIds of their own, are as many as wanted, and stop and leave', async () => {
    vi.useFakeTimers()
    const posts: string[] = []
    const left: string[] = []
    const api = {
      tasks: () => [],
      post: ({ id }: Robot) => (posts.push(id), Promise.resolve(0)),
      present: () => Promise.resolve(),
      leave: ({ id }: Robot) => void left.push(id)
    }
    const crew = createCrew(api, 'robot-x', () => 0.5)
    crew.resize(999, 'r')
    expect(crew.size).toBe(MOST_ROBOTS)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(new Set(posts).size).toBe(MOST_ROBOTS)
    crew.resize(2, 'r')
    expect(left).toHaveLength(MOST_ROBOTS - 2)
    crew.resize(0, 'r')
    await vi.advanceTimersByTimeAsync(5000)
    const before = posts.length
    await vi.advanceTimersByTimeAsync(60_000)
    expect(posts.length).toBe(before)
    expect(new Set(left).size).toBe(MOST_ROBOTS)
    vi.useRealTimers()
  })
})

describe('a robot', () => {
  const idle = { tasks: () => [], present: () => Promise.resolve(), post: () => Promise.resolve(0), leave() {} }

  test('that stops while it announces itself leaves again, in the room in which it worked', async () => {
    const left: string[] = []
    let announced = () => {}
    const present = () => new Promise<void>((resolve) => (announced = resolve))
    const crew = createCrew({ ...idle, present, leave: ({ room }) => void left.push(room) }, 'x')
    crew.resize(1, 'first')
    crew.resize(0, 'second')
    expect(left).toEqual(['first'])
    announced()
    await vi.waitFor(() => expect(left).toEqual(['first', 'first']))
  })

  test.each([1e12, Infinity])('waits a minute at most, if the server asks for %d ms', async (pause) => {
    vi.useFakeTimers()
    const post = vi.fn(() => Promise.resolve(pause))
    const crew = createCrew({ ...idle, post }, 'x')
    crew.resize(1, 'r')
    await vi.advanceTimersByTimeAsync(59_000)
    expect(post).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(post).toHaveBeenCalledTimes(2)
    crew.resize(0, 'r')
    vi.useRealTimers()
  })
})

describe('turns', () => {
  test('are given to a few at a time, and to nobody whose signal has aborted', async () => {
    const inTurn = createTurns(2)
    const running: { name: string; end: () => void }[] = []
    const start = (name: string, signal = new AbortController().signal) =>
      inTurn(signal, () => new Promise<void>((end) => running.push({ name, end })))
    const stop = new AbortController()
    const all = ['a', 'b', 'c'].map((name) => start(name))
    const stopped = start('stopped', stop.signal)
    all.push(start('d'))
    expect(running.map(({ name }) => name)).toEqual(['a', 'b'])
    stop.abort(new Error('stopped'))
    await expect(stopped).rejects.toThrow('stopped')
    for (let n = 0; n < 4; n++) {
      await vi.waitFor(() => expect(running.length).toBeGreaterThan(n))
      running[n]!.end()
    }
    await Promise.all(all)
    expect(running.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('continue after a failure', async () => {
    const inTurn = createTurns(1)
    const { signal } = new AbortController()
    const failed = inTurn(signal, () => Promise.reject(new Error('failed')))
    const next = inTurn(signal, () => Promise.resolve('next'))
    await expect(failed).rejects.toThrow('failed')
    expect(await next).toBe('next')
  })
})

test('a line goes from left to right, higher for larger values', () => {
  expect(sparkline([0, 10, 5], 100, 20)).toBe('0.0,18.0 50.0,2.0 100.0,10.0')
  expect(sparkline([], 100, 20)).toBe('')
})
