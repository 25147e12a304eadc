// Stores the documents of rooms in IndexedDB: a page shows them before the server has answered, or without it.
//
// A room has a snapshot and a log of the deltas after it, so that the cost of a write depends on the change. When the log is as large as the
// snapshot, a new snapshot replaces both. The head of a room has their position, and is written in the same transaction. So several
// tabs can write: each adds the missing deltas.
import { createStore, promisifyRequest } from 'idb-keyval'
import type { Json } from '../../document/json.ts'
import type { KeptRoom, Replica } from '../../replica/replica.ts'
import type { DeltaEvent, User } from '../../wire.ts'
import { after, type Timer } from '../runtime/clock.ts'
import { identify, type Requester } from '../transport/user.ts'

/** The version of the records. Older records are deleted. Newer ones belong to newer code and are ignored. */
const FORMAT = 1
/** How long changes are gathered before a write, in milliseconds. */
const GATHER_MS = 1000
/** A shorter log is no reason for a new snapshot, in characters. */
const LOG_LEAST = 65_536
/** The limits of one room, and of all rooms of a server, in characters. */
const ROOM_MOST = 8_000_000
const ALL_MOST = 32_000_000
const ROOMS_MOST = 100
/** The most deltas in memory until they are written. With more, a snapshot is written. */
const DELTAS_MOST = 1000

type Delta = Pick<DeltaEvent, 'serverSeq' | 'key' | 'ops'>

/** Describes the records of a room. Sizes are in characters. */
export interface Head {
  readonly epoch: string
  readonly serverSeq: number
  readonly snapshotSeq: number
  readonly snapshotSize: number
  readonly logSize: number
  /** By the wall clock. The least recently used rooms are deleted first. */
  readonly usedAt: number
}

export interface Caches {
  /** @param self is this client in presence, which says whether the server knows the user */
  of(room: string, replica: Pick<Replica, 'position' | 'docs'>, self: () => User | undefined): Cache
  /** Deletes all records of the server, of all users. Neither this tab nor the others store anything more. */
  clear(): Promise<void>
}

/** The documents of one room. After a rejection, nothing more is stored until the page is loaded again. */
export interface Cache {
  load(): Promise<KeptRoom | undefined>
  /** A delta has arrived. It is written when the replica's position has reached it. */
  received(delta: DeltaEvent, epoch: string): void
  /** Schedules a write. `failed` is called when it fails. */
  changed(failed: (cause: unknown) => void): void
  /** Writes now. */
  write(): Promise<void>
  /** Deletes the records of the room. */
  forget(): Promise<void>
}

/** The records to write so that a room reaches a position; undefined when it has. */
export function plan(
  head: Head | undefined,
  { epoch, serverSeq }: { epoch: string; serverSeq: number },
  deltas: ReadonlyMap<number, Delta>,
  states: () => readonly (readonly [key: string, state: Json])[]
): { head: Omit<Head, 'usedAt'>; log?: string; snapshot?: string } | undefined {
  const known = head?.epoch === epoch ? head : undefined
  if (known && known.serverSeq >= serverSeq) return undefined
  if (known) {
    const news: Delta[] = []
    for (let seq = known.serverSeq + 1; seq <= serverSeq; seq++) {
      const delta = deltas.get(seq)
      if (!delta) break
      news.push(delta)
    }
    if (news.length === serverSeq - known.serverSeq) {
      const log = JSON.stringify(news)
      const logSize = known.logSize + log.length
      if (logSize <= Math.max(known.snapshotSize, LOG_LEAST)) return { head: { ...known, serverSeq, logSize }, log }
    }
  }
  const snapshot = JSON.stringify(states())
  return { head: { epoch, serverSeq, snapshotSeq: serverSeq, snapshotSize: snapshot.length, logSize: 0 }, snapshot }
}

/** Restores a room from its records; undefined when they are inconsistent. */
export function read(head: Head, snapshot: unknown, log: readonly unknown[]): KeptRoom | undefined {
  try {
    const { epoch, serverSeq, snapshotSeq } = head
    const docs = new Map(JSON.parse(snapshot as string) as [string, Json][])
    const deltas = log.flatMap((text) => JSON.parse(text as string) as Delta[])
    const isWhole =
      deltas.length === serverSeq - snapshotSeq && deltas.every((delta, i) => delta.serverSeq === snapshotSeq + 1 + i)
    return isWhole ? { epoch, serverSeq, docs, deltas } : undefined
  } catch {
    return undefined
  }
}

