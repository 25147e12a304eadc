package core

import "github.com/pathsync/pathsync/core/tree"

// Decision is a batch with its serverSeq and outcomes, and its parsed operations.
type Decision struct {
	*Batch
	ops []tree.Op // with resolved indexes, in step with Batch.Ops
}

// Decide assigns the next serverSeqs to proposals and determines the outcome of each operation by a dry run. The state does
// not change. The outcomes are valid until another batch is folded. serverTs is in milliseconds since the Unix epoch.
func (s *State) Decide(proposals []*Proposal, serverTs int64) []Decision {
	touched := map[string]*document{}
	created := 0 // by the proposals so far
	out := make([]Decision, len(proposals))
	for i, p := range proposals {
		d := touched[p.Key]
		if d == nil {
			if d = s.docs[p.Key]; d == nil {
				d = new(document)
			}
			d.Begin()
			touched[p.Key] = d
		}
		limit := s.limits.DocumentBytes
		missing := !d.Exists()
		if missing && s.limits.Documents > 0 && len(s.docs)+created >= s.limits.Documents {
			limit = tree.NoGrowth
		}
		out[i] = s.decide(d, p, limit, s.seq+int64(i)+1, serverTs)
		if missing && d.Exists() {
			created++
		}
	}
	for _, d := range touched {
		d.Rollback()
	}
	return out
}

func (s *State) decide(d *document, p *Proposal, limit int, serverSeq, serverTs int64) Decision {
	b := &Batch{
		Room: s.room, Key: p.Key, ClientID: p.ClientID, UserID: p.UserID, ClientSeq: p.ClientSeq,
		ServerSeq: serverSeq, ServerTs: serverTs, Ops: make([]LoggedOp, len(p.Ops)),
	}
	ops := make([]tree.Op, len(p.Ops))
	for i := range p.Ops {
		op, logged := p.follow(&d.Document, &p.Ops[i])
		reason, index := d.Apply(op, limit)
		op.Index, op.After = index, nil // as in a replay
		logged.Index, logged.Discarded = index, reason
		if reason != tree.Applied {
			logged.Value = ""
		}
		ops[i], b.Ops[i] = op, logged
	}
	return Decision{b, ops}
}
