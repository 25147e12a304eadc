package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// submission is a proposal that waits for its commit.
type submission struct {
	*Proposal
	room       *Room
	absentUpTo int64 // the log up to this serverSeq has no batch with its number; -1: nobody has looked
	done       chan outcome
}

type outcome struct {
	answer Answer
	err    error
}

// errLookAgain: the batch's number may have been used since it was queued. The sender asks the log.
var errLookAgain = errors.New("look for the batch in the log")

func (s *submission) answer(a Answer, err error) {
	s.room.hub.committer.queued.Add(-int64(s.bytes()))
	s.done <- outcome{a, err}
}

// Submit gives a batch its place in the room's order. It returns when the batch is durable and has been told to the
// listener, or at once with the first answer when the log has a batch of this client under this number.
//
// The errors are ErrClientSeqReused, ErrOverloaded, ErrClosing, ErrRejected, ErrCorrupt and ErrUnavailable. After
// ErrUnavailable, and when ctx ends, the batch may still be committed; to send it again with its number is safe.
func (r *Room) Submit(ctx context.Context, p *Proposal) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.hub.cfg.SubmitTimeout,
		fmt.Errorf("%w: the batch was not committed in time", ErrUnavailable))
	defer cancel()
	absentUpTo := int64(-1)
	for {
		s, v, seq, err := r.enqueue(p, absentUpTo)
		if err != nil {
			return Answer{}, err
		}
		switch v {
		case unseen:
			a, err := r.wait(ctx, s)
			if !errors.Is(err, errLookAgain) {
				return a, err
			}
		case unknownClient:
			last, err := r.hub.cfg.Store.LastClientSeq(ctx, r.name, p.ClientID)
			if err != nil {
				return Answer{}, unavailable(err, "asking for a client's last number")
			}
			r.learn(p.ClientID, last, seq)
		case seen, unknownNumber:
			b, err := r.hub.cfg.Store.FindBatch(ctx, r.name, p.ClientID, p.ClientSeq)
			switch {
			case err != nil:
				return Answer{}, unavailable(err, "looking for a repeated batch")
			case b == nil && v == seen:
				return Answer{}, fmt.Errorf("%w, which the log no longer has", ErrClientSeqReused)
			case b == nil:
				absentUpTo = seq
			case !p.answersTo(b):
				return Answer{}, ErrClientSeqReused
			default:
				r.hub.cfg.Recorder.Repeated()
				return Answer{Batch: b, Duplicate: true, FilledIn: p.FilledIn}, nil
			}
		}
	}
}

// enqueue hands a proposal to the committer if its number is unused as far as the room knows. Otherwise it says what
// the room knows, and at which serverSeq it knew that.
func (r *Room) enqueue(p *Proposal, absentUpTo int64) (*submission, verdict, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, 0, 0, r.err
	}
	if p.ClientSeq != NoClientSeq {
		if v := r.state.receipts.look(p.ClientID, p.ClientSeq, absentUpTo); v != unseen {
			return nil, v, r.state.Seq(), nil
		}
	}
	s := &submission{Proposal: p, room: r, absentUpTo: absentUpTo, done: make(chan outcome, 1)}
	if err := r.hub.committer.admit(s); err != nil {
		return nil, 0, 0, err
	}
	r.queue = append(r.queue, s)
	if len(r.queue) == 1 && !r.inFlight {
		r.hub.committer.note(r)
	}
	return s, unseen, 0, nil
}

func (r *Room) learn(clientID string, last, asOf int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.receipts.learn(clientID, last, asOf)
}

// wait returns a submission's outcome. When ctx ends first, the batch is withdrawn if it is still queued.
func (r *Room) wait(ctx context.Context, s *submission) (Answer, error) {
	select {
	case o := <-s.done:
		return o.answer, o.err
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.queue, s); i >= 0 {
		r.queue = slices.Delete(r.queue, i, i+1)
		s.answer(Answer{}, context.Cause(ctx))
		r.hub.committer.nudge() // it may be closing, and have waited for this one
	}
	return Answer{}, context.Cause(ctx)
}
