// Saves the pending changes of rooms, so that they survive their tab. Loaded on demand.
import type { Replica } from '../../replica/replica.ts'
import type { OutboxStorage, SavedOutbox } from '../../types.ts'
import { indexedDBStorage } from './indexeddb.ts'
import { identify, type Requester } from '../transport/user.ts'

/** The outbox of one room. */
export interface Outbox {
  /** What closed tabs left, for this client. */
  adopt(clientId: string): Promise<SavedOutbox[]>
  /**
   * Saves the pending changes, and deletes what these clients left: the replica has taken it over. Changes made meanwhile are saved
   * next. Rejects when the storage fails.
   */
  save(takenOver?: readonly string[]): Promise<void>
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
  const rooms = new Set<string>()
  const owner: Owner = {
    identify: async () => (owner.user = (await identify(api, user)) || undefined),
    user: undefined,
    gone: false
  }
  return {
    of(room, replica) {
      rooms.add(room)
      return createOutbox(storage, room, replica, owner)
    },
    async clear(clientId) {
      owner.gone = true
      await Promise.all([...rooms].map((room) => storage.save(room, { clientId, batches: [], unsent: [] }, [])))
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

function createOutbox(storage: OutboxStorage, room: string, replica: Replica, owner: Owner): Outbox {
  const takenOver: string[] = []
  let saving = false
  let stale = false
  /** The number of stored entries. */
  let kept = 0

  async function write() {
    while (stale && !owner.gone) {
      stale = false
      const saved = { ...replica.saved(), ...(owner.user !== undefined && { user: owner.user }) }
      const size = saved.batches.length + saved.unsent.length + (saved.rejected?.length ?? 0)
      if (!size && !kept && !takenOver.length) continue
      kept = size
      await storage.save(room, saved, takenOver.splice(0))
    }
  }

  return {
    adopt: async (clientId) => storage.adopt(room, clientId, await owner.identify()),
    async save(more = []) {
      takenOver.push(...more)
      stale = true
      if (saving) return
      saving = true
      await write().finally(() => (saving = false))
    }
  }
}
