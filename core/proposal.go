package core

import "github.com/pathsync/pathsync/core/tree"

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

	memory int // what Memory has found out; 0: nothing yet
}

// ProposedOp is one op of a Proposal, in the form that is applied and in the form that is logged and sent.
type ProposedOp struct {
	tree.Op
	PathText  string // the path as it was sent
	ValueText string // Value as canonical JSON; "" for a kind without a value
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

// answersTo reports whether logged is what became of a proposal that is sent once more. Ids that the server gave are
// left out of the comparison: each sending gets fresh ones, and the first stand.
func (p *Proposal) answersTo(logged *Batch) bool {
	if p.Key != logged.Key || len(p.Ops) != len(logged.Ops) {
		return false
	}
	for i := range p.Ops {
		sent, was := &p.Ops[i], &logged.Ops[i]
		if sent.Kind != was.Kind || sent.PathText != was.Path {
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
		return o.Index == logged.Index
	}
	return o.ValueText == logged.Value || filledIn && tree.EqualButIDs(o.ValueText, logged.Value)
}
