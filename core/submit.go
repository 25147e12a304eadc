package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errCheckAgain: the batch's clientSeq may have been used since the batch was queued. Submit checks the log.
var errCheckAgain = errors.New("check the log for the batch")

// errNotInTime: Config.SubmitTimeout has ended.
var errNotInTime = fmt.Errorf("%w: the batch was not committed in time", ErrUnavailable)

// Submit commits a batch. It returns when the batch is durable and the listener has it. If the log already has this batch of
// the client, Submit returns its first answer with Answer.Duplicate.
//
// A batch whose predecessor is neither in the log nor queued waits for it, up to Config.PredecessorTimeout. The batches of a
// client take effect in the order of their numbers: a number lower than one in the log is ErrClientSeqPassed.
//
// The errors are ErrClientSeqReused, ErrClientSeqPassed, ErrForeignClient, ErrOverloaded, ErrClosing, ErrRejected, ErrCorrupt,
// ErrHistoryChanged and ErrUnavailable. After ErrUnavailable, and when ctx ends, the batch may still be committed; a retry
// with the same clientSeq is safe.
//
// With other servers, the one that owns the room commits the batch. If it does not do so in time, this one does.
func (r *Room) Submit(ctx context.Context, p *Proposal) (Answer, error) {
	if a, ok, err := r.hub.cluster.forward(ctx, r, p); ok {
		return a, err
	}
	return r.submit(ctx, p)
}

// submit is Submit at this server.
func (r *Room) submit(ctx context.Context, p *Proposal) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.hub.cfg.SubmitTimeout, errNotInTime)
	defer cancel()
	if err := r.claim(ctx, p.ClientID, p.UserID); err != nil {
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
			if !errors.Is(err, errCheckAgain) {
				return a, err
			}
		case unknownClient:
			last, err := r.store.LastClientSeq(ctx, r.name, p.ClientID)
			if err != nil {
				return Answer{}, r.hub.storeError(r.store, err, "reading a client's last clientSeq")
			}
			r.learn(p.ClientID, "", last, seq)
		case passed:
			return r.repeat(ctx, p)
		}
	}
}

// repeat answers a batch whose clientSeq is not higher than the client's last: it is in the log, or it is late.
func (r *Room) repeat(ctx context.Context, p *Proposal) (Answer, error) {
	b, err := r.store.FindBatch(ctx, r.name, p.ClientID, p.ClientSeq)
	switch {
	case err != nil:
		return Answer{}, r.hub.storeError(r.store, err, "looking for a repeated batch")
	case b == nil:
		return Answer{}, ErrClientSeqPassed
	case !p.answersTo(b):
		return Answer{}, ErrClientSeqReused
	}
	r.hub.cfg.Metrics.Repeated()
	return Answer{Batch: b, Duplicate: true, FilledIn: p.FilledIn}, nil
}

// enqueue queues a proposal with a fresh clientSeq. Otherwise it returns the verdict on the number and the serverSeq at which
// it was made.
func (r *Room) enqueue(p *Proposal) (*submission, verdict, int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, 0, 0, r.err
	}
	if p.ClientSeq != NoClientSeq {
		if v := r.state.dedup.check(p.ClientID, p.ClientSeq); v != fresh {
			return nil, v, r.state.Seq(), nil
		}
	}
	s := newSubmission(r, p)
	if err := r.hub.committer.add(s, r.state.dedup.last(p.ClientID)); err != nil {
		return nil, 0, 0, err
	}
	return s, fresh, 0, nil
}

func (r *Room) learn(clientID, userID string, last, asOf int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.dedup.learn(clientID, userID, last, asOf)
}

// wait returns a submission's outcome. When ctx ends first, it withdraws the batch unless it is in flight.
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
