package storetest

import (
	"regexp"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var epochTests = []subtest{
	{"AnEpochFitsIntoAnEventID", func(t *testing.T, store core.Store) {
		// An event id is `<epoch>-<serverSeq>`, in a header, a query parameter and a URL.
		if epoch := store.Epoch(); !regexp.MustCompile(`^[a-z0-9]{4,32}$`).MatchString(epoch) {
			t.Fatalf("got epoch %q, want 4 to 32 letters and digits", epoch)
		}
	}},
	{"AnEpochStaysWhatItIs", func(t *testing.T, store core.Store) {
		before := store.Epoch()
		mustAppend(t, store, batch(t.Name(), 1))
		if after := store.Epoch(); after != before {
			t.Fatalf("the epoch was %q and became %q", before, after)
		}
	}},
}
