import { randomUUID } from 'node:crypto'
import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { indexedDBStorage } from '../../../src/client/storage/indexeddb.ts'
import { assemble } from '../../../src/client/storage/outbox-records.ts'
import type { Json } from '../../../src/document/json.ts'
import type { OutboxStorage, SavedOutbox } from '../../../src/types.ts'
import { createLocks } from './locks.ts'

const server = 'https://sync.example.com'
let locks: ReturnType<typeof createLocks>

beforeEach(() => {
  locks = createLocks()
  vi.stubGlobal('indexedDB', new IDBFactory())
  vi.stubGlobal('IDBKeyRange', IDBKeyRange)
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** A tab with its storage. It closes without an event of the page. */
async function openTab(scope = server): Promise<OutboxStorage & { closeTab(): void }> {
  const tab = locks.openTab()
  vi.stubGlobal('navigator', tab.navigator)
  return { ...(await indexedDBStorage(scope)), closeTab: tab.close }
}

function outbox(clientId: string, title = 'Hello'): SavedOutbox {
  const op = { op: 'set', path: 'title', value: title } as const
  return {
    clientId,
    batches: [{ clientId, clientSeq: 1, key: 'default', ops: [op] }],
    unsent: [{ key: 'default', op, was: 'Untitled' }]
  }
}

const empty = (clientId: string): SavedOutbox => ({ clientId, batches: [], unsent: [] })

/** All stored outboxes of all clients. Fails if there are parts without an outbox. */
async function stored(): Promise<unknown[]> {
  const records = await allRecords()
  const outboxes = records.filter(([key]) => key.length === 3)
  const found = outboxes.map(([key, index]) => {
    const parts = records.filter(([part]) => part.length > 3 && part.slice(0, 3).join() === key.join())
    return assemble(index, new Map(parts.map(([part, value]) => [part[3] as number, value])))
  })
  const parts = found.flatMap((outbox) =>
    Object.values(outbox as SavedOutbox)
      .filter(Array.isArray)
      .flat()
  )
  expect(records.length, 'parts without an outbox').toBe(outboxes.length + parts.length)
  return found
}

function allRecords(): Promise<[unknown[], unknown][]> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('pathsync')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const store = opening.result.transaction('outboxes').objectStore('outboxes')
      const keys = store.getAllKeys()
      const all = store.getAll()
      all.onsuccess = () => resolve(all.result.map((value, i) => [keys.result[i] as unknown[], value]))
    }
  })
}

function putAsIs(value: unknown, key: IDBValidKey): Promise<void> {
  return new Promise((resolve) => {
    const opening = indexedDB.open('pathsync')
    opening.onsuccess = () => {
      const transaction = opening.result.transaction('outboxes', 'readwrite')
      transaction.objectStore('outboxes').put(value, key)
      transaction.oncomplete = () => resolve()
    }
  })
}

