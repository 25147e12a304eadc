package bus

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats are counters since the start, and the current state.
type Stats struct {
	Published uint64 // messages, without heartbeats
	Requests  uint64
	Received  uint64 // messages and requests, without heartbeats
	// Dropped counts messages by reason. Not sent: "disconnected", "buffer_full", "too_large". Received and not handled:
	// "queue_full", "malformed", "other_secret", "other_version", "other_epoch".
	Dropped map[string]uint64
	Panics  uint64 // of handlers

	Servers   int  // others that the bus should reach
	Reached   int  // of them, in both directions
	Connected bool // to NATS
	Healthy   bool // see core.Bus
}

// counters are safe for concurrent use.
type counters struct {
	published, requests, received, panics atomic.Uint64

	mu      sync.Mutex
	dropped map[reason]uint64
}

func (c *counters) drop(why reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == nil {
		c.dropped = map[reason]uint64{}
	}
	c.dropped[why]++
}

// Stats returns the counters and the state of the bus.
func (b *Bus) Stats() Stats {
	s := Stats{
		Published: b.counters.published.Load(), Requests: b.counters.requests.Load(), Received: b.counters.received.Load(),
		Panics: b.counters.panics.Load(), Dropped: map[string]uint64{}, Connected: b.connected.Load(), Healthy: b.Healthy(),
	}
	s.Servers, s.Reached = b.hearing.count(time.Now())
	b.counters.mu.Lock()
	for why, n := range b.counters.dropped {
		s.Dropped[string(why)] = n
	}
	b.counters.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, subscription := range b.subscriptions {
		if n, err := subscription.Dropped(); err == nil && n > 0 {
			s.Dropped[string(queueFull)] += uint64(n)
		}
	}
	return s
}

// Messages returns the numbers of messages and requests since the start, without heartbeats: sent, received, and dropped by
// reason. All reasons are there, because Prometheus does not see that a series has grown when it begins with 1.
func (b *Bus) Messages() (sent, received uint64, dropped map[string]uint64) {
	s := b.Stats()
	for _, why := range reasons {
		s.Dropped[string(why)] += 0
	}
	return s.Published + s.Requests, s.Received, s.Dropped
}

// refusals explains why a received message is dropped.
var refusals = map[reason]string{
	malformed:    "a message that no bus has sent was dropped",
	otherVersion: "a message of a server of another version was dropped: neither understands the other; upgrade the older one",
	otherSecret:  "a message of a server with another secret was dropped, or of none that belongs to this database",
	otherEpoch:   "a message of a server with another epoch of the database was dropped",
}

// refuse counts a received message that is dropped, and logs one line per minute for each sender and reason.
func (b *Bus) refuse(sender string, why reason) {
	b.counters.drop(why)
	b.log.warn(string(why)+" "+sender, refusals[why], "reason", string(why), "from", sender)
}
