package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
)

// auditStore folds the whole log of each room, and checks each write of rows and checkpoints and each pruning.
type auditStore struct {
	core.Store
	mu     sync.Mutex
	whole  map[string]*core.State           // the fold of the whole log of each room
	takes  time.Duration                    // duration of a transaction of rows
	refuse func(rows []core.Document) error // nil: none
	wrote  func(rows []core.Document)       // called after each transaction; rows is nil for checkpoints and for a pruning
}

func (s *auditStore) Append(ctx context.Context, batches []*core.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Store.Append(ctx, batches); err != nil {
		return err
	}
	for _, b := range batches {
		if err := s.replayed(b.Room).Fold(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *auditStore) SaveDocuments(ctx context.Context, rows []core.Document) error {
	time.Sleep(s.takes) // lets batches be committed meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		if err := s.refuse(rows); err != nil {
			return err
		}
	}
	return s.audit(s.Store.SaveDocuments(ctx, rows), rows)
}

func (s *auditStore) SaveCheckpoints(ctx context.Context, checkpoints []core.Checkpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audit(s.Store.SaveCheckpoints(ctx, checkpoints), nil)
}

func (s *auditStore) Prune(ctx context.Context, room string, after, through int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audit(s.Store.Prune(ctx, room, after, through), nil)
}

func (s *auditStore) audit(err error, rows []core.Document) error {
	if err == nil && s.wrote != nil {
		s.wrote(rows)
	}
	return err
}

func (s *auditStore) hook(change func()) { s.mu.Lock(); defer s.mu.Unlock(); change() }

