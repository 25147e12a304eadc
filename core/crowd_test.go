package core_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/presence"
)

// crowded opens a room with many readers.
func crowded(t *testing.T, readers int) (*core.Room, *recorder) {
	t.Helper()
	r := room(t, newHub(t, memstore.New()), "room")
	l := r.Listener().(*recorder)
	l.readers = readers
	return r, l
}

// arrive makes clients present, one each millisecond.
func arrive(t *testing.T, r *core.Room, clients int) {
	t.Helper()
	for i := range clients {
		if _, err := r.UpdatePresence(t.Context(), fmt.Sprint("c", i), "", presence.Update{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestArrivalAndLeaveOfACrowdAreFewChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 1000
		r, l := crowded(t, 2000)
		arrive(t, r, clients)
		time.Sleep(time.Second)
		joined, left := 0, 0
		for _, c := range l.presenceChanges() {
			joined += len(c.Joined)
		}
		if n := len(l.presenceChanges()); joined != clients || n > 4 {
			t.Errorf("%d changes with %d clients that joined", n, joined)
		}
		before := len(l.presenceChanges())
		time.Sleep(20 * time.Second) // the leases end, one each millisecond
		changes := l.presenceChanges()[before:]
		for _, c := range changes {
			left += len(c.Left)
		}
		if left != clients || len(changes) > 4 {
			t.Errorf("%d changes with %d clients that left", len(changes), left)
		}
	})
}

func TestChangeInASmallRoomIsNotDelayedFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := crowded(t, 200)
		arrive(t, r, 200)
		time.Sleep(time.Second)
		before := len(l.presenceChanges())
		arrive(t, r, 1) // unchanged
		if _, err := r.UpdatePresence(t.Context(), "c1", "", presence.Update{Field: "x"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		if n := len(l.presenceChanges()) - before; n != 1 {
			t.Errorf("%d changes after the shortest window", n)
		}
	})
}

// The timer of a room visits all clients, so it must not fire at each change.
func TestPresenceTimerDoesNotFireAtEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := crowded(t, 2000)
		arrive(t, r, 1000)
		if n := l.readersAsked(); n > 50 {
			t.Errorf("the timer fired %d times for 1000 changes in a second", n)
		}
	})
}

// It does not matter whether a client has changed: anonymous readers join, too.
func TestReadersThatWaitForTheListGetItAtTheEndOfTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := crowded(t, 1000)
		arrive(t, r, 1000)
		time.Sleep(5 * time.Second)
		changes, waiting := len(l.presenceChanges()), 0
		for range 100 {
			r.View(func(v core.View) {
				if !v.ListAtOnce() {
					waiting++
				}
			})
		}
		if waiting == 0 || waiting == 100 {
			t.Fatalf("%d of 100 readers wait", waiting)
		}
		if l.listsWereDue() != 0 {
			t.Error("the lists are due at once")
		}
		time.Sleep(presence.MaxWindow)
		synctest.Wait()
		if l.listsWereDue() != 1 || len(l.presenceChanges()) != changes {
			t.Errorf("the lists were due %d times, with %d changes", l.listsWereDue(), len(l.presenceChanges())-changes)
		}
	})
}
