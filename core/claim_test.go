package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/presence"
)

// by sets the user of a batch.
func by(user string, p *core.Proposal) *core.Proposal {
	p.UserID = user
	return p
}

// use makes every kind of request of a client, as a user.
func use(t *testing.T, r *core.Room, client, user string) map[string]error {
	t.Helper()
	_, numbered := r.Submit(t.Context(), by(user, batch(t, client, 1000, "set x 1")))
	_, unnumbered := r.Submit(t.Context(), by(user, batch(t, client, core.NoClientSeq, "set x 1")))
	_, attending := r.Connect(t.Context(), core.Connection{ClientID: client, UserID: user})
	_, hidden := r.Connect(t.Context(), core.Connection{ClientID: client, UserID: user, Hidden: true})
	_, updating := r.UpdatePresence(t.Context(), client, user, presence.Update{})
	return map[string]error{
		"numbered batch": numbered, "batch": unnumbered, "stream": attending, "hidden stream": hidden, "presence": updating,
		"leaving": r.Leave(client, user),
	}
}

func wantForeign(t *testing.T, r *core.Room, client, user string) {
	t.Helper()
	for what, err := range use(t, r, client, user) {
		if what == "leaving" {
			continue // Leave checks the owner only of clients in memory
		}
		if !errors.Is(err, core.ErrForeignClient) {
			t.Errorf("%s of %s by %s: %v", what, client, user, err)
		}
	}
}

func TestClientBelongsToItsFirstUser(t *testing.T) {
	h := newHub(t, memstore.New())
	for what, first := range map[string]func(*core.Room) error{
		"by a numbered batch": func(r *core.Room) error {
			_, err := r.Submit(t.Context(), by("ann", batch(t, "c", 1, "set x 1")))
			return err
		},
		"by a batch": func(r *core.Room) error {
			_, err := r.Submit(t.Context(), by("ann", batch(t, "c", core.NoClientSeq, "set x 1")))
			return err
		},
		"by a stream": func(r *core.Room) error {
			_, err := r.Connect(t.Context(), core.Connection{ClientID: "c", UserID: "ann"})
			return err
		},
		"by a hidden stream": func(r *core.Room) error {
			_, err := r.Connect(t.Context(), core.Connection{ClientID: "c", UserID: "ann", Hidden: true})
			return err
		},
		"by presence": func(r *core.Room) error {
			_, err := r.UpdatePresence(t.Context(), "c", "ann", presence.Update{})
			return err
		},
	} {
		r := room(t, h, what)
		if err := first(r); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		wantForeign(t, r, "c", "mallory")
		for doing, err := range use(t, r, "c", "ann") {
			if err != nil {
				t.Errorf("%s, then %s: %v", what, doing, err)
			}
		}
		for doing, err := range use(t, room(t, h, what+", elsewhere"), "c", "mallory") {
			if err != nil {
				t.Errorf("in another room, %s: %v", doing, err)
			}
		}
	}
}

func TestClientHasNoOwnerWithoutAuthentication(t *testing.T) {
	r := room(t, newHub(t, memstore.New()), "r")
	submit(t, r, by("ann", batch(t, "c", 1, "set x 1")))
	for what, err := range use(t, r, "c", "") {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The room is opened again, so its memory is empty and the log has the owner.
func TestLogKeepsOwnerOfClient(t *testing.T) {
	store := memstore.New()
	h := newHub(t, store)
	submit(t, room(t, h, "r"), by("ann", batch(t, "c", 1, "set x 1")))
	closeHub(t, h)
	wantForeign(t, room(t, newHub(t, store), "r"), "c", "mallory")
}

// A user with more clients than dedup remembers cannot use an evicted client of another user.
func TestClientKeepsItsOwnerAfterEvictionFromDedup(t *testing.T) {
	r := room(t, newHub(t, memstore.New()), "r")
	submit(t, r, by("ann", batch(t, "c", 1, "set x 1")))
	for n := range 5000 {
		if _, err := r.Connect(t.Context(), core.Connection{ClientID: fmt.Sprint(n), UserID: "mallory", Hidden: true}); err != nil {
			t.Fatal(err)
		}
	}
	wantForeign(t, r, "c", "mallory")
	submit(t, r, by("ann", batch(t, "c", 2, "set x 2")))
}

func TestLogHasTheUserOfABatch(t *testing.T) {
	store := memstore.New()
	r := room(t, newHub(t, store), "r")
	if a := submit(t, r, by("ann", batch(t, "c", 1, "set x 1"))); a.Batch.UserID != "ann" {
		t.Errorf("the answer's user is %q", a.Batch.UserID)
	}
	b, err := store.FindBatch(t.Context(), "r", "c", 1)
	if err != nil || b.UserID != "ann" {
		t.Errorf("the log has %+v, %v", b, err)
	}
	// A repeat without a user is a duplicate, too.
	if a := submit(t, r, batch(t, "c", 1, "set x 1")); !a.Duplicate || a.Batch.UserID != "ann" {
		t.Errorf("%+v", a.Batch)
	}
}

// awayStore fails all reads of clients.
type awayStore struct{ core.Store }

func (awayStore) LastClientSeq(ctx context.Context, _, _ string) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestPresenceWorksWhileLogIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, awayStore{memstore.New()})
		r := room(t, h, "r")
		began := time.Now()
		if _, err := r.Connect(t.Context(), core.Connection{ClientID: "c", UserID: "ann"}); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("it waited for %v", waited)
		}
		if _, err := r.UpdatePresence(t.Context(), "c", "mallory", presence.Update{}); !errors.Is(err, core.ErrForeignClient) {
			t.Errorf("what memory knows is forgotten: %v", err)
		}
		if _, err := r.Submit(t.Context(), by("ann", batch(t, "d", 1, "set x 1"))); !errors.Is(err, core.ErrUnavailable) {
			t.Errorf("a batch: %v", err)
		}
	})
}
