package core

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// Proposal is a batch as its sender gave it: checked and with every id filled in, but not yet ordered. Its ops may
// still turn out to change nothing.
type Proposal struct {
	Key       string
	ClientID  string
	UserID    string // who the sender is known to be; "" for nobody
	ClientSeq int64  // NoClientSeq when the sender gave none
	// PreviousClientSeq is the number of the batch that this client sent to this room before this one; nil: not given.
	// It is lower than ClientSeq.
	PreviousClientSeq *int64
	Ops               []ProposedOp
	FilledIn          bool // an object got its `_sync_id` from the server
	// Allows reports whether the sender may carry out an op that follows a moved item to another path than was sent. Nil:
	// the sender may carry out any. The ops as they were sent have been checked.
	Allows func(*tree.Op) bool

	memory int // what Memory has found out; 0: nothing yet
}

// ProposedOp is one op of a Proposal, in the form that is applied and in the form that is logged and sent.
type ProposedOp struct {
	tree.Op
	PathText  string // the path as it was sent
	ValueText string // as LoggedOp.Value
}

// follow returns an op with the paths to where the items on them have been moved, in both of its forms.
func (p *Proposal) follow(d *tree.Document, sent *ProposedOp) (tree.Op, LoggedOp) {
	logged := LoggedOp{Kind: sent.Kind, Path: sent.PathText, Value: sent.ValueText}
	op, followed := d.Follow(sent.Op)
	if !followed || p.Allows != nil && !p.Allows(&op) {
		return sent.Op, logged
	}
	logged.Path = op.Path.String()
	if op.To != nil {
		logged.Value = string(tree.AppendString(nil, op.To.String()))
	}
	return op, logged
}

// proposalMemory and opMemory are what a proposal and an op take besides their texts and values, the batch that is made of
// them included.
const (
	proposalMemory = 1 << 10
	opMemory       = 512
)

// Memory is about how many bytes of memory the proposal takes: its texts and the trees of its values.
func (p *Proposal) Memory() int {
	if p.memory == 0 {
		n := proposalMemory + len(p.Key) + len(p.ClientID) + len(p.UserID)
		for i := range p.Ops {
			op := &p.Ops[i]
			n += opMemory + 2*len(op.PathText) + len(op.ValueText) + tree.Memory(op.Value)
			for _, anchor := range op.After {
				n += 16 + len(anchor)
			}
		}
		p.memory = n
	}
	return p.memory
}

// bytes is how much text the proposal brings to a transaction.
func (p *Proposal) bytes() int {
	n := 256
	for i := range p.Ops {
		n += 64 + len(p.Ops[i].PathText) + len(p.Ops[i].ValueText)
	}
	return n
}

// rows is how many rows of the log it takes.
func (p *Proposal) rows() int { return len(p.Ops) }

// large reports whether the batch is committed apart from small ones.
func (p *Proposal) large() bool { return p.rows() > smallRows || p.bytes() > smallBytes }

// Answer is what the sender of a batch is told.
type Answer struct {
	Batch     *Batch
	Duplicate bool // the batch was in the log already, sent earlier under the same number
	FilledIn  bool // the ops differ from what was sent by ids that the server gave
}

// answersTo reports whether logged is what became of a proposal that is sent once more. The log has what the server has
// made of a batch, so that a repeated one is told by what both have in common: not by ids that the server gave, of which
// each sending gets fresh ones and the first stand; not by the anchors, of which the log has the resolved index; and of
// paths that followed a moved item by their part from the last item on.
func (p *Proposal) answersTo(logged *Batch) bool {
	if p.Key != logged.Key || len(p.Ops) != len(logged.Ops) {
		return false
	}
	for i := range p.Ops {
		sent, was := &p.Ops[i], &logged.Ops[i]
		if sent.Kind != was.Kind || !samePlace(sent.Path, sent.PathText, was.Path) || !sent.mayHaveIndex(was) {
			return false
		}
		if !sent.hasValue(was, p.FilledIn) {
			return false
		}
	}
	return true
}

// hasValue reports whether an op was logged with the value that is sent now. The log of an op that took no effect has no
// value to compare: then it is the place that was sent, and the rest of the batch, that tell.
func (o *ProposedOp) hasValue(logged *LoggedOp, filledIn bool) bool {
	if logged.Discarded != tree.Applied && logged.Value == "" {
		return true
	}
	return o.ValueText == logged.Value || filledIn && tree.EqualButIDs(o.ValueText, logged.Value) ||
		o.To != nil && sameArray(*o.To, logged.Value)
}

// samePlace reports whether a path may have become the one that was logged. A followed item keeps its id and what comes
// behind it.
func samePlace(sent path.Path, text, logged string) bool {
	if text == logged {
		return true
	}
	was, err := path.Parse(logged)
	if err != nil {
		return false
	}
	for i := len(sent) - 1; i >= 0; i-- {
		if sent[i].Item {
			rest := sent[i:]
			return len(was) >= len(rest) && slices.Equal(was[len(was)-len(rest):], rest)
		}
	}
	return false
}

// sameArray is samePlace for an array_move's `to`, which is logged as JSON.
func sameArray(sent path.Path, logged string) bool {
	v, err := tree.ParseStored([]byte(logged))
	if err != nil {
		return false
	}
	was, ok := v.(tree.String)
	return ok && samePlace(sent, sent.String(), string(was))
}

// mayHaveIndex reports whether the op may have become the one that was logged, as far as its index tells. An op that was
// discarded was logged with the index that was sent, and one that took effect with a resolved index: that of an
// array_move is never larger.
func (o *ProposedOp) mayHaveIndex(was *LoggedOp) bool {
	switch {
	case was.Discarded != tree.Applied:
		return o.Index == was.Index
	case o.Kind == tree.ArrayMove && o.To == nil && o.Index != tree.NoIndex:
		return was.Index <= o.Index
	}
	return true
}
