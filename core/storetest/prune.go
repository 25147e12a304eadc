package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
)

var pruneTests = []subtest{
	{"WhatIsPrunedIsGoneAndTheRestStays", func(t *testing.T, store core.Store) {
		other := t.Name() + "/other"
		for seq := int64(1); seq <= 5; seq++ {
			mustAppend(t, store, batch(t.Name(), seq), batch(other, seq))
		}
		if err := store.Prune(t.Context(), t.Name(), 0, 3); err != nil {
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
		if err := store.Prune(t.Context(), t.Name(), 0, 1); err != nil {
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
		if err := store.Prune(t.Context(), t.Name(), 0, 1000); err != nil {
			t.Errorf("pruning: %v", err)
		}
	}},
	{"TheLastBatchOfALogIsNeverPruned", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1), batch(t.Name(), 2, sized(3, 10)))
		for range 2 {
			mustPrune(t, store, t.Name(), 0, 1000)
			if got := seqs(t, store, t.Name()); !slices.Equal(got, []int64{2}) {
				t.Fatalf("the log is %v, want the last batch alone", got)
			}
		}
		if got := readLog(t, store, t.Name(), 0, everything); len(got[0].Ops) != 3 {
			t.Errorf("%d of its operations are left", len(got[0].Ops))
		}
		wantError(t, store.Append(t.Context(), []*core.Batch{batch(t.Name(), 2)}), core.ErrConflict)
	}},
	{"OnlyTheRangeNamedIsPruned", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 6)...)
		mustPrune(t, store, t.Name(), 2, 4)
		if got := seqs(t, store, t.Name()); !slices.Equal(got, []int64{1, 2, 5, 6}) {
			t.Errorf("the log is %v", got)
		}
	}},
	{"OldestEndsWithTheLastBatchWithinItsBounds", func(t *testing.T, store core.Store) {
		const each = 100
		for seq := int64(1); seq <= 6; seq++ {
			mustAppend(t, store, batch(t.Name(), seq, sized(4, each)))
		}
		for _, c := range []struct {
			after int64
			core.Bounds
			want []int64
		}{
			{0, core.Bounds{Rows: 100, Bytes: 1 << 20}, []int64{1, 2, 3, 4, 5, 6}},
			{0, core.Bounds{Rows: 8, Bytes: 1 << 20}, []int64{1, 2}},
			{0, core.Bounds{Rows: 11, Bytes: 1 << 20}, []int64{1, 2}},
			{2, core.Bounds{Rows: 12, Bytes: 1 << 20}, []int64{3, 4, 5}},
			{0, core.Bounds{Rows: 3, Bytes: 1 << 20}, []int64{1}}, // larger than the bounds, and alone
			{0, core.Bounds{Rows: 100, Bytes: 9 * each}, []int64{1, 2}},
			{0, core.Bounds{Rows: 100, Bytes: 1}, []int64{1}},
			{6, core.Bounds{Rows: 100, Bytes: 1 << 20}, nil},
		} {
			entries, err := store.Oldest(t.Context(), t.Name(), c.after, c.Bounds)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, e := range entries {
				got = append(got, e.ServerSeq)
				if e.ServerTs != 1_700_000_000_000+e.ServerSeq {
					t.Errorf("batch %d is of %d", e.ServerSeq, e.ServerTs)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("after %d within %+v: %v, want %v", c.after, c.Bounds, got, c.want)
			}
		}
	}},
	{"WithoutACheckpointItIsTheNewestDocumentRow", func(t *testing.T, store core.Store) {
		if at, err := store.Checkpoint(t.Context(), t.Name()); at.ServerSeq != 0 || err != nil {
			t.Errorf("of a room without documents: %+v, %v", at, err)
		}
		mustSave(t, store, document(t.Name(), 4), core.Document{Room: t.Name(), Key: "other", ServerSeq: 9, State: "1"})
		if at, err := store.Checkpoint(t.Context(), t.Name()); at.ServerSeq != 9 || err != nil {
			t.Errorf("%+v, %v", at, err)
		}
	}},
	{"ACheckpointIsWhatWasSavedAndNeverFalls", func(t *testing.T, store core.Store) {
		other := t.Name() + "/other"
		mustSave(t, store, document(t.Name(), 9))
		for _, step := range []struct{ save, want int64 }{{0, 0}, {5, 5}, {3, 5}, {5, 5}, {12, 12}} {
			if err := store.SaveCheckpoints(t.Context(), []core.Checkpoint{{Room: t.Name(), ServerSeq: step.save, Documents: 7}}); err != nil {
				t.Fatalf("saving checkpoint %d: %v", step.save, err)
			}
			if at, err := store.Checkpoint(t.Context(), t.Name()); at != (core.Checkpoint{Room: t.Name(), ServerSeq: step.want, Documents: 7}) || err != nil {
				t.Errorf("after saving %d: %+v, %v, want %d", step.save, at, err, step.want)
			}
		}
		if at, err := store.Checkpoint(t.Context(), other); at.ServerSeq != 0 || err != nil {
			t.Errorf("another room: %+v, %v", at, err)
		}
	}},
	{"ManyCheckpointsAreSavedTogether", func(t *testing.T, store core.Store) {
		for round := int64(1); round <= 2; round++ { // inserted, then replaced, with one that is new and one that is lower
			checkpoints := make([]core.Checkpoint, 0, 150)
			for i := range int64(150) {
				checkpoints = append(checkpoints, core.Checkpoint{Room: fmt.Sprint(t.Name(), i+round), ServerSeq: 10*round + i})
			}
			checkpoints[0].ServerSeq = 1
			if err := store.SaveCheckpoints(t.Context(), checkpoints); err != nil {
				t.Fatal(err)
			}
		}
		for room, want := range map[int64]int64{1: 1, 2: 11, 3: 21, 150: 168, 151: 169} {
			if at, err := store.Checkpoint(t.Context(), fmt.Sprint(t.Name(), room)); at.ServerSeq != want || err != nil {
				t.Errorf("room %d: %+v, %v, want %d", room, at, err, want)
			}
		}
	}},
	{"SettingsComeBackAndCanBeReplaced", func(t *testing.T, store core.Store) {
		if value, err := store.Setting(t.Context(), "storetest"); err != nil {
			t.Errorf("%q, %v", value, err)
		}
		for _, value := range []string{"1", "22", "22", "é"} {
			if err := store.SaveSetting(t.Context(), "storetest", value); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Setting(t.Context(), "storetest"); got != value || err != nil {
				t.Errorf("%q, %v, want %q", got, err, value)
			}
		}
		if got, err := store.Setting(t.Context(), "storetest-other"); got != "" || err != nil {
			t.Errorf("another: %q, %v", got, err)
		}
	}},
	{"TheDatabaseHasAClock", func(t *testing.T, store core.Store) {
		if now, err := store.Now(t.Context()); err != nil || time.Until(now).Abs() > time.Hour {
			t.Errorf("%v, %v", now, err)
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

func mustPrune(t *testing.T, store core.Store, room string, after, through int64) {
	t.Helper()
	if err := store.Prune(t.Context(), room, after, through); err != nil {
		t.Fatalf("Prune of %s from %d through %d: %v", short(room), after, through, err)
	}
}

func seqs(t *testing.T, store core.Store, room string) (seqs []int64) {
	t.Helper()
	for _, b := range readLog(t, store, room, 0, everything) {
		seqs = append(seqs, b.ServerSeq)
	}
	return seqs
}
