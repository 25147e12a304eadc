package core

import "time"

// Retention limits the change log. The zero value keeps all of it, as an audit trail. A batch is pruned when it exceeds either
// limit, its document row has it, and it is not the last of its room. Readers with an older position start again with the
// full state. A retry of a pruned batch is not recognised as a duplicate.
//
// Rows that a migration has copied from the predecessor's tables are not batches and are never pruned.
type Retention struct {
	Age   time.Duration // older batches are pruned; measured by retentionClock
	Count int64         // batches kept in each room
}

func (r Retention) keepsAll() bool { return r.Age <= 0 && r.Count <= 0 }

// expired reports whether a batch may be pruned in a room with this checkpoint. now is the time of the retention clock.
func (r Retention) expired(b Entry, checkpoint int64, now time.Time) bool {
	old := r.Age > 0 && b.ServerTs < now.Add(-r.Age).UnixMilli()
	surplus := r.Count > 0 && b.ServerSeq <= checkpoint-r.Count
	return b.ServerSeq < checkpoint && (old || surplus)
}

// retentionClock measures the age of batches. It is pure: callers pass the time in.
//
// A wrong wall clock could prune the whole log. So this clock advances at most twice as fast as the monotonic clock of a
// running server, and never passes the wall clock or the database's clock. It never goes backwards. It is stored, and a new
// process continues from the stored value. After a time without a server, or after a jump of a clock, it catches up at
// double speed: batches are then pruned late, and never before half of the retention age has passed.
type retentionClock struct{ now time.Time }

// catchUp is the speed of the clock relative to real time while it is behind.
const catchUp = 2

// advance advances the clock. elapsed is the time since the last call by the monotonic clock; wall and database are the times
// of the other two clocks.
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
