// The changes that the server has not confirmed, as a list.
import type { PendingChange, SavedOutbox } from '../types.ts'
import type { Batch, Operation } from '../wire.ts'
import { placeOfChange } from './rejected.ts'

/** Names a change that is in no batch: a difference has one operation of a kind for each place. */
export const idOfPending = (key: string, op: Operation, isHeld = false): string =>
  JSON.stringify([isHeld ? 'held' : 'unsent', key, op.op, placeOfChange(op)])

/** The operations of the queue, those that closed tabs have left, and the unsent ones of each document, in this order. */
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
