package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// after sets the predecessor of a batch.
func after(previous int64, p *core.Proposal) *core.Proposal {
	p.PreviousClientSeq = &previous
	return p
}

// numbers returns the clientSeqs of a room's log.
func numbers(t *testing.T, store core.Store, room string) (all []int64) {
	t.Helper()
	log, err := store.Log(context.Background(), room, 0, core.Page{Batches: 1 << 30, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range log {
		all = append(all, b.ClientSeq)
	}
	return all
}

func TestBatchWaitsForItsPredecessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		r := room(t, newHub(t, store), "room")
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		var all sync.WaitGroup
		for n := int64(4); n >= 2; n-- { // in reverse order, and for several keys
			p := after(n-1, batch(t, "ann", n, fmt.Sprintf("set n %d", n)))
			p.Key = fmt.Sprint("key-", n%2)
			all.Go(func() { submit(t, r, p) })
			time.Sleep(500 * time.Millisecond)
		}
		began := time.Now()
		all.Wait()
		if time.Since(began) > 0 {
			t.Errorf("they went on %v after the first had come", time.Since(began))
		}
		if got := numbers(t, store, "room"); !slices.Equal(got, []int64{1, 2, 3, 4}) {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestMissingPredecessorDelaysBatchByTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		r := room(t, newHub(t, store), "room")
		began := time.Now()
		var all sync.WaitGroup
		for n := int64(3); n <= 5; n++ {
			all.Go(func() { submit(t, r, after(n-1, batch(t, "ann", n, "set n 1"))) })
			time.Sleep(100 * time.Millisecond)
		}
		submit(t, r, batch(t, "ben", 1, "set n 1"))
		if took := time.Since(began); took > 300*time.Millisecond {
			t.Errorf("another client waited %v", took)
		}
		all.Wait()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		if _, err := r.Submit(t.Context(), batch(t, "ann", 2, "set n 2")); !errors.Is(err, core.ErrClientSeqPassed) {
			t.Errorf("the predecessor, when it comes: %v", err)
		}
		if got := numbers(t, store, "room"); !slices.Equal(got, []int64{1, 3, 4, 5}) {
			t.Errorf("the log has %v", got)
		}
	})
}

// A batch that is released without its predecessor is queued behind lower numbers of its client.
func TestBatchReleasedWithoutPredecessorFollowsLowerNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		r := room(t, newHub(t, store), "room")
		var all sync.WaitGroup
		all.Go(func() { submit(t, r, after(7, batch(t, "ann", 8, "set n 8"))) })
		time.Sleep(1900 * time.Millisecond)
		all.Go(func() { submit(t, r, after(6, batch(t, "ann", 7, "set n 7"))) })
		all.Wait()
		if got := numbers(t, store, "room"); !slices.Equal(got, []int64{7, 8}) {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestKnownPredecessorCausesNoDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			time.Sleep(time.Millisecond)
			return do()
		}
		r := room(t, newHub(t, store), "room")
		began := time.Now()
		submit(t, r, batch(t, "ann", 0, "set n 0"))
		for n := int64(1); n < 10; n++ { // committed
			submit(t, r, after(n-1, batch(t, "ann", n, "set n 1")))
		}
		var all sync.WaitGroup
		for n := int64(10); n < 20; n++ { // queued or in flight
			all.Go(func() { submit(t, r, after(n-1, batch(t, "ann", n, "set n 1"))) })
			synctest.Wait()
		}
		all.Wait()
		submit(t, room(t, newHub(t, store), "room"), after(19, batch(t, "ann", 20, "set n 1"))) // known from the log only
		if took := time.Since(began); took > 20*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestWaitingBatchEndsWithItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := newHub(t, store)
		r := room(t, h, "room")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Submit(ctx, after(1, batch(t, "ann", 2, "set n 2"))); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("err = %v", err)
		}
		if n := h.Stats().QueuedBytes; n != 0 {
			t.Errorf("%d bytes are still counted", n)
		}
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		time.Sleep(time.Minute)
		if got := numbers(t, store, "room"); !slices.Equal(got, []int64{1}) {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestCloseCommitsPendingBatchesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		h := core.NewHub(core.Config{Store: store, Listen: func(string, string, int64) core.Listener { return new(recorder) }})
		r := room(t, h, "room")
		var all sync.WaitGroup
		for n := int64(9); n > 5; n-- {
			all.Go(func() { submit(t, r, after(n-1, batch(t, "ann", n, "set n 1"))) })
		}
		synctest.Wait()
		closeHub(t, h)
		all.Wait()
		if got := numbers(t, store, "room"); !slices.Equal(got, []int64{6, 7, 8, 9}) {
			t.Errorf("the log has %v", got)
		}
	})
}

func TestStoppedRoomAnswersWaitingBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		h := newHub(t, store)
		r := room(t, h, "room")
		done := make(chan error, 1)
		p := after(1, batch(t, "ann", 2, "set n 2"))
		go func() { _, err := r.Submit(t.Context(), p); done <- err }()
		synctest.Wait()
		// A batch of another server that cannot be applied, and one of this server that conflicts with it.
		if err := store.Store.Append(t.Context(), []*core.Batch{{Room: "room", Key: "default", ClientID: "x", ClientSeq: 1, ServerSeq: 1,
			Ops: []core.LoggedOp{{Kind: "delete", Path: "absent"}}}}); err != nil {
			t.Fatal(err)
		}
		_, err := r.Submit(t.Context(), batch(t, "ben", 1, "set n 1"))
		if !errors.Is(err, core.ErrCorrupt) || !errors.Is(<-done, core.ErrCorrupt) {
			t.Errorf("err = %v", err)
		}
	})
}

// Another server commits the predecessor. This one reads it after a conflict.
func TestPredecessorAtAnotherServerReleasesHeldBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		one, two := room(t, newHub(t, store), "room"), room(t, newHub(t, store), "room")
		submit(t, one, batch(t, "ann", 1, "set n 1"))
		began := time.Now()
		var all sync.WaitGroup
		submit(t, two, batch(t, "ann", 2, "set n 2"))
		all.Go(func() { submit(t, one, after(2, batch(t, "ann", 3, "set n 3"))) })
		synctest.Wait()
		submit(t, one, batch(t, "ben", 1, "set n 1"))
		all.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if got := numbers(t, store, "room"); !slices.Equal(got, []int64{1, 2, 1, 3}) {
			t.Errorf("the log has %v", got)
		}
	})
}

// A batch that is repeated after its rows were pruned must not be applied again.
func TestRepeatOfPrunedBatchIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		r := room(t, newHub(t, store), "room")
		for n := int64(1); n <= 3; n++ {
			submit(t, r, batch(t, "ann", n, fmt.Sprintf("set n %d", n)))
		}
		time.Sleep(time.Minute)
		if err := store.Prune(t.Context(), "room", 0, 2); err != nil {
			t.Fatal(err)
		}
		for _, r := range []*core.Room{r, room(t, newHub(t, store), "room")} {
			if _, err := r.Submit(t.Context(), batch(t, "ann", 1, "set n 1")); !errors.Is(err, core.ErrClientSeqPassed) {
				t.Errorf("err = %v", err)
			}
			if a := submit(t, r, batch(t, "ann", 3, "set n 3")); !a.Duplicate {
				t.Error("what the log has is not a duplicate")
			}
			wantDocument(t, r, `{"n":3}`)
		}
	})
}

// The request of a queued batch is cancelled, and another batch names it as predecessor: both are committed, in order.
func TestQueuedPredecessorOfCancelledRequestIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		goOn := make(chan bool)
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error { <-goOn; return do() }
		r := room(t, newHub(t, store), "room")
		var all sync.WaitGroup
		all.Go(func() { submit(t, r, batch(t, "ben", 1, "set n 1")) }) // in flight
		synctest.Wait()
		ctx, cut := context.WithCancel(t.Context())
		all.Go(func() { _, _ = r.Submit(ctx, batch(t, "ann", 1, "set n 2")) })
		synctest.Wait()
		all.Go(func() { submit(t, r, after(1, batch(t, "ann", 2, "set n 3"))) })
		synctest.Wait()
		cut()
		synctest.Wait()
		close(goOn)
		all.Wait()
		if a := submit(t, r, batch(t, "ann", 1, "set n 2")); !a.Duplicate {
			t.Error("the batch before was not committed")
		}
		wantDocument(t, r, `{"n":3}`)
	})
}
