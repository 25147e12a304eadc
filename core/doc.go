// Package core is the engine of pathsync: rooms, the order of batches, document state, presence and durability. It imports no
// HTTP and no SQL.
//
// A Hub holds the open rooms of one database. A batch goes through these steps:
//
//	Proposal ── Room.Submit ──► clientSeq known? ── yes ──► the first answer, from the log
//	                │ no
//	                ▼
//	            commit queue       a queue for each room; the committer takes batches of many rooms
//	                ▼
//	            State.Decide       serverSeqs, and an outcome for each operation; the state does not change
//	                ▼
//	            Store.Append       one transaction for all rooms: the batches are durable
//	                ▼
//	            State.Fold         the documents change
//	                ▼
//	            Listener           readers get the batches, and then the sender gets the Answer
//
// The log has the outcome of each operation. So the log alone is enough to answer a repeated batch and to serve the deltas of
// any part of the history, even after the documents have changed. A room has one group of batches in flight at a time, so
// nothing is folded between Decide and Fold, and the outcomes stay valid.
//
// State, presence.Table, dedup, unsaved and commitQueue are pure: they have no lock, clock, goroutine or I/O. Room, committer
// and checkpointer are the shells around them. docs/about/architecture.md lists goroutines, timers and the lock order.
//
// Invariants:
//
//   - A batch is folded, delivered and answered only after the store has it.
//   - Within a room, batches are folded in the order of their serverSeq, without gaps.
//   - The documents are the fold of the log up to State.Seq.
//   - A stored checkpoint never exceeds the part of the log that the document rows have.
//   - No lock is held during a call of the store.
package core
