package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// fenceTests have appends that do not continue the log, because another server has committed, the database has lost batches,
// or it has another history.
var fenceTests = []subtest{
	{"AnAppendBehindAPrunedLogIsAConflict", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 9)...)
		mustSave(t, store, document(t.Name(), 9))
		mustPrune(t, store, t.Name(), 0, 8)
		for _, late := range [][]*core.Batch{
			{batch(t.Name(), 2)},
			{batch(t.Name(), 1)},
			{batch(t.Name(), 2), batch(t.Name(), 3)},
			{batch(t.Name(), 8)},
			{batch(t.Name(), 2, sized(1500, 10))},
		} {
			wantError(t, store.Append(t.Context(), late), core.ErrConflict)
		}
		wantLog(t, store, t.Name(), batch(t.Name(), 9))
		mustAppend(t, store, batch(t.Name(), 10))
	}},
	{"OnePrunedRoomWritesNothingInAnyRoom", func(t *testing.T, store core.Store) {
		pruned, free, upper := t.Name()+"/pruned", t.Name()+"/free", t.Name()+"/PRUNED"
		mustAppend(t, store, history(pruned, 9)...)
		mustSave(t, store, document(pruned, 9))
		mustPrune(t, store, pruned, 0, 8)
		mustAppend(t, store, history(upper, 2)...) // the name differs only in case
		for _, size := range []int{1, 60} {
			group := []*core.Batch{batch(free, 1, sized(size, 10)), batch(pruned, 2), batch(upper, 3)}
			wantError(t, store.Append(t.Context(), group), core.ErrConflict)
			wantLog(t, store, free)
			wantLog(t, store, upper, history(upper, 2)...)
		}
		mustAppend(t, store, batch(free, 1), batch(upper, 3))
	}},
	{"AnAppendAfterALossIsRefused", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 4)...)
		for _, late := range [][]*core.Batch{{batch(t.Name(), 6)}, {batch(t.Name(), 9), batch(t.Name(), 10)}} {
			err := store.Append(t.Context(), late)
			wantError(t, err, core.ErrHistoryLost)
			wantError(t, err, core.ErrHistoryChanged)
		}
		wantLog(t, store, t.Name(), history(t.Name(), 4)...)
		// A server that has more batches than the log must not save its documents.
		wantError(t, store.SaveDocuments(t.Context(), []core.Document{document(t.Name(), 5)}), core.ErrHistoryLost)
		if docs := readDocuments(t, store, t.Name()); len(docs) != 0 {
			t.Errorf("%d documents were saved", len(docs))
		}
		ahead := []core.Checkpoint{{Room: t.Name(), ServerSeq: 5}}
		wantError(t, store.SaveCheckpoints(t.Context(), ahead), core.ErrHistoryLost)
		if at, err := store.Checkpoint(t.Context(), t.Name()); at.ServerSeq != 0 || err != nil {
			t.Errorf("the checkpoint is %d, %v", at.ServerSeq, err)
		}
		wantError(t, store.Append(t.Context(), []*core.Batch{batch(t.Name()+"/none", 2)}), core.ErrHistoryLost)
	}},
	{"ARoomThatHasDocumentsAndNoLogGoesOn", func(t *testing.T, store core.Store) {
		mustSave(t, store, document(t.Name(), 7))
		mustAppend(t, store, batch(t.Name(), 8), batch(t.Name(), 9))
		mustAppend(t, store, batch(t.Name(), 10))
	}},
	{"ManyRoomsAreCheckedEach", func(t *testing.T, store core.Store) {
		const rooms = 150 // more than one statement checks in any database
		first, second := make([]*core.Batch, rooms), make([]*core.Batch, rooms)
		for i := range rooms {
			first[i], second[i] = batch(fmt.Sprint(t.Name(), i), 1), batch(fmt.Sprint(t.Name(), i), 2)
		}
		mustAppend(t, store, first...)
		for _, wrong := range []int{0, 70, rooms - 1} {
			group := slices.Clone(second)
			group[wrong] = batch(fmt.Sprint(t.Name(), wrong), 3)
			wantError(t, store.Append(t.Context(), group), core.ErrHistoryLost)
		}
		mustAppend(t, store, second...)
	}},
	{"TheHeadIsTheLastBatchOfTheLog", func(t *testing.T, store core.Store) {
		wantHead(t, store, 0)
		mustAppend(t, store, history(t.Name(), 5)...)
		mustPrune(t, store, t.Name(), 0, 4)
		wantHead(t, store, 5)
	}},
	{"AStoreIsOpenedAgainInTheSameHistory", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1))
		next := mustReopen(t, store, false)
		if next.Epoch() != store.Epoch() || next.Created() {
			t.Errorf("the epoch was %s and is %s, created: %v", store.Epoch(), next.Epoch(), next.Created())
		}
		mustAppend(t, next, batch(t.Name(), 2))
		wantEnded(t, store)
	}},
	{"AHistoryThatEndsHasNoLaterWrites", func(t *testing.T, store core.Store) {
		mustAppend(t, store, history(t.Name(), 3)...)
		mustSave(t, store, document(t.Name(), 2))
		next := mustReopen(t, store, true)
		if next.Epoch() == store.Epoch() || !next.Created() {
			t.Errorf("the epoch was %s and is %s, created: %v", store.Epoch(), next.Epoch(), next.Created())
		}
		wantEnded(t, store)
		wantLog(t, next, t.Name(), history(t.Name(), 3)...)
		wantDocument(t, readDocuments(t, next, t.Name())["default"], document(t.Name(), 2))
		mustAppend(t, next, batch(t.Name(), 4))
	}},
}

