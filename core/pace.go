package core

import "time"

// bounds limits one transaction. A single batch may exceed it.
type bounds struct{ batches, rows, bytes int }

// groupBounds is the largest transaction.
var groupBounds = bounds{batches: 2000, rows: 8192, bytes: 2 << 20}

// take deducts a submission and reports whether it fits.
func (b *bounds) take(s *submission) bool {
	b.batches--
	b.rows -= s.rows()
	b.bytes -= s.bytes()
	return b.batches >= 0 && b.rows >= 0 && b.bytes >= 0
}

// pace adapts the size and the timeout of one track's transactions to the speed of the database. It is pure.
type pace struct {
	share      float64       // of groupBounds, up to 1
	timeout    time.Duration // of the next transaction, without the allowance
	maxTimeout time.Duration // upper limit of timeout
}

const (
	firstShare, leastShare = 1.0 / 8, 1.0 / 2048
	// targetTime is the longest duration that a transaction should have: a batch that arrives at its start waits for it.
	targetTime = 250 * time.Millisecond

	// The allowance of a transaction that cannot be split. SQL Server inserts 64 rows in a round trip.
	timePerRow = time.Millisecond
	timePerMiB = time.Second
)

func newPace(longest time.Duration) pace {
	return pace{share: firstShare, timeout: longest / 4, maxTimeout: longest}
}

func (p *pace) bounds() bounds {
	of := func(n int) int { return max(1, int(p.share*float64(n))) }
	return bounds{of(groupBounds.batches), of(groupBounds.rows), of(groupBounds.bytes)}
}

// allowance returns the time that a transaction that cannot be split may take beyond the timeout.
func allowance(rows, bytes int) time.Duration {
	return time.Duration(rows)*timePerRow + time.Duration(bytes)*timePerMiB/(1<<20)
}

// committed records the duration of a transaction. full says that the share limited its size.
func (p *pace) committed(took time.Duration, full bool) {
	switch {
	case took > targetTime:
		p.share = max(p.share/2, leastShare)
	case full && took < targetTime/2:
		p.share = min(2*p.share, 1)
	}
	p.timeout = min(max(4*took, p.timeout-p.timeout/8, p.maxTimeout/4), p.maxTimeout)
}

// The wait before the next transaction: this part of the last one's duration, and at most maxGather.
const (
	gatherPart = 8
	maxGather  = 500 * time.Microsecond
)

// gather returns how long the next transaction waits for more batches, after one of so many batches. Senders that have just
// been answered send their next batches in that time. Without the wait they miss the transaction that begins at once, and
// two halves of the senders are committed in turn, in twice as many transactions. A batch alone has nobody to wait for, and
// after a full transaction enough batches are queued.
func gather(batches int, took time.Duration, full bool) time.Duration {
	if batches == 1 || full {
		return 0
	}
	return min(took/gatherPart, maxGather)
}

// timedOut records that a transaction timed out.
func (p *pace) timedOut() {
	p.share = max(p.share/2, leastShare)
	p.timeout = min(2*p.timeout, p.maxTimeout)
}
