package core

import "time"

// bounds is what one transaction takes. A single batch may exceed it.
type bounds struct{ batches, rows, bytes int }

// groupBounds is the most that one transaction takes.
var groupBounds = bounds{batches: 2000, rows: 8192, bytes: 2 << 20}

// take deducts a submission and reports whether it fits.
func (b *bounds) take(s *submission) bool {
	b.batches--
	b.rows -= s.rows()
	b.bytes -= s.bytes()
	return b.batches >= 0 && b.rows >= 0 && b.bytes >= 0
}

// pace bounds the transactions of one track by what the database has managed lately. It is pure.
type pace struct {
	share    float64       // of groupBounds
	patience time.Duration // limit of a call, but for the allowance
	longest  time.Duration // of patience
}

const (
	firstShare, leastShare = 1.0 / 8, 1.0 / 2048
	// A transaction should take no longer than this: so long a batch waits that arrives when it has begun.
	targetTime = 250 * time.Millisecond

	// What a call for a single batch may take beyond patience. SQL Server takes 64 rows in a round trip.
	timePerRow = time.Millisecond
	timePerMiB = time.Second
)

func newPace(longest time.Duration) pace {
	return pace{share: firstShare, patience: longest / 4, longest: longest}
}

func (p *pace) bounds() bounds {
	of := func(n int) int { return max(1, int(p.share*float64(n))) }
	return bounds{of(groupBounds.batches), of(groupBounds.rows), of(groupBounds.bytes)}
}

// allowance is what a call for a batch of so many rows and bytes may take beyond patience.
func allowance(rows, bytes int) time.Duration {
	return time.Duration(rows)*timePerRow + time.Duration(bytes)*timePerMiB/(1<<20)
}

// committed notes how long a transaction took. full: it was bounded by the share.
func (p *pace) committed(took time.Duration, full bool) {
	switch {
	case took > targetTime:
		p.share = max(p.share/2, leastShare)
	case full && took < targetTime/2:
		p.share = min(2*p.share, 1)
	}
	p.patience = min(max(4*took, p.patience-p.patience/8, p.longest/4), p.longest)
}

// timedOut notes that a call did not end within its limit.
func (p *pace) timedOut() {
	p.share = max(p.share/2, leastShare)
	p.patience = min(2*p.patience, p.longest)
}
