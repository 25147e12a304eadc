package core_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

func logged(t *testing.T, store core.Store) (seqs []int64) {
	t.Helper()
	batches, err := store.Log(t.Context(), "room", 0, core.Page{Batches: 1 << 20, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		seqs = append(seqs, b.ServerSeq)
	}
	return seqs
}

func TestLogIsKeptByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		submit(t, room(t, newHub(t, store), "room"), batch(t, "ann", 1, "set n 1"))
		time.Sleep(30 * 24 * time.Hour)
		if got := logged(t, store); len(got) != 1 {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestOldBatchesInDocumentRowsArePruned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.save = func() error { return errNoDatabase }
		h := newHub(t, store, func(c *core.Config) { c.Retention.Age = time.Hour })
		r := room(t, h, "room")
		for i := range 1200 { // more than one step deletes
			submit(t, r, batch(t, "ann", int64(i), fmt.Sprintf("set n %d", i)))
		}
		time.Sleep(3 * time.Hour)
		if got := logged(t, store); len(got) != 1200 {
			t.Errorf("%d batches are left that no document row holds", len(got))
		}
		store.hook(func() { store.save = nil })
		time.Sleep(5 * time.Minute)
		if got := logged(t, store); len(got) != 1 || got[0] != 1200 {
			t.Errorf("%d batches are left", len(got))
		}
		submit(t, r, batch(t, "ann", 1200, "set n -1"))
		time.Sleep(5 * time.Minute)
		if got := logged(t, store); len(got) != 1 || got[0] != 1201 && got[0] != 1200 {
			t.Errorf("after another: %v", got)
		}
		wantDocument(t, room(t, newHub(t, store), "room"), `{"n":-1}`)
	})
}

func TestLastBatchesOfEachRoomAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store, func(c *core.Config) { c.Retention.Count = 10 })
		r := room(t, h, "room")
		for i := range 100 {
			submit(t, r, batch(t, "ann", int64(i), fmt.Sprintf("set n %d", i)))
		}
		time.Sleep(5 * time.Minute)
		if got := logged(t, store); len(got) != 10 || got[0] != 91 {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestCommitWindowReducesTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		r := room(t, newHub(t, store, func(c *core.Config) { c.CommitWindow = 20 * time.Millisecond }), "room")
		start := time.Now()
		done := make(chan bool)
		for i := range 10 {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				submit(t, r, batch(t, fmt.Sprint(i), 1, "set n 1"))
				done <- true
			}()
		}
		for range 10 {
			<-done
		}
		if store.calls != 1 || time.Since(start) > 25*time.Millisecond {
			t.Errorf("%d transactions in %v", store.calls, time.Since(start))
		}
	})
}

// clockedStore has its own clock, and counts the rows that each step deletes.
type clockedStore struct {
	core.Store
	ahead  time.Duration // of the database's clock before the true time
	pruned []int         // rows, by step
}

func (s *clockedStore) Now(context.Context) (time.Time, error) { return time.Now().Add(s.ahead), nil }

func (s *clockedStore) Prune(ctx context.Context, room string, after, through int64) error {
	batches, err := s.Log(ctx, room, after, core.Page{Batches: 1 << 20, Bytes: 1 << 30})
	if err != nil {
		return err
	}
	rows := 0
	for _, b := range batches {
		if b.ServerSeq <= through {
			rows += len(b.Ops)
		}
	}
	s.pruned = append(s.pruned, rows)
	return s.Store.Prune(ctx, room, after, through)
}

// stamped appends batches with these times, and saves the document of their room.
func stamped(t *testing.T, store core.Store, at ...time.Time) {
	t.Helper()
	for i, ts := range at {
		seq := int64(i) + 1
		b := &core.Batch{Room: "room", Key: "default", ClientID: "ann", ClientSeq: seq, ServerSeq: seq, ServerTs: ts.UnixMilli(),
			Ops: []core.LoggedOp{{Kind: "set", Path: "n", Value: strconv.Itoa(i), Index: -1}}}
		if err := store.Append(t.Context(), []*core.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	save(t, store, core.Document{Room: "room", Key: "default", ServerSeq: int64(len(at)), State: "{}"})
}

// A clock that jumps by a year while the server is off makes the log look a year old.
func TestClockJumpWhileServerIsOffPrunesNothing(t *testing.T) {
	const month, year = 30 * 24 * time.Hour, 365 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		store := &clockedStore{Store: memstore.New()}
		written := time.Now().Add(-year)
		stamped(t, store, written.Add(-3*time.Hour), written.Add(-2*time.Hour), written.Add(-time.Hour), written)
		for range 5 { // restarts
			h := newHub(t, store, func(c *core.Config) { c.Retention.Age = month })
			time.Sleep(24 * time.Hour)
			if got := logged(t, store); len(got) != 4 {
				t.Fatalf("the log has %v", got)
			}
			closeHub(t, h)
		}
		// Old batches are pruned in the end, after servers have run for half of their age.
		newHub(t, store, func(c *core.Config) { c.Retention.Age = month })
		time.Sleep(11 * 24 * time.Hour)
		if got := logged(t, store); !slices.Equal(got, []int64{4}) {
			t.Errorf("the log has %v", got)
		}
	})
}

