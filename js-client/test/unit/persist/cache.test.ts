import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openCaches, plan, read, type Head } from '../../../src/client/storage/document-cache.ts'
import { fold } from '../../../src/document/apply.ts'
import type { Json } from '../../../src/document/json.ts'
import type { KeptRoom } from '../../../src/replica/replica.ts'
import type { DeltaEvent, Operation, User } from '../../../src/wire.ts'

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory())
  vi.stubGlobal('IDBKeyRange', IDBKeyRange)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const set = (path: string, value: Json): Operation => ({ op: 'set', path, value })

interface Tab {
  user?: string | undefined
  server?: string
  room?: string
  self?: User
}

/** A token with the user id, if the user is known; undefined without a user. */
const tokenOf = (user: string | undefined) =>
  user === undefined ? 'opaque' : user && ['e30', btoa(JSON.stringify({ iss: 'app', sub: user })), 'x'].join('.')

/** A tab in a room, with functions in place of the replica. */
async function openTab(tab: Tab = {}) {
  const { user, server = 'https://sync', room = 'r', self }: Tab = { user: 'ada', ...tab }
  const whose = { user, self }
  const caches = await openCaches({ root: server, token: async () => tokenOf(whose.user) })
  const docs = new Map<string, { key: string; confirmed?: Json | undefined; moves: [] }>()
  const replica = { position: undefined as string | undefined, docs: docs as never }
  const cache = caches.of(room, replica, () => whose.self)
  let epoch = 'e'
  let seq = 0
  return {
    caches,
    cache,
    whose,
    /** Whole state arrives. */
    state(key: string, state: Json, serverSeq: number, of = 'e') {
      docs.set(key, { key, confirmed: state, moves: [] })
      replica.position = `${(epoch = of)}-${(seq = serverSeq)}`
    },
    delta(...ops: Operation[]) {
      const key = 'default'
      cache.received({ room, key, serverSeq: ++seq, clientId: 'you', serverTs: 0, ops } as DeltaEvent, epoch)
      docs.set(key, { key, confirmed: fold(docs.get(key)?.confirmed, ops).doc, moves: [] })
      replica.position = `${epoch}-${seq}`
    },
    document: () => docs.get('default')?.confirmed
  }
}

/** The stored documents. */
function documents(kept: KeptRoom | undefined) {
  if (!kept) return undefined
  const states = new Map(kept.docs)
  for (const { key, ops } of kept.deltas) states.set(key, fold(states.get(key), ops).doc!)
  return { position: `${kept.epoch}-${kept.serverSeq}`, ...Object.fromEntries(states) }
}
const reload = async (tab: Tab = {}) => documents(await (await openTab(tab)).cache.load())

/** The values of all puts. */
function puts() {
  const put = vi.spyOn(IDBObjectStore.prototype, 'put')
  return { put, sizes: () => put.mock.calls.map(([value]) => JSON.stringify(value).length) }
}

describe('stored documents', () => {
  test('are restored in the next tab, with all later deltas', async () => {
    const tab = await openTab()
    tab.state('default', { title: 'a' }, 3)
    tab.state('notes', [1], 3)
    await tab.cache.write()
    tab.delta(set('title', 'b'))
    tab.delta(set('n', 1))
    await tab.cache.write()
    expect(await reload()).toEqual({ position: 'e-5', default: { title: 'b', n: 1 }, notes: [1] })
  })

  test('are updated by writing deltas only', async () => {
    const tab = await openTab()
    tab.state('default', { text: 'x'.repeat(200_000) }, 1)
    await tab.cache.write()
    const { sizes } = puts()
    for (let n = 0; n < 20; n++) {
      tab.delta(set('n', n))
      await tab.cache.write()
    }
    expect(sizes()).toHaveLength(40)
    expect(Math.max(...sizes())).toBeLessThan(250)
  })

  test('are written once for simultaneous changes, and not without a change', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const tab = await openTab()
    tab.state('default', {}, 1)
    await tab.cache.write()
    const { put } = puts()
    const failed = vi.fn()
    for (let n = 0; n < 50; n++) {
      tab.delta(set('n', n))
      tab.cache.changed(failed)
    }
    expect(put).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1000)
    await vi.waitFor(async () => expect(await reload()).toMatchObject({ position: 'e-51', default: { n: 49 } }))
    const written = put.mock.calls.length
    tab.cache.changed(failed)
    expect(vi.getTimerCount()).toBe(0)
    await tab.cache.write()
    expect([put.mock.calls.length, failed.mock.calls]).toEqual([written, []])
  })

  test('get a new snapshot and an empty log when the log is as large as the last snapshot', async () => {
    const tab = await openTab()
    tab.state('default', { text: '' }, 1)
    for (let n = 0; n < 10; n++) {
      tab.delta(set('text', `${n}`.repeat(20_000)))
      await tab.cache.write()
    }
    expect(await reload()).toEqual({ position: 'e-11', default: tab.document() })
    const kept = await (await openTab()).cache.load()
    expect(kept!.deltas.length).toBeLessThan(4)
  })

  test('are replaced when the epoch has changed', async () => {
    const tab = await openTab()
    tab.state('default', { title: 'old' }, 9)
    await tab.cache.write()
    tab.state('default', { title: 'new' }, 2, 'e2')
    await tab.cache.write()
    tab.delta(set('n', 1))
    await tab.cache.write()
    expect(await reload()).toEqual({ position: 'e2-3', default: { title: 'new', n: 1 } })
  })

  test('are written as a snapshot when a delta is missing', async () => {
    const tab = await openTab()
    tab.state('default', { title: 'a' }, 1)
    await tab.cache.write()
    tab.state('default', { title: 'later' }, 7)
    await tab.cache.write()
    expect(await reload()).toEqual({ position: 'e-7', default: { title: 'later' } })
  })

  test('are not stored when the room is too large', async () => {
    const tab = await openTab()
    tab.state('default', { text: 'a' }, 1)
    await tab.cache.write()
    tab.state('default', { text: 'x'.repeat(8_000_001) }, 5)
    await tab.cache.write()
    expect(await reload()).toBeUndefined()
  })
})

