// The history of a document: its state after each batch. Pure.
import type { Json, Operation } from '../document.ts'
import { fold } from '../document.ts'

export interface LoggedBatch {
  readonly serverSeq: number
  readonly key: string
  readonly clientId: string
  /** In milliseconds since 1970. */
  readonly serverTs: number
  readonly ops: readonly Operation[]
}

export type History = ReturnType<typeof createHistory>

/** One state in `EVERY` is kept. The others are computed from the one before. */
const EVERY = 50

/** The batches of one document, in order. At most about `most` are kept, the newest. */
export function createHistory(key: string, most: number) {
  let batches: LoggedBatch[] = []
  /** The states before the batches 0, `EVERY`, 2 `EVERY` … */
  let states: (Json | undefined)[] = []
  let last: Json | undefined
  let dropped = 0

  return {
    append(added: readonly LoggedBatch[]) {
      for (const batch of added) {
        if (batch.key !== key) continue
        if (batches.length % EVERY === 0) states.push(last)
        batches.push(batch)
        last = fold(last, batch.ops).doc
      }
      const surplus = Math.floor((batches.length - most) / EVERY)
      if (surplus <= 0) return
      batches = batches.slice(surplus * EVERY)
      states = states.slice(surplus)
      dropped += surplus * EVERY
    },
    get length() {
      return batches.length
    },
    /** The number of older batches that are not kept. */
    get dropped() {
      return dropped
    },
    batch: (index: number): LoggedBatch | undefined => batches[index],
    /** The state after batch `index`. */
    stateAt(index: number): Json | undefined {
      const from = Math.floor(index / EVERY)
      return batches
        .slice(from * EVERY, index + 1)
        .reduce<Json | undefined>((state, { ops }) => fold(state, ops).doc, states[from])
    }
  }
}
