package core

import (
	"fmt"
	"time"
)

// flight is batches on their way into the log. As long as the fate of an attempt may be open, its batches keep their
// numbers and their outcomes: a further attempt meets the log's unique index if an earlier one has succeeded after all.
// It may have only some of them, but for each room only the first, so that no number is ever skipped.
type flight struct {
	parts []part
	size  int  // batches that one attempt takes; 0: all
	full  bool // the transaction had no room for more

	began    time.Time // when the first attempt began
	due      time.Time // when the next one is
	wait     time.Duration
	failures int // attempts that failed as in an outage, while other transactions succeeded
}

// part is what one room has in a flight: each submission with the batch that it has become.
type part struct {
	room        *Room
	submissions []*submission
	batches     []Decision
	n           int // how many of them the next attempt takes, from the first on
}

// Waits between attempts.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = time.Second
)

// splitBy is into how many pieces a flight is split that has failed.
const splitBy = 16

// next divides a flight into the parts that the next attempt takes and the others. Only the part of a single room is
// taken in pieces.
func (f *flight) next() (head, rest []part) {
	if f.size == 0 {
		return f.parts, nil
	}
	if len(f.parts) == 1 {
		p := f.parts[0]
		p.n = min(f.size, len(p.batches))
		return []part{p}, nil
	}
	i := 0
	for n := 0; i < len(f.parts) && (i == 0 || n+len(f.parts[i].batches) <= f.size); i++ {
		n += len(f.parts[i].batches)
	}
	return f.parts[:i:i], f.parts[i:]
}

// again is a flight of the same age with some of its parts.
func (f *flight) again(parts []part, size int) *flight {
	for i := range parts {
		parts[i].n = len(parts[i].batches)
	}
	return &flight{parts: parts, size: size, began: f.began}
}

// later has the next attempt wait, the longer the more attempts have failed.
func (f *flight) later() *flight {
	f.wait = min(max(2*f.wait, firstRetry), lastRetry)
	f.due = time.Now().Add(f.wait)
	return f
}

// attempted is the batches that an attempt takes, and what they weigh.
func attempted(parts []part) (batches []*Batch, rows, bytes int) {
	for _, p := range parts {
		for i, d := range p.batches[:p.n] {
			batches = append(batches, d.Batch)
			rows += p.submissions[i].rows()
			bytes += p.submissions[i].bytes()
		}
	}
	return batches, rows, bytes
}

// decide makes a flight of what has been taken from the queue. It may have no parts: then all has been answered.
func (c *committer) decide(group []flown, full bool) *flight {
	now := time.Now()
	f := &flight{full: full, began: now}
	for _, g := range group {
		p := g.lane.room.decide(g.submissions, now.UnixMilli())
		if p.n > 0 {
			f.parts = append(f.parts, p)
		} else {
			c.end(p.room, nil)
		}
	}
	return f
}

// decide gives submissions the room's next numbers. It answers those whose numbers have been used meanwhile.
func (r *Room) decide(submissions []*submission, now int64) part {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := part{room: r}
	var proposals []*Proposal
	taken := map[string]int64{} // by clientId; they come in the order of their numbers
	for _, s := range submissions {
		if r.err != nil {
			r.hub.committer.answer(s, Answer{}, r.err)
			continue
		}
		if s.ClientSeq != NoClientSeq {
			last, twice := taken[s.ClientID]
			if twice = twice && last == s.ClientSeq; twice || r.state.receipts.look(s.ClientID, s.ClientSeq) != fresh {
				r.hub.committer.answer(s, Answer{}, errLookAgain)
				continue
			}
			taken[s.ClientID] = s.ClientSeq
		}
		p.submissions = append(p.submissions, s)
		proposals = append(proposals, s.Proposal)
	}
	p.batches = r.state.Decide(proposals, now)
	p.n = len(p.batches)
	return p
}

// settle folds the batches that an attempt has logged, and answers their senders. It returns what is left of the part;
// when nothing is, the room's flight has ended.
func (c *committer) settle(p part) (left part) {
	r := p.room
	r.mu.Lock()
	err := r.err
	if err == nil {
		if err = r.committed(p.batches[:p.n]); err != nil {
			r.fail(err)
		}
	}
	r.mu.Unlock()
	if err != nil {
		c.refuse(p, err)
		return part{}
	}
	c.accept(p, p.n)
	left = part{room: r, submissions: p.submissions[p.n:], batches: p.batches[p.n:]}
	if len(left.submissions) == 0 {
		c.end(r, nil)
	}
	return left
}

// accept answers the senders of a part's first n batches, which are in the log.
func (c *committer) accept(p part, n int) {
	for i, s := range p.submissions[:n] {
		c.answer(s, Answer{Batch: p.batches[i].Batch, FilledIn: s.FilledIn}, nil)
	}
}

// refuse answers all of a part with an error, and ends the room's flight.
func (c *committer) refuse(p part, err error) {
	for _, s := range p.submissions {
		c.answer(s, Answer{}, err)
	}
	c.end(p.room, nil)
}

// errOvertaken: a room has to be opened again, because the log no longer has what other servers added to it. Its readers
// start again. Whether a part of it was committed by an earlier attempt cannot be found out.
var errOvertaken = fmt.Errorf("%w: the room has to be opened again", ErrUnavailable)

// found is what the log has of a part that met a conflict.
type found struct {
	own   int  // of its batches, from the first on: an earlier attempt succeeded after all
	moved bool // it has batches that the room did not know of
}

// look folds what the log has beyond the room's state. Any error is the end of the room's state, or of the committer.
func (c *committer) look(p part) (f found, err error) {
	r := p.room
	for {
		page, err := c.readLog(r)
		if err != nil || len(page) == 0 {
			return f, err
		}
		f.moved = true
		if first := page[0].ServerSeq; first > r.state.Seq()+1 {
			r.hub.cfg.Log.Info("a room is opened again: another server went on with it, and the log between was pruned",
				"room", r.name, "serverSeq", r.state.Seq(), "log", first)
			r.end(errOvertaken)
			return f, errOvertaken
		}
		r.mu.Lock()
		if err = r.err; err == nil {
			if err = r.foldPage(page); err != nil {
				r.fail(err)
			}
		}
		r.mu.Unlock()
		if err != nil {
			return f, err
		}
		for _, b := range page {
			if f.own < len(p.batches) && b.equal(p.batches[f.own].Batch) {
				f.own++
			}
		}
		c.reached(r, page)
	}
}

// foldPage folds batches of the log. The lock is held.
func (r *Room) foldPage(page []*Batch) error {
	for _, b := range page {
		if err := r.state.Fold(b); err != nil {
			return err
		}
	}
	r.noteUnsaved()
	r.listener.Committed(page)
	r.weigh()
	return nil
}

func batchesOf(decisions []Decision) []*Batch {
	batches := make([]*Batch, len(decisions))
	for i, d := range decisions {
		batches[i] = d.Batch
	}
	return batches
}
