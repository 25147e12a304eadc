package storetest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var pruneTests = []subtest{
	{"WhatIsPrunedIsGoneAndTheRestStays", func(t *testing.T, store core.Store) {
		other := t.Name() + "/other"
		for seq := int64(1); seq <= 5; seq++ {
			mustAppend(t, store, batch(t.Name(), seq), batch(other, seq))
		}
		if err := store.Prune(t.Context(), t.Name(), 3); err != nil {
			t.Fatalf("pruning: %v", err)
		}
		if got := seqs(t, store, t.Name()); !slices.Equal(got, []int64{4, 5}) {
			t.Errorf("the log is %v", got)
		}
		if got := seqs(t, store, other); len(got) != 5 {
			t.Errorf("another room's log is %v", got)
		}
		mustAppend(t, store, batch(t.Name(), 6))
	}},
	{"ThePrunedBatchesOfAClientAreForgotten", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("ann", 7)), batch(t.Name(), 2, from("ben", 8)))
		if err := store.Prune(t.Context(), t.Name(), 1); err != nil {
			t.Fatalf("pruning: %v", err)
		}
		if b, err := store.FindBatch(t.Context(), t.Name(), "ann", 7); b != nil || err != nil {
			t.Errorf("found %+v, %v", b, err)
		}
		if last, err := store.LastClientSeq(t.Context(), t.Name(), "ben"); last != 8 || err != nil {
			t.Errorf("last number %d, %v", last, err)
		}
	}},
	{"PruningNothingIsNoError", func(t *testing.T, store core.Store) {
		if err := store.Prune(t.Context(), t.Name(), 1000); err != nil {
			t.Errorf("pruning: %v", err)
		}
	}},
	{"TheCheckpointIsTheNewestDocumentRow", func(t *testing.T, store core.Store) {
		if at, err := store.Checkpoint(t.Context(), t.Name()); at != 0 || err != nil {
			t.Errorf("of a room without documents: %d, %v", at, err)
		}
		mustSave(t, store, document(t.Name(), 4), core.Document{Room: t.Name(), Key: "other", ServerSeq: 9, State: "1"})
		if at, err := store.Checkpoint(t.Context(), t.Name()); at != 9 || err != nil {
			t.Errorf("%d, %v", at, err)
		}
	}},
	{"EveryRoomOfTheLogIsFoundOnce", func(t *testing.T, store core.Store) {
		want := map[string]int{}
		for _, name := range []string{"A", "B", "Z", "a", "a b", "ab", "é", "日", "😀"} {
			room := t.Name() + "/" + name
			mustAppend(t, store, batch(room, 1), batch(room, 2))
			want[room] = 1
		}
		got := map[string]int{}
		for room := ""; ; {
			var err error
			if room, err = store.NextRoom(t.Context(), room); err != nil {
				t.Fatalf("finding the next room: %v", err)
			}
			if room == "" || got[room] > 1 {
				break
			}
			if strings.HasPrefix(room, t.Name()+"/") { // the database may have other tests' rooms
				got[room]++
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("rooms %v, want %v", got, want)
		}
	}},
}

func seqs(t *testing.T, store core.Store, room string) (seqs []int64) {
	t.Helper()
	for _, b := range readLog(t, store, room, 0, everything) {
		seqs = append(seqs, b.ServerSeq)
	}
	return seqs
}
