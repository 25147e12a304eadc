package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// hookedStore calls a hook of the test before calls of the store. The hook's error is the result of the call. In a page of
// the log it returns one batch.
type hookedStore struct {
	core.Store
	mu     sync.Mutex
	before func(ctx context.Context, call, room string) error // nil does nothing
}

func (s *hookedStore) hook(before func(ctx context.Context, call, room string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

func (s *hookedStore) called(ctx context.Context, call, room string) error {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, call, room)
}

func (s *hookedStore) Ping(ctx context.Context) error {
	if err := s.called(ctx, "Ping", ""); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}

func (s *hookedStore) Append(ctx context.Context, batches []*core.Batch) error {
	for _, b := range batches {
		if err := s.called(ctx, "Append", b.Room); err != nil {
			return err
		}
	}
	return s.Store.Append(ctx, batches)
}

func (s *hookedStore) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	if err := s.called(ctx, "Log", room); err != nil {
		return nil, err
	}
	page.Batches = 1
	return s.Store.Log(ctx, room, after, page)
}

func (s *hookedStore) Documents(ctx context.Context, room string) ([]core.Document, error) {
	if err := s.called(ctx, "Documents", room); err != nil {
		return nil, err
	}
	return s.Store.Documents(ctx, room)
}

func (s *hookedStore) SaveDocuments(ctx context.Context, rows []core.Document) error {
	if err := s.called(ctx, "SaveDocuments", rows[0].Room); err != nil {
		return err
	}
	return s.Store.SaveDocuments(ctx, rows)
}

// takes waits for a time or the end of a call.
func takes(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stalls waits for the end of a call.
func stalls(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// writeMeanwhile writes to another room until a function returns. It expects that no write takes longer than 6 s.
func writeMeanwhile(t *testing.T, other *core.Room, do func()) {
	t.Helper()
	ended := make(chan bool)
	go func() { do(); close(ended) }()
	for n := int64(1); ; n++ {
		submitted := time.Now()
		submit(t, other, batch(t, "writer", n, "set n 1"))
		if took := time.Since(submitted); took > 6*time.Second {
			t.Errorf("a write in another room took %v", took)
		}
		select {
		case <-ended:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func TestUnreadableLogOfRoomDoesNotDelayOtherRooms(t *testing.T) {
	for name, read := range map[string]func(context.Context) error{
		"the database cancels the read": func(context.Context) error { return core.ErrTooSlow },
		"the read times out":            stalls,
		"the read fails":                func(context.Context) error { return errNoDatabase },
		"the data is damaged":           func(context.Context) error { return core.ErrUnexplained },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &hookedStore{Store: memstore.New()}
				h := newHub(t, store)
				r, other := room(t, h, "room"), room(t, h, "other")
				submit(t, room(t, newHub(t, store.Store), "room"), batch(t, "ben", 1, "set n 1"))
				store.hook(func(ctx context.Context, call, room string) error {
					if call == "Log" && room == "room" {
						return read(ctx)
					}
					return nil
				})
				writeMeanwhile(t, other, func() {
					if _, err := r.Submit(t.Context(), batch(t, "ann", 1, "set n 2")); !errors.Is(err, core.ErrUnavailable) {
						t.Errorf("err = %v", err)
					}
					synctest.Wait()
					if got := closings(r); len(got) != 1 || !errors.Is(got[0], core.ErrUnavailable) {
						t.Errorf("the room was closed with %v", got)
					}
				})
				store.hook(nil)
				submit(t, room(t, h, "room"), batch(t, "ann", 1, "set n 2"))
				wantDocument(t, room(t, h, "room"), `{"n":2}`)
			})
		})
	}
}

func TestOutageWhileLogIsReadKeepsTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		h := newHub(t, store, func(c *core.Config) { c.SubmitTimeout = time.Hour })
		r := room(t, h, "room")
		submit(t, room(t, newHub(t, store.Store), "room"), batch(t, "ben", 1, "set n 1"))
		store.hook(func(ctx context.Context, call, _ string) error {
			if call == "Append" {
				return nil
			}
			return stalls(ctx)
		})
		done := make(chan bool)
		go func() { submit(t, r, batch(t, "ann", 1, "set n 2")); close(done) }()
		time.Sleep(time.Minute)
		if !h.Stats().Outage {
			t.Error("the outage is not reported")
		}
		store.hook(nil)
		<-done
		wantDocument(t, r, `{"n":2}`)
		if got := closings(r); len(got) > 0 || h.Stats().Outage {
			t.Errorf("the room was closed with %v; outage %v", got, h.Stats().Outage)
		}
	})
}

