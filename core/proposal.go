package core

import "github.com/pathsync/pathsync/core/tree"

// Proposal is a batch that a client submits: validated and with all ids filled in, but without a place in the room's order.
// Its operations may be discarded when they are decided.
type Proposal struct {
	Key       string
	ClientID  string
	UserID    string // authenticated user; "" for an anonymous one
	ClientSeq int64  // NoClientSeq if the batch has no number
	// PreviousClientSeq is the number of the client's previous batch in this room, and lower than ClientSeq. Nil: not known.
	PreviousClientSeq *int64
	Ops               []ProposedOp
	FilledIn          bool // the server has assigned a `_sync_id` to an object
	// Allows reports whether the sender may apply an operation whose path was changed because it follows a moved item. The
	// caller has checked the operations as they were sent. Nil allows all.
	Allows func(*tree.Op) bool

	memory int // result of Memory; 0: not computed
}

// ProposedOp is one operation of a Proposal, parsed and as text.
type ProposedOp struct {
	tree.Op
	PathText  string // the path as sent
	ValueText string // see LoggedOp.Value
}

// follow returns an operation, parsed and for the log, with paths that follow moved items.
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

// proposalMemory and opMemory estimate the memory of a proposal and of an operation besides their texts and values,
// including the batch that Decide makes of them, in bytes.
const (
	proposalMemory = 1 << 10
	opMemory       = 512
)

// Memory estimates the memory of the proposal with the trees of its values, in bytes.
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

// bytes estimates the size of the log rows in bytes.
func (p *Proposal) bytes() int {
	n := 256
	for i := range p.Ops {
		n += 64 + len(p.Ops[i].PathText) + len(p.Ops[i].ValueText)
	}
	return n
}

// rows returns the number of log rows.
func (p *Proposal) rows() int { return len(p.Ops) }

// large reports whether the batch is committed on the large track.
func (p *Proposal) large() bool { return p.rows() > smallRows || p.bytes() > smallBytes }

// Answer is the result of Submit.
type Answer struct {
	Batch     *Batch
	Duplicate bool // the log already had the batch
	FilledIn  bool // the operations differ from the proposal by ids that the server assigned
}
