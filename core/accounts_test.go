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

// opens opens a room on accounts, releases it, and reports success.
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
		for _, c := range []struct {
			room     string
			accounts []core.Account
			want     bool
		}{
			{"a", []core.Account{address, user}, true},
			{"b", []core.Account{address, user}, true},
			{"c", []core.Account{address, user}, false}, // the user has two rooms
			{"b", []core.Account{address, user}, true},  // the room is open
			{"c", []core.Account{address}, true},
			{"d", []core.Account{address}, false},
			{"c", []core.Account{user}, true}, // counts on the address
			{"d", nil, true},                  // counts on no account
		} {
			if got := opens(t.Context(), h, c.room, c.accounts...); got != c.want {
				t.Errorf("%s on %v: %v", c.room, c.accounts, got)
			}
		}
		time.Sleep(2 * time.Minute) // all rooms are closed
		for _, room := range []string{"e", "f"} {
			if !opens(t.Context(), h, room, address, user) {
				t.Errorf("%s cannot be opened", room)
			}
		}
	})
}

// The room is opened although no request waits for it, and counts on the account.
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

// A room that could not be opened stays in the table until it is retried. It counts once.
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
