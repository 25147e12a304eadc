// Package tree holds JSON documents and applies operations to them.
//
// # Values
//
// A [Value] is JSON that keeps the exact text of numbers and the order of members.
// [Parse] is strict. [AppendJSON] writes the canonical encoding, whose length is known beforehand.
//
// An array whose elements are all objects with a unique `_sync_id` is an item array: operations name its items by id. Any
// other array is plain: operations treat it as one value. Finding, inserting, removing and moving an entry costs about the
// same in a container of ten and of a hundred thousand.
//
// # Operations
//
// An [Op] passes through three steps. [Op.Validate] checks it independently of a document. [Op.Normalize] assigns ids to
// objects in arrays that have none, so that the operation can be logged. [Document.Apply] applies it, or discards it with a
// [Reason] and changes nothing. docs/reference/path-operations.md specifies the rules, and tests/vectors has the cases that every
// implementation must pass.
//
// A document is a pure fold over the applied operations: it does not depend on a clock, on chance or on the order of a map.
// [Document.Begin] and [Document.Rollback] make a dry run, to log outcomes before the operations are applied:
//
//	d.Begin()
//	reason, index := d.Apply(op, limit) // the outcome
//	d.Rollback()                        // the document is unchanged
package tree
