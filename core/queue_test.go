package core

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core/tree"
)

// queueModel makes random calls of a commitQueue and checks its invariants.
type queueModel struct {
	t       *testing.T
	rng     *rand.Rand
	now     time.Time
	queue   commitQueue
	queues  []*roomQueue
	all     []*submission
	answers map[*submission]int
	groups  [trackCount][]group // in flight
	last    map[string]int64    // highest number committed, by room and client
	trace   []string
}

func (m *queueModel) log(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

func (m *queueModel) fatal(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\nafter %q", fmt.Sprintf(format, args...), m.trace[max(0, len(m.trace)-12):])
}

func (m *queueModel) answer(s *submission) {
	m.queue.markAnswered(s)
	m.answers[s]++
}

func owner(l *roomQueue, s *submission) string { return l.room.name + " " + s.ClientID }

func (m *queueModel) add() {
	l := m.queues[m.rng.IntN(len(m.queues))]
	p := &Proposal{ClientID: string(rune('a' + m.rng.IntN(3))), ClientSeq: NoClientSeq, Ops: make([]ProposedOp, 1+m.rng.IntN(3)*40)}
	s := &submission{Proposal: p, room: l.room, previous: NoClientSeq}
	committed := int64(NoClientSeq)
	if m.rng.IntN(4) > 0 {
		if n, ok := m.last[owner(l, s)]; ok {
			committed = n
		}
		p.ClientSeq = committed + 1 + int64(m.rng.IntN(6))
		if m.rng.IntN(2) == 0 {
			s.previous = p.ClientSeq - 1 - int64(m.rng.IntN(2))
		}
	}
	err := m.queue.add(l, s, committed, m.now)
	m.log("add %s %s %d after %d: %v", l.room.name, s.ClientID, s.ClientSeq, s.previous, err)
	switch {
	case err == nil:
		m.all = append(m.all, s)
	case m.queue.closing != errors.Is(err, ErrClosing) || !m.queue.closing && !errors.Is(err, ErrOverloaded):
		m.fatal("adding: %v", err)
	}
}

func (m *queueModel) any() *submission {
	if len(m.all) == 0 {
		return nil
	}
	return m.all[max(0, len(m.all)-1-m.rng.IntN(12))]
}

func (m *queueModel) withdraw() {
	if s := m.any(); s != nil {
		was := s.state
		done := m.queue.withdraw(s, m.now)
		m.log("withdraw %s %s %d: %v", s.room.name, s.ClientID, s.ClientSeq, done)
		if done {
			m.answers[s]++
		}
		if done && was != submissionHeld && was != submissionWaiting || !done && was == submissionHeld {
			m.fatal("a submission in state %d is withdrawn: %v", was, done)
		}
	}
}

func (m *queueModel) release() {
	if s := m.any(); s != nil {
		m.log("release %s %s %d", s.room.name, s.ClientID, s.ClientSeq)
		m.queue.release(s, m.now)
	}
}

// take starts a flight, or ends one of the track's groups.
func (m *queueModel) take() {
	track := m.rng.IntN(trackCount)
	if m.groups[track] == nil {
		group, _ := m.queue.take(track, bounds{1 + m.rng.IntN(6), 1 + m.rng.IntN(200), 1 << 20})
		m.log("take on %d: %d rooms", track, len(group))
		m.groups[track] = group
		seen := map[*roomQueue]bool{}
		for _, g := range group {
			if seen[&g.room.queue] || len(g.submissions) == 0 {
				m.fatal("room %s is in a transaction twice, or without submissions", g.room.name)
			}
			seen[&g.room.queue] = true
			numbers := map[string]int64{}
			for _, s := range g.submissions {
				if s.ClientSeq == NoClientSeq {
					continue
				}
				if n, ok := numbers[s.ClientID]; ok && s.ClientSeq < n {
					m.fatal("%d of %s comes behind %d", s.ClientSeq, s.ClientID, n)
				}
				numbers[s.ClientID] = s.ClientSeq
			}
		}
		return
	}
	g := m.groups[track][0]
	m.end(g)
	if m.groups[track] = m.groups[track][1:]; len(m.groups[track]) == 0 {
		m.groups[track] = nil
	}
}

// end ends a group: committed, conflicting, committed in part, refused, or with its room stopped.
func (m *queueModel) end(g group) {
	n := len(g.submissions)
	switch m.rng.IntN(5) {
	case 0:
		n = 0
	case 1:
		n = m.rng.IntN(n + 1)
	case 2:
		if m.rng.IntN(4) == 0 {
			m.log("fail %s", g.room.name)
			for _, s := range m.queue.drain(&g.room.queue, m.now) {
				m.answer(s)
			}
		}
	case 3:
		g.room.queue.isolateUntil = m.now.Add(time.Second)
	}
	m.log("end %s: %d of %d answered", g.room.name, n, len(g.submissions))
	for _, s := range g.submissions[:n] {
		m.answer(s)
		if s.ClientSeq != NoClientSeq {
			m.last[owner(&g.room.queue, s)] = max(m.last[owner(&g.room.queue, s)], s.ClientSeq)
		}
	}
	m.queue.finish(&g.room.queue, slices.Clone(g.submissions[n:]), m.now)
}

// check compares the queue with the states of the submissions.
func (m *queueModel) check() {
	m.t.Helper()
	listed := map[*roomQueue]int{}
	for track := range m.queue.queued {
		for e := m.queue.queued[track].Front(); e != nil; e = e.Next() {
			l := e.Value.(*roomQueue)
			listed[l]++
			if l.track != track {
				m.fatal("room %s is in the wrong list", l.room.name)
			}
		}
	}
	flying := map[*roomQueue]bool{}
	for _, group := range m.groups {
		for _, g := range group {
			if flying[&g.room.queue] {
				m.fatal("room %s is in flight twice", g.room.name)
			}
			flying[&g.room.queue] = true
		}
	}
	waiting, held := map[*roomQueue]int{}, map[*roomQueue]int{}
	open, bytes := 0, int64(0)
	for _, s := range m.all {
		if m.answers[s] > 1 || (m.answers[s] == 1) != (s.state == submissionAnswered) {
			m.fatal("a submission in state %d has %d answers", s.state, m.answers[s])
		}
		switch s.state {
		case submissionAnswered:
			continue
		case submissionWaiting:
			waiting[s.queue]++
		case submissionHeld:
			held[s.queue]++
		}
		open++
		bytes += int64(s.Memory())
	}
	if m.queue.open != open || m.queue.bytes != bytes {
		m.fatal("%d submissions of %d bytes are open, and the queue says %d of %d", open, bytes, m.queue.open, m.queue.bytes)
	}
	for _, l := range m.queues {
		want := roomIdle
		if flying[l] {
			want = roomInFlight
		} else if waiting[l] > 0 {
			want = roomQueued
		}
		if l.state != want || listed[l] > 1 || (listed[l] == 1) != (want == roomQueued) || l.waiting.Len() != waiting[l] {
			m.fatal("room %s is in state %d, want %d; in %d lists; %d wait, and it has %d", l.room.name, l.state, want, listed[l], waiting[l], l.waiting.Len())
		}
		m.checkSenders(l, held[l])
	}
}

func (m *queueModel) checkSenders(l *roomQueue, held int) {
	m.t.Helper()
	for client, d := range l.senders {
		if len(d.waiting)+len(d.held) == 0 && d.inFlight == NoClientSeq {
			m.fatal("%s is remembered in %s for nothing", client, l.room.name)
		}
		for _, s := range d.held {
			if held--; s.previous <= d.highest() {
				m.fatal("%d of %s waits for %d, and %d is there", s.ClientSeq, client, s.previous, d.highest())
			}
		}
	}
	if held != 0 {
		m.fatal("%d held submissions of room %s are missing", held, l.room.name)
	}
}

func TestQueueKeepsEachRoomInOneState(t *testing.T) {
	for seed := range uint64(100) {
		m := &queueModel{
			t: t, rng: rand.New(rand.NewPCG(seed, 10)), now: time.Now(), queue: newCommitQueue(60_000),
			answers: map[*submission]int{}, last: map[string]int64{},
		}
		for i := range 3 {
			r := &Room{name: fmt.Sprint(i)}
			r.queue.room = r
			m.queues = append(m.queues, &r.queue)
		}
		for range 400 {
			m.now = m.now.Add(time.Duration(m.rng.IntN(200)) * time.Millisecond)
			switch m.rng.IntN(10) {
			case 0, 1, 2, 3:
				m.add()
			case 4:
				m.withdraw()
			case 5:
				m.release()
			default:
				m.take()
			}
			m.check()
		}
		m.log("close")
		m.queue.close(m.now)
		for n := 0; m.queue.open > 0; n++ {
			if m.take(); n > 100_000 {
				m.fatal("seed %d: %d submissions never end", seed, m.queue.open)
			}
			m.check()
		}
		for _, l := range m.queues {
			if !l.idle() {
				m.fatal("seed %d: room %s is not idle", seed, l.room.name)
			}
		}
	}
}

func queued(t *testing.T, q *commitQueue, l *roomQueue, client string, clientSeq, previous int64) *submission {
	t.Helper()
	s := &submission{Proposal: &Proposal{ClientID: client, ClientSeq: clientSeq, Ops: make([]ProposedOp, 1)}, room: l.room, previous: previous}
	if err := q.add(l, s, NoClientSeq, time.Time{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func taken(q *commitQueue, track int) (numbers []int64) {
	group, _ := q.take(track, groupBounds)
	for _, g := range group {
		for _, s := range g.submissions {
			numbers = append(numbers, s.ClientSeq)
		}
	}
	return numbers
}

func newTestQueue() *roomQueue {
	r := &Room{name: "room"}
	r.queue.room = r
	return &r.queue
}

func TestBatchesOfOneClientAreQueuedByNumber(t *testing.T) {
	q, l := newCommitQueue(1<<20), newTestQueue()
	for _, n := range []int64{7, 5, 9, 5, 6} {
		queued(t, &q, l, "ann", n, NoClientSeq)
	}
	if got := taken(&q, smallTrack); !slices.Equal(got, []int64{5, 5, 6, 7, 9}) {
		t.Errorf("they are taken as %v", got)
	}
}

func TestHeldBatchFollowsItsPredecessor(t *testing.T) {
	q, l := newCommitQueue(1<<20), newTestQueue()
	queued(t, &q, l, "ann", 3, 2)
	queued(t, &q, l, "ann", 2, 1)
	queued(t, &q, l, "ben", 2, NoClientSeq)
	if got := taken(&q, smallTrack); !slices.Equal(got, []int64{2}) {
		t.Fatalf("without the predecessor, %v are taken", got)
	}
	queued(t, &q, l, "ann", 1, NoClientSeq) // while the room is in flight
	for _, s := range l.inFlight {
		q.markAnswered(s)
	}
	q.finish(l, nil, time.Time{})
	if got := taken(&q, smallTrack); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("they are taken as %v", got)
	}
}

func TestQueuedPredecessorIsNotWithdrawn(t *testing.T) {
	q, l := newCommitQueue(1<<20), newTestQueue()
	first := queued(t, &q, l, "ann", 1, NoClientSeq)
	second := queued(t, &q, l, "ann", 2, 1)
	if q.withdraw(first, time.Time{}) {
		t.Error("a batch that another one follows is withdrawn")
	}
	if !q.withdraw(second, time.Time{}) || !q.withdraw(first, time.Time{}) || !l.idle() {
		t.Error("the queue is not empty after both are withdrawn, the last one first")
	}
}

func TestHeldBatchesAreBounded(t *testing.T) {
	q, l := newCommitQueue(1<<20), newTestQueue()
	for i := range maxHeld {
		queued(t, &q, l, "ann", int64(i+10), int64(i+9))
	}
	s := &submission{Proposal: &Proposal{ClientID: "ann", ClientSeq: 1000, Ops: make([]ProposedOp, 1)}, room: l.room, previous: 999}
	if err := q.add(l, s, NoClientSeq, time.Time{}); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one more: %v", err)
	}
	big := &submission{Proposal: &Proposal{ClientID: "ben", ClientSeq: 2, Ops: []ProposedOp{{Op: tree.Op{}, ValueText: string(make([]byte, 1<<18))}}}, room: l.room, previous: 1}
	if err := q.add(l, big, NoClientSeq, time.Time{}); !errors.Is(err, ErrOverloaded) {
		t.Errorf("more than a quarter of all bytes: %v", err)
	}
	if len(l.senders) != 1 {
		t.Errorf("%d senders are remembered", len(l.senders))
	}
}

// Small and large batches do not share a transaction, and a room is on one track at a time.
func TestLargeBatchesHaveTheirOwnTrack(t *testing.T) {
	q, l, other := newCommitQueue(1<<30), newTestQueue(), newTestQueue()
	large := &submission{Proposal: &Proposal{ClientSeq: NoClientSeq, Ops: make([]ProposedOp, smallRows+1)}, room: l.room, previous: NoClientSeq}
	if err := q.add(l, large, NoClientSeq, time.Time{}); err != nil {
		t.Fatal(err)
	}
	queued(t, &q, l, "ann", 1, NoClientSeq)
	queued(t, &q, other, "ben", 2, NoClientSeq)
	if got := taken(&q, smallTrack); !slices.Equal(got, []int64{2}) {
		t.Errorf("small: %v", got)
	}
	if got := taken(&q, largeTrack); !slices.Equal(got, []int64{NoClientSeq, 1}) {
		t.Errorf("large: %v", got)
	}
}
