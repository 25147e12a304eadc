package core

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

// submission is a proposal that waits for its commit. The committer's lock guards state and place.
type submission struct {
	*Proposal
	room     *Room
	lane     *lane
	previous int64 // clientSeq of the predecessor that it names; NoClientSeq: none
	state    submissionState
	place    *list.Element // in lane.waiting, while it waits there
	attempts int           // of this batch alone that failed
	strikes  int           // of these, while the database committed other transactions
	done     chan outcome
}

type outcome struct {
	answer Answer
	err    error
}

// errLookAgain: the batch's number may have been used since it was queued. Submit asks the log.
var errLookAgain = errors.New("look for the batch in the log")

func newSubmission(r *Room, p *Proposal) *submission {
	s := &submission{Proposal: p, room: r, previous: NoClientSeq, done: make(chan outcome, 1)}
	if p.ClientSeq != NoClientSeq && p.PreviousClientSeq != nil {
		s.previous = *p.PreviousClientSeq
	}
	return s
}

// Submit gives a batch its place in the room's order. It returns when the batch is durable and the listener has it, or
// at once with the first answer when the log has a batch of this client under this number.
//
// A batch that names a predecessor which is neither in the log nor queued waits for it, for Config.PredecessorTimeout at
// most. Batches of one client take effect in the order of their numbers: one whose number is lower than another's that is
// in the log already is ErrClientSeqPassed.
//
// The errors are ErrClientSeqReused, ErrClientSeqPassed, ErrForeignClient, ErrOverloaded, ErrClosing, ErrRejected,
// ErrCorrupt, ErrHistoryChanged and ErrUnavailable. After ErrUnavailable, and when ctx ends, the batch may still be committed; to send it
// again with its number is safe.
func (r *Room) Submit(ctx context.Context, p *Proposal) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.hub.cfg.SubmitTimeout,
		fmt.Errorf("%w: the batch was not committed in time", ErrUnavailable))
	defer cancel()
	if err := r.own(ctx, p.ClientID, p.UserID); err != nil {
		return Answer{}, err
	}
	for {
		s, v, seq, err := r.enqueue(p)
		if err != nil {
			return Answer{}, err
		}
		switch v {
		case fresh:
			a, err := r.wait(ctx, s)
			if !errors.Is(err, errLookAgain) {
				return a, err
			}
		case unknownClient:
			last, err := r.store.LastClientSeq(ctx, r.name, p.ClientID)
			if err != nil {
				return Answer{}, r.hub.explain(r.store, err, "asking for a client's last number")
			}
			r.learn(p.ClientID, "", last, seq)
		case passed:
			return r.repeat(ctx, p)
		}
	}
}

// repeat answers a batch whose number is not higher than the client's last: it is in the log, or comes too late.
func (r *Room) repeat(ctx context.Context, p *Proposal) (Answer, error) {
	b, err := r.store.FindBatch(ctx, r.name, p.ClientID, p.ClientSeq)
	switch {
	case err != nil:
		return Answer{}, r.hub.explain(r.store, err, "looking for a repeated batch")
	case b == nil:
		return Answer{}, ErrClientSeqPassed
	case !p.answersTo(b):
		return Answer{}, ErrClientSeqReused
	}
	r.hub.cfg.Recorder.Repeated()
	return Answer{Batch: b, Duplicate: true, FilledIn: p.FilledIn}, nil
}

// enqueue hands a proposal to the committer if its number is higher than all that the client has used. Otherwise it says
// what the room knows of the number, and at which serverSeq it knew that.
func (r *Room) enqueue(p *Proposal) (*submission, verdict, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, 0, 0, r.err
	}
	if p.ClientSeq != NoClientSeq {
		if v := r.state.receipts.look(p.ClientID, p.ClientSeq); v != fresh {
			return nil, v, r.state.Seq(), nil
		}
	}
	s := newSubmission(r, p)
	if err := r.hub.committer.add(s, r.state.receipts.last(p.ClientID)); err != nil {
		return nil, 0, 0, err
	}
	return s, fresh, 0, nil
}

func (r *Room) learn(clientID, userID string, last, asOf int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.receipts.learn(clientID, userID, last, asOf)
}

// wait returns a submission's outcome. When ctx ends first, the batch is withdrawn if it is not in flight.
func (r *Room) wait(ctx context.Context, s *submission) (Answer, error) {
	c := r.hub.committer
	var late <-chan time.Time
	if c.holds(s) {
		timer := time.NewTimer(r.hub.cfg.PredecessorTimeout)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case o := <-s.done:
			return o.answer, o.err
		case <-late:
			c.release(s)
		case <-ctx.Done():
			c.withdraw(s)
			return Answer{}, context.Cause(ctx)
		}
	}
}