describe('the outbox of a closed tab', () => {
  test('is adopted unchanged by the next tab', async () => {
    const old = await openTab()
    await old.save('room', outbox('old'), [])
    old.closeTab()

    const next = await openTab()
    expect(await next.adopt('room', randomUUID())).toEqual([outbox('old')])
  })

  test('stays stored until the next tab confirms the adoption', async () => {
    const old = await openTab()
    await old.save('room', outbox('old'), [])
    old.closeTab()

    const hasty = await openTab()
    await hasty.adopt('room', randomUUID())
    hasty.closeTab()

    const next = await openTab()
    expect(await next.adopt('room', randomUUID())).toEqual([outbox('old')])
    await next.save('room', outbox('next'), ['old'])
    expect(await stored()).toEqual([outbox('next')])
  })

  test('is adopted by one of two tabs that open at the same time', async () => {
    const old = await openTab()
    await old.save('room', outbox('old'), [])
    old.closeTab()

    const tabs = [await openTab(), await openTab()]
    const adopted = await Promise.all(tabs.map((tab) => tab.adopt('room', randomUUID())))
    expect(adopted.flat()).toEqual([outbox('old')])
  })

  test('is adopted with those of other closed tabs', async () => {
    for (const id of ['a', 'b', 'c']) {
      const old = await openTab()
      await old.save('room', outbox(id), [])
      old.closeTab()
    }
    const next = await openTab()
    expect(await next.adopt('room', randomUUID())).toEqual([outbox('a'), outbox('b'), outbox('c')])
    await next.save('room', empty('next'), ['a', 'b', 'c'])
    expect(await stored()).toEqual([])
  })

  test('in another room, or on another server, is not adopted', async () => {
    const old = await openTab()
    await old.save('room', outbox('old'), [])
    await old.save('room 2', outbox('old', 'Elsewhere'), [])
    old.closeTab()

    expect(await (await openTab('https://other.example.com')).adopt('room', randomUUID())).toEqual([])
    expect(await (await openTab()).adopt('roo', randomUUID())).toEqual([])
  })

  test('in two rooms can be adopted by two tabs', async () => {
    const old = await openTab()
    await old.save('one', outbox('old', 'One'), [])
    await old.save('two', outbox('old', 'Two'), [])
    old.closeTab()

    expect(await (await openTab()).adopt('one', randomUUID())).toEqual([outbox('old', 'One')])
    expect(await (await openTab()).adopt('two', randomUUID())).toEqual([outbox('old', 'Two')])
  })

  test('is adopted when the tab opens again with the same id', async () => {
    const old = await openTab()
    await old.save('room', outbox('same'), [])
    old.closeTab()

    const next = await openTab()
    expect(await next.adopt('room', 'same')).toEqual([outbox('same')])
    await next.save('room', outbox('same', 'Again'), ['same'])
    expect(await stored()).toEqual([outbox('same', 'Again')])
    expect(await (await openTab()).adopt('room', randomUUID()), 'it has an owner again').toEqual([])
  })

  test('is adopted when the tab opens again with the same id before the old page has released it', async () => {
    const old = await openTab()
    await old.save('room', outbox('same'), [])
    const next = await openTab()
    const adopted = next.adopt('room', 'same')
    const settled = vi.fn()
    void adopted.then(settled)
    await old.save('room', outbox('same', 'Last words'), [])
    for (let i = 0; i < 5; i++) await stored()
    expect(settled).not.toHaveBeenCalled()
    old.closeTab()
    expect(await adopted).toEqual([outbox('same', 'Last words')])
  })
})

describe('an open tab', () => {
  test('holds its outbox, so that no other tab adopts it', async () => {
    const open = await openTab()
    await open.save('room', outbox('open'), [])
    expect(await (await openTab()).adopt('room', randomUUID())).toEqual([])
  })

  test('adopts its own outbox when it enters the room again', async () => {
    const open = await openTab()
    await open.adopt('room', 'open')
    await open.save('room', outbox('open'), [])
    expect(await open.adopt('room', 'open')).toEqual([outbox('open')])
    await open.save('room', empty('open'), ['open'])
    expect(await stored()).toEqual([])
  })

  test('replaces its last saved outbox', async () => {
    const open = await openTab()
    await open.save('room', outbox('open', 'First'), [])
    await open.save('room', outbox('open', 'Second'), [])
    expect(await stored()).toEqual([outbox('open', 'Second')])
  })

  test('deletes its outbox when all changes were sent', async () => {
    const open = await openTab()
    await open.save('room', outbox('open'), [])
    await open.save('room', empty('open'), [])
    expect(await stored()).toEqual([])
  })

  test('releases its outboxes when its client closes, and can still clear them', async () => {
    const open = await openTab()
    await open.save('room', outbox('open'), [])
    open.close()
    await vi.waitFor(() => expect(locks.holders.size).toBe(0))

    await open.save('room', empty('open'), [])
    expect(await stored()).toEqual([])
    expect(locks.holders.size, 'locks after the end').toBe(0)
  })
})

