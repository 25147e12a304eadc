package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
)

// application is a loader whose results the test sets.
type application struct {
	mu      sync.Mutex
	loads   []string
	respond func(ctx context.Context, room string) (map[string]json.RawMessage, error)
}

func (a *application) LoadInitialState(ctx context.Context, room string) (map[string]json.RawMessage, error) {
	a.mu.Lock()
	a.loads = append(a.loads, room)
	respond := a.respond
	a.mu.Unlock()
	return respond(ctx, room)
}

func (a *application) loadCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.loads)
}

func (a *application) respondWith(respond func(ctx context.Context, room string) (map[string]json.RawMessage, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.respond = respond
}

// newApplication returns an application with these documents for each room, as alternating keys and JSON.
func newApplication(keysAndStates ...string) *application {
	a := new(application)
	a.respondWith(states(keysAndStates...))
	return a
}

func states(keysAndStates ...string) func(context.Context, string) (map[string]json.RawMessage, error) {
	return func(context.Context, string) (map[string]json.RawMessage, error) {
		stores := map[string]json.RawMessage{}
		for i := 0; i < len(keysAndStates); i += 2 {
			stores[keysAndStates[i]] = json.RawMessage(keysAndStates[i+1])
		}
		return stores, nil
	}
}

func failing(err error) func(context.Context, string) (map[string]json.RawMessage, error) {
	return func(context.Context, string) (map[string]json.RawMessage, error) { return nil, err }
}

func loading(a *application) func(*core.Config) {
	return func(c *core.Config) { c.InitialState = a }
}

// contents formats a room as `key: state @serverSeq`, one line for each document.
func contents(r *core.Room) string {
	var b strings.Builder
	r.View(func(v core.View) {
		for _, key := range v.Keys() {
			state, seq, _ := v.Document(key)
			fmt.Fprintf(&b, "%s: %s @%d\n", key, state, seq)
		}
	})
	return b.String()
}

func wantContents(t *testing.T, r *core.Room, want string) {
	t.Helper()
	if got := contents(r); got != want {
		t.Errorf("the room has\n%s, want\n%s", got, want)
	}
}

func cannotOpen(t *testing.T, h *core.Hub, name string, want error) {
	t.Helper()
	if _, _, err := h.Room(t.Context(), name); !errors.Is(err, want) {
		t.Errorf("opening %q: %v, want %v", name, err, want)
	}
}

func TestNewRoomGetsInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		a := newApplication("notes", `{"n":1.0}`, "default", `{"tasks":[{"_sync_id":"a"}]}`)
		began := "default: {\"tasks\":[{\"_sync_id\":\"a\"}]} @1\nnotes: {\"n\":1.0} @2\n"
		h := newHub(t, store, loading(a))
		wantContents(t, room(t, h, "room"), began)

		log, err := store.Log(t.Context(), "room", 0, core.Page{Batches: 10, Bytes: 1 << 20})
		if err != nil || len(log) != 2 {
			t.Fatalf("%v, %v", log, err)
		}
		for i, key := range []string{"default", "notes"} {
			b := log[i]
			if b.Key != key || b.ClientID != core.InitialStateClientID || b.UserID != "" || b.ClientSeq != core.NoClientSeq || len(b.Ops) != 1 || b.Ops[0].Kind != "init" {
				t.Errorf("%+v", b)
			}
		}
		a.respondWith(states("default", `{"other":true}`))
		wantContents(t, room(t, h, "room"), began)
		wantContents(t, room(t, newHub(t, store, loading(a)), "room"), began) // as after a crash, before a row is written
		time.Sleep(5 * time.Second)
		wantContents(t, room(t, newHub(t, store, loading(a)), "room"), began)
		if n := a.loadCount(); n != 1 {
			t.Errorf("it was loaded %d times", n)
		}
	})
}

