package core

import (
	"strings"
	"testing"
	"time"
)

func TestTransactionSizeFollowsDatabaseSpeed(t *testing.T) {
	p := newPace(10 * time.Second)
	for range 20 {
		p.committed(50*time.Millisecond, true)
	}
	if p.bounds() != groupBounds {
		t.Errorf("with a fast database, a transaction takes %+v", p.bounds())
	}
	for range 20 {
		p.committed(time.Second, true)
	}
	if got := p.bounds(); got.batches != 1 || got.rows > 8 {
		t.Errorf("with a slow one, it takes %+v", got)
	}
	for range 20 {
		p.committed(50*time.Millisecond, false)
	}
	if got := p.bounds(); got.batches != 1 {
		t.Errorf("transactions that are not full say nothing, and it takes %+v", got)
	}
	for range 20 {
		p.committed(50*time.Millisecond, true)
	}
	if p.bounds() != groupBounds {
		t.Errorf("afterwards, it takes %+v", p.bounds())
	}
	p.timedOut()
	if got := p.bounds(); got.rows != groupBounds.rows/2 {
		t.Errorf("after a call that did not end in time, it takes %+v", got)
	}
}

// SQLite blocks all other writes during a transaction.
func TestTransactionTakesTwoMebibytesAtMost(t *testing.T) {
	q := newCommitQueue(1 << 30)
	now := time.Now()
	r := &Room{}
	for range 9 {
		s := newSubmission(r, &Proposal{ClientSeq: NoClientSeq, Ops: []ProposedOp{{ValueText: strings.Repeat("x", 900<<10)}}})
		if err := q.add(&r.queue, s, NoClientSeq, now); err != nil {
			t.Fatal(err)
		}
	}
	group, full := q.take(largeTrack, groupBounds)
	if n := len(group[0].submissions); n != 2 || !full {
		t.Errorf("a transaction takes %d batches of 900 KiB", n)
	}
}

func TestTransactionTimeoutFollowsLastCalls(t *testing.T) {
	p := newPace(10 * time.Second)
	if p.timeout != 2500*time.Millisecond {
		t.Errorf("it begins with %v", p.timeout)
	}
	p.timedOut()
	p.timedOut()
	p.timedOut()
	if p.timeout != 10*time.Second {
		t.Errorf("after calls that did not end in time: %v", p.timeout)
	}
	for range 100 {
		p.committed(time.Second, false)
	}
	if p.timeout != 4*time.Second {
		t.Errorf("with calls that take 1 s: %v", p.timeout)
	}
	for range 100 {
		p.committed(time.Millisecond, false)
	}
	if p.timeout != 2500*time.Millisecond {
		t.Errorf("with short calls: %v", p.timeout)
	}
}

func TestOnlyTransactionsOfSeveralBatchesWaitForMore(t *testing.T) {
	for _, c := range []struct {
		batches int
		took    time.Duration
		full    bool
		want    time.Duration
	}{
		{1, time.Second, false, 0},
		{16, 1600 * time.Microsecond, false, 200 * time.Microsecond},
		{16, time.Second, false, maxGather},
		{2000, time.Second, true, 0},
	} {
		if got := gather(c.batches, c.took, c.full); got != c.want {
			t.Errorf("after %d batches in %v, full: %v, it waits %v", c.batches, c.took, c.full, got)
		}
	}
}
