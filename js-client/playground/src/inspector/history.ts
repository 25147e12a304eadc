// The history of a document: its state after each batch. Pure.
import type { Json, Operation } from '../document.ts'
import { fold } from '../document.ts'
import { weigh } from './weight.ts'

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

/** The most characters that the operations of all kept batches have. */
const MOST_CHARACTERS = 16_000_000

/**
 * The batches of one document, in order. At most about `most` are kept, the newest.
 * @param first the document before the first batch
 */
export function createHistory(key: string, most: number, first?: Json) {
  const batches: LoggedBatch[] = []
  /** The states before the batches 0, `EVERY`, 2 `EVERY` … */
  const states: (Json | undefined)[] = []
  let last = first
  let weight = 0
  let dropped = 0

  return {
    append(added: readonly LoggedBatch[]) {
      for (const batch of added) {
        if (batch.key !== key) continue
        if (batches.length % EVERY === 0) states.push(last)
        batches.push(batch)
        weight += weigh(batch.ops)
        last = fold(last, batch.ops).doc
      }
      while (batches.length - EVERY >= most || (weight > MOST_CHARACTERS && batches.length > EVERY)) {
        for (const { ops } of batches.splice(0, EVERY)) weight -= weigh(ops)
        states.shift()
        dropped += EVERY
      }
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
