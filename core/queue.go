package core

import (
	"container/list"
	"fmt"
	"slices"
	"time"
)

// commitQueue holds the batches of all rooms that are not answered yet. It is pure: it has no lock, clock or I/O. The
// committer's lock guards it, together with its room queues and submissions.
//
// A room is idle, queued or in flight. Only commitQueue changes that state: add, release, withdraw and drain queue or
// unqueue a room, take puts it in flight, and finish ends the flight. A queued room is in exactly one list and a room in
// flight is in none, so one transaction never has a room twice.
type commitQueue struct {
	limit     int64 // bytes
	heldLimit int64 // limit of heldBytes

	queued    [trackCount]list.List // of *roomQueue, by waiting time
	held      map[*submission]struct{}
	open      int   // submissions without an answer
	bytes     int64 // memory of the open submissions
	heldBytes int64 // memory of submissions that wait for a predecessor
	closing   bool
}

// A track is one goroutine of the committer, with its own list of queued rooms.
const (
	smallTrack    = iota // small batches
	largeTrack           // large batches, so that they do not delay small ones
	isolatedTrack        // batches of failed transactions, and rooms that recently had a rejected batch
	trackCount
)

// A batch that exceeds either limit is large.
const (
	smallRows  = 64
	smallBytes = 64 << 10
)

// maxHeld limits the batches of one client in one room that wait for a predecessor.
const maxHeld = 64

func newCommitQueue(limit int64) commitQueue {
	return commitQueue{limit: limit, heldLimit: limit / 4, held: map[*submission]struct{}{}}
}

// add queues a submission. committed is the highest clientSeq of its client that is known to be in the log. A batch whose
// predecessor is neither in the log nor in the queue is held until release, releaseUpTo or close.
func (q *commitQueue) add(l *roomQueue, s *submission, committed int64, now time.Time) error {
	n := int64(s.Memory())
	switch {
	case q.closing:
		return ErrClosing
	case q.bytes+n > q.limit:
		return fmt.Errorf("%w: the commit queue is full", ErrOverloaded)
	}
	s.queue = l
	hold := false
	if s.ClientSeq != NoClientSeq && s.previous > committed {
		d := l.sender(s.ClientID)
		if hold = s.previous > d.highest(); hold && (len(d.held) >= maxHeld || q.heldBytes+n > q.heldLimit) {
			l.dropSender(s.ClientID)
			return fmt.Errorf("%w: too many batches wait for a predecessor", ErrOverloaded)
		}
		if hold {
			d.held = append(d.held, s)
		}
	}
	q.open++
	q.bytes += n
	if !hold {
		q.insert(s, now)
		return nil
	}
	s.state = submissionHeld
	q.held[s] = struct{}{}
	q.heldBytes += n
	return nil
}

// release queues a held submission although its predecessor has not arrived. It ignores other submissions.
func (q *commitQueue) release(s *submission, now time.Time) {
	if s.state == submissionHeld {
		q.unhold(s)
		q.insert(s, now)
	}
}

// releaseUpTo queues the held submissions of a client whose predecessor has this clientSeq or a lower one.
func (q *commitQueue) releaseUpTo(l *roomQueue, clientID string, clientSeq int64, now time.Time) {
	d := l.senders[clientID]
	if d == nil {
		return
	}
	for _, s := range slices.Clone(d.held) {
		if s.previous <= clientSeq {
			q.release(s, now)
		}
	}
}

func (q *commitQueue) unhold(s *submission) {
	d := s.queue.senders[s.ClientID]
	i := slices.Index(d.held, s)
	d.held = slices.Delete(d.held, i, i+1)
	delete(q.held, s)
	q.heldBytes -= int64(s.Memory())
}

// insert queues a submission before the higher numbers of its client, or else at the end. Then it releases its successors.
func (q *commitQueue) insert(s *submission, now time.Time) {
	l := s.queue
	s.state = submissionWaiting
	if s.ClientSeq == NoClientSeq {
		s.element = l.waiting.PushBack(s)
	} else {
		d := l.sender(s.ClientID)
		i, _ := slices.BinarySearchFunc(d.waiting, s.ClientSeq+1, compareClientSeq)
		if i < len(d.waiting) {
			s.element = l.waiting.InsertBefore(s, d.waiting[i].element)
		} else {
			s.element = l.waiting.PushBack(s)
		}
		d.waiting = slices.Insert(d.waiting, i, s)
		q.releaseUpTo(l, s.ClientID, d.highest(), now)
	}
	q.updateList(l, now)
}

// compareClientSeq makes a binary search return the first submission with at least this clientSeq.
func compareClientSeq(s *submission, clientSeq int64) int {
	if s.ClientSeq < clientSeq {
		return -1
	}
	return 1
}

// withdraw removes a submission that is not in flight, and reports whether it did. It keeps a batch that the next queued
// one names as its predecessor: otherwise the successor would be committed first, and the log would refuse a retry of this
// batch.
func (q *commitQueue) withdraw(s *submission, now time.Time) bool {
	l := s.queue
	switch s.state {
	case submissionHeld:
		q.unhold(s)
	case submissionWaiting:
		if s.ClientSeq != NoClientSeq {
			d := l.senders[s.ClientID]
			i := slices.Index(d.waiting, s)
			if i+1 < len(d.waiting) && d.waiting[i+1].previous == s.ClientSeq {
				return false
			}
			d.waiting = slices.Delete(d.waiting, i, i+1)
		}
		l.waiting.Remove(s.element)
		q.updateList(l, now)
	default:
		return false
	}
	l.dropSender(s.ClientID)
	q.markAnswered(s)
	return true
}

