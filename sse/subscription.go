package sse

import (
	"sync/atomic"
	"time"
)

// subscription is a stream's place in one feed that it follows.
type subscription struct {
	stream *Stream
	cursor cursor
	asked  atomic.Bool // for how long what is pending takes

	// These are guarded by the feed's lock.
	slot  int       // in Feed.streams
	since time.Time // when the first event of what was asked about was appended
}

// join has the stream follow all of its feeds, or none when it is too late for one of them.
func (s *Stream) join() error {
	for i := range s.subscriptions {
		p := &s.subscriptions[i]
		p.stream = s
		if err := p.cursor.feed.join(p); err != nil {
			s.leave(i)
			return err
		}
	}
	return nil
}

// leave has it follow the first n no more.
func (s *Stream) leave(n int) {
	for i := range s.subscriptions[:n] {
		p := &s.subscriptions[i]
		p.cursor.feed.leave(p)
	}
}