// opened returns the state of a room as a new server reads it.
func (s *auditStore) opened(t *testing.T, room string) (*core.State, int64) {
	t.Helper()
	checkpoint, err := s.Store.Checkpoint(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Store.Documents(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < checkpoint.Documents {
		t.Fatalf("%s has %d rows, and its checkpoint promises %d", room, len(rows), checkpoint.Documents)
	}
	state, err := core.NewState(room, checkpoint.ServerSeq, rows, core.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	batches, err := s.Store.Log(t.Context(), room, checkpoint.ServerSeq, core.Page{Batches: 1 << 20, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := state.Fold(b); err != nil {
			t.Fatalf("opening at checkpoint %d: %v", checkpoint.ServerSeq, err)
		}
	}
	return state, checkpoint.ServerSeq
}

// replayed returns the fold of the whole log.
func (s *auditStore) replayed(room string) *core.State {
	if s.whole == nil {
		s.whole = map[string]*core.State{}
	}
	if s.whole[room] == nil {
		state, err := core.NewState(room, 0, nil, core.Limits{})
		if err != nil {
			panic(err) // it has no rows
		}
		s.whole[room] = state
	}
	return s.whole[room]
}

// The test opens the room after each transaction of the checkpointer and the pruner, as after a crash, and compares it with the
// fold of the whole log. Some documents are large, so that their rows lag. Transactions fail, and one document is rejected for
// a while.
func TestAnyPrefixOfCheckpointTransactionsOpensToTheSameBytes(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			store := &auditStore{Store: memstore.New(), takes: time.Second}
			looks, highest := 0, map[string]int64{}
			rooms := []string{"r1", "r2"}
			store.wrote = func([]core.Document) {
				for _, room := range rooms {
					looks++
					got, checkpoint := store.opened(t, room)
					if checkpoint < highest[room] {
						t.Errorf("seed %d: the checkpoint of %s fell from %d to %d", seed, room, highest[room], checkpoint)
					}
					highest[room] = checkpoint
					if want := store.replayed(room); got.Seq() != want.Seq() || bytesOf(got) != bytesOf(want) {
						t.Fatalf("seed %d: %s opens at %d to other documents than its log makes at %d", seed, room, got.Seq(), want.Seq())
					}
				}
			}
			refusing, fails := rng.IntN(3), rand.New(rand.NewPCG(seed, 8)) // used by the checkpointer's goroutine only
			store.refuse = func(rows []core.Document) error {
				for _, row := range rows {
					if refusing == 1 && row.Key == "doc3" {
						return fmt.Errorf("%w: not this one", core.ErrRejected)
					}
				}
				if fails.IntN(10) == 0 {
					return errNoDatabase
				}
				return nil
			}
			h := newHub(t, store, func(c *core.Config) { c.Retention.Count = 10 })
			for i := range 120 {
				r := room(t, h, rooms[rng.IntN(len(rooms))])
				p := randomBatch(t, rng)
				p.Key = fmt.Sprint("doc", rng.IntN(8))
				if rng.IntN(20) == 0 {
					p = batch(t, "ann", core.NoClientSeq, large(50_000+rng.IntN(60_000)))
					p.Key = fmt.Sprint("doc", rng.IntN(3))
				}
				submit(t, r, p)
				time.Sleep(time.Duration(rng.IntN(1200)) * time.Millisecond)
				if i == 80 {
					store.hook(func() { refusing = 0 })
				}
			}
			closeHub(t, h)
			if looks < 100 {
				t.Errorf("seed %d: only %d looks", seed, looks)
			}
			store.hook(func() { store.refuse, store.wrote = nil, nil })
			again := newHub(t, store)
			for _, name := range rooms {
				want := bytesOf(store.replayed(name))
				if got := bytesOfRoom(room(t, again, name)); got != want {
					t.Errorf("seed %d: after a restart %s has\n%.300s, want\n%.300s", seed, name, got, want)
				}
			}
		})
	}
}

func bytesOfRoom(r *core.Room) string {
	var b strings.Builder
	r.View(func(v core.View) {
		for _, key := range v.Keys() {
			json, seq, _ := v.Document(key)
			fmt.Fprintf(&b, "%s@%d %s\n", key, seq, json)
		}
	})
	return b.String()
}

func TestRowBeyondLogIsCorrupt(t *testing.T) {
	store := memstore.New()
	save(t, store, core.Document{Room: "room", Key: "k", ServerSeq: 7, State: "1"})
	if err := store.SaveCheckpoints(t.Context(), []core.Checkpoint{{Room: "room", ServerSeq: 5}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := newHub(t, store).Room(t.Context(), "room"); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("err = %v", err)
	}
}

func save(t *testing.T, store core.Store, rows ...core.Document) {
	t.Helper()
	if err := store.SaveDocuments(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

// Another server saves a checkpoint and prunes after this one has read the checkpoint and before it reads the log.
func TestRoomIsReadAgainWhenLogIsPrunedMeanwhile(t *testing.T) {
	store := &faultyStore{Store: memstore.New()}
	first := newHub(t, store.Store)
	r := room(t, first, "room")
	for i := range 10 {
		submit(t, r, batch(t, "ann", int64(i), fmt.Sprintf("set n %d", i)))
	}
	store.docs = func() error {
		store.docs = nil
		closeHub(t, first) // saves all rows and the checkpoint
		return store.Store.Prune(t.Context(), "room", 0, 9)
	}
	wantDocument(t, room(t, newHub(t, store), "room"), `{"n":9}`)
}

func TestSmallChangeOfLargeDocumentDelaysItsRow(t *testing.T) {
	const size, seconds = 4 << 20, 1200
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		written := map[string]int{}
		store.wrote = func(rows []core.Document) {
			for _, row := range rows {
				written[row.Key] += len(row.State)
			}
		}
		r := room(t, newHub(t, store), "room")
		submit(t, r, batch(t, "ann", core.NoClientSeq, large(size)))
		time.Sleep(2 * time.Second)
		store.hook(func() {
			if written["default"] < size {
				t.Error("the first row of a document waits, though all of it is new")
			}
			clear(written)
		})
		for i := range seconds {
			submit(t, r, batch(t, "ann", core.NoClientSeq, fmt.Sprintf("set n %d", i)))
			small := batch(t, "ann", core.NoClientSeq, fmt.Sprintf("set n %d", i))
			small.Key = "small"
			submit(t, r, small)
			time.Sleep(time.Second)
		}
		store.hook(func() {
			if got, most := written["default"], seconds*32<<10+size; got > most {
				t.Errorf("%d bytes of rows were written for %d small changes, want at most %d", got, seconds, most)
			}
			if written["default"] == 0 {
				t.Error("the row was never written")
			}
			if written["small"] < seconds/3*len(`{"n":0}`) {
				t.Errorf("the small document waits: %d bytes of rows", written["small"])
			}
		})
	})
}

// When the log is as large as the document, its row is written without the extra delay.
func TestLargeChangeOfLargeDocumentIsWrittenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		r := room(t, newHub(t, store), "room")
		submit(t, r, batch(t, "ann", core.NoClientSeq, large(1<<20)))
		time.Sleep(2 * time.Second)
		submit(t, r, batch(t, "ann", core.NoClientSeq, large(1<<20+1)))
		time.Sleep(2 * time.Second)
		store.hook(func() {
			if _, checkpoint := store.opened(t, "room"); checkpoint != 2 {
				t.Errorf("the checkpoint is %d", checkpoint)
			}
		})
	})
}

func TestCheckpointTransactionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		rows := 0
		store.wrote = func(group []core.Document) {
			bytes := 0
			for _, row := range group {
				bytes += len(row.State)
			}
			if len(group) > 256 || len(group) > 1 && bytes > 1<<20 {
				t.Errorf("a transaction has %d rows of %d bytes", len(group), bytes)
			}
			rows += len(group)
		}
		r := room(t, newHub(t, store), "room")
		for i := range 1000 {
			p := batch(t, "ann", core.NoClientSeq, "set n 1")
			if i%50 == 0 {
				p = batch(t, "ann", core.NoClientSeq, large(i*2000))
			}
			p.Key = fmt.Sprint(i)
			submit(t, r, p)
		}
		time.Sleep(time.Minute)
		store.hook(func() {
			if rows < 1000 {
				t.Errorf("%d rows were written", rows)
			}
		})
	})
}

func TestRejectedRowDoesNotDelayOthers(t *testing.T) {
	for name, refusal := range map[string]error{
		"rejected": fmt.Errorf("%w: a trigger", core.ErrRejected), "for an unknown reason": errors.New("a trigger that throws"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				store := &auditStore{Store: memstore.New()}
				attempts := 0
				store.refuse = func(rows []core.Document) error {
					for _, row := range rows {
						if row.Key == "bad" {
							if len(rows) == 1 {
								attempts++
							}
							return refusal
						}
					}
					return nil
				}
				h := newHub(t, store, func(c *core.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
				r, other := room(t, h, "room"), room(t, h, "other")
				write := func(r *core.Room, key string, n int) {
					p := batch(t, "ann", core.NoClientSeq, fmt.Sprintf("set n %d", n))
					p.Key = key
					submit(t, r, p)
				}
				for n := range 100 {
					for _, key := range []string{"a", "bad", "c"} {
						write(r, key, n)
					}
					write(other, "d", n)
					time.Sleep(3 * time.Second)
				}
				for key, room := range map[string]string{"a": "room", "c": "room", "d": "other"} {
					if got := pendingRow(t, store, room, key); got != `{"n":99}` {
						t.Errorf("%s in %s: the row is %s", key, room, got)
					}
				}
				if n := strings.Count(log.String(), "rejects a document row"); n < 2 || n > 6 {
					t.Errorf("in five minutes it is logged %d times", n)
				}
				if attempts > 20 {
					t.Errorf("in five minutes it was tried %d times", attempts)
				}
				if lag := h.Stats().Unsaved; lag < 4*time.Minute {
					t.Errorf("the lag is %v", lag)
				}
				store.hook(func() { store.refuse = nil })
				time.Sleep(2 * time.Minute)
				if got := pendingRow(t, store, "room", "bad"); got != `{"n":99}` {
					t.Errorf("once it is taken: %s", got)
				}
				if lag := h.Stats().Unsaved; lag != 0 {
					t.Errorf("the lag is %v", lag)
				}
			})
		})
	}
}