// The wall clock of a running server jumps, so it differs from the times of its batches and from the database's clock.
func TestClockDifferenceToDatabasePrunesNothing(t *testing.T) {
	const year = 365 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		store := &clockedStore{Store: memstore.New(), ahead: -year} // this server's clock is a year ahead of it
		written := time.Now().Add(-year)
		stamped(t, store, written.Add(-2*time.Hour), written.Add(-time.Hour), time.Now(), time.Now())
		newHub(t, store, func(c *core.Config) { c.Retention.Age = 24 * time.Hour })
		time.Sleep(20 * time.Hour)
		if got := logged(t, store); len(got) != 4 {
			t.Errorf("the log has %v", got)
		}
		time.Sleep(10 * time.Hour)
		if got := logged(t, store); !slices.Equal(got, []int64{3, 4}) {
			t.Errorf("once they are a day old by both clocks, the log has %v", got)
		}
	})
}

func TestPrunerStepIsBoundedInRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &clockedStore{Store: memstore.New()}
		h := newHub(t, store, func(c *core.Config) { c.Retention.Count = 1 })
		r := room(t, h, "room")
		ops := make([]string, 300)
		for i := range ops {
			ops[i] = "set n 1"
		}
		for range 40 {
			submit(t, r, batch(t, "ann", core.NoClientSeq, ops...))
		}
		submit(t, r, batch(t, "ann", core.NoClientSeq, slices.Repeat(ops, 8)...)) // larger than a step
		submit(t, r, batch(t, "ann", core.NoClientSeq, "set n 1"))
		time.Sleep(10 * time.Minute)
		if got := logged(t, store); !slices.Equal(got, []int64{42}) {
			t.Fatalf("the log has %v", got)
		}
		for i, rows := range store.pruned {
			if rows > 500 && rows != 2400 {
				t.Errorf("step %d removed %d rows", i, rows)
			}
		}
	})
}

func TestPrunerTakesSmallerStepsWhileDatabaseIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowPruneStore{clockedStore{Store: memstore.New()}}
		h := newHub(t, store, func(c *core.Config) { c.Retention.Count = 1 })
		r := room(t, h, "room")
		for range 3000 {
			submit(t, r, batch(t, "ann", core.NoClientSeq, "set n 1"))
		}
		time.Sleep(10 * time.Minute)
		if got := logged(t, store); len(got) != 1 {
			t.Fatalf("the log has %d batches", len(got))
		}
		if last := store.pruned[len(store.pruned)-2]; last > 100 {
			t.Errorf("the steps removed %v rows, at a millisecond for each", store.pruned)
		}
	})
}

// slowPruneStore takes a millisecond for each row that it deletes.
type slowPruneStore struct{ clockedStore }

func (s *slowPruneStore) Prune(ctx context.Context, room string, after, through int64) error {
	time.Sleep(time.Duration(through-after) * time.Millisecond)
	return s.clockedStore.Prune(ctx, room, after, through)
}

// pruneChecker checks what the pruner deletes.
type pruneChecker struct {
	*memstore.Store
	t      *testing.T
	pruned atomic.Int64 // calls
}

func (s *pruneChecker) Prune(ctx context.Context, room string, after, through int64) error {
	s.pruned.Add(1)
	checkpoint, err := s.Checkpoint(ctx, room)
	if err != nil || through >= checkpoint.ServerSeq {
		s.t.Errorf("%s is pruned up to %d, and its checkpoint is %d, %v", room, through, checkpoint.ServerSeq, err)
	}
	head, err := s.Head(ctx, room)
	if err != nil || checkpoint.ServerSeq > head {
		s.t.Errorf("the checkpoint %d of %s is beyond its log, which ends with %d, %v", checkpoint.ServerSeq, room, head, err)
	}
	return s.Store.Prune(ctx, room, after, through)
}

// Append needs the last row to detect conflicts.
func TestLastBatchOfLogIsNeverPruned(t *testing.T) {
	for name, retention := range map[string]core.Retention{
		"by age": {Age: time.Nanosecond}, "by count": {Count: 1}, "by both": {Age: time.Nanosecond, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &pruneChecker{Store: memstore.New(), t: t}
				h := newHub(t, store, func(c *core.Config) { c.Retention, c.PruneInterval = retention, time.Second })
				changing, unchanging := room(t, h, "changing"), room(t, h, "unchanging")
				for i := range int64(50) {
					submit(t, changing, batch(t, "ann", i, fmt.Sprintf("set n %d", i)))
					submit(t, unchanging, batch(t, "ann", i, "delete absent")) // no document changes
					time.Sleep(700 * time.Millisecond)
				}
				time.Sleep(time.Minute)
				for _, name := range []string{"changing", "unchanging"} {
					if head, err := store.Head(t.Context(), name); head != 50 || err != nil {
						t.Errorf("the log of %s ends with %d, %v", name, head, err)
					}
				}
				if store.pruned.Load() == 0 {
					t.Error("nothing was pruned")
				}
			})
		})
	}
}
