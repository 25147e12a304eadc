package core_test

import (
	"fmt"
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

func TestTheLogIsKeptWholeUnlessToldOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		submit(t, room(t, newHub(t, store), "room"), batch(t, "ann", 1, "set n 1"))
		time.Sleep(30 * 24 * time.Hour)
		if got := logged(t, store); len(got) != 1 {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestBatchesGoWhenTheyAreOldAndTheDocumentsHoldThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.save = func() error { return errNoDatabase }
		h := newHub(t, store, func(c *core.Config) { c.Retention.Age = time.Hour })
		r := room(t, h, "room")
		for i := range 1200 { // more than one step takes
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

func TestTheLastBatchesOfEachRoomStay(t *testing.T) {
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

func TestACommitWindowMakesFewerTransactions(t *testing.T) {
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
