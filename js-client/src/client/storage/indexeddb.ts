// Outboxes in IndexedDB: unsent changes survive their tab, and the next one to enter the room sends them. One record per
// server, room and client, and one for each of its changes, so that a keystroke writes what it has changed and not all that
// waits. Its owner holds a Web Lock of the same name, which the browser releases when the tab is gone,
// however it went: a record whose lock can be had is nobody's.
import { createStore, promisifyRequest } from 'idb-keyval'
import type { OutboxStorage, SavedOutbox } from '../../types.ts'
import { assemble, changesOf, type Stored } from './outbox-records.ts'

type Key = [scope: string, room: string, clientId: string]

/** Whether a record is what `save` wrote. Does without `shape.ts`, which would have to be shared with the code that loads this. */
function isOutbox(found: unknown): found is SavedOutbox {
  const { clientId, batches, unsent, rejected = [] } = Object(found) as Record<string, unknown>
  return areTexts(clientId) && all(batches, isBatch) && all(unsent, isChange) && all(rejected, isRejected)
}
const isBatch = ({ clientId, clientSeq, key, ops }: Record<string, unknown>) =>
  areTexts(clientId, key) && Number.isSafeInteger(clientSeq) && all(ops, isOperation)
const isChange = ({ key, op }: Record<string, unknown>) => areTexts(key) && all([op], isOperation)
const isRejected = (change: Record<string, unknown>) => isChange(change) && areTexts(change.code, change.message)
const isOperation = ({ op, path }: Record<string, unknown>) => areTexts(op, path)
const areTexts = (...values: unknown[]) => values.every((value) => typeof value === 'string')
const all = (list: unknown, test: (members: Record<string, unknown>) => boolean) =>
  Array.isArray(list) && list.every((element) => test(Object(element) as Record<string, unknown>))

/**
 * Opens the outboxes of one server's clients; `scope` names the server. Rejects where the browser cannot keep them: in an
 * insecure context, or in a private window of some browsers.
 */
export async function indexedDBStorage(scope: string): Promise<OutboxStorage> {
  const locks = globalThis.navigator?.locks
  if (!locks) throw new Error('the browser has no locks here; it needs https or localhost')
  if (typeof indexedDB !== 'object') throw new Error('the browser has no IndexedDB here')
  const transaction = createStore('pathsync', 'outboxes')
  await transaction('readonly', () => undefined)

  /** How to release the locks that are held: those of own records and of those that are being taken over. */
  const held = new Map<string, () => void>()
  /** What is stored of own outboxes, by their locks. */
  const written = new Map<string, Stored>()
  let closed = false

  const keyOf = (room: string, clientId: string): Key => [scope, room, clientId]
  const partsOf = (key: Key) => IDBKeyRange.bound([...key, 0], [...key, Infinity])
  const nameOf = (key: Key) => `pathsync ${JSON.stringify(key)}`

  /** Whether the lock could be had. Without `ifAvailable` it is waited for. */
  const acquire = (name: string, ifAvailable: boolean) =>
    new Promise<boolean>((resolve, reject) => {
      const hold = (lock: Lock | null) => {
        resolve(!!lock)
        return lock && !closed ? new Promise<void>((release) => held.set(name, release)) : undefined
      }
      locks.request(name, { ifAvailable }, hold).catch(reject)
    })

  function release(name: string) {
    held.get(name)?.()
    held.delete(name)
  }

  /** The outbox of a client that is gone; undefined when it is not gone, was taken over, is another user's, or makes no sense. */
  async function take(key: Key, locked: boolean, user?: string): Promise<SavedOutbox | undefined> {
    const name = nameOf(key)
    if (!locked && !(await acquire(name, true))) return
    // Whoever held the lock until now may have changed the record.
    const [record, numbers, parts] = await transaction('readonly', (store) =>
      Promise.all([
        promisifyRequest<unknown>(store.get(key)),
        promisifyRequest(store.getAllKeys(partsOf(key))),
        promisifyRequest<unknown[]>(store.getAll(partsOf(key)))
      ])
    )
    const byNumber = new Map((numbers as [...Key, number][]).map(([, , , number], i) => [number, parts[i]]))
    const found = assemble(record, byNumber)
    if (isOutbox(found) && found.clientId === key[2] && (found.user === undefined || found.user === user)) return found
    release(name)
  }

  return {
    async adopt(room, clientId, user) {
      // Now, so that a page that is being closed need not wait for it before it can save.
      const own = nameOf(keyOf(room, clientId))
      const returned = !held.has(own) && (await acquire(own, true))
      const ofRoom = IDBKeyRange.bound([scope, room], [scope, room, []])
      const keys = await transaction('readonly', (store) => promisifyRequest(store.getAllKeys(ofRoom)))
      const outboxes = (keys as Key[]).filter(({ length }) => length === 3)
      const taken = await Promise.all(outboxes.map((key) => take(key, returned && nameOf(key) === own, user)))
      return taken.filter((outbox) => outbox !== undefined)
    },

    async save(room, outbox, takenOver) {
      const key = keyOf(room, outbox.clientId)
      const name = nameOf(key)
      if (!closed && !held.has(name)) await acquire(name, false)
      const others = takenOver.filter((clientId) => clientId !== outbox.clientId).map((clientId) => keyOf(room, clientId))
      const known = written.get(name)
      const { stored, added, removed } = changesOf(known, outbox)
      await transaction('readwrite', (store) => {
        const remove = (key: Key) => [key, partsOf(key)].forEach((range) => store.delete(range))
        // First what can fail: nothing is forgotten before it stands elsewhere.
        if (!stored.parts.size) remove(key)
        else {
          // Parts of a client that had this id before are not known here.
          if (!known) remove(key)
          store.put(stored.index, key)
          for (const [number, part] of added) store.put(part, [...key, number])
          for (const number of removed) store.delete([...key, number])
        }
        for (const other of others) remove(other)
        // A transaction that commits by itself would be undone when its page goes.
        store.transaction.commit?.()
        return promisifyRequest(store.transaction)
      })
      written.set(name, stored)
      for (const other of others) release(nameOf(other))
    },

    close() {
      closed = true
      for (const name of [...held.keys()]) release(name)
    }
  }
}
