package core_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// large returns an op that sets a member to a text of n bytes.
func large(bytes int) string { return `set text "` + strings.Repeat("x", bytes) + `"` }

const budget = 1 << 20

func newTightHub(t *testing.T, adjust ...func(*core.Config)) *core.Hub {
	return newHub(t, memstore.New(), append(adjust, func(c *core.Config) { c.MemoryBudget = budget })...)
}

func TestNoRoomIsOpenedOverMemoryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := newTightHub(t, func(c *core.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		used := room(t, h, "used")
		submit(t, used, batch(t, "ann", 1, large(budget)))
		for range 100 {
			if _, _, err := h.Room(t.Context(), "other"); !errors.Is(err, core.ErrOverloaded) {
				t.Fatalf("err = %v", err)
			}
		}
		if n := strings.Count(log.String(), "no further room can be opened"); n != 1 {
			t.Errorf("it is logged %d times", n)
		}
		submit(t, used, batch(t, "ann", 2, "set n 1")) // open rooms accept batches
		room(t, h, "used")
		submit(t, used, batch(t, "ann", 3, `set text "short"`))
		room(t, h, "other")
	})
}

func TestUnusedRoomsAreClosedFirstOverMemoryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTightHub(t)
		used := room(t, h, "used")
		for i := range 50 {
			r, release, err := h.Room(t.Context(), fmt.Sprint("passing", i))
			if err != nil {
				t.Fatalf("room %d: %v", i, err)
			}
			submit(t, r, batch(t, "ann", 1, large(budget)))
			release()
			time.Sleep(2 * time.Second) // until its row is written
		}
		if again := room(t, h, "used"); again != used {
			t.Error("a room in use was closed")
		}
		again := room(t, h, "passing0")
		if json, _ := document(again); !strings.Contains(json, "xxxx") {
			t.Errorf("what was closed has lost its document: %.100s", json)
		}
	})
}

// No other room has to be opened for this.
func TestUnusedRoomsAreClosedEarlyOverMemoryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTightHub(t, func(c *core.Config) { c.RoomIdle = time.Hour })
		r, release, err := h.Room(t.Context(), "passing")
		if err != nil {
			t.Fatal(err)
		}
		submit(t, r, batch(t, "ann", 1, large(budget)))
		release()
		time.Sleep(16 * time.Minute)
		if r.Err() == nil {
			t.Error("the room is still open")
		}
	})
}

func TestListenerMemoryIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTightHub(t)
		r := room(t, h, "busy")
		l := r.Listener().(*recorder)
		l.mu.Lock()
		l.bytes = budget
		l.mu.Unlock()
		submit(t, r, batch(t, "ann", 1, "set n 1"))
		if _, _, err := h.Room(t.Context(), "other"); !errors.Is(err, core.ErrOverloaded) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestRoomReadFromDatabaseUsesSameMemoryAsWrittenRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		first := newHub(t, store)
		submit(t, room(t, first, "r"), batch(t, "ann", 1, large(budget)))
		closeHub(t, first)
		h := newHub(t, store, func(c *core.Config) { c.MemoryBudget = budget })
		room(t, h, "r")
		if _, _, err := h.Room(t.Context(), "other"); !errors.Is(err, core.ErrOverloaded) {
			t.Errorf("err = %v", err)
		}
	})
}
