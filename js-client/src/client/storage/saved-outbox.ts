// Saves the pending changes of rooms, so that they survive their tab. Loaded on demand.
import type { Replica } from '../../replica/replica.ts'
import type { OutboxStorage } from '../../types.ts'
import { indexedDBStorage } from './indexeddb.ts'
import { identify, type Requester } from '../transport/user.ts'

/** The outbox of one room. */
export interface Outbox {
  /**
   * Loads the outboxes of closed tabs, and the earlier one of this client. The replica takes them over when `loaded` calls `take`. They
   * are deleted when its changes are saved. Rejects when the storage fails.
   */
  adopt(clientId: string, loaded: (take: () => void) => void): Promise<void>
  /**
   * Saves the pending changes. Nothing is saved before `take` was called, as an earlier outbox of this client would be overwritten.
   * Changes made meanwhile are saved next. Rejects when the storage fails.
   */
  save(): Promise<void>
}

export interface Outboxes {
  of(room: string, replica: Replica): Outbox
  /** Deletes what a client has saved. Nothing more is saved. */
  clear(clientId: string): Promise<void>
  close(): void
}

/** Opens the outboxes of one server's clients, in IndexedDB unless a storage is given. */
export async function openOutboxes(
  persist: true | OutboxStorage,
  url: string,
  api: Requester,
  user?: string
): Promise<Outboxes> {
  const storage = persist === true ? await indexedDBStorage(url) : persist
  /** The replica of each room: another one after the room was left and entered again. */
  const replicas = new Map<string, Replica>()
  /** The last operation of each room. They run in turn, also if the room is left and entered again. */
  const turns = new Map<string, Promise<void>>()
  function inTurn(room: string, run: () => Promise<void>): Promise<void> {
    const turn = (turns.get(room) ?? Promise.resolve()).then(run, run)
    turns.set(room, turn)
    return turn
  }
  const owner: Owner = {
    identify: async () => (owner.user = (await identify(api, user)) || undefined),
    user: undefined,
    gone: false
  }
  return {
    of(room, replica) {
      replicas.set(room, replica)
      const isCurrent = () => replicas.get(room) === replica
      return createOutbox(storage, room, replica, owner, isCurrent, (run) => inTurn(room, run))
    },
    async clear(clientId) {
      owner.gone = true
      const remove = (room: string) => inTurn(room, () => storage.save(room, { clientId, batches: [], unsent: [] }, []))
      await Promise.all([...turns.keys()].map(remove))
    },
    close: () => storage.close()
  }
}

/** The user of these outboxes. */
interface Owner {
  identify(): Promise<string | undefined>
  /** The last known user. */
  user: string | undefined
  /** `clear` was called. */
  gone: boolean
}

function createOutbox(
  storage: OutboxStorage,
  room: string,
  replica: Replica,
  owner: Owner,
  isCurrent: () => boolean,
  inTurn: (run: () => Promise<void>) => Promise<void>
): Outbox {
  /** The clients whose outboxes were taken over and are still stored; undefined until they are known. */
  let takenOver: readonly string[] | undefined
  /** The next write has not begun. */
  let due = false
  /** The number of stored entries. */
  let kept = 0

  async function write() {
    due = false
    if (owner.gone) return
    const saved = { ...replica.saved(), ...(owner.user !== undefined && { user: owner.user }) }
    const size = saved.batches.length + saved.unsent.length + (saved.rejected?.length ?? 0)
    if (!size && !kept && !takenOver?.length) return
    await storage.save(room, saved, takenOver ?? [])
    kept = size
    takenOver = []
  }

  return {
    adopt: (clientId, loaded) =>
      inTurn(async () => {
        const left = await storage.adopt(room, clientId, await owner.identify())
        loaded(() => {
          left.forEach(replica.adopt)
          takenOver = left.map(({ clientId }) => clientId)
        })
      }),
    async save() {
      if (!takenOver || due || !isCurrent()) return
      due = true
      await inTurn(write)
    }
  }
}
