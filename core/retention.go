package core

import "time"

// Retention says what of a room's change log is kept. The zero value keeps everything, as an audit trail. A batch goes
// when either limit says so, but never before the document rows hold what it did, and never the last of its room. Readers
// whose position is gone start again with the whole state. A batch that is sent again after its rows are gone is not
// recognised.
//
// Rows that a takeover has copied from the predecessor are no batches: no limit removes them.
type Retention struct {
	Age   time.Duration // batches older than this go; see retentionClock for what counts as age
	Count int64         // batches before the last Count of a room go
}

func (r Retention) keepsAll() bool { return r.Age <= 0 && r.Count <= 0 }

// expired reports whether a batch may go, in a room whose rows hold the log up to checkpoint. now is the retention clock's.
func (r Retention) expired(b Entry, checkpoint int64, now time.Time) bool {
	old := r.Age > 0 && b.ServerTs < now.Add(-r.Age).UnixMilli()
	surplus := r.Count > 0 && b.ServerSeq <= checkpoint-r.Count
	return b.ServerSeq < checkpoint && (old || surplus)
}

// retentionClock is the time by which the age of a batch is judged. It is a pure value: every moment is passed in.
//
// Wall clocks are set wrong and are put right again, and what is pruned by a wrong one is gone. So this clock never runs
// faster than twice the time that has really passed while a server was running, by the monotonic clock; and it never runs
// ahead of the wall clock or of the database's own clock. It never runs backwards. Between two processes it goes on from
// where it was stored. After a time without any server, or after a clock has jumped, it catches up at double speed: what
// is due goes later than its age says, and nothing goes before half of that age has really passed.
type retentionClock struct{ now time.Time }

// catchUp is how many times faster than real time the clock runs while it is behind.
const catchUp = 2

// advance moves the clock on. elapsed is the time since the last call, by the monotonic clock; wall and database are what
// the two other clocks show.
func (c *retentionClock) advance(elapsed time.Duration, wall, database time.Time) {
	next := c.now.Add(catchUp * elapsed)
	for _, limit := range []time.Time{wall, database} {
		if limit.Before(next) {
			next = limit
		}
	}
	if next.After(c.now) {
		c.now = next
	}
}