describe('an outbox of thousands of changes', () => {
  const change = (n: number, value: Json) => ({ key: 'default', op: { op: 'set', path: `tasks[t${n}].title`, value } }) as const
  const many = (values: readonly Json[]): SavedOutbox => ({
    clientId: 'open',
    batches: [],
    unsent: values.map((value, n) => change(n, value))
  })

  test.each([
    ['replaced', (all: Json[]) => all.with(2500, 'x'), 2],
    ['added at the end', (all: Json[]) => [...all, 'x'], 2],
    ['removed', (all: Json[]) => all.slice(0, -1), 1]
  ])('writes only the change that is %s', async (_, edit, writes) => {
    const open = await openTab()
    const all = Array.from({ length: 5000 }, (_, n): Json => n)
    await open.save('room', many(all), [])
    const put = vi.spyOn(IDBObjectStore.prototype, 'put')
    await open.save('room', many(edit([...all])), [])
    expect(put).toHaveBeenCalledTimes(writes)
    expect(await stored()).toEqual([many(edit([...all]))])
  })

  test('has the last saved content after many writes', async () => {
    const open = await openTab()
    const random = (n: number) => Math.floor(Math.random() * n)
    let values: number[] = []
    for (let i = 0; i < 60; i++) {
      values = values.toSpliced(random(values.length + 1), random(4), ...Array.from({ length: random(5) }, () => random(5)))
      await open.save('room', { ...many(values), batches: i % 2 ? [] : outbox('open', `${i}`).batches }, [])
    }
    values.push(7)
    await open.save('room', many(values), [])
    expect(await stored()).toEqual([many(values)])
    open.closeTab()
    const [adopted] = await (await openTab()).adopt('room', randomUUID())
    expect(adopted?.unsent).toEqual(many(values).unsent)
  })

  test('that an earlier version stored in one record is adopted', async () => {
    const old = await openTab()
    await putAsIs(outbox('old'), [server, 'room', 'old'])
    old.closeTab()
    const next = await openTab()
    expect(await next.adopt('room', randomUUID())).toEqual([outbox('old')])
    await next.save('room', empty('next'), ['old'])
    expect(await stored()).toEqual([])
  })

  test('is complete after a failed write and a successful one', async () => {
    const open = await openTab()
    await open.save('room', many([1, 2, 3]), [])
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('no more room', 'QuotaExceededError')
    })
    await expect(open.save('room', many([1, 2, 3, 4]), [])).rejects.toThrow('no more room')
    put.mockRestore()
    await open.save('room', many([1, 2, 3, 4, 5]), [])
    expect(await stored()).toEqual([many([1, 2, 3, 4, 5])])
  })
})

test('an adopted outbox stays stored when the outbox of the new tab cannot be stored', async () => {
  const old = await openTab()
  await old.save('room', outbox('old'), [])
  old.closeTab()

  const next = await openTab()
  await next.adopt('room', randomUUID())
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
    throw new DOMException('no more room', 'QuotaExceededError')
  })
  await expect(next.save('room', outbox('next'), ['old'])).rejects.toThrow('no more room')
  expect(await stored()).toEqual([outbox('old')])
})

test.each([
  ['not an object', 'nonsense'],
  ['of another client', outbox('somebody')],
  ['without batches', { clientId: 'broken', unsent: [] }],
  ['with a batch without a number', { ...outbox('broken'), batches: [{ clientId: 'broken', key: 'default', ops: [] }] }],
  ['with an invalid operation', { ...outbox('broken'), unsent: [{ key: 'default', op: 'set' }] }]
])('a record that is %s is ignored', async (_what, record) => {
  const old = await openTab()
  await old.save('room', outbox('old'), [])
  await putAsIs(record, [server, 'room', 'broken'])
  old.closeTab()
  expect(await (await openTab()).adopt('room', randomUUID())).toEqual([outbox('old')])
})

describe('without usable storage', () => {
  test('an insecure context is named in the error', async () => {
    vi.stubGlobal('navigator', {})
    await expect(indexedDBStorage(server)).rejects.toThrow('https')
  })

  test('a missing IndexedDB is named in the error', async () => {
    vi.stubGlobal('navigator', locks.openTab().navigator)
    vi.stubGlobal('indexedDB', undefined)
    await expect(indexedDBStorage(server)).rejects.toThrow('no IndexedDB')
  })

  test('a database that cannot be opened is reported with the reason', async () => {
    vi.stubGlobal('navigator', locks.openTab().navigator)
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('not in a private window', 'SecurityError')
    })
    await expect(indexedDBStorage(server)).rejects.toThrow('private window')
  })
})
