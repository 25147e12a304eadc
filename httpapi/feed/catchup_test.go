package feed

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// newRoom returns a room, and a function that sets a member to a text.
func newRoom(t *testing.T) (room *core.Room, set func(value string)) {
	t.Helper()
	feeds := NewSet(Config{}.WithDefaults())
	hub := core.NewHub(core.Config{Store: memstore.New(), Listen: feeds.Listen})
	room, release, err := hub.Room(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		release()
		feeds.Close()
		if err := hub.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return room, func(value string) {
		t.Helper()
		body := []byte(`{"clientId":"ada","key":"default","ops":[{"op":"set","path":"x","value":"` + value + `"}]}`)
		p, err := wire.DecodeBatch(body, wire.Limits{MaxBytes: 2 << 20, MaxOps: 1000, MaxDepth: 64})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := room.Submit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
}

// Framing the documents under the room's lock would allocate their size there.
func TestFullStateIsFramedWithoutTheLock(t *testing.T) {
	room, set := newRoom(t)
	set(strings.Repeat("x", 1<<20))
	f := Of(room)
	var before, after runtime.MemStats
	var full *fullState
	room.View(func(v core.View) {
		runtime.ReadMemStats(&before)
		full = f.fullState(v)
		runtime.ReadMemStats(&after)
	})
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 100<<10 {
		t.Errorf("1 MiB of documents takes %d bytes under the lock", bytes)
	}
	set("later")
	if full.frames(); len(full.text.Bytes()) < 1<<20 {
		t.Errorf("the frames have %d bytes", len(full.text.Bytes()))
	}
}

// Readers that join share one encoding of the documents until the later batches are larger than the documents.
func TestJoinersShareOneFramingOfTheDocuments(t *testing.T) {
	room, set := newRoom(t)
	framedAt := func() int64 {
		f := Of(room)
		f.CatchUp(t.Context(), room, Reader{From: wire.Nowhere})
		return f.full.seq
	}
	set(strings.Repeat("x", 10_000))
	first := framedAt()
	for range 5 {
		set("small")
		if framedAt() != first {
			t.Fatal("the documents were framed again after a small change")
		}
	}
	set(strings.Repeat("y", 11_000))
	if framedAt() == first {
		t.Error("the later batches are larger than the documents, and the documents were not framed again")
	}
}
