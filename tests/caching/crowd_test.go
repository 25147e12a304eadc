package caching

import (
	"cmp"
	"sync/atomic"
	"testing"
	"time"
)

const (
	numReaders  = 2000
	maxRequests = 50 // of all readers together, at the server
)

// connectAll connects numReaders readers to a cache, each with its position.
func connectAll(t *testing.T, address string, s *server, position func(i int) int64) []*reader {
	t.Helper()
	readers := make([]*reader, numReaders)
	for i := range readers {
		readers[i] = connect(t, address, s, position(i))
	}
	s.requests.Store(0)
	return readers
}

// together calls do for all readers concurrently and waits for all of them.
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
		t.Fatalf("%d of %d readers failed; the first error: %v", failed, len(readers), first)
	}
}

// behind runs a test behind each installed cache.
func behind(t *testing.T, test func(t *testing.T, s *server, address string)) {
	for _, c := range caches {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t)
			test(t, s, c.start(t, s))
		})
	}
}

// The readers were cut off at ten different positions. Each has missed at least 500 batches.
func TestCacheServesManyReadersThatReconnect(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		const last = 550
		fill(t, s, last)
		readers := connectAll(t, address, s, func(i int) int64 { return 41 + int64(i%10) })
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
				t.Fatalf("a reader has received %d of %d batches", r.seq, last)
			}
		}
		check(t, s, time.Since(began))
	})
}

func TestCacheServesManyReadersThatPoll(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		const before, added = 3, 5
		fill(t, s, before)
		readers := connectAll(t, address, s, func(int) int64 { return before })
		began := time.Now()
		// The first answer says that the reader is up to date; the second one has waited and says the same. From then on,
		// the last reader that receives a batch sends the next one.
		var reached [before + added]atomic.Int64
		reach := func(seq int64) error {
			if seq == before+added || reached[seq].Add(1) < numReaders {
				return nil
			}
			return s.fill(t.Context(), 1)
		}
		together(t, readers, func(r *reader) error {
			for polls := 1; r.seq < before+added; polls++ {
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
	t.Logf("%d readers caused %d requests at the server, in %v", numReaders, n, took.Round(time.Millisecond))
	if n >= maxRequests {
		t.Errorf("%d requests, want less than %d", n, maxRequests)
	}
}