// Another server has committed a hundred batches, and each takes a second to read.
func TestLongLogOfRoomDoesNotDelayOtherRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		h := newHub(t, store)
		r, other := room(t, h, "room"), room(t, h, "other")
		ahead := room(t, newHub(t, store.Store), "room")
		for n := range int64(100) {
			submit(t, ahead, batch(t, "ben", n, "set n 1"))
		}
		store.hook(func(ctx context.Context, call, room string) error {
			if call == "Log" && room == "room" {
				return takes(ctx, time.Second)
			}
			return nil
		})
		writeMeanwhile(t, other, func() {
			if _, err := r.Submit(t.Context(), batch(t, "ann", 1, "set n 2")); !errors.Is(err, core.ErrUnavailable) {
				t.Errorf("err = %v", err)
			}
		})
		store.hook(nil)
		submit(t, room(t, h, "room"), batch(t, "ann", 1, "set n 2"))
	})
}

// The batch times out, and so does the search for it in the log.
func TestBatchWhoseLogCannotBeReadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		h := newHub(t, store, func(c *core.Config) { c.SubmitTimeout = time.Hour })
		r, other := room(t, h, "room"), room(t, h, "other")
		store.hook(func(ctx context.Context, _, room string) error {
			if room == "room" {
				return stalls(ctx)
			}
			return nil
		})
		began := time.Now()
		writeMeanwhile(t, other, func() {
			if _, err := r.Submit(t.Context(), batch(t, "ann", 1, "set n 1")); !errors.Is(err, core.ErrUnavailable) {
				t.Errorf("err = %v", err)
			}
		})
		if took := time.Since(began); took > 5*time.Minute {
			t.Errorf("the batch was refused after %v", took)
		}
	})
}

// A page of the log arrives over a slow connection: a row every 9 s.
func TestSlowReadOfLogContinuesWhileRowsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		r := room(t, newHub(t, store), "room")
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		rows := 10
		store.hook(func(ctx context.Context, _, _ string) error {
			for range rows {
				if err := takes(ctx, 9*time.Second); err != nil {
					return err
				}
				core.Progress(ctx)
			}
			return nil
		})
		if batches, err := r.Log(t.Context(), 0, core.Page{Batches: 10, Bytes: 1 << 20}); err != nil || len(batches) != 1 {
			t.Errorf("%d batches, %v", len(batches), err)
		}
		store.hook(func(ctx context.Context, _, _ string) error { return stalls(ctx) })
		began := time.Now()
		if _, err := r.Log(t.Context(), 0, core.Page{Batches: 10, Bytes: 1 << 20}); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("a stalled read took %v", took)
		}
	})
}

func TestCloseEndsTheReadingOfRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		store.hook(func(ctx context.Context, call, _ string) error {
			if call != "Documents" {
				return nil
			}
			for range 50 { // rows arrive
				if err := takes(ctx, time.Second); err != nil {
					return err
				}
				core.Progress(ctx)
			}
			return nil
		})
		h := newHub(t, store)
		var all sync.WaitGroup
		for i := range 20 { // more than are read at a time
			all.Go(func() { cannotOpen(t, h, fmt.Sprint("room-", i), core.ErrClosing) })
		}
		time.Sleep(3 * time.Second)
		began := time.Now()
		closeHub(t, h)
		all.Wait()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// A row of 7 MiB takes 13 s. It cannot be split.
func TestLargeRowIsWrittenOverSlowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		store.hook(func(ctx context.Context, call, _ string) error {
			if call == "SaveDocuments" {
				return takes(ctx, 13*time.Second)
			}
			return nil
		})
		submit(t, room(t, newHub(t, store), "room"), batch(t, "ann", 1, large(7<<20)))
		time.Sleep(time.Minute)
		if rows, err := store.Store.Documents(t.Context(), "room"); err != nil || len(rows) != 1 {
			t.Errorf("%d rows are written, %v", len(rows), err)
		}
	})
}

// The initial state of 14 MiB takes 20 s. It is one transaction.
func TestLargeInitialStateIsWrittenOverSlowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		store.hook(func(ctx context.Context, call, _ string) error {
			if call == "Append" {
				return takes(ctx, 10*time.Second) // for each of two batches
			}
			return nil
		})
		text := `"` + strings.Repeat("x", 7<<20) + `"`
		h := newHub(t, store, loading(newApplication("one", text, "two", text)))
		cannotOpen(t, h, "room", core.ErrUnavailable) // the opening takes longer than the request waits
		r := room(t, h, "room")
		r.View(func(v core.View) {
			if v.Seq() != 2 {
				t.Errorf("the room is at %d", v.Seq())
			}
		})
	})
}
