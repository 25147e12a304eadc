// What rooms have pending, kept where it survives its tab. Loaded only by those who want it.
import type { Replica } from '../../replica/replica.ts'
import type { OutboxStorage, SavedOutbox } from '../../types.ts'
import { indexedDBStorage } from './indexeddb.ts'
import { identify, type Requester } from '../transport/user.ts'

/** The outbox of one room. */
export interface Outbox {
  /** What closed tabs have left, for the client that is here now. */
  adopt(clientId: string): Promise<SavedOutbox[]>
  /**
   * Keeps what is pending, and forgets what those clients have left: the replica has taken it over. Changes made while
   * that goes on are kept right after it. Rejects when it cannot.
   */
  save(takenOver?: readonly string[]): Promise<void>
}

export interface Outboxes {
  of(room: string, replica: Replica): Outbox
  /** Deletes what a client has saved, and saves nothing more. */
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

/** Whose outboxes these are. */
interface Owner {
  identify(): Promise<string | undefined>
  /** As far as it is known. */
  user: string | undefined
  /** Nothing is saved any more. */
  gone: boolean
}

function createOutbox(storage: OutboxStorage, room: string, replica: Replica, owner: Owner): Outbox {
  const takenOver: string[] = []
  let saving = false
  let stale = false
  /** How much is stored. */
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
