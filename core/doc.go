// Package core is the heart of pathsync: rooms, their order, their state, who is in them, and how all of that becomes
// durable. It knows no HTTP and no SQL.
//
// A batch of operations goes through it like this:
//
//	Proposal ── Room.Submit ──► seen before? ── yes ──► the first answer, from the log
//	                │ no
//	                ▼
//	            room's lane in the commit queue
//	                │  committer: gathers what waits in all rooms
//	                ▼
//	            State.Decide     places in the order, an outcome for each op; the state stays as it is
//	                ▼
//	            Store.Append     one transaction for all rooms: from here on it is history
//	                ▼
//	            State.Fold       the documents change
//	                ▼
//	            Listener         readers are told, and then the sender
//
// The log has the outcome of every op, and not just the op. That is why outcomes are worked out before the append: the
// log alone can then answer a batch that is sent again, long after the documents have moved on, and serve the deltas of
// any part of a room's history. Since a room has only one group under way at a time, nothing is folded between Decide
// and Fold, and the outcome holds.
//
// State, Presence, receipts and commitQueue are pure: same state and input, same output, without lock, clock, goroutine or
// I/O. Room and committer are the shells around them. A Hub has a few goroutines for all its rooms: the committer's, one
// for each track, which alone change the states of rooms, and the checkpointer, which writes document rows behind them.
//
// What must hold, always:
//
//   - A batch is folded, told and answered only after the store has it.
//   - Within a room, batches are folded in the order of their serverSeq, without a gap.
//   - The documents are the fold of the log up to State.Seq, and of nothing else.
//   - The rows of a room are written together, so the highest serverSeq among them is where a replay begins.
//   - No lock is held while the store is asked.
package core
