package sse

import (
	"sync/atomic"
	"time"
)

// subscription is the membership of a stream in one feed.
type subscription struct {
	stream      *Stream
	cursor      cursor
	later       *Later                      // nil: none, or it has been sent
	needs       Position                    // changes of AppendChange before it are left out
	measurement atomic.Pointer[measurement] // of what is pending; nil: none
	slot        int                         // index in Feed.subscriptions; the feed's lock guards it
}

// measurement is the measured latency of one delivery.
type measurement struct {
	since time.Time     // when the first event was appended
	wrote time.Duration // of the last write; only the stream's owner uses it
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
