package memstore_test

import (
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) core.Store { return memstore.New() })
}

func TestEachStoreHasItsOwnEpoch(t *testing.T) {
	if a, b := memstore.New().Epoch(), memstore.New().Epoch(); a == b {
		t.Fatalf("two stores have the epoch %q", a)
	}
}
