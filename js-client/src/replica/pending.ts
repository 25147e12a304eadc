// Lists the changes that the server has not confirmed.
import type { PendingChange, SavedOutbox } from '../types.ts'
import type { Batch, Operation } from '../wire.ts'
import { placeOfChange } from './rejected.ts'

/** The id of a change that is in no batch: a difference has at most one operation of a kind for each place. */
export const idOfPending = (key: string, op: Operation, isHeld = false): string =>
  JSON.stringify([isHeld ? 'held' : 'unsent', key, op.op, placeOfChange(op)])

/** The operations of the queue, the held ones, and the unsent ones of each document, in this order. */
export function listPending(
  queue: readonly { readonly batch: Batch }[],
  held: SavedOutbox['unsent'],
  unsent: readonly (readonly [key: string, ops: readonly Operation[]])[]
): PendingChange[] {
  const sent = queue.flatMap(({ batch: { clientId, clientSeq, key, ops } }) =>
    ops.map((op, i) => ({ id: JSON.stringify(['sent', clientId, clientSeq, i]), key, op, sent: true }))
  )
  const left = held.map(({ key, op }) => ({ id: idOfPending(key, op, true), key, op, sent: false }))
  const made = unsent.flatMap(([key, ops]) => ops.map((op) => ({ id: idOfPending(key, op), key, op, sent: false })))
  return [...sent, ...left, ...made]
}
