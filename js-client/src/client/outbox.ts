// What rooms have pending, kept where it survives its tab. Loaded only by those who want it.
import type { Replica } from '../replica/replica.ts'
import type { OutboxStorage, SavedOutbox } from '../types.ts'
import { indexedDBStorage } from './indexeddb.ts'

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
  close(): void
}

/** Opens the outboxes of one server's clients, in IndexedDB unless a storage is given. */
export async function openOutboxes(persist: true | OutboxStorage, url: string): Promise<Outboxes> {
  const storage = persist === true ? await indexedDBStorage(url) : persist
  return { of: (room, replica) => createOutbox(storage, room, replica), close: () => storage.close() }
}

function createOutbox(storage: OutboxStorage, room: string, replica: Replica): Outbox {
  const takenOver: string[] = []
  let saving = false
  let stale = false
  /** How much is stored. */
  let kept = 0

  async function write() {
    while (stale) {
      stale = false
      const saved = replica.saved()
      const size = saved.batches.length + saved.unsent.length + (saved.rejected?.length ?? 0)
      if (!size && !kept && !takenOver.length) continue
      kept = size
      await storage.save(room, saved, takenOver.splice(0))
    }
  }

  return {
    adopt: (clientId) => storage.adopt(room, clientId),
    async save(more = []) {
      takenOver.push(...more)
      stale = true
      if (saving) return
      saving = true
      await write().finally(() => (saving = false))
    }
  }
}
