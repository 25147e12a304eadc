package memstore

import (
	"slices"
	"strings"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// keep copies a batch of a caller with its strings, which may point into a buffer that the caller reuses.
func keep(b *core.Batch) *core.Batch {
	c := lend(b)
	c.Room = strings.Clone(b.Room)
	c.Key = strings.Clone(b.Key)
	c.ClientID = strings.Clone(b.ClientID)
	c.UserID = strings.Clone(b.UserID)
	for i, op := range c.Ops {
		c.Ops[i].Kind = tree.Kind(strings.Clone(string(op.Kind)))
		c.Ops[i].Path = strings.Clone(op.Path)
		c.Ops[i].Value = strings.Clone(op.Value)
		c.Ops[i].Discarded = tree.Reason(strings.Clone(string(op.Discarded)))
	}
	return c
}

func keepDocument(d core.Document) core.Document {
	d.Room, d.Key, d.State = strings.Clone(d.Room), strings.Clone(d.Key), strings.Clone(d.State)
	return d
}

// lend copies a batch for a caller, which may change its fields and its slice. Strings are immutable and shared.
func lend(b *core.Batch) *core.Batch {
	c := *b
	c.Ops = slices.Clone(b.Ops)
	return &c
}
