// A large list that another client sorts arrives in several batches. Showing each would show orders that never existed there.
import { BATCH_OPS } from '../../replica/replica.ts'
import type { DeltaEvent } from '../../wire.ts'
import { after, now, type Timer } from '../runtime/clock.ts'

/** The longest wait for the next batch, and the longest time that a document is held back, in milliseconds. */
const GAP_MS = 2000
const LONGEST_MS = 10_000

export type Hold = ReturnType<typeof createHold>

/**
 * Whether a document is held back from its listeners: from a batch of the largest size that only moves items within their arrays,
 * until the writer sends a different batch, another client changes the document, or a time limit ends. Only moves are held back, so
 * a local change can always go on top.
 *
 * @param release is called at the time limit
 */
export function createHold(release: () => void) {
  let writer: string | undefined
  let since = 0
  let timer: Timer | undefined

  function end() {
    clearTimeout(timer)
    writer = undefined
  }

  return {
    get active() {
      return writer !== undefined
    },
    /** A batch of the document was folded. */
    received({ clientId, ops }: DeltaEvent) {
      const isPart = ops.length >= BATCH_OPS && ops.every(({ op, to }) => op === 'array_move' && to === undefined)
      const isFirst = writer === undefined
      if (!isPart || (!isFirst && writer !== clientId)) return end()
      if (isFirst) since = now()
      writer = clientId
      clearTimeout(timer)
      timer = after(Math.min(GAP_MS, since + LONGEST_MS - now()), () => {
        end()
        release()
      })
    },
    end
  }
}