describe('several tabs of a room', () => {
  test('add the deltas that the others have not written, in any order', async () => {
    const tabs = [await openTab(), await openTab()]
    for (const tab of tabs) tab.state('default', { title: 'a' }, 1)
    await Promise.all(tabs.map(({ cache }) => cache.write()))
    const { put } = puts()
    for (const tab of tabs) tab.delta(set('n', 1))
    tabs[1]!.delta(set('n', 2))
    await Promise.all(tabs.map(({ cache }) => cache.write()))
    expect(put).toHaveBeenCalledTimes(4)
    tabs[0]!.delta(set('n', 2))
    await tabs[0]!.cache.write()
    expect(put).toHaveBeenCalledTimes(4)
    tabs[0]!.delta(set('n', 3))
    await tabs[0]!.cache.write()
    expect(await reload()).toEqual({ position: 'e-4', default: { title: 'a', n: 3 } })
  })

  test('do not overwrite a later position of another tab', async () => {
    const [ahead, behind] = [await openTab(), await openTab()]
    ahead.state('default', { title: 'new' }, 9)
    await ahead.cache.write()
    behind.state('default', { title: 'old' }, 3)
    await behind.cache.write()
    expect(await reload()).toEqual({ position: 'e-9', default: { title: 'new' } })
  })
})

describe('stored documents of a user', () => {
  async function keep(tab: Tab) {
    const own = await openTab(tab)
    own.state('default', { secret: true }, 1)
    await own.cache.write()
    return own
  }

  test('are restored for the same user, server and room only', async () => {
    await keep({ user: 'ada' })
    expect(await reload({ user: 'bob' })).toBeUndefined()
    expect(await reload({ user: '' })).toBeUndefined()
    expect(await reload({ user: undefined })).toBeUndefined()
    expect(await reload({ server: 'https://other' })).toBeUndefined()
    expect(await reload({ room: 'r2' })).toBeUndefined()
    expect(await reload({ user: 'ada' })).toBeDefined()
  })

  test('are not written if the user is not known', async () => {
    const { put } = puts()
    await keep({ user: undefined })
    await keep({ user: '' })
    expect(put).not.toHaveBeenCalled()
  })

  test('are written without a user if the server knows no user either', async () => {
    await keep({ user: '', self: { clientId: 'me', joinedAt: 0 } })
    expect(await reload({ user: '' })).toBeDefined()
  })

  test('are deleted, and not written again, if only cookies identify the user', async () => {
    await keep({ user: '', self: { clientId: 'me', joinedAt: 0 } })
    await keep({ user: '', self: { clientId: 'me', joinedAt: 0, userId: 'ada' } })
    expect(await reload({ user: '' })).toBeUndefined()
  })

  test('are not updated after another user has logged in in the same tab', async () => {
    const tab = await keep({ user: 'ada' })
    tab.whose.user = 'bob'
    tab.delta(set('secret', 'of bob'))
    await tab.cache.write()
    expect(await reload({ user: 'ada' })).toEqual({ position: 'e-1', default: { secret: true } })
    expect(await reload({ user: 'bob' })).toBeUndefined()
  })

  test('are deleted for all users by clear, after which no open tab writes any', async () => {
    const tabs = [await keep({ user: 'ada' }), await keep({ user: 'bob' }), await keep({ user: 'ada', room: 'r2' })]
    await keep({ server: 'https://other' })
    await tabs[0]!.caches.clear()
    for (const tab of tabs) {
      tab.delta(set('n', 1))
      await tab.cache.write()
    }
    expect([await reload({ user: 'ada' }), await reload({ user: 'bob' }), await reload({ room: 'r2' })]).toEqual([
      undefined,
      undefined,
      undefined
    ])
    expect(await reload({ server: 'https://other' })).toBeDefined()
    await keep({ user: 'ada' })
    expect(await reload({ user: 'ada' }), 'a new client keeps documents again').toBeDefined()
  })

  test('are deleted for a room whose read permission was revoked, and for no other room', async () => {
    const tab = await keep({ user: 'ada' })
    await keep({ user: 'ada', room: 'r2' })
    await tab.cache.forget()
    tab.delta(set('n', 1))
    await tab.cache.write()
    expect([await reload(), (await reload({ room: 'r2' }))?.position]).toEqual([undefined, 'e-1'])
  })
})

