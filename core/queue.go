package core

import (
	"container/list"
	"fmt"
	"slices"
	"time"
)

// commitQueue holds the batches of all rooms that have no answer yet. It is pure: no lock, clock or I/O. The
// committer's lock guards it, with the lanes and the submissions in it.
//
// Each room has one lane, which is idle, queued or in flight. Only queue methods change that state: add, place, withdraw
// and drain list or unlist a lane, take makes it in flight, and finish ends that. A queued lane is in exactly one list,
// and a lane in flight is in none, so a room is never gathered twice.
type commitQueue struct {
	limit     int64 // of bytes
	heldLimit int64 // of heldBytes

	queued    [tracks]list.List // of *lane; the longest waiting lane first
	held      map[*submission]struct{}
	open      int   // submissions without an answer
	bytes     int64 // of those
	heldBytes int64 // of those that wait for a predecessor
	closing   bool
}

// A track is one goroutine of the committer. Each has its own list of lanes.
const (
	smallTrack   = iota // small batches
	largeTrack          // large batches, so that small ones do not wait for them
	suspectTrack        // batches that made a transaction fail, and rooms that such batches came from lately
	tracks
)

type laneState uint8

const (
	laneIdle     laneState = iota // no batch waits
	laneQueued                    // batches wait, and the lane is in one list of commitQueue.queued
	laneInFlight                  // a track commits batches of this room; others may wait meanwhile
)

// lane is the queue of one room.
type lane struct {
	room *Room

	state laneState
	track int           // whose list has the lane while it is queued
	place *list.Element // in that list

	waiting list.List // of *submission, in the order in which they are committed
	flying  []*submission
	senders map[string]*sender // by clientId; those with numbered batches in this lane

	suspectUntil time.Time // before that, the lane is queued for the suspect track
}

// sender is the numbered batches of one client in a lane.
type sender struct {
	waiting []*submission // by clientSeq; equal numbers in the order of arrival
	held    []*submission // wait for a predecessor, in the order of arrival
	flying  int64         // highest clientSeq in flight
}

// highest is the highest clientSeq that waits or is in flight.
func (d *sender) highest() int64 {
	if n := len(d.waiting); n > 0 {
		return max(d.flying, d.waiting[n-1].ClientSeq)
	}
	return d.flying
}

type submissionState uint8

const (
	submissionNew submissionState = iota
	submissionHeld
	submissionWaiting
	submissionInFlight
	submissionAnswered
)

// A batch beyond either is large. It is committed by a track of its own.
const (
	smallRows  = 64
	smallBytes = 64 << 10
)

// maxHeld bounds how many batches of one client wait in one room for a predecessor.
const maxHeld = 64

func newCommitQueue(limit int64) commitQueue {
	return commitQueue{limit: limit, heldLimit: limit / 4, held: map[*submission]struct{}{}}
}

