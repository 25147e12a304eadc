package caching

import (
	"cmp"
	"sync/atomic"
	"testing"
	"time"
)

const (
	crowd       = 2000
	maxRequests = 50 // that a crowd may cause at the server
)

// gather has a crowd of readers connected to a cache, each at a position of its own.
func gather(t *testing.T, address string, s *server, position func(i int) int64) []*reader {
	t.Helper()
	readers := make([]*reader, crowd)
	for i := range readers {
		readers[i] = connect(t, address, s, position(i))
	}
	s.requests.Store(0)
	return readers
}

// together has all readers do something at once, and waits until the last has done it.
func together(t *testing.T, readers []*reader, do func(*reader) error) {
	t.Helper()
	done := make(chan error, len(readers))
	for _, r := range readers {
		go func() { done <- do(r) }()
	}
	failed := 0
	var first error
	for range readers {
		if err := <-done; err != nil {
			failed++
			first = cmp.Or(first, err)
		}
	}
	if first != nil {
		t.Fatalf("%d of %d readers failed, first of all: %v", failed, len(readers), first)
	}
}

// behind runs a test behind each cache that is here.
func behind(t *testing.T, test func(t *testing.T, s *server, address string)) {
	for _, c := range caches {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t)
			test(t, s, c.start(t, s))
		})
	}
}

// The readers have lost their connections at ten different positions, and each has missed 500 batches at least.
func TestACrowdThatComesBackIsServedByTheCache(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		const last = 550
		fill(t, s, last)
		readers := gather(t, address, s, func(i int) int64 { return 41 + int64(i%10) })
		began := time.Now()
		together(t, readers, func(r *reader) error {
			for !r.late {
				if _, err := r.next(); err != nil {
					return err
				}
			}
			return nil
		})
		for _, r := range readers {
			if r.seq != last {
				t.Fatalf("a reader has come to %d of %d", r.seq, last)
			}
		}
		check(t, s, time.Since(began))
	})
}

func TestACrowdThatPollsIsServedByTheCache(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		const before, news = 3, 5
		fill(t, s, before)
		readers := gather(t, address, s, func(int) int64 { return before })
		began := time.Now()
		// The first answer says that there is nothing more, and the second, after a while, that there still is not. Then
		// whoever is the last to get a batch sends the next.
		var reached [before + news]atomic.Int64
		reach := func(seq int64) error {
			if seq == before+news || reached[seq].Add(1) < crowd {
				return nil
			}
			return s.fill(t.Context(), 1)
		}
		together(t, readers, func(r *reader) error {
			for polls := 1; r.seq < before+news; polls++ {
				at := r.seq
				if _, err := r.next(); err != nil {
					return err
				}
				if r.seq > at || polls == 2 {
					if err := reach(r.seq); err != nil {
						return err
					}
				}
			}
			return nil
		})
		check(t, s, time.Since(began))
	})
}

func fill(t *testing.T, s *server, batches int) {
	t.Helper()
	if err := s.fill(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, s *server, took time.Duration) {
	t.Helper()
	n := s.requests.Load()
	t.Logf("%d readers caused %d requests at the server, in %v", crowd, n, took.Round(time.Millisecond))
	if n >= maxRequests {
		t.Errorf("%d requests, and less than %d were to be seen", n, maxRequests)
	}
}