describe('the storage', () => {
  test('has a maximum size: the least recently used rooms are deleted first', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const keep = async (room: string, time: number) => {
      vi.setSystemTime(time)
      const tab = await openTab({ room })
      tab.state('default', 'x'.repeat(7_000_000), 1)
      await tab.cache.write()
    }
    for (let n = 1; n <= 4; n++) await keep(`r${n}`, n * 1000)
    vi.setSystemTime(5000)
    expect(await reload({ room: 'r1' })).toBeDefined()
    await keep('r5', 6000)
    const left = await Promise.all([1, 2, 3, 4, 5].map(async (n) => !!(await reload({ room: `r${n}` }))))
    expect(left).toEqual([true, false, true, true, true])
  })

  test('that is full causes one rejection, deletes documents to make space for outboxes, and is not used again', async () => {
    const other = await openTab({ room: 'r2' })
    other.state('default', {}, 1)
    await other.cache.write()
    const tab = await openTab()
    tab.state('default', {}, 1)
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('no more room', 'QuotaExceededError')
    })
    await expect(tab.cache.write()).rejects.toThrow('no more room')
    expect(await reload({ room: 'r2' })).toBeUndefined()
    put.mockRestore()
    tab.delta(set('n', 1))
    await tab.cache.write()
    expect(await reload()).toBeUndefined()
  })

  test('that is missing causes an error that names it', async () => {
    vi.stubGlobal('indexedDB', undefined)
    await expect(openCaches({ root: '', token: async () => '' })).rejects.toThrow('no IndexedDB')
  })

  test('of an older format is deleted; inconsistent records are ignored and replaced', async () => {
    const tab = await openTab()
    tab.state('default', { title: 'a' }, 1)
    await tab.cache.write()
    const all = async (run: (store: IDBObjectStore) => IDBRequest) =>
      new Promise<unknown>((resolve) => {
        const opening = indexedDB.open('pathsync-documents')
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('documents', 'readwrite')
          const request = run(transaction.objectStore('documents') as unknown as IDBObjectStore)
          transaction.oncomplete = () => resolve(request.result)
        }
      })
    await all((store) => store.put('from before', [0, 'https://sync', 'r']) as never)
    await all((store) => store.put('{', [1, 'https://sync', 'data', '["app","ada"]', 'r', 'snapshot']) as never)
    expect(await reload()).toBeUndefined()
    expect(await all((store) => store.getAllKeys() as never)).toEqual([])

    const next = await openTab()
    expect(await next.cache.load()).toBeUndefined()
    next.state('default', { title: 'b' }, 2)
    await next.cache.write()
    expect(await reload()).toEqual({ position: 'e-2', default: { title: 'b' } })
  })
})

describe('a write', () => {
  const head: Head = { epoch: 'e', serverSeq: 4, snapshotSeq: 2, snapshotSize: 10, logSize: 5, usedAt: 0 }
  const deltas = new Map([5, 6].map((serverSeq) => [serverSeq, { serverSeq, key: 'default', ops: [set('n', serverSeq)] }]))
  const states = () => [['default', { n: 6 }]] as const

  test.each([
    ['the records reach the position', head, 4, undefined],
    ['the records are ahead of the position', head, 3, undefined],
    ['all deltas after the records are known', head, 6, 'log'],
    ['a delta is missing', head, 7, 'snapshot'],
    ['there are no records', undefined, 6, 'snapshot'],
    ['the records have another epoch', { ...head, epoch: 'd' }, 6, 'snapshot'],
    ['the log is too large', { ...head, logSize: 65_536 }, 6, 'snapshot']
  ] as const)('has the missing records when %s', (_, head, serverSeq, part) => {
    const written = plan(head, { epoch: 'e', serverSeq }, deltas, states)
    expect(written && Object.keys(written)[1]).toBe(part)
  })

  test('is restored only if its records are complete', () => {
    const log = [
      JSON.stringify([
        { serverSeq: 3, key: 'default', ops: [] },
        { serverSeq: 4, key: 'default', ops: [] }
      ])
    ]
    expect(read(head, '[["default",{}]]', log)?.serverSeq).toBe(4)
    for (const [snapshot, entries] of [
      ['[["default",{}]]', []],
      ['nonsense', log],
      [undefined, log],
      ['[]', ['[{"serverSeq":3},{"serverSeq":5}]']]
    ] as const) {
      expect(read(head, snapshot, entries)).toBeUndefined()
    }
  })
})