func pendingRow(t *testing.T, store core.Store, room, key string) string {
	t.Helper()
	rows, err := store.Documents(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Key == key {
			return row.State
		}
	}
	return ""
}

// The database responds to Ping and rejects every row.
func TestDatabaseThatRejectsEveryRowIsNotTriedForEachRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		calls := 0
		store.refuse = func([]core.Document) error { calls++; return errNoDatabase }
		r := room(t, newHub(t, store), "room")
		for i := range 200 {
			p := batch(t, "ann", core.NoClientSeq, "set n 1")
			p.Key = fmt.Sprint(i)
			submit(t, r, p)
		}
		time.Sleep(2 * time.Second)
		store.hook(func() {
			if calls > 40 {
				t.Errorf("%d calls at once", calls)
			}
			store.refuse = nil
		})
		time.Sleep(2 * time.Minute)
		store.hook(func() {
			if _, checkpoint := store.opened(t, "room"); checkpoint != 200 {
				t.Errorf("the checkpoint is %d", checkpoint)
			}
		})
	})
}

func TestIdleRoomWithLargeDocumentIsSavedAndClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		h := newHub(t, store, func(c *core.Config) { c.RoomIdle = 20 * time.Second })
		r, release, err := h.Room(t.Context(), "room")
		if err != nil {
			t.Fatal(err)
		}
		submit(t, r, batch(t, "ann", core.NoClientSeq, large(8_000_000)))
		time.Sleep(3 * time.Second)
		submit(t, r, batch(t, "ann", core.NoClientSeq, "set n 1"))
		release()
		time.Sleep(time.Minute)
		if h.Stats().Rooms != 0 {
			t.Error("the room is still open")
		}
		store.hook(func() {
			if _, checkpoint := store.opened(t, "room"); checkpoint != 2 {
				t.Errorf("the checkpoint is %d", checkpoint)
			}
		})
	})
}

func TestRoomWithRejectedRowIsClosedWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		store.refuse = func([]core.Document) error { return core.ErrRejected }
		h := newHub(t, store)
		r, release, err := h.Room(t.Context(), "room")
		if err != nil {
			t.Fatal(err)
		}
		submit(t, r, batch(t, "ann", core.NoClientSeq, "set n 1"))
		release()
		time.Sleep(3 * time.Minute)
		if s := h.Stats(); s.Rooms != 0 || s.Unsaved != 0 {
			t.Errorf("%+v", s)
		}
		wantDocument(t, room(t, h, "room"), `{"n":1}`)
	})
}

// Discarded operations change no document, but a restart must not read all of them.
func TestCheckpointIncludesBatchesWithoutEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &auditStore{Store: memstore.New()}
		r := room(t, newHub(t, store), "room")
		for range 50 {
			submit(t, r, batch(t, "ann", core.NoClientSeq, "delete nothing"))
		}
		time.Sleep(3 * time.Second)
		store.hook(func() {
			if _, checkpoint := store.opened(t, "room"); checkpoint != 50 {
				t.Errorf("the checkpoint is %d", checkpoint)
			}
		})
	})
}

func TestDocumentBeyondRoomLimitIsDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store, func(c *core.Config) { c.MaxDocuments = 3 })
		r := room(t, h, "room")
		outcome := func(r *core.Room, key, what string) tree.Reason {
			p := batch(t, "ann", core.NoClientSeq, what)
			p.Key = key
			return submit(t, r, p).Batch.Ops[0].Discarded
		}
		for _, key := range []string{"a", "b", "c"} {
			if got := outcome(r, key, "set n 1"); got != tree.Applied {
				t.Errorf("%s: %s", key, got)
			}
		}
		for what, want := range map[string]tree.Reason{
			"set n 1": tree.TooLarge, `init "" 1`: tree.TooLarge, "array_add l {\"_sync_id\":\"x\"}": tree.TooLarge,
			"delete n": tree.NotFound, // any other reason comes first
		} {
			if got := outcome(r, "d", what); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		if got := outcome(r, "c", "set n 2"); got != tree.Applied {
			t.Errorf("a document that exists: %s", got)
		}
		closeHub(t, h)
		lower := room(t, newHub(t, store, func(c *core.Config) { c.MaxDocuments = 1 }), "room")
		if got := outcome(lower, "b", "set n 3"); got != tree.Applied {
			t.Errorf("in a room above the limit: %s", got)
		}
	})
}

