package storetest

import (
	"fmt"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var clientTests = []subtest{
	{"ABatchIsFoundByItsSendersNumber", func(t *testing.T, store core.Store) {
		want := batch(t.Name(), 2, from("b", 7), sized(5, 10))
		mustAppend(t, store, batch(t.Name(), 1, from("a", 7)), want, batch(t.Name(), 3, from("b", 8)))
		wantFound(t, store, t.Name(), "b", 7, want)
	}},
	{"AmongManyClientsEachFindsItsOwn", func(t *testing.T, store core.Store) {
		all := make([]*core.Batch, 0, 300)
		for i := range int64(300) {
			all = append(all, batch(t.Name(), i+1, from(fmt.Sprint("client-", i%30), i/30)))
		}
		mustAppend(t, store, all...)
		for _, b := range all {
			wantFound(t, store, t.Name(), b.ClientID, b.ClientSeq, b)
			wantLastClientSeq(t, store, t.Name(), b.ClientID, 9)
		}
	}},
	{"ABatchIsFoundWithItsUser", func(t *testing.T, store core.Store) {
		anns, nobodys := batch(t.Name(), 1, from("a", 1), sized(3, 10)), batch(t.Name(), 2, from("b", 1))
		anns.UserID = "ann"
		mustAppend(t, store, anns, nobodys)
		wantFound(t, store, t.Name(), "a", 1, anns)
		wantFound(t, store, t.Name(), "b", 1, nobodys)
	}},
	{"NoneIsFoundWhereThereIsNone", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("a", 1)))
		wantFound(t, store, t.Name(), "a", 2, nil)
		wantFound(t, store, t.Name(), "b", 1, nil)
		wantFound(t, store, t.Name()+"/other", "a", 1, nil)
	}},
	{"TheNumberZeroIsANumber", func(t *testing.T, store core.Store) {
		want := batch(t.Name(), 1, from("a", 0))
		mustAppend(t, store, want)
		wantFound(t, store, t.Name(), "a", 0, want)
		wantLastClientSeq(t, store, t.Name(), "a", 0)
	}},
	{"ABatchWithoutANumberIsNeverFound", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("a", core.NoClientSeq)))
		wantFound(t, store, t.Name(), "a", core.NoClientSeq, nil)
		wantFound(t, store, t.Name(), "a", 0, nil)
	}},
	{"OfSeveralTheFirstIsFound", func(t *testing.T, store core.Store) {
		first := batch(t.Name(), 2, from("a", 1))
		mustAppend(t, store, batch(t.Name(), 1, from("b", 1)), first)
		mustAppend(t, store, batch(t.Name(), 3, from("a", 1)), batch(t.Name(), 4, from("a", 1)))
		wantFound(t, store, t.Name(), "a", 1, first)
	}},
	{"TheLastNumberIsTheHighest", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("a", 2)), batch(t.Name(), 2, from("a", 10)))
		mustAppend(t, store, batch(t.Name(), 3, from("a", 9)), batch(t.Name(), 4, from("b", 99)))
		wantLastClientSeq(t, store, t.Name(), "a", 10)
	}},
	{"UnnumberedBatchesDoNotCount", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("a", core.NoClientSeq)))
		wantLastClientSeq(t, store, t.Name(), "a", core.NoClientSeq)
		mustAppend(t, store, batch(t.Name(), 2, from("a", 3)), batch(t.Name(), 3, from("a", core.NoClientSeq)))
		wantLastClientSeq(t, store, t.Name(), "a", 3)
	}},
	{"WhoHasSentNothingHasNoNumber", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1, from("a", 3)))
		wantLastClientSeq(t, store, t.Name(), "b", core.NoClientSeq)
		wantLastClientSeq(t, store, t.Name()+"/other", "a", core.NoClientSeq)
	}},
}

func wantFound(t *testing.T, store core.Store, room, clientID string, clientSeq int64, want *core.Batch) {
	t.Helper()
	got, err := store.FindBatch(t.Context(), room, clientID, clientSeq)
	if err != nil {
		t.Fatalf("FindBatch of client %s, number %d: %v", short(clientID), clientSeq, err)
	}
	wantBatch(t, got, want)
}

func wantLastClientSeq(t *testing.T, store core.Store, room, clientID string, want int64) {
	t.Helper()
	got, err := store.LastClientSeq(t.Context(), room, clientID)
	if err != nil {
		t.Fatalf("LastClientSeq of client %s: %v", short(clientID), err)
	}
	if got != want {
		t.Fatalf("the last number of client %s is %d, want %d", short(clientID), got, want)
	}
}
