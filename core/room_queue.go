package core

import (
	"container/list"
	"time"
)

// roomQueue is the commit queue of one room. The committer's lock guards it.
type roomQueue struct {
	room *Room

	state   roomQueueState
	track   int           // the track whose list has the queue while the state is roomQueued
	element *list.Element // in that list

	waiting  list.List // of *submission, in commit order
	inFlight []*submission
	claimed  chan struct{}      // closed when the next flight is granted to the claim; nil: there is no claim
	senders  map[string]*sender // by clientId; clients with numbered batches in this queue

	isolateUntil time.Time // until then, the isolated track commits the room
}

type roomQueueState uint8

const (
	roomIdle     roomQueueState = iota // no batch waits
	roomQueued                         // batches wait, and the queue is in exactly one list of commitQueue.queued
	roomInFlight                       // a track commits batches of this room, or a claim has it; more batches may wait
)

// sender is the numbered batches of one client in a room's queue.
type sender struct {
	waiting  []*submission // by clientSeq; equal numbers in order of arrival
	held     []*submission // waiting for a predecessor, in order of arrival
	inFlight int64         // highest clientSeq in flight; NoClientSeq: none
}

// highest returns the highest clientSeq that waits or is in flight.
func (d *sender) highest() int64 {
	if n := len(d.waiting); n > 0 {
		return max(d.inFlight, d.waiting[n-1].ClientSeq)
	}
	return d.inFlight
}

// nextTrack returns the track that commits the first waiting submission.
func (l *roomQueue) nextTrack(now time.Time) int {
	switch {
	case now.Before(l.isolateUntil):
		return isolatedTrack
	case l.waiting.Front().Value.(*submission).large():
		return largeTrack
	default:
		return smallTrack
	}
}

// idle reports whether the queue has no submissions, held ones included.
func (l *roomQueue) idle() bool { return l.state == roomIdle && len(l.senders) == 0 }

// sender returns the entry of a client, and adds it if there is none.
func (l *roomQueue) sender(clientID string) *sender {
	d := l.senders[clientID]
	if d == nil {
		if l.senders == nil {
			l.senders = map[string]*sender{}
		}
		d = &sender{inFlight: NoClientSeq}
		l.senders[clientID] = d
	}
	return d
}

// dropSender removes the entry of a client that has no batches in the queue.
func (l *roomQueue) dropSender(clientID string) {
	if d := l.senders[clientID]; d != nil && len(d.waiting)+len(d.held) == 0 && d.inFlight == NoClientSeq {
		delete(l.senders, clientID)
	}
}