// add takes a submission in. committed is the highest clientSeq of its client that is known to be in the log. A batch
// that names a predecessor which is neither in the log nor in the lane is held: the caller places it after a while.
func (q *commitQueue) add(l *lane, s *submission, committed int64, now time.Time) error {
	n := int64(s.Memory())
	switch {
	case q.closing:
		return ErrClosing
	case q.bytes+n > q.limit:
		return fmt.Errorf("%w: too many batches wait for the database", ErrOverloaded)
	}
	s.lane = l
	hold := false
	if s.ClientSeq != NoClientSeq && s.previous > committed {
		d := l.sender(s.ClientID)
		if hold = s.previous > d.highest(); hold && (len(d.held) >= maxHeld || q.heldBytes+n > q.heldLimit) {
			l.forget(s.ClientID)
			return fmt.Errorf("%w: too many batches wait for the batch before them", ErrOverloaded)
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

// release places a held submission although its predecessor has not arrived. Of any other it does nothing.
func (q *commitQueue) release(s *submission, now time.Time) {
	if s.state == submissionHeld {
		q.unhold(s)
		q.insert(s, now)
	}
}

// reached places the submissions of a client that are held for a predecessor up to a clientSeq.
func (q *commitQueue) reached(l *lane, clientID string, clientSeq int64, now time.Time) {
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
	d := s.lane.senders[s.ClientID]
	i := slices.Index(d.held, s)
	d.held = slices.Delete(d.held, i, i+1)
	delete(q.held, s)
	q.heldBytes -= int64(s.Memory())
}

// insert makes a submission wait: before those of its client with a higher number, and otherwise at the end. Then it
// places what was held for it.
func (q *commitQueue) insert(s *submission, now time.Time) {
	l := s.lane
	s.state = submissionWaiting
	if s.ClientSeq == NoClientSeq {
		s.place = l.waiting.PushBack(s)
	} else {
		d := l.sender(s.ClientID)
		i, _ := slices.BinarySearchFunc(d.waiting, s.ClientSeq+1, compareClientSeq)
		if i < len(d.waiting) {
			s.place = l.waiting.InsertBefore(s, d.waiting[i].place)
		} else {
			s.place = l.waiting.PushBack(s)
		}
		d.waiting = slices.Insert(d.waiting, i, s)
		q.reached(l, s.ClientID, d.highest(), now)
	}
	q.list(l, now)
}

func compareClientSeq(s *submission, clientSeq int64) int {
	if s.ClientSeq < clientSeq {
		return -1
	}
	return 1 // the search is for the first that is not lower
}

// withdraw takes back a submission that is not in flight, and reports whether it did. A batch that another one in the
// lane names as its predecessor stays: without it, the other one would be committed, and it could not be repeated.
func (q *commitQueue) withdraw(s *submission, now time.Time) bool {
	l := s.lane
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
		l.waiting.Remove(s.place)
		q.list(l, now)
	default:
		return false
	}
	l.forget(s.ClientID)
	q.answered(s)
	return true
}

// flown is what one room has in a group.
type flown struct {
	lane        *lane
	submissions []*submission
}

// take makes the first lanes of a track's list in flight, with as many of their submissions as one transaction has
// room for, and at least one. full reports that there were more.
func (q *commitQueue) take(track int, room bounds) (group []flown, full bool) {
	for !full && q.queued[track].Len() > 0 {
		l := q.queued[track].Front().Value.(*lane)
		var submissions []*submission
		for e := l.waiting.Front(); e != nil; e = e.Next() {
			s := e.Value.(*submission)
			if track == smallTrack && s.large() {
				break // it is the large track's when this part is settled
			}
			if !room.take(s) && len(group)+len(submissions) > 0 {
				full = true
				break
			}
			submissions = append(submissions, s)
		}
		if len(submissions) == 0 {
			return group, full // of the first lane there is always one
		}
		for _, s := range submissions {
			s.state = submissionInFlight
			l.waiting.Remove(s.place)
			if s.ClientSeq != NoClientSeq {
				d := l.senders[s.ClientID]
				d.waiting[0] = nil // it is s: both orders have a client's lowest number first
				d.waiting = d.waiting[1:]
				d.flying = max(d.flying, s.ClientSeq)
			}
		}
		q.queued[track].Remove(l.place)
		l.place, l.state, l.flying = nil, laneInFlight, submissions
		group = append(group, flown{l, submissions})
	}
	return group, full
}

// finish ends the flight of a lane. Of its submissions in flight, those in back wait again, in front of all others but
// the lower numbers of their client. The others have been answered.
func (q *commitQueue) finish(l *lane, back []*submission, now time.Time) {
	if l.state != laneInFlight {
		panic("core: a lane is finished that is not in flight")
	}
	for _, s := range l.flying {
		if s.ClientSeq != NoClientSeq {
			l.sender(s.ClientID).flying = NoClientSeq
		}
	}
	for _, s := range slices.Backward(back) {
		if s.state != submissionInFlight {
			panic("core: a batch is put back that is not in flight")
		}
		s.state = submissionWaiting
		s.place = l.waiting.PushFront(s)
		if s.ClientSeq == NoClientSeq {
			continue
		}
		d := l.sender(s.ClientID)
		i, _ := slices.BinarySearchFunc(d.waiting, s.ClientSeq, compareClientSeq)
		for _, lower := range slices.Backward(d.waiting[:i]) {
			l.waiting.MoveToFront(lower.place)
		}
		d.waiting = slices.Insert(d.waiting, i, s)
	}
	for _, s := range l.flying {
		if s.state == submissionInFlight {
			panic("core: a batch in flight is left without an answer")
		}
		l.forget(s.ClientID)
	}
	l.flying, l.state = nil, laneIdle
	q.list(l, now)
}

// drain takes all submissions out of a lane that are not in flight, and returns them. The caller answers them.
func (q *commitQueue) drain(l *lane, now time.Time) (all []*submission) {
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
		l.forget(client)
	}
	q.list(l, now)
	return all
}

// answered notes that a submission has its answer, which it gets once.
func (q *commitQueue) answered(s *submission) {
	if s.state == submissionAnswered {
		panic("core: a batch is answered twice")
	}
	s.state = submissionAnswered
	q.open--
	q.bytes -= int64(s.Memory())
}

// close refuses what comes from now on, and places what is held: no predecessor can arrive any more.
func (q *commitQueue) close(now time.Time) {
	q.closing = true
	for len(q.held) > 0 {
		for s := range q.held {
			q.release(s, now)
			break
		}
	}
}

// list puts a lane that is not in flight into the list where it belongs, or into none when no batch waits.
func (q *commitQueue) list(l *lane, now time.Time) {
	if l.state == laneInFlight {
		return
	}
	first := l.waiting.Front()
	if l.state == laneQueued {
		if first != nil && l.track == l.wants(now) {
			return
		}
		q.queued[l.track].Remove(l.place)
		l.state, l.place = laneIdle, nil
	}
	if first != nil {
		l.state, l.track = laneQueued, l.wants(now)
		l.place = q.queued[l.track].PushBack(l)
	}
}

// wants is the track that commits the lane's first submission.
func (l *lane) wants(now time.Time) int {
	switch {
	case now.Before(l.suspectUntil):
		return suspectTrack
	case l.waiting.Front().Value.(*submission).large():
		return largeTrack
	default:
		return smallTrack
	}
}

// idle reports whether the lane has nothing in it. A lane with held submissions is not idle.
func (l *lane) idle() bool { return l.state == laneIdle && len(l.senders) == 0 }

// sender returns what a client has in the lane, made if need be.
func (l *lane) sender(clientID string) *sender {
	d := l.senders[clientID]
	if d == nil {
		if l.senders == nil {
			l.senders = map[string]*sender{}
		}
		d = &sender{flying: NoClientSeq}
		l.senders[clientID] = d
	}
	return d
}

// forget drops a sender that has nothing in the lane any more.
func (l *lane) forget(clientID string) {
	if d := l.senders[clientID]; d != nil && len(d.waiting)+len(d.held) == 0 && d.flying == NoClientSeq {
		delete(l.senders, clientID)
	}
}