func TestInitialStateGetsIDsInArrays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		a := newApplication("default", `{"tasks":[{"title":"x"},{"title":"y"}]}`)
		got := contents(room(t, newHub(t, store, loading(a)), "room"))
		ids := regexp.MustCompile(`"_sync_id":"(\w{20,})"`).FindAllStringSubmatch(got, -1)
		if len(ids) != 2 || ids[0][1] == ids[1][1] {
			t.Errorf("the room has %s", got)
		}
		wantContents(t, room(t, newHub(t, store), "room"), got)
	})
}

func TestRoomWithHistoryLoadsNoInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		submit(t, room(t, newHub(t, store), "written"), batch(t, "ann", 1, "set x 1"))
		submit(t, room(t, newHub(t, store), "refused"), batch(t, "ann", 1, "delete nothing"))
		a := newApplication("default", `{"y":2}`)
		h := newHub(t, store, loading(a))
		wantContents(t, room(t, h, "written"), "default: {\"x\":1} @1\n")
		wantContents(t, room(t, h, "refused"), "")
		if n := a.loadCount(); n != 0 {
			t.Errorf("it was loaded %d times", n)
		}
	})
}

func TestEmptyInitialStateIsLoadedAgainAtNextOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApplication()
		h := newHub(t, memstore.New(), loading(a))
		_, release, err := h.Room(t.Context(), "room")
		if err != nil {
			t.Fatal(err)
		}
		wantContents(t, room(t, h, "other"), "")
		release()
		a.respondWith(states("default", `{"x":1}`))
		time.Sleep(2 * time.Minute) // the room is closed
		wantContents(t, room(t, h, "room"), "default: {\"x\":1} @1\n")
	})
}

func TestConcurrentOpeningsLoadInitialStateOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(application)
		a.respondWith(func(context.Context, string) (map[string]json.RawMessage, error) {
			time.Sleep(time.Second)
			return map[string]json.RawMessage{"default": json.RawMessage(`{"x":1}`)}, nil
		})
		h := newHub(t, memstore.New(), loading(a))
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				r := room(t, h, "room")
				wantContents(t, r, "default: {\"x\":1} @1\n")
				if got := submit(t, r, batch(t, fmt.Sprint("c", i), 1, `init "" {"mine":true}`)); got.Batch.Ops[0].Discarded != "exists" {
					t.Errorf("an init of a joiner: %+v", got.Batch)
				}
			})
		}
		all.Wait()
		if n := a.loadCount(); n != 1 {
			t.Errorf("it was loaded %d times", n)
		}
	})
}

// A room is opened with its whole initial state or not at all.
func TestRoomIsNotOpenedWithoutInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(application)
		a.respondWith(failing(errors.New("502 Bad Gateway")))
		h := newHub(t, memstore.New(), loading(a))
		for range 50 {
			cannotOpen(t, h, "room", core.ErrNoInitialState)
		}
		if n := a.loadCount(); n != 1 {
			t.Errorf("it was loaded %d times at once", n)
		}
		a.respondWith(states("default", `{"x":1}`))
		time.Sleep(time.Second)
		wantContents(t, room(t, h, "room"), "default: {\"x\":1} @1\n")
	})
}

func TestInvalidInitialStateIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	many := func(context.Context, string) (map[string]json.RawMessage, error) {
		stores := map[string]json.RawMessage{}
		for i := range 1001 {
			stores[fmt.Sprint(i)] = json.RawMessage("{}")
		}
		return stores, nil
	}
	for name, respond := range map[string]func(context.Context, string) (map[string]json.RawMessage, error){
		"no JSON":          states("default", `{`),
		"nothing":          states("default", ``),
		"trailing garbage": states("default", `{}{}`),
		"too deep":         states("default", deep),
		"too large":        states("good", `{}`, "default", `"`+strings.Repeat("x", 2000)+`"`),
		"a name":           states("good", `{}`, " x", `{}`),
		"no name":          states("", `{}`),
		"a long name":      states(strings.Repeat("k", 256), `{}`),
		"pollution":        states("default", `{"__proto__":{}}`),
		"a huge number":    states("default", `{"n":1e999}`),
		"too many":         many,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New()
				a := new(application)
				a.respondWith(respond)
				h := newHub(t, store, loading(a), func(c *core.Config) { c.MaxDocumentBytes = 1024 })
				cannotOpen(t, h, "room", core.ErrNoInitialState)
				if log, err := store.Log(t.Context(), "room", 0, core.Page{Batches: 1, Bytes: 1}); len(log) > 0 || err != nil {
					t.Errorf("the log has %+v, %v", log, err)
				}
			})
		})
	}
}

func TestSlowInitialStateTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(application)
		a.respondWith(func(ctx context.Context, _ string) (map[string]json.RawMessage, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		h := newHub(t, memstore.New(), loading(a))
		began := time.Now()
		cannotOpen(t, h, "room", core.ErrNoInitialState)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestInitialStateLoadsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const atOnce = 32
		goOn := make(chan bool)
		a := new(application)
		a.respondWith(func(context.Context, string) (map[string]json.RawMessage, error) { <-goOn; return nil, nil })
		h := newHub(t, memstore.New(), loading(a))
		var all sync.WaitGroup
		for i := range 2 * atOnce {
			all.Go(func() { room(t, h, fmt.Sprint(i)) })
		}
		synctest.Wait()
		if n := a.loadCount(); n != atOnce {
			t.Errorf("%d were under way", n)
		}
		close(goOn)
		all.Wait()
		if n := a.loadCount(); n != 2*atOnce {
			t.Errorf("%d loads are running", n)
		}
	})
}

func TestCloseDoesNotWaitForInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := new(application)
		a.respondWith(func(ctx context.Context, _ string) (map[string]json.RawMessage, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		h := newHub(t, memstore.New(), loading(a))
		go cannotOpen(t, h, "room", core.ErrClosing)
		synctest.Wait()
		began := time.Now()
		closeHub(t, h)
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// Two servers load the initial state, and the first one sets it. Readers of both see the same.
func TestFirstOfTwoServersSetsInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		first := newApplication("default", `{"first":true}`, "notes", `{}`)
		second := newApplication("default", `{"second":true}`)
		store.append = func(_ context.Context, _ []*core.Batch, do func() error) error {
			store.hook(func() { store.append = nil })
			room(t, newHub(t, store, loading(first)), "room")
			return do()
		}
		r := room(t, newHub(t, store, loading(second)), "room")
		wantContents(t, r, "default: {\"first\":true} @1\nnotes: {} @2\n")
		submit(t, r, batch(t, "ann", 1, "set x 1"))
		wantContents(t, r, "default: {\"first\":true,\"x\":1} @3\nnotes: {} @2\n")
	})
}

// One transaction has all documents, so the room never begins with a part of them.
func TestInitialStateWithUnknownFateIsFoundAtNextOpening(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := &faultyStore{Store: memstore.New()}
			a := newApplication("default", `{"x":1}`, "notes", `{}`)
			store.append = func(_ context.Context, batches []*core.Batch, do func() error) error {
				if len(batches) != 2 {
					t.Errorf("a transaction of %d", len(batches))
				}
				if arrives {
					_ = do()
				}
				return errNoDatabase
			}
			h := newHub(t, store, loading(a))
			cannotOpen(t, h, "room", core.ErrUnavailable)
			store.hook(func() { store.append = nil })
			time.Sleep(time.Second)
			wantContents(t, room(t, h, "room"), "default: {\"x\":1} @1\nnotes: {} @2\n")
			if n := a.loadCount(); (n == 1) != arrives {
				t.Errorf("arrives: %v; it was loaded %d times", arrives, n)
			}
		})
	}
}

func TestRejectedInitialStateDoesNotOpenTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &faultyStore{Store: memstore.New()}
		store.append = func(context.Context, []*core.Batch, func() error) error { return core.ErrRejected }
		cannotOpen(t, newHub(t, store, loading(newApplication("default", `{}`))), "room", core.ErrNoInitialState)
	})
}
