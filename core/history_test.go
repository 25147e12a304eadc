package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// endHistory renews the epoch of a database, as another server or an operator does.
func endHistory(t *testing.T, store core.Store) (epoch string) {
	t.Helper()
	next, err := store.Reopen(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	return next.Epoch()
}

// watching sets the default interval of the watcher.
func watching(c *core.Config) { c.WatchInterval = 500 * time.Millisecond }

func closings(r *core.Room) []error { return r.Listener().(*recorder).closings() }

func TestNoBatchIsAcknowledgedAfterHistoryChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store)
		r, idle := room(t, h, "room"), room(t, h, "idle")
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		epoch := endHistory(t, store)
		if _, err := r.Submit(t.Context(), batch(t, "ann", 2, "set n 2")); !errors.Is(err, core.ErrHistoryChanged) {
			t.Errorf("err = %v", err)
		}
		synctest.Wait()
		for name, ended := range map[string]*core.Room{"the room": r, "a room without writes": idle} {
			if got := closings(ended); len(got) != 1 || !errors.Is(got[0], core.ErrHistoryChanged) {
				t.Errorf("%s was closed with %v", name, got)
			}
			if ended.Epoch() == epoch {
				t.Errorf("%s took the new epoch", name)
			}
		}
		again := room(t, h, "room")
		if again.Epoch() != epoch || h.Epoch() != epoch {
			t.Errorf("the room has the epoch %s, the hub %s, want %s", again.Epoch(), h.Epoch(), epoch)
		}
		submit(t, again, batch(t, "ann", 2, "set n 3"))
		if err := h.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestIdleServerDetectsAnotherHistoryWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store, watching)
		r := room(t, h, "room")
		epoch := endHistory(t, store)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := closings(r); len(got) != 1 || h.Epoch() != epoch {
			t.Errorf("closed with %v, epoch %s, want %s", got, h.Epoch(), epoch)
		}
	})
}

func TestRowsOfOldHistoryAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store)
		submit(t, room(t, h, "room"), batch(t, "ann", 1, "set n 1"))
		other := endHistory(t, store)
		time.Sleep(time.Minute)
		next := room(t, h, "room")
		if next.Epoch() != other {
			t.Errorf("the checkpointer has not found the end of the history")
		}
		wantDocument(t, next, `{"n":1}`)
	})
}

// restoredStore is a database that can lose its last batches, as a restored backup does.
type restoredStore struct{ *memstore.Store }

func newRestoredStore(t *testing.T, room string, n int) restoredStore {
	t.Helper()
	s := restoredStore{memstore.New()}
	for seq := range n {
		b := &core.Batch{Room: room, Key: "default", ClientID: "c", ClientSeq: core.NoClientSeq, ServerSeq: int64(seq) + 1,
			Ops: []core.LoggedOp{{Kind: "set", Path: "n", Value: fmt.Sprint(seq), Index: -1}}}
		if err := s.Append(t.Context(), []*core.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// Created reports that the database is older than the process.
func (restoredStore) Created() bool { return false }

func TestPositionBeyondLogRenewsEpochOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newRestoredStore(t, "room", 5)
		h := newHub(t, store)
		r := room(t, h, "room")
		before := r.Epoch()
		if err := r.CheckPosition(t.Context(), 5); err != nil {
			t.Errorf("of the last batch: %v", err)
		}
		if err := r.CheckPosition(t.Context(), 6); !errors.Is(err, core.ErrHistoryLost) {
			t.Errorf("of a batch beyond: %v", err)
		}
		h.WaitReopened(t.Context())
		again := room(t, h, "room")
		if again.Epoch() == before {
			t.Error("the epoch is the same")
		}
		// The process has created this history, so such a claim is false.
		for range 3 {
			if err := again.CheckPosition(t.Context(), 1<<60); err != nil {
				t.Errorf("a second claim: %v", err)
			}
		}
		if room(t, h, "room").Epoch() != again.Epoch() {
			t.Error("a false claim has renewed the epoch")
		}
	})
}

func TestFalsePositionInHistoryOfThisProcessHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New())
		r := room(t, h, "room")
		if err := r.CheckPosition(t.Context(), 1<<60); err != nil || len(closings(r)) > 0 {
			t.Errorf("%v, closed with %v", err, closings(r))
		}
	})
}

func TestBatchOfAnotherServerIsNotALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newRestoredStore(t, "room", 5)
		r := room(t, newHub(t, store), "room")
		submit(t, room(t, newHub(t, store), "room"), batch(t, "ann", 1, "set n 6"))
		if err := r.CheckPosition(t.Context(), 6); err != nil {
			t.Error(err)
		}
		if err := r.CheckPosition(t.Context(), 7); !errors.Is(err, core.ErrHistoryLost) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestServerBehindPrunedLogReopensRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		slow, fast := newHub(t, store), newHub(t, store)
		behind := room(t, slow, "room")
		submit(t, behind, batch(t, "ann", 1, "set a 1"))
		ahead := room(t, fast, "room")
		for n := range int64(59) {
			submit(t, ahead, batch(t, "ben", n+1, fmt.Sprintf("set b %d", n)))
		}
		time.Sleep(10 * time.Second) // until the rows are written
		if err := store.Prune(t.Context(), "room", 0, 59); err != nil {
			t.Fatal(err)
		}
		if _, err := behind.Submit(t.Context(), batch(t, "ann", 2, "set a 2")); !errors.Is(err, core.ErrUnavailable) {
			t.Fatalf("err = %v", err)
		}
		if got := closings(behind); len(got) != 1 || got[0] == nil {
			t.Errorf("the readers were ended with %v", got)
		}
		again := room(t, slow, "room")
		if a := submit(t, again, batch(t, "ann", 2, "set a 2")); a.Batch.ServerSeq != 61 {
			t.Errorf("serverSeq %d", a.Batch.ServerSeq)
		}
		wantDocument(t, again, `{"a":2,"b":58}`)
	})
}

func TestLossDuringOperationRenewsEpoch(t *testing.T) {
	for name, detect := range map[string]func(*testing.T, *core.Room){
		"by the next batch": func(t *testing.T, r *core.Room) {
			if _, err := r.Submit(t.Context(), batch(t, "ann", 9, "set n 9")); !errors.Is(err, core.ErrHistoryLost) {
				t.Errorf("err = %v", err)
			}
		},
		"by the watcher": func(*testing.T, *core.Room) { time.Sleep(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New()
				h := newHub(t, store, watching)
				r := room(t, h, "room")
				for n := range int64(5) {
					submit(t, r, batch(t, "ann", n+1, "set n 1"))
				}
				store.Forget("room", 3)
				detect(t, r)
				synctest.Wait()
				if got := closings(r); len(got) != 1 || h.Epoch() == r.Epoch() {
					t.Errorf("closed with %v, and the epoch is %s", got, h.Epoch())
				}
			})
		})
	}
}

// goneStore is a missing database.
type goneStore struct {
	*memstore.Store
	gone atomic.Bool
}

func (s *goneStore) Append(ctx context.Context, batches []*core.Batch) error {
	if s.gone.Load() {
		return core.ErrGone
	}
	return s.Store.Append(ctx, batches)
}

func (s *goneStore) Ping(ctx context.Context) error {
	if s.gone.Load() {
		return core.ErrGone
	}
	return s.Store.Ping(ctx)
}

func (s *goneStore) Log(ctx context.Context, room string, after int64, page core.Page) ([]*core.Batch, error) {
	if s.gone.Load() {
		return nil, core.ErrGone
	}
	return s.Store.Log(ctx, room, after, page)
}

func TestMissingDatabaseRefusesWritesUntilItIsBack(t *testing.T) {
	for name, wait := range map[string]time.Duration{"by the first batch": 0, "by the watcher": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &goneStore{Store: memstore.New()}
				h := newHub(t, store, watching)
				r := room(t, h, "room")
				store.gone.Store(true)
				time.Sleep(wait)
				began := time.Now()
				for n := range int64(3) {
					if _, err := r.Submit(t.Context(), batch(t, "ann", n+1, "set n 1")); !errors.Is(err, core.ErrUnavailable) {
						t.Errorf("err = %v", err)
					}
				}
				if took := time.Since(began); took > 0 {
					t.Errorf("three refusals took %v", took)
				}
				if err := h.Ping(t.Context()); !errors.Is(err, core.ErrUnavailable) {
					t.Errorf("Ping: %v", err)
				}
				store.gone.Store(false)
				time.Sleep(time.Second)
				submit(t, r, batch(t, "ann", 1, "set n 1"))
			})
		})
	}
}

// Another server raises the checkpoint and prunes the log after this one has read the documents and before it reads the log.
func TestRoomOpensWhileItsLogIsPruned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hookedStore{Store: memstore.New()}
		other := newHub(t, store.Store)
		ahead := room(t, other, "room")
		submit(t, ahead, batch(t, "ben", 1, "set b 1"))
		time.Sleep(10 * time.Second)
		raced := false
		store.hook(func(_ context.Context, call, _ string) error {
			if raced || call != "Log" {
				return nil
			}
			raced = true
			for n := range int64(9) {
				submit(t, ahead, batch(t, "ben", n+2, "set b 2"))
			}
			time.Sleep(10 * time.Second)
			return store.Prune(t.Context(), "room", 0, 9)
		})
		h := newHub(t, store, func(c *core.Config) { c.StoreTimeout = time.Minute })
		wantDocument(t, room(t, h, "room"), `{"b":2}`)
		if !raced {
			t.Error("nothing was pruned meanwhile")
		}
	})
}

