// Outboxes in IndexedDB: pending changes survive their tab, and the next tab in the room sends them. Each outbox has an index record,
// under the server, room and client, and a record for each change, so that a keystroke writes only its change. The owner of an outbox
// holds a Web Lock with the outbox's name. The browser releases it when the tab is closed or crashes, so an outbox whose lock is free
// has no owner.
import { createStore, promisifyRequest } from 'idb-keyval'
import type { OutboxStorage, SavedOutbox } from '../../types.ts'
import { assemble, changesOf, type Stored } from './outbox-records.ts'

type Key = [scope: string, room: string, clientId: string]

/** Whether a record is an outbox. `shape.ts` is not imported here: the bundler would move it to a chunk shared with the client. */
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
 * Opens the outboxes of one server's clients. `scope` is the server's address. Rejects if the browser cannot store them: in an insecure
 * context, and in private windows of some browsers.
 */
export async function indexedDBStorage(scope: string): Promise<OutboxStorage> {
  const locks = globalThis.navigator?.locks
  if (!locks) throw new Error('the browser has no locks here; it needs https or localhost')
  if (typeof indexedDB !== 'object') throw new Error('the browser has no IndexedDB here')
  const transaction = createStore('pathsync', 'outboxes')
  await transaction('readonly', () => undefined)

  /** The locks of this client's outboxes and of adopted ones: functions that release them, by lock name. */
  const held = new Map<string, () => void>()
  /** The stored records of this client's outboxes, by lock name. */
  const written = new Map<string, Stored>()
  let closed = false

  const keyOf = (room: string, clientId: string): Key => [scope, room, clientId]
  const partsOf = (key: Key) => IDBKeyRange.bound([...key, 0], [...key, Infinity])
  const nameOf = (key: Key) => `pathsync ${JSON.stringify(key)}`

  /** Acquires a lock, unless it is held. Resolves to whether it is held now. */
  const acquire = (name: string, ifAvailable: boolean) =>
    new Promise<boolean>((resolve, reject) => {
      if (held.has(name)) return resolve(true)
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

  /** The outbox of a closed tab; undefined if another tab holds it, if it belongs to another user, and if it is malformed or deleted. */
  async function take(key: Key, user?: string): Promise<SavedOutbox | undefined> {
    const name = nameOf(key)
    if (!(await acquire(name, true))) return
    // It is read only now, as its last owner may have changed it until the lock was free.
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
      // This client's lock is acquired here, so that a closing page can save without waiting for it. A page with the same client id that
      // is being closed, as in a reload, may still hold it.
      await acquire(nameOf(keyOf(room, clientId)), false)
      const ofRoom = IDBKeyRange.bound([scope, room], [scope, room, []])
      const keys = await transaction('readonly', (store) => promisifyRequest(store.getAllKeys(ofRoom)))
      const outboxes = (keys as Key[]).filter(({ length }) => length === 3)
      const taken = await Promise.all(outboxes.map((key) => take(key, user)))
      return taken.filter((outbox) => outbox !== undefined)
    },

    async save(room, outbox, takenOver) {
      const key = keyOf(room, outbox.clientId)
      const name = nameOf(key)
      if (!closed) await acquire(name, false)
      const others = takenOver.filter((clientId) => clientId !== outbox.clientId).map((clientId) => keyOf(room, clientId))
      const known = written.get(name)
      const { stored, added, removed } = changesOf(known, outbox)
      await transaction('readwrite', (store) => {
        const remove = (key: Key) => [key, partsOf(key)].forEach((range) => store.delete(range))
        // Writes precede deletions: if one fails, the transaction is undone, and the adopted outboxes stay.
        if (!stored.parts.size) remove(key)
        else {
          // An earlier session with this id may have left parts.
          if (!known) remove(key)
          store.put(stored.index, key)
          for (const [number, part] of added) store.put(part, [...key, number])
          for (const number of removed) store.delete([...key, number])
        }
        for (const other of others) remove(other)
        // Without an explicit commit, the browser undoes the transaction when the page is closed.
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