/** Opens the records of one server for a user: `named`, or else the token's. Rejects where the browser has no storage. */
export async function openCaches(api: Requester, named?: string): Promise<Caches> {
  const { root } = api
  if (typeof indexedDB !== 'object') throw new Error('the browser has no IndexedDB here')
  const transaction = createStore('pathsync-documents', 'documents')
  /** Its value changes with each `clear`, so that all tabs notice. */
  const clearedKey = [FORMAT, root, 'cleared']
  const all = (kind: string) => within([FORMAT, root, kind])
  let stopped = false

  /** Runs requests in one transaction. `fail` aborts it. */
  async function inTransaction(run: (store: IDBObjectStore, fail: (cause: unknown) => void) => void) {
    let reason: unknown
    try {
      await transaction('readwrite', (store) => {
        run(store, (cause) => {
          reason = cause
          store.transaction.abort()
        })
        return promisifyRequest(store.transaction)
      })
    } catch (cause) {
      throw reason ?? cause
    }
  }

  const cleared: unknown = await transaction('readwrite', (store) => {
    store.delete(IDBKeyRange.bound([], [FORMAT], false, true))
    return promisifyRequest(store.get(clearedKey))
  })

  /** Deletes the least recently used rooms beyond the limits. */
  const trim = () =>
    inTransaction((store) => {
      const keys = store.getAllKeys(all('head'))
      const heads = store.getAll(all('head'))
      heads.onsuccess = () => {
        const rooms = (heads.result as Head[]).map((head, i) => ({ head, key: keys.result[i] as string[] }))
        rooms.sort((a, b) => b.head.usedAt - a.head.usedAt)
        let size = 0
        rooms.forEach(({ head, key }, i) => {
          size += head.snapshotSize + head.logSize
          if (i < ROOMS_MOST && size <= ALL_MOST) return
          store.delete(key)
          store.delete(within([FORMAT, root, 'data', ...key.slice(3)]))
        })
      }
    })

  /** Deletes all records of the server. */
  const empty = (mark?: string) =>
    inTransaction((store) => {
      for (const kind of ['head', 'data']) store.delete(all(kind))
      if (mark !== undefined) store.put(mark, clearedKey)
    })

  function of(room: string, replica: Pick<Replica, 'position' | 'docs'>, self: () => User | undefined): Cache {
    const deltas = new Map<number, Delta>()
    let epochOfDeltas: string | undefined
    /** The user of the documents. */
    let user: string | undefined
    /** The position of the records. */
    let written: string | undefined
    let timer: Timer | undefined
    let writing = Promise.resolve()
    let ended = false

    const headKey = () => [FORMAT, root, 'head', user!, room]
    const dataKey = (...rest: IDBValidKey[]) => [FORMAT, root, 'data', user!, room, ...rest]

    const forget = async () => {
      ended = true
      clearTimeout(timer)
      if (user === undefined) return
      await inTransaction((store) => {
        store.delete(headKey())
        store.delete(within(dataKey()))
      })
    }

    /** Whether the user of the documents is known, and still the same. */
    async function isKnown() {
      const now = await identify(api, named)
      if (now === undefined || (user !== undefined && now !== user)) return false
      user = now
      // Without a token, cookies may identify the user. Then the next page cannot know the user before the server answers.
      const me = now === '' ? self() : undefined
      if (me?.userId) await forget()
      return now !== '' || (!!me && !me.userId)
    }

    async function writeNow() {
      clearTimeout(timer)
      timer = undefined
      if (stopped || ended || replica.position === written || !(await isKnown())) return
      let snapshot = false
      let reached: string | undefined
      await inTransaction((store, fail) => {
        const mark = store.get(clearedKey)
        const found = store.get(headKey())
        found.onsuccess = () => {
          const { position } = replica
          if (mark.result !== cleared) stopped = true
          if (stopped || !position) return
          reached = position
          const at = position.lastIndexOf('-')
          const now = { epoch: position.slice(0, at), serverSeq: Number(position.slice(at + 1)) }
          const states = () =>
            [...replica.docs.values()].flatMap(({ key, confirmed }) =>
              confirmed === undefined ? [] : [[key, confirmed] as const]
            )
          try {
            const next = plan(found.result as Head | undefined, now, now.epoch === epochOfDeltas ? deltas : new Map(), states)
            if (!next) return
            if (next.head.snapshotSize > ROOM_MOST) return void (ended = true)
            store.put({ ...next.head, usedAt: Date.now() }, headKey())
            if (next.log !== undefined) return void store.put(next.log, dataKey('log', next.head.serverSeq))
            store.delete(within(dataKey()))
            store.put(next.snapshot, dataKey('snapshot'))
            snapshot = true
          } catch (cause) {
            fail(cause)
          }
        }
      })
      written = reached
      const seq = Number(reached?.slice(reached.lastIndexOf('-') + 1))
      for (const known of deltas.keys()) if (known <= seq) deltas.delete(known)
      if (ended) return forget()
      if (snapshot) await trim()
    }

    /** Deletes all documents when the storage is full: they can be loaded again, other data of the page cannot. */
    async function giveUp(cause: unknown): Promise<never> {
      ended = stopped = true
      if (nameOf(cause) === 'QuotaExceededError') await empty().catch(() => {})
      throw cause
    }

    const write = () => (writing = writing.catch(() => {}).then(() => writeNow().catch(giveUp)))

    return {
      async load() {
        user = await identify(api, named)
        if (user === undefined || stopped) return undefined
        const records = await transaction('readwrite', (store) => {
          const head = store.get(headKey())
          head.addEventListener(
            'success',
            () => head.result && store.put({ ...(head.result as Head), usedAt: Date.now() }, headKey())
          )
          return Promise.all([
            promisifyRequest(head as IDBRequest<Head | undefined>),
            promisifyRequest<unknown>(store.get(dataKey('snapshot'))),
            promisifyRequest<unknown[]>(store.getAll(within(dataKey('log'))))
          ])
        })
        const [head, snapshot, log] = records
        if (!head) return undefined
        const found = read(head, snapshot, log)
        if (found) written = `${found.epoch}-${found.serverSeq}`
        else {
          await forget()
          ended = false
        }
        return found
      },

      received({ serverSeq, key, ops }, epoch) {
        if (stopped || ended) return
        if (epoch !== epochOfDeltas || deltas.size >= DELTAS_MOST) deltas.clear()
        epochOfDeltas = epoch
        deltas.set(serverSeq, { serverSeq, key, ops })
      },

      changed(failed) {
        if (stopped || ended || replica.position === written) return
        timer ??= after(GATHER_MS, () => void write().catch(failed))
      },

      write,
      forget
    }
  }

  return {
    of,
    async clear() {
      stopped = true
      await empty(`${Math.random()}`)
    }
  }
}

/** All keys with a prefix, the prefix included. */
const within = (key: IDBValidKey[]): IDBKeyRange => IDBKeyRange.bound(key, [...key, []])

const nameOf = (cause: unknown) => (cause as { name?: unknown } | undefined)?.name