// fencesOfServers test a history that another server or program ends.
var fencesOfServers = []databaseTest{
	{"WhatAnotherServerEndedIsOver", func(t *testing.T, open opener) {
		one, two := open.must(t), open.must(t)
		mustAppend(t, one, history(t.Name(), 3)...)
		next := mustReopen(t, two, true)
		wantEnded(t, one)
		wantLog(t, next, t.Name(), history(t.Name(), 3)...)
		if docs := readDocuments(t, next, t.Name()); len(docs) != 0 {
			t.Errorf("the ended history has written %d documents", len(docs))
		}
		again := mustReopen(t, one, false)
		if again.Epoch() != next.Epoch() || again.Created() {
			t.Errorf("two epochs after one end: %s and %s", next.Epoch(), again.Epoch())
		}
	}},
	{"ALossThatSeveralServersFindEndsOneHistory", func(t *testing.T, open opener) {
		stores := []core.Store{open.must(t), open.must(t), open.must(t)}
		epochs := make(chan string, len(stores))
		for _, s := range stores {
			go func() {
				next, err := s.Reopen(t.Context(), true)
				if err != nil {
					t.Errorf("Reopen: %v", err)
					epochs <- ""
					return
				}
				t.Cleanup(func() { next.Close() })
				epochs <- next.Epoch()
			}()
		}
		first := <-epochs
		for range len(stores) - 1 {
			if e := <-epochs; e != first {
				t.Errorf("epochs %s and %s", first, e)
			}
		}
	}},
	{"NoAppendIsAcknowledgedAfterTheEndOfItsHistory", func(t *testing.T, open opener) {
		writer, ender := open.must(t), open.must(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			mustReopenFrom(t, ender)
		}()
		for seq := int64(1); ; seq++ {
			over := false
			select {
			case <-ended:
				over = true
			default:
			}
			err := writer.Append(t.Context(), []*core.Batch{batch(t.Name(), seq)})
			switch {
			case err == nil && over:
				t.Fatal("an append succeeded after the history had ended")
			case errors.Is(err, core.ErrHistoryChanged):
				return
			case err != nil:
				t.Fatalf("Append: %v", err)
			}
		}
	}},
}

func mustReopenFrom(t *testing.T, store core.Store) {
	next, err := store.Reopen(context.WithoutCancel(t.Context()), true)
	if err != nil {
		t.Errorf("Reopen: %v", err)
		return
	}
	t.Cleanup(func() { next.Close() })
}

func mustReopen(t *testing.T, store core.Store, lost bool) core.Store {
	t.Helper()
	next, err := store.Reopen(t.Context(), lost)
	if err != nil {
		t.Fatalf("Reopen: %v", err)
	}
	t.Cleanup(func() { next.Close() })
	return next
}

// wantEnded expects that all calls of a store whose room has three batches fail.
func wantEnded(t *testing.T, store core.Store) {
	t.Helper()
	for name, err := range map[string]error{
		"Append":          store.Append(t.Context(), []*core.Batch{batch(t.Name(), 4)}),
		"SaveDocuments":   store.SaveDocuments(t.Context(), []core.Document{document(t.Name(), 3)}),
		"SaveCheckpoints": store.SaveCheckpoints(t.Context(), []core.Checkpoint{{Room: t.Name(), ServerSeq: 1}}),
		"Log":             second(store.Log(t.Context(), t.Name(), 0, everything)),
		"Head":            second(store.Head(t.Context(), t.Name())),
		"Ping":            store.Ping(t.Context()),
	} {
		if !errors.Is(err, core.ErrHistoryChanged) {
			t.Errorf("%s: got error %v, want one that wraps %q", name, err, core.ErrHistoryChanged)
		}
	}
}

func wantHead(t *testing.T, store core.Store, want int64) {
	t.Helper()
	if head, err := store.Head(t.Context(), t.Name()); head != want || err != nil {
		t.Errorf("the head is %d, %v, want %d", head, err, want)
	}
}
