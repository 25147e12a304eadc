// A list that somebody sorts anew arrives in several batches. Showing each of them would show orders that nobody has made.
import { BATCH_OPS } from '../../replica/replica.ts'
import type { DeltaEvent } from '../../wire.ts'
import { after, now, type Timer } from '../runtime/clock.ts'

/** How long the next batch is waited for, and how long what has come is held back at most, in milliseconds. */
const GAP_MS = 2000
const LONGEST_MS = 10_000

export type Hold = ReturnType<typeof createHold>

/**
 * Whether a document is held back from those who look at it: from a batch that is as long as batches get and only moves
 * items within their arrays, until the writer's next batch is another one, somebody else changes the document, or time is up.
 * What is held back moves items and nothing else, so a change that is made meanwhile can always be put on top.
 *
 * @param release is called when time is up
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
    /** A batch of the document has been folded in. */
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
