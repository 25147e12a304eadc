package core_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// appendCounter counts transactions.
type appendCounter struct {
	core.Store
	appends atomic.Int64
}

func (s *appendCounter) Append(ctx context.Context, batches []*core.Batch) error {
	s.appends.Add(1)
	return s.Store.Append(ctx, batches)
}

// The first sender wakes the committer, which the Go scheduler would run before the other senders. With the race detector,
// the scheduler chooses at random, so the test cannot fail.
func TestOneProcessorCommitsBatchesOfWaitingSendersTogether(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	store := &appendCounter{Store: memstore.New()}
	r := room(t, newHub(t, store), "board")
	const senders, batches = 32, 20
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			for seq := range int64(batches) {
				if _, err := r.Submit(t.Context(), batch(t, fmt.Sprint("client-", i), seq+1, "set title 1")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := store.appends.Load(); n > 4*batches {
		t.Errorf("%d batches of %d senders were committed in %d transactions", senders*batches, senders, n)
	}
}
