package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// opener opens a database. Each call returns another Store.
type opener func() (core.Store, error)

// must opens the database, and closes it at the end of the test.
func (open opener) must(t *testing.T) core.Store {
	t.Helper()
	store, err := open()
	if err != nil {
		t.Fatalf("opening the database: %v", err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// databaseTest is a test of one database that is opened several times.
type databaseTest struct {
	name string
	run  func(t *testing.T, open opener)
}

var durabilityTests = []databaseTest{
	{"EverythingIsThereAfterReopening", func(t *testing.T, open opener) {
		store := open.must(t)
		epoch := store.Epoch()
		all := history(t.Name(), 50)
		for _, b := range all {
			from("c", b.ServerSeq)(b)
		}
		mustAppend(t, store, all...)
		mustSave(t, store, document(t.Name(), 40))
		if err := store.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}

		store = open.must(t)
		if store.Epoch() != epoch {
			t.Errorf("the epoch was %q and is %q", epoch, store.Epoch())
		}
		wantLog(t, store, t.Name(), all...)
		wantDocument(t, readDocuments(t, store, t.Name())["default"], document(t.Name(), 40))
		wantLastClientSeq(t, store, t.Name(), "c", 50)
		wantError(t, store.Append(t.Context(), all[49:]), core.ErrConflict)
		mustAppend(t, store, batch(t.Name(), 51))
	}},
	{"WhatWasAppendedBeforeClosingSurvivesIt", func(t *testing.T, open opener) {
		store := open.must(t)
		acknowledged := make(chan int64)
		go func() {
			defer close(acknowledged)
			for seq := int64(1); ; seq++ {
				if err := store.Append(t.Context(), []*core.Batch{batch(t.Name(), seq)}); err != nil {
					return
				}
				acknowledged <- seq
			}
		}()
		var last int64
		for seq := range acknowledged {
			if last = seq; seq == 20 {
				go store.Close()
			}
		}
		store.Close()

		if got := int64(len(readLog(t, open.must(t), t.Name(), 0, everything))); got < last {
			t.Fatalf("%d appends were acknowledged, %d are there", last, got)
		}
	}},
	{"TwoServersSeeEachOthersRows", func(t *testing.T, open opener) {
		one, two := open.must(t), open.must(t)
		if one.Epoch() != two.Epoch() {
			t.Errorf("one database has two epochs: %q and %q", one.Epoch(), two.Epoch())
		}
		mustAppend(t, one, batch(t.Name(), 1))
		mustAppend(t, two, batch(t.Name(), 2))
		wantLog(t, one, t.Name(), history(t.Name(), 2)...)
		wantLog(t, two, t.Name(), history(t.Name(), 2)...)
		wantError(t, one.Append(t.Context(), []*core.Batch{batch(t.Name(), 2)}), core.ErrConflict)

		mustSave(t, one, document(t.Name(), 2))
		mustSave(t, two, document(t.Name(), 1))
		wantDocument(t, readDocuments(t, two, t.Name())["default"], document(t.Name(), 2))
	}},
	{"TwoServersNeverForkARoom", func(t *testing.T, open opener) {
		const each = 30
		var wg sync.WaitGroup
		for server := range 2 {
			store := open.must(t)
			wg.Go(func() {
				for n := range int64(each) {
					appendAtEnd(t, store, batch(t.Name(), 0, from(fmt.Sprint("server-", server), n)))
				}
			})
		}
		wg.Wait()
		store := open.must(t)
		for i, b := range readLog(t, store, t.Name(), 0, everything) {
			if b.ServerSeq != int64(i)+1 {
				t.Fatalf("batch %d at position %d", b.ServerSeq, i)
			}
		}
		for server := range 2 {
			for n := range int64(each) {
				if b, err := store.FindBatch(t.Context(), t.Name(), fmt.Sprint("server-", server), n); err != nil || b == nil {
					t.Fatalf("batch %d of server %d: got %v, %v", n, server, b, err)
				}
			}
		}
	}},
	{"OpenedFromManySidesADatabaseIsMadeOnce", func(t *testing.T, open opener) {
		epochs := make([]string, 6)
		var wg sync.WaitGroup
		for i := range epochs {
			wg.Go(func() {
				store, err := open()
				if err != nil {
					t.Errorf("opening the database: %v", err)
					return
				}
				defer store.Close()
				epochs[i] = store.Epoch()
			})
		}
		wg.Wait()
		for _, epoch := range epochs {
			if epoch != epochs[0] || epoch == "" {
				t.Fatalf("got epochs %q, want one", epochs)
			}
		}
	}},
}

// appendAtEnd resolves conflicts as a server does: it reads the log, renumbers the batch and retries.
func appendAtEnd(t *testing.T, store core.Store, b *core.Batch) {
	for {
		log, err := store.Log(t.Context(), b.Room, 0, everything)
		if err != nil {
			t.Errorf("Log: %v", err)
			return
		}
		b.ServerSeq = int64(len(log)) + 1
		switch err := store.Append(t.Context(), []*core.Batch{b}); {
		case err == nil:
			return
		case !errors.Is(err, core.ErrConflict):
			t.Errorf("Append: %v", err)
			return
		}
	}
}
