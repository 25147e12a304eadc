package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

func TestOpenRoomsAreListedPageByPageInTheOrderOfTheirOpening(t *testing.T) {
	h := newHub(t, memstore.New())
	var want []string
	for i := range 5 {
		name := fmt.Sprint("room ", 9-i)
		submit(t, room(t, h, name), batch(t, "ann", 1, "set title 1"))
		want = append(want, name)
	}
	var got []string
	for after, pages := "", 0; ; pages++ {
		page, next, err := h.OpenRooms(after, 2)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, r := range page {
			got = append(got, r.Name)
			if !r.Open || r.ServerSeq != 1 || r.Documents != 1 || r.Bytes != int64(len(`{"title":1}`)) || time.Since(time.UnixMilli(r.LastWrite)).Abs() > time.Hour {
				t.Errorf("%+v", r)
			}
		}
		if after = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, _, err := h.OpenRooms("x", 2); !errors.Is(err, core.ErrInvalidPosition) {
		t.Errorf("after an invalid position: %v", err)
	}
}

func TestStoredRoomsHaveTheNumbersOfMemoryWhileTheyAreOpen(t *testing.T) {
	store := memstore.New()
	first := newHub(t, store)
	submit(t, room(t, first, "closed"), batch(t, "ann", 1, "set title 1"))
	closeHub(t, first)
	h := newHub(t, store)
	submit(t, room(t, h, "open"), batch(t, "ann", 1, "set title 1"))
	var all []core.RoomInfo
	for after := ""; ; {
		page, next, err := h.StoredRooms(t.Context(), after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 1 {
			t.Fatalf("a page has %d rooms", len(page))
		}
		all = append(all, page...)
		if after = next; next == "" {
			break
		}
	}
	if len(all) != 2 || all[0].Name != "closed" || all[1].Name != "open" {
		t.Fatalf("%+v", all)
	}
	for i, r := range all {
		if r.Open != (i == 1) || r.ServerSeq != 1 || r.Documents != 1 || r.Bytes == 0 || r.LastWrite == 0 {
			t.Errorf("%+v", r)
		}
	}
	page, next, err := h.StoredRooms(t.Context(), "", 2)
	if len(page) != 2 || err != nil {
		t.Errorf("%+v, %q, %v", page, next, err)
	}
	for _, after := range []string{"\xff", "a\x00", "\xed\xa0\x80"} { // no database has such a name, and some refuse it
		if _, _, err := h.StoredRooms(t.Context(), after, 2); !errors.Is(err, core.ErrInvalidPosition) {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

func TestListOfStoredRoomsFailsWhileTheDatabaseIsUnavailable(t *testing.T) {
	h := newHub(t, unlisted{memstore.New()})
	if _, _, err := h.StoredRooms(t.Context(), "", 10); !errors.Is(err, core.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// unlisted is a store that cannot list its rooms.
type unlisted struct{ core.Store }

func (unlisted) RoomAfter(context.Context, string) (core.StoredRoom, error) {
	return core.StoredRoom{}, errNoDatabase
}
