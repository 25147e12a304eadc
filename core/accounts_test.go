package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// opens asks for a room on accounts, lets go of it at once, and reports whether it was to be had.
func opens(ctx context.Context, h *core.Hub, room string, accounts ...core.Account) bool {
	_, release, err := h.Room(ctx, room, accounts...)
	if err == nil {
		release()
	}
	return !errors.Is(err, core.ErrTooManyRooms)
}

func TestAccountLimitsOpenRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New())
		address, user := core.Account{Name: "address", MaxRooms: 3}, core.Account{Name: "user", MaxRooms: 2}
		for _, ask := range []struct {
			room     string
			accounts []core.Account
			want     bool
		}{
			{"a", []core.Account{address, user}, true},
			{"b", []core.Account{address, user}, true},
			{"c", []core.Account{address, user}, false}, // the user has two
			{"b", []core.Account{address, user}, true},  // it is open
			{"c", []core.Account{address}, true},
			{"d", []core.Account{address}, false},
			{"c", []core.Account{user}, true}, // on the address's account
			{"d", nil, true},                  // on nobody's
		} {
			if got := opens(t.Context(), h, ask.room, ask.accounts...); got != ask.want {
				t.Errorf("%s on %v: %v", ask.room, ask.accounts, got)
			}
		}
		time.Sleep(2 * time.Minute) // all are closed
		for _, room := range []string{"e", "f"} {
			if !opens(t.Context(), h, room, address, user) {
				t.Errorf("%s cannot be opened", room)
			}
		}
	})
}

// The room is opened although nobody waits for it any more, and takes its place.
func TestCancelledRequestDoesNotCancelOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, memstore.New())
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		account := core.Account{Name: "mallory", MaxRooms: 2}
		opened := 0
		for _, room := range []string{"a", "b", "c", "d"} {
			if opens(gone, h, room, account) {
				opened++
			}
			synctest.Wait()
		}
		if opened != 2 {
			t.Errorf("%d rooms were opened", opened)
		}
	})
}

// A room that could not be opened is in the table until it is tried again, and then takes one place and not two.
func TestRetryOfRoomCountsOnceOnAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New(), docs: func() error { return errNoDatabase }}
		h := newHub(t, store)
		account := core.Account{Name: "ada", MaxRooms: 1}
		for range 3 {
			if !opens(t.Context(), h, "a", account) {
				t.Error("the place is taken")
			}
			time.Sleep(2 * time.Second)
		}
	})
}
