package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

var tailTests = []subtest{
	{"TailBeginsAtTheEndOfTheLog", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 3)...)
		tail := openTail(t, store)
		tail.want(t)
		mustAppend(t, store, batch(t.Name(), 4, sized(3, 10)), batch(t.Name(), 5))
		mustAppend(t, store, batch(t.Name()+"/other", 1))
		tail.want(t, entry(t.Name(), 4), entry(t.Name(), 5), entry(t.Name()+"/other", 1))
		tail.want(t)
	}},
	{"TailOfAnEmptyLogReturnsTheFirstBatch", func(t *testing.T, store core.Store) {
		tail := openTail(t, store)
		mustAppend(t, store, batch(t.Name(), 1))
		tail.want(t, entry(t.Name(), 1))
	}},
	{"TailReturnsManyRowsInSeveralReads", func(t *testing.T, store core.Store) {
		tail := openTail(t, store)
		var want []core.TailEntry
		for seq := int64(1); seq <= 12; seq++ {
			mustAppend(t, store, batch(t.Name(), seq, sized(900, 10)))
			want = append(want, entry(t.Name(), seq))
		}
		tail.want(t, want...)
	}},
	{"TailContinuesAfterBatchesThatWerePrunedBeforeItReadThem", func(t *testing.T, store core.Store) {
		tail := openTail(t, store)
		for seq := int64(1); seq < 10; seq += 3 {
			mustAppend(t, store, batch(t.Name(), seq), batch(t.Name(), seq+1), batch(t.Name(), seq+2))
			mustPrune(t, store, t.Name(), 0, seq+1)
			// A store may still know the pruned ones.
			if got := tail.read(t); len(got) == 0 || got[len(got)-1] != entry(t.Name(), seq+2) || len(got) > 3 {
				t.Errorf("the tail has %v, want batch %d at the end", got, seq+2)
			}
		}
	}},
	{"RejectedAppendLeavesNothingInTheTail", func(t *testing.T, store core.Store) {
		tail := openTail(t, store)
		mustAppend(t, store, batch(t.Name(), 1))
		wantError(t, store.Append(t.Context(), []*core.Batch{batch(t.Name()+"/other", 1), batch(t.Name(), 1)}), core.ErrConflict)
		mustAppend(t, store, batch(t.Name(), 2))
		tail.want(t, entry(t.Name(), 1), entry(t.Name(), 2))
	}},
	{"TailOfAnotherHistoryIsRefused", func(t *testing.T, store core.Store) {
		tail := openTail(t, store)
		next, err := store.Reopen(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { next.Close() })
		_, _, err = tail.Next(t.Context())
		wantError(t, err, core.ErrHistoryChanged)
		_, err = store.OpenTail(t.Context())
		wantError(t, err, core.ErrHistoryChanged)
	}},
	{"EndedContextLosesNothingOfTheTail", func(t *testing.T, store core.Store) {
		tail := openTail(t, store)
		mustAppend(t, store, batch(t.Name(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if entries, _, err := tail.Next(ctx); err == nil {
			t.Errorf("got %v with an ended context", entries)
		}
		tail.want(t, entry(t.Name(), 1))
	}},
}

// tailsOfServers are tests of a tail while several servers append.
var tailsOfServers = []databaseTest{
	{"EveryBatchIsInTheTailOnceUnderRandomAppends", func(t *testing.T, open opener) {
		const servers, writers, appends = 3, 3, 40
		tail := openTail(t, open.must(t))
		var wg sync.WaitGroup
		for s := range servers {
			store := open.must(t)
			for w := range writers {
				wg.Go(func() { appendRandomly(t, store, fmt.Sprint("client-", s, "-", w), appends) })
			}
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		heads := map[string]int64{}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			for _, e := range tail.read(t) {
				if e.ServerSeq != heads[e.Room]+1 {
					t.Errorf("batch %d of %s after batch %d", e.ServerSeq, e.Room, heads[e.Room])
				}
				heads[e.Room] = e.ServerSeq
			}
		}
		store := open.must(t)
		for _, room := range roomsOf(t) {
			if head, err := store.Head(t.Context(), room); err != nil || head == 0 || head != heads[room] {
				t.Errorf("%s is at batch %d, %v, and the tail at %d", room, head, err, heads[room])
			}
		}
	}},
}

func roomsOf(t *testing.T) []string {
	return []string{t.Name() + "/a", t.Name() + "/b", t.Name() + "/c"}
}

// appendRandomly appends batches to some rooms, with conflicts and calls that end early.
func appendRandomly(t *testing.T, store core.Store, client string, appends int) {
	for n := range appends {
		rooms := roomsOf(t)
		rand.Shuffle(len(rooms), func(i, j int) { rooms[i], rooms[j] = rooms[j], rooms[i] })
		var batches []*core.Batch
		for _, room := range rooms[:1+rand.IntN(2)] {
			head, err := store.Head(t.Context(), room)
			if err != nil {
				t.Errorf("Head: %v", err)
				return
			}
			for i := range 1 + rand.Int64N(3) {
				batches = append(batches, batch(room, head+1+i, from(client, int64(n)), sized(1+rand.IntN(5), 10)))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if rand.IntN(8) == 0 {
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
		}
		err := store.Append(ctx, batches)
		if errors.Is(err, core.ErrRejected) || errors.Is(err, core.ErrHistoryChanged) { // other errors may have any effect
			t.Errorf("Append: %v", err)
		}
		cancel()
	}
}

// testTail is a tail of which only the rooms of a test are read, because other tests may use the database.
type testTail struct{ core.Tail }

func openTail(t *testing.T, store core.Store) testTail {
	t.Helper()
	tail, err := store.OpenTail(t.Context())
	if err != nil {
		t.Fatalf("OpenTail: %v", err)
	}
	return testTail{tail}
}

// read reads to the end of the tail.
func (tail testTail) read(t *testing.T) (all []core.TailEntry) {
	t.Helper()
	for {
		entries, more, err := tail.Next(t.Context())
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Room, t.Name()) {
				all = append(all, e)
			}
		}
		if !more {
			return all
		}
	}
}

// want reads to the end of the tail and compares the batches, in the order of each room.
func (tail testTail) want(t *testing.T, want ...core.TailEntry) {
	t.Helper()
	if got := byRoom(tail.read(t)); !maps.EqualFunc(got, byRoom(want), slices.Equal) {
		t.Fatalf("the tail has %v, want %v", got, byRoom(want))
	}
}

func byRoom(entries []core.TailEntry) map[string][]int64 {
	rooms := map[string][]int64{}
	for _, e := range entries {
		rooms[e.Room] = append(rooms[e.Room], e.ServerSeq)
	}
	return rooms
}

func entry(room string, serverSeq int64) core.TailEntry {
	return core.TailEntry{Room: room, ServerSeq: serverSeq}
}