func TestErrorOfReplacedStoreDoesNotRefuseWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &goneStore{Store: memstore.New()}
		h := newHub(t, store)
		old := room(t, h, "room")
		endHistory(t, store)
		if err := h.Ping(t.Context()); !errors.Is(err, core.ErrHistoryChanged) {
			t.Fatalf("err = %v", err)
		}
		synctest.Wait() // the store is reopened
		store.gone.Store(true)
		if _, err := old.Log(t.Context(), 0, core.Page{Batches: 1}); !errors.Is(err, core.ErrGone) {
			t.Fatalf("err = %v", err)
		}
		submit(t, room(t, h, "room"), batch(t, "ann", 1, "set n 1"))
	})
}

func TestServerThatOnlyFollowsNoticesLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		net, hubs := servers(t, store, 2, watching)
		net.cut(func(_, _, topic string) bool { return topic == "submit" })
		r := room(t, hubs[1], "room")
		for n := range int64(5) {
			submit(t, room(t, hubs[0], "room"), batch(t, "ann", n+1, "set n 1"))
		}
		synctest.Wait()
		closeHub(t, hubs[0])
		store.Forget("room", 3)
		time.Sleep(time.Second)
		if got := closings(r); len(got) != 1 || hubs[1].Epoch() == r.Epoch() {
			t.Errorf("closed with %v, and the epoch is %s", got, hubs[1].Epoch())
		}
	})
}

func TestLossIsNoticedAfterAnOldRoomWasOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		first := newHub(t, store, func(c *core.Config) { c.ServerBatch = 24 * time.Hour }) // the log is read when the room is opened
		submit(t, room(t, first, "old"), batch(t, "ann", 1, "set n 1"))
		time.Sleep(time.Hour)
		h := newHub(t, store.Connect(), watching)
		r := room(t, h, "room")
		for n := range int64(5) {
			submit(t, r, batch(t, "ann", n+1, "set n 1"))
		}
		room(t, h, "old")
		store.Forget("room", 3)
		time.Sleep(time.Second)
		if got := closings(r); len(got) != 1 || h.Epoch() == r.Epoch() {
			t.Errorf("closed with %v, and the epoch is %s", got, h.Epoch())
		}
	})
}

func TestServerNoticesThatOthersHaveContinuedARestoredBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store, watching)
		r := room(t, h, "room")
		for n := range int64(5) {
			submit(t, r, batch(t, "ann", n+1, "set n 1"))
		}
		time.Sleep(600 * time.Millisecond) // after the watcher has looked
		store.Forget("room", 3)
		other := newHub(t, store.Connect())
		for n := range int64(5) {
			submit(t, room(t, other, "room"), batch(t, "ben", n+1, "set n 2"))
		}
		time.Sleep(time.Second)
		if got := closings(r); len(got) != 1 || h.Epoch() == r.Epoch() {
			t.Errorf("closed with %v, and the epoch is %s", got, h.Epoch())
		}
	})
}

// checkpoints is a store whose checkpoints can fail.
type checkpoints struct {
	*memstore.Store
	fail  atomic.Bool
	saved atomic.Int32
}

func (s *checkpoints) SaveCheckpoints(ctx context.Context, all []core.Checkpoint) error {
	if s.fail.Load() {
		return errors.New("down")
	}
	s.saved.Add(1)
	return s.Store.SaveCheckpoints(ctx, all)
}

func TestCheckpointIsNotSavedInARestoredBackupAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &checkpoints{Store: memstore.New()}
		h := newHub(t, store)
		submit(t, room(t, h, "room"), batch(t, "ann", 1, "set n 1"))
		time.Sleep(10 * time.Second) // its first checkpoint and its row are saved
		store.fail.Store(true)
		submit(t, room(t, h, "room"), batch(t, "ann", 2, "set n 2"))
		time.Sleep(2 * time.Second)
		for n := range int64(2) {
			submit(t, room(t, h, "other"), batch(t, "ann", n+1, "set n 3"))
		}
		store.Forget("other", 1)
		store.saved.Store(0)
		store.fail.Store(false)
		time.Sleep(10 * time.Second)
		if n := store.saved.Load(); n != 0 {
			t.Errorf("%d checkpoints of the lost history were saved", n)
		}
	})
}
