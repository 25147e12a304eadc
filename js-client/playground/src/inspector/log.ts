// The last batches of the room, as this page sees them. Pure.
import type { Operation } from '../document.ts'
import { weigh } from './weight.ts'
import type { Answer, SentBatch } from '../network.ts'

/**
 * `sent`: not answered. `unanswered`: the connection failed, and the client repeats the batch. `confirmed`: committed by the server.
 * `refused`: not committed.
 */
export type Fate = 'sent' | 'unanswered' | 'confirmed' | 'refused'

export interface Batch {
  readonly id: number
  /** When the page sent or received it, in milliseconds since 1970. */
  readonly at: number
  /** The client that has sent it. */
  readonly clientId: string
  readonly mine: boolean
  readonly ops: readonly Operation[]
  readonly clientSeq?: number
  readonly fate: Fate
  readonly serverSeq?: number
  /** From the first request to the answer, in milliseconds. */
  readonly tookMs?: number
  /** For each operation the reason why the server has dropped it; empty if it has not. */
  readonly dropped?: readonly string[]
  /** Why the batch was refused. */
  readonly refusal?: string
}

interface Received {
  readonly clientId: string
  readonly serverSeq: number
  readonly ops: readonly Operation[]
}

export type BatchLog = ReturnType<typeof createBatchLog>

/** The most characters that the operations of all kept batches have; the newest batch is kept in any case. */
const MOST_CHARACTERS = 8_000_000

/** @param now the time in milliseconds since 1970 */
export function createBatchLog(most: number, now: () => number) {
  /** The newest is last. Batches are immutable; changes replace them. */
  let batches: Batch[] = []
  /** The weight of each batch, and of all. */
  const weights: number[] = []
  let weight = 0
  let lastId = 0
  let lastSeq = 0
  let changed = () => {}

  function add(batch: Omit<Batch, 'id'>): Batch {
    const added = { ...batch, id: ++lastId }
    batches.push(added)
    weights.push(weigh(added.ops))
    weight += weights.at(-1)!
    while (batches.length > most || (weight > MOST_CHARACTERS && batches.length > 1)) {
      batches.shift()
      weight -= weights.shift()!
    }
    changed()
    return added
  }

  function replace(id: number, parts: Partial<Batch>) {
    const index = batches.findLastIndex((batch) => batch.id === id)
    if (index !== -1) batches[index] = { ...batches[index]!, ...parts }
    changed()
  }

  return {
    /** The page sends a batch, or repeats it. Returns the function that takes its answer. */
    sent({ body }: SentBatch): (answer: Answer | undefined) => void {
      const { clientId, clientSeq, ops } = JSON.parse(body) as { clientId: string; clientSeq?: number; ops?: Operation[] }
      // The page asks whether it may write by a batch without operations.
      if (!ops?.length) return () => {}
      const known = batches.findLast((batch) => batch.mine && batch.clientSeq === clientSeq && batch.fate !== 'confirmed')
      const { id, at } =
        known ?? add({ at: now(), clientId, mine: true, ops, fate: 'sent', ...(clientSeq !== undefined && { clientSeq }) })
      if (known) replace(id, { fate: 'sent' })
      return (answer) => {
        const result = outcome(answer, now() - at)
        lastSeq = Math.max(lastSeq, result.serverSeq ?? 0)
        replace(id, result)
      }
    },
    /** A batch of another client has arrived. */
    received({ clientId, serverSeq, ops }: Received) {
      lastSeq = Math.max(lastSeq, serverSeq)
      add({ at: now(), clientId, mine: false, ops, fate: 'confirmed', serverSeq })
    },
    /** The whole state of the room has arrived. */
    loaded({ serverSeq }: { serverSeq: number }) {
      lastSeq = serverSeq
    },
    /** The highest `serverSeq` that the page knows. */
    lastSeq: () => lastSeq,
    /** The last batches, the newest first. */
    list: (): readonly Batch[] => batches.toReversed(),
    clear() {
      batches = []
      weights.length = weight = lastSeq = 0
      changed()
    },
    /** Calls the listener after each change, instead of the listener before. */
    watch(listener: () => void) {
      changed = listener
    }
  }
}

function outcome(answer: Answer | undefined, tookMs: number): Partial<Batch> {
  if (!answer) return { fate: 'unanswered' }
  try {
    const result = JSON.parse(answer.body) as {
      serverSeq: number
      results: { reason?: string }[]
      title?: string
      detail?: string
      retryable?: boolean
    }
    if (answer.status !== 200) {
      const refusal = result.detail || result.title || `status ${answer.status}`
      return result.retryable ? { fate: 'unanswered', refusal } : { fate: 'refused', refusal }
    }
    const dropped = result.results.map(({ reason }) => reason?.replaceAll('_', ' ') ?? '')
    return { fate: 'confirmed', serverSeq: result.serverSeq, tookMs, ...(dropped.some(Boolean) && { dropped }) }
  } catch {
    return { fate: 'unanswered', refusal: `status ${answer.status}` }
  }
}

/** The batches with a text in the author's name or in an operation; `describe` makes one line of an operation. */
export function filterBatches(
  batches: readonly Batch[],
  text: string,
  nameOf: (clientId: string) => string,
  describe: (op: Operation) => string
): readonly Batch[] {
  const wanted = text.trim().toLowerCase()
  if (!wanted) return batches
  const has = (line: string) => line.toLowerCase().includes(wanted)
  return batches.filter(({ clientId, ops }) => has(nameOf(clientId)) || ops.some((op) => has(describe(op))))
}
