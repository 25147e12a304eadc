package sse

import (
	"sync/atomic"
	"time"
)

// subscription is the membership of a stream in one feed.
type subscription struct {
	stream    *Stream
	cursor    cursor
	later     *Later        // nil: none, or it has been sent
	needs     Position      // changes of AppendChange before it are left out
	measuring atomic.Bool   // the latency of what is pending
	wrote     time.Duration // of the last measured write; only the stream's owner uses it

	// The feed's lock guards these.
	slot  int       // index in Feed.subscriptions
	since time.Time // when the first event of the measurement was appended
}

// subscribe subscribes the stream to all of its feeds, or to none if one of them has dropped its position.
func (s *Stream) subscribe() error {
	for i := range s.subscriptions {
		sub := &s.subscriptions[i]
		sub.stream = s
		if err := sub.cursor.feed.subscribe(sub); err != nil {
			s.unsubscribe(i)
			s.endLaters()
			s.subscriptions = nil
			return err
		}
		if sub.later != nil {
			sub.later.attach(s)
		}
	}
	return nil
}

// unsubscribe removes the first n subscriptions from their feeds.
func (s *Stream) unsubscribe(n int) {
	for i := range s.subscriptions[:n] {
		sub := &s.subscriptions[i]
		sub.cursor.feed.unsubscribe(sub)
	}
}

// endLaters ends the later parts of the stream.
func (s *Stream) endLaters() {
	for i := range s.subscriptions {
		s.subscriptions[i].endLater()
	}
}
