// A model of the server, without a network: it orders batches, recognises repeated ones, and streams its log.
import { fold } from '../../../src/document/apply.ts'
import type { Move } from '../../../src/document/follow.ts'
import type { Json } from '../../../src/document/json.ts'
import type { Batch, BatchResult, DeltaEvent, RoomEvent } from '../../../src/wire.ts'
import { logged } from '../logged.ts'

export function createModelServer(room = 'r') {
  let epoch = 'e1'
  let log: DeltaEvent[] = []
  /** The documents after each batch; the first entry is the beginning. */
  let versions: ReadonlyMap<string, Json>[] = [new Map()]
  let receipts = new Map<string, { content: string; answer: BatchResult }>()
  let moves = new Map<string, Move[]>()
  /** The last number of each client in the log. */
  let latest = new Map<string, number>()
  const readers = new Set<(event: RoomEvent) => void>()

  return {
    get epoch() {
      return epoch
    },
    get docs() {
      return versions.at(-1)!
    },
    get serverSeq() {
      return log.length
    },
    get log(): readonly DeltaEvent[] {
      return log
    },

    /** Whether the previous batch that a batch names is in the log. The server waits for it for a limited time. */
    hasPrevious: ({ clientId, previousClientSeq }: Batch) =>
      previousClientSeq === undefined || receipts.has(`${clientId} ${previousClientSeq}`),

    /** Undefined: a later batch of this client is in the log. */
    post(batch: Batch): BatchResult | undefined {
      const id = `${batch.clientId} ${batch.clientSeq}`
      const known = receipts.get(id)
      if (known) {
        if (known.content !== JSON.stringify(batch)) throw new Error(`${id} was used for another batch`)
        return { ...known.answer, duplicate: true }
      }
      const { key, clientId, clientSeq } = batch
      if (clientSeq < (latest.get(clientId) ?? 0)) return undefined
      latest.set(clientId, clientSeq)
      const moved = moves.get(key) ?? []
      moves.set(key, moved)
      const { doc, results } = fold(versions.at(-1)!.get(key), batch.ops, moved)
      const serverSeq = log.length + 1
      const ops = logged(batch.ops, results)
      const delta: DeltaEvent = { room, key, serverSeq, clientId, clientSeq, serverTs: serverSeq, ops }
      log.push(delta)
      versions.push(doc === undefined ? versions.at(-1)! : new Map(versions.at(-1)).set(key, doc))
      const answer: BatchResult = { room, key, epoch, serverSeq, duplicate: false, results }
      receipts.set(id, { content: JSON.stringify(batch), answer })
      for (const read of readers) read({ type: 'delta', data: delta, epoch })
      return answer
    },

    /**
     * Opens a stream. Without a position that the log still reaches it starts with the documents as they were `behind`
     * batches ago and the deltas since.
     */
    open(position: string | undefined, { behind = 0, forgotten = false }, read: (event: RoomEvent) => void): () => void {
      const [known, seq] = position?.split('-') ?? []
      let from = Number(seq)
      if (known !== epoch || from > log.length || forgotten) {
        from = Math.max(0, log.length - behind)
        for (const [key, state] of versions[from]!) read({ type: 'state', data: { room, key, serverSeq: from, state } })
      }
      for (const data of log.slice(from)) read({ type: 'delta', data, epoch })
      read({ type: 'up-to-date', data: { room, epoch, serverSeq: log.length } })
      readers.add(read)
      return () => void readers.delete(read)
    },

    /** Starts another history: all documents are gone. */
    wipe() {
      epoch = `e${Number(epoch.slice(1)) + 1}`
      log = []
      versions = [new Map()]
      receipts = new Map()
      moves = new Map()
      latest = new Map()
      readers.clear()
    }
  }
}