// take puts the first rooms of a track in flight, with as many submissions as fit into one transaction, and at least one.
// full reports whether some did not fit.
func (q *commitQueue) take(track int, limit bounds) (groups []group, full bool) {
	for !full && q.queued[track].Len() > 0 {
		l := q.queued[track].Front().Value.(*roomQueue)
		var submissions []*submission
		for e := l.waiting.Front(); e != nil; e = e.Next() {
			s := e.Value.(*submission)
			if track == smallTrack && s.large() {
				break // the large track takes it after this flight
			}
			if !limit.take(s) && len(groups)+len(submissions) > 0 {
				full = true
				break
			}
			submissions = append(submissions, s)
		}
		if len(submissions) == 0 {
			return groups, full // not the first room: that one always has a submission
		}
		for _, s := range submissions {
			s.state = submissionInFlight
			l.waiting.Remove(s.element)
			if s.ClientSeq != NoClientSeq {
				d := l.senders[s.ClientID]
				d.waiting[0] = nil // this is s: both orders begin with the client's lowest number
				d.waiting = d.waiting[1:]
				d.inFlight = max(d.inFlight, s.ClientSeq)
			}
		}
		q.queued[track].Remove(l.element)
		l.element, l.state, l.inFlight = nil, roomInFlight, submissions
		groups = append(groups, group{room: l.room, submissions: submissions})
	}
	return groups, full
}

// claim puts a room in flight without submissions, so that its owner may change the room's state. A room that is in flight
// is granted when that flight ends. granted is closed when the claim has the room; then finish ends the flight. A room has
// one claim at a time.
func (q *commitQueue) claim(l *roomQueue) (granted chan struct{}) {
	granted = make(chan struct{})
	if l.state == roomInFlight {
		l.claimed = granted
		return granted
	}
	if l.state == roomQueued {
		q.queued[l.track].Remove(l.element)
		l.element = nil
	}
	l.state = roomInFlight
	close(granted)
	return granted
}

// unclaim withdraws a claim and reports whether it did. A claim that was granted is not withdrawn.
func (q *commitQueue) unclaim(l *roomQueue, granted chan struct{}) bool {
	if l.claimed != granted {
		return false
	}
	l.claimed = nil
	return true
}

// finish ends the flight of a room. The submissions in requeue wait again, before all others except lower numbers of their
// clients. The other submissions of the flight have been answered.
func (q *commitQueue) finish(l *roomQueue, requeue []*submission, now time.Time) {
	if l.state != roomInFlight {
		panic("core: finishing a room that is not in flight")
	}
	for _, s := range l.inFlight {
		if s.ClientSeq != NoClientSeq {
			l.sender(s.ClientID).inFlight = NoClientSeq
		}
	}
	for _, s := range slices.Backward(requeue) {
		q.requeue(l, s)
	}
	for _, s := range l.inFlight {
		if s.state == submissionInFlight {
			panic("core: finishing a room with an unanswered batch")
		}
		l.dropSender(s.ClientID)
	}
	l.inFlight = nil
	if l.claimed != nil {
		close(l.claimed)
		l.claimed = nil
		return
	}
	l.state = roomIdle
	q.updateList(l, now)
}

// requeue returns a submission in flight to the front of its queue, behind lower numbers of its client.
func (q *commitQueue) requeue(l *roomQueue, s *submission) {
	if s.state != submissionInFlight {
		panic("core: requeueing a batch that is not in flight")
	}
	s.state = submissionWaiting
	s.element = l.waiting.PushFront(s)
	if s.ClientSeq == NoClientSeq {
		return
	}
	d := l.sender(s.ClientID)
	i, _ := slices.BinarySearchFunc(d.waiting, s.ClientSeq, compareClientSeq)
	for _, lower := range slices.Backward(d.waiting[:i]) {
		l.waiting.MoveToFront(lower.element)
	}
	d.waiting = slices.Insert(d.waiting, i, s)
}

// drain removes and returns all submissions of a room that are not in flight. The caller answers them.
func (q *commitQueue) drain(l *roomQueue, now time.Time) (all []*submission) {
	for e := l.waiting.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*submission))
	}
	l.waiting.Init()
	for client, d := range l.senders {
		for _, s := range slices.Clone(d.held) {
			q.unhold(s)
			all = append(all, s)
		}
		d.waiting = nil
		l.dropSender(client)
	}
	q.updateList(l, now)
	return all
}

// markAnswered records the answer of a submission. A submission is answered once.
func (q *commitQueue) markAnswered(s *submission) {
	if s.state == submissionAnswered {
		panic("core: answering a batch twice")
	}
	s.state = submissionAnswered
	q.open--
	q.bytes -= int64(s.Memory())
}

// close refuses further submissions and releases the held ones, since no predecessor can arrive any more.
func (q *commitQueue) close(now time.Time) {
	q.closing = true
	for len(q.held) > 0 {
		for s := range q.held {
			q.release(s, now)
			break
		}
	}
}

// ended reports whether the queue is closed and all submissions have been answered.
func (q *commitQueue) ended() bool { return q.closing && q.open == 0 }

// updateList moves a room that is not in flight to the list of its track, or out of all lists when no batch waits.
func (q *commitQueue) updateList(l *roomQueue, now time.Time) {
	if l.state == roomInFlight {
		return
	}
	first := l.waiting.Front()
	if l.state == roomQueued {
		if first != nil && l.track == l.nextTrack(now) {
			return
		}
		q.queued[l.track].Remove(l.element)
		l.state, l.element = roomIdle, nil
	}
	if first != nil {
		l.state, l.track = roomQueued, l.nextTrack(now)
		l.element = q.queued[l.track].PushBack(l)
	}
}