// Several batches of one transaction create documents.
func TestDocumentLimitCountsSameTransaction(t *testing.T) {
	s, err := core.NewState("room", 0, nil, core.Limits{Documents: 2})
	if err != nil {
		t.Fatal(err)
	}
	var group []*core.Proposal
	for _, key := range []string{"a", "a", "b", "c", "b"} {
		p := batch(t, "ann", core.NoClientSeq, "set n 1")
		p.Key = key
		group = append(group, p)
	}
	var got []tree.Reason
	for _, d := range s.Decide(group, 0) {
		got = append(got, d.Ops[0].Discarded)
		if err := s.Fold(d.Batch); err != nil {
			t.Fatal(err)
		}
	}
	want := []tree.Reason{tree.Applied, tree.Applied, tree.Applied, tree.TooLarge, tree.Applied}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(s.Keys()) != 2 {
		t.Errorf("got %q, want %q; keys %v", got, want, s.Keys())
	}
}

func TestDiscardedOperationIsLoggedWithoutValueAndRecognised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		var h *core.Hub
		open := func() *core.Room {
			h = newHub(t, store, func(c *core.Config) { c.MaxDocumentBytes = 1000 })
			return room(t, h, "room")
		}
		r := open()
		sent := func() *core.Proposal { return batch(t, "ann", 7, "set n 1", large(2000)) }
		first := submit(t, r, sent())
		if o := first.Batch.Ops[1]; o.Discarded != tree.TooLarge || o.Value != "" {
			t.Errorf("it is logged as %.80v", o)
		}
		for range 2 {
			again := submit(t, r, sent())
			if !again.Duplicate || again.Batch.ServerSeq != first.Batch.ServerSeq {
				t.Errorf("the repetition: %+v", again)
			}
			closeHub(t, h)
			r = open()
		}
		for what, ops := range map[string][]string{
			"another value that was applied": {"set n 2", large(2000)}, "another path": {"set n 1", "set m 1"},
			"fewer": {"set n 1"},
		} {
			if _, err := r.Submit(t.Context(), batch(t, "ann", 7, ops...)); !errors.Is(err, core.ErrClientSeqReused) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// After document rows were deleted by hand, the room is rebuilt from the log, or it is corrupt. It never looks empty.
func TestDeletedDocumentRowsAreRebuiltFromLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &missingRowsStore{Store: memstore.New()}
		h := newHub(t, store)
		r := room(t, h, "room")
		for _, key := range []string{"a", "b", "c"} {
			p := batch(t, "ann", core.NoClientSeq, "set n 1")
			p.Key = key
			submit(t, r, p)
		}
		want := bytesOfRoom(r)
		closeHub(t, h)
		store.forget = 1
		again := newHub(t, store)
		if got := bytesOfRoom(room(t, again, "room")); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
		closeHub(t, again)
		if err := store.Prune(t.Context(), "room", 0, 2); err != nil {
			t.Fatal(err)
		}
		if _, _, err := newHub(t, store).Room(t.Context(), "room"); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("without the log: %v", err)
		}
	})
}

// missingRowsStore omits some document rows of each room.
type missingRowsStore struct {
	core.Store
	forget int
}

func (s *missingRowsStore) Documents(ctx context.Context, room string) ([]core.Document, error) {
	rows, err := s.Store.Documents(ctx, room)
	return rows[min(s.forget, len(rows)):], err
}
