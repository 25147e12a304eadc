package storetest

import (
	"math"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var logTests = []subtest{
	{"TheLogOfAnUnknownRoomIsEmpty", func(t *testing.T, store core.Store) {
		wantLog(t, store, t.Name())
	}},
	{"TheLogIsInOrderWhateverTheOrderOfRooms", func(t *testing.T, store core.Store) {
		a, b := t.Name()+"/a", t.Name()+"/b"
		mustAppend(t, store, batch(b, 1), batch(a, 1), batch(b, 2))
		mustAppend(t, store, batch(a, 2), batch(b, 3), batch(a, 3))
		wantLog(t, store, a, history(a, 3)...)
		wantLog(t, store, b, history(b, 3)...)
	}},
	{"ItStartsAfterTheServerSeqThatIsGiven", func(t *testing.T, store core.Store) {
		all := history(t.Name(), 12)
		mustAppend(t, store, all...)
		for after := range int64(12) {
			wantBatches(t, readLog(t, store, t.Name(), after, everything), all[after:]...)
		}
		for _, after := range []int64{12, 13, math.MaxInt64} {
			wantBatches(t, readLog(t, store, t.Name(), after, everything))
		}
	}},
	{"APageHasAtMostItsBatches", func(t *testing.T, store core.Store) {
		all := history(t.Name(), 5)
		mustAppend(t, store, all...)
		for limit := 1; limit <= 6; limit++ {
			page := core.Page{Batches: limit, Bytes: math.MaxInt32}
			wantBatches(t, readLog(t, store, t.Name(), 0, page), all[:min(limit, 5)]...)
		}
	}},
	{"APageEndsWithTheBatchThatReachesItsBytes", func(t *testing.T, store core.Store) {
		all := history(t.Name(), 5)
		for _, b := range all {
			sized(2, 50)(b) // 100 bytes a batch
		}
		mustAppend(t, store, all...)
		for bytes, want := range map[int]int{1: 1, 99: 1, 100: 1, 101: 2, 200: 2, 201: 3, 401: 5, 10_000: 5} {
			page := core.Page{Batches: math.MaxInt32, Bytes: bytes}
			if got := len(readLog(t, store, t.Name(), 0, page)); got != want {
				t.Errorf("a page of %d bytes has %d batches, want %d", bytes, got, want)
			}
		}
	}},
	{"APageHasAtLeastOneBatch", func(t *testing.T, store core.Store) {
		large := batch(t.Name(), 1, sized(3, 100_000))
		mustAppend(t, store, large, batch(t.Name(), 2))
		for _, page := range []core.Page{{}, {Batches: 5}, {Bytes: 5}, {Batches: 1, Bytes: 1}} {
			wantBatches(t, readLog(t, store, t.Name(), 0, page), large)
		}
	}},
	{"APageNeverSplitsABatch", func(t *testing.T, store core.Store) {
		all := history(t.Name(), 7)
		for i, b := range all {
			sized(1+i*i, 30)(b) // 1, 2, 5, 10, 17, 26 and 37 operations
		}
		mustAppend(t, store, all...)
		for limit := range 5 {
			for bytes := 10; bytes <= 2_000; bytes += 199 {
				page := core.Page{Batches: limit, Bytes: bytes}
				wantBatches(t, allPages(t, store, t.Name(), page), all...)
			}
		}
	}},
	{"ALongLogIsReadPageByPage", func(t *testing.T, store core.Store) {
		all := history(t.Name(), 2_500)
		for group := range 5 {
			mustAppend(t, store, all[group*500:(group+1)*500]...)
		}
		wantBatches(t, allPages(t, store, t.Name(), core.Page{Batches: 999, Bytes: math.MaxInt32}), all...)
		wantBatches(t, allPages(t, store, t.Name(), core.Page{Batches: math.MaxInt32, Bytes: 1_500}), all...)
	}},
	{"WhatIsReturnedBelongsToTheCaller", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("c", 1)))
		first := readLog(t, store, t.Name(), 0, everything)
		first[0].ServerSeq, first[0].Ops[0].Value = 9, "changed"
		found, err := store.FindBatch(t.Context(), t.Name(), "c", 1)
		if err != nil {
			t.Fatal(err)
		}
		wantBatch(t, found, batch(t.Name(), 1, from("c", 1)))
		found.Ops[0].Value = "changed"
		wantLog(t, store, t.Name(), batch(t.Name(), 1, from("c", 1)))
	}},
}

// allPages reads a room's log page by page.
func allPages(t *testing.T, store core.Store, room string, page core.Page) []*core.Batch {
	t.Helper()
	var all []*core.Batch
	after := int64(0)
	for {
		batches := readLog(t, store, room, after, page)
		if len(batches) == 0 {
			return all
		}
		last := batches[len(batches)-1].ServerSeq
		if last <= after {
			t.Fatalf("the page after %d ends at %d", after, last)
		}
		all, after = append(all, batches...), last
	}
}
