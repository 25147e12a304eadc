// Package tree holds JSON documents and applies operations to them.
//
// # Values
//
// A [Value] is JSON that keeps what JSON means to people: numbers their exact text, objects the order of their members.
// [Parse] is strict, [AppendJSON] writes the one canonical encoding, and how long that will be is known beforehand.
//
// An array whose elements are all objects with a `_sync_id` of their own is an item array: operations name its items by
// id. Any other array is plain, one value. Members and items are found, inserted, removed and moved at about the same
// cost in a container of ten and of a hundred thousand.
//
// # Operations
//
// An [Op] passes through three steps. [Op.Validate] says what is wrong with it whatever the document is.
// [Op.Normalize] gives ids to the objects in arrays that have none, so that the operation can be logged. Then
// [Document.Apply] carries it out, or discards it for a [Reason] and changes nothing. docs/path-operations.md has the rules,
// for implementers in any language, and tests/vectors the cases that each implementation must pass.
//
// A document is a pure fold over the operations that took effect: no clock, no chance and no order of a hash map has a
// say in it. [Document.Begin] and [Document.Rollback] try operations out, for whoever must log an outcome before it may
// happen:
//
//	d.Begin()
//	reason, index := d.Apply(op, limit) // what will happen
//	d.Rollback()                        // and has not happened yet
package tree
