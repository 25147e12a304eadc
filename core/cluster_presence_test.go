package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/presence"
)

func users(t *testing.T, r *core.Room) (all []presence.User) {
	t.Helper()
	var list *core.UserList
	r.View(func(v core.View) {
		list = v.Users(func(dst []byte, u *presence.User) []byte {
			text, err := json.Marshal(u)
			if err != nil {
				t.Error(err)
			}
			return append(dst, text...)
		})
	})
	var text []byte
	for !list.Done() {
		text = append(text, list.Next()...)
	}
	if err := json.Unmarshal([]byte("["+strings.TrimPrefix(string(text), ",")+"]"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func replaced(r *core.Room) []string {
	l := r.Listener().(*recorder)
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.replaced)
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// wantSamePresence waits for messages and compares the servers.
func wantSamePresence(t *testing.T, rooms []*core.Room, n int) {
	t.Helper()
	synctest.Wait()
	for i, r := range rooms {
		if got := users(t, r); len(got) != n || !reflect.DeepEqual(got, users(t, rooms[0])) {
			t.Errorf("server %d has %d clients %.300s, server 1 %.300s; want %d clients", i+1, len(got), fmt.Sprint(got), fmt.Sprint(users(t, rooms[0])), n)
		}
	}
}

func connect(t *testing.T, r *core.Room, clientID, userID string) int {
	t.Helper()
	n, err := r.Connect(t.Context(), core.Connection{ClientID: clientID, UserID: userID, DisplayName: clientID})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func onServers(t *testing.T, n int) (*network, []*core.Hub, []*core.Room) {
	t.Helper()
	net, hubs := servers(t, memstore.New(), n)
	var rooms []*core.Room
	for _, h := range hubs {
		rooms = append(rooms, room(t, h, "r"))
	}
	synctest.Wait()
	return net, hubs, rooms
}

func TestPresenceIsTheSameOnAllServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, rooms := onServers(t, 3)
		connect(t, rooms[0], "ann", "")
		connect(t, rooms[1], "ben", "")
		time.Sleep(time.Millisecond)
		wantSamePresence(t, rooms, 2)
		if _, err := rooms[2].UpdatePresence(t.Context(), "ann", "", presence.Update{Field: "title"}); err != nil {
			t.Fatal(err)
		}
		wantSamePresence(t, rooms, 2)
		if got := users(t, rooms[1])[0]; got.Field != "title" || got.DisplayName != "ann" {
			t.Errorf("%+v", got)
		}
		time.Sleep(time.Minute) // the update at another server does not end the presence that the stream keeps
		wantSamePresence(t, rooms, 2)
		if ended := replaced(rooms[0]); len(ended) > 0 {
			t.Errorf("an update at another server has ended the streams of %v", ended)
		}
		if err := rooms[2].Leave("ann", ""); err != nil {
			t.Fatal(err)
		}
		wantSamePresence(t, rooms, 1)
	})
}

func TestRoomThatOpensGetsThePresenceOfOtherServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hubs := servers(t, memstore.New(), 2)
		one := room(t, hubs[0], "r")
		for i := range 1000 {
			connect(t, one, fmt.Sprint("client-", i), "")
		}
		synctest.Wait()
		two := room(t, hubs[1], "r")
		wantSamePresence(t, []*core.Room{one, two}, 1000)
	})
}

func TestLostPresenceMessagesAreMadeUpForByDigests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _, rooms := onServers(t, 2)
		net.cut(func(_, _, topic string) bool { return topic == "presence" })
		connect(t, rooms[0], "ann", "")
		n := connect(t, rooms[0], "ben", "")
		time.Sleep(5 * time.Second)
		wantSamePresence(t, rooms, 2)
		rooms[0].Disconnect("ben", n)
		if err := rooms[0].Leave("ben", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		wantSamePresence(t, rooms, 1)
	})
}

func TestClientsOfDeadServerLeaveAfterPresenceTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _, rooms := onServers(t, 2)
		connect(t, rooms[0], "ann", "")
		connect(t, rooms[1], "ben", "")
		synctest.Wait()
		net.cut(func(string, string, string) bool { return true })
		time.Sleep(14 * time.Second)
		if got := users(t, rooms[1]); len(got) != 2 {
			t.Errorf("before the timeout: %+v", got)
		}
		time.Sleep(6 * time.Second)
		if got := users(t, rooms[1]); len(got) != 1 || got[0].ClientID != "ben" {
			t.Errorf("after the timeout: %+v", got)
		}
		net.cut(nil)
		time.Sleep(5 * time.Second)
		wantSamePresence(t, rooms, 2)
	})
}

// hanging is a store that does not respond to heartbeats from a time on.
type hanging struct {
	core.Store
	hangs atomic.Bool
}

func (s *hanging) SaveNode(ctx context.Context, n core.Node) error {
	if s.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Store.SaveNode(ctx, n)
}

func TestClientsStayPresentEverywhereWhileTheDatabaseDoesNotRespond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{Store: memstore.New()}
		_, hubs := servers(t, store, 2)
		rooms := []*core.Room{room(t, hubs[0], "r"), room(t, hubs[1], "r")}
		connect(t, rooms[0], "ann", "")
		synctest.Wait()
		store.hangs.Store(true)
		time.Sleep(10 * time.Minute)
		wantSamePresence(t, rooms, 1)
		for _, c := range rooms[1].Listener().(*recorder).presenceChanges() {
			if len(c.Left) > 0 {
				t.Fatal("the client was away")
			}
		}
	})
}

func TestClientsOfDrainedServerLeaveWhenItHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hubs, rooms := onServers(t, 2)
		connect(t, rooms[0], "ann", "")
		n := connect(t, rooms[0], "ben", "")
		if err := hubs[0].Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		rooms[0].Disconnect("ben", n)
		connect(t, rooms[1], "ben", "")
		closeHub(t, hubs[0])
		synctest.Wait()
		if got := users(t, rooms[1]); len(got) != 1 || got[0].ClientID != "ben" {
			t.Errorf("%+v", got)
		}
		for _, c := range rooms[1].Listener().(*recorder).presenceChanges() {
			for _, id := range c.Left {
				if id == "ben" {
					t.Error("the client that has moved was away")
				}
			}
		}
	})
}

func TestNewerStreamAtAnotherServerEndsTheOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, rooms := onServers(t, 2)
		connect(t, rooms[0], "ann", "")
		synctest.Wait()
		connect(t, rooms[1], "ann", "")
		synctest.Wait()
		one, two := replaced(rooms[0]), replaced(rooms[1])
		if len(one) != 1 || len(two) != 0 {
			t.Errorf("ended: %v, %v", one, two)
		}
	})
}

// hide opens a stream of a client that is not shown.
func hide(t *testing.T, r *core.Room, clientID, userID string) int {
	t.Helper()
	n, err := r.Connect(t.Context(), core.Connection{ClientID: clientID, UserID: userID, Hidden: true})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNewerHiddenStreamAtAnotherServerEndsTheOlder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, _, rooms := onServers(t, 2)
		hide(t, rooms[0], "ann", "user-1")
		hide(t, rooms[0], "ben", "user-1")
		synctest.Wait()
		_, err := rooms[1].Connect(t.Context(), core.Connection{ClientID: "ann", UserID: "user-2", Hidden: true})
		wantErr(t, err, core.ErrForeignClient)
		hide(t, rooms[1], "ann", "user-1")
		synctest.Wait()
		net.cut(func(_, _, topic string) bool { return topic == "presence" })
		hide(t, rooms[1], "ben", "user-1")
		time.Sleep(5 * time.Second) // a digest makes up for the lost message
		synctest.Wait()
		if one, two := replaced(rooms[0]), replaced(rooms[1]); !slices.Equal(one, []string{"ann", "ben"}) || len(two) != 0 {
			t.Errorf("ended: %v, %v", one, two)
		}
		wantSamePresence(t, rooms, 0)
	})
}

func TestEndOfHiddenStreamReleasesTheClientOnEveryServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, rooms := onServers(t, 2)
		n := hide(t, rooms[0], "ann", "user-1")
		synctest.Wait()
		rooms[0].Disconnect("ann", n)
		synctest.Wait()
		hide(t, rooms[1], "ann", "user-2") // this server does not remember whose it was
		synctest.Wait()
		if one, two := replaced(rooms[0]), replaced(rooms[1]); len(one)+len(two) != 0 {
			t.Errorf("ended: %v, %v", one, two)
		}
	})
}

func TestConcurrentStreamsAtTwoServersLeaveOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i := range 20 {
			_, _, rooms := onServers(t, 2)
			id := fmt.Sprint("ann-", i)
			connect(t, rooms[0], id, "")
			connect(t, rooms[1], id, "") // before the message of the first has arrived, or after
			synctest.Wait()
			one, two := replaced(rooms[0]), replaced(rooms[1])
			if len(one)+len(two) != 1 {
				t.Errorf("ended: %v, %v", one, two)
			}
			wantSamePresence(t, rooms, 1)
		}
	})
}

func TestClientBelongsToItsUserOnEveryServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, rooms := onServers(t, 2)
		connect(t, rooms[0], "ann", "user-1")
		synctest.Wait()
		_, err := rooms[1].Connect(t.Context(), core.Connection{ClientID: "ann", UserID: "user-2"})
		wantErr(t, err, core.ErrForeignClient)
		_, err = rooms[1].UpdatePresence(t.Context(), "ann", "user-2", presence.Update{})
		wantErr(t, err, core.ErrForeignClient)
		wantErr(t, rooms[1].Leave("ann", "user-2"), core.ErrForeignClient)
	})
}

func TestRoomWithClientsOfOtherServersOnlyIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, hubs := servers(t, memstore.New(), 2)
		one := room(t, hubs[0], "r")
		connect(t, one, "ann", "")
		_, release, err := hubs[1].Room(context.Background(), "r")
		if err != nil {
			t.Fatal(err)
		}
		release()
		time.Sleep(3 * time.Minute)
		if _, release, open := hubs[1].RoomIfOpen("r"); open {
			release()
			t.Error("the room is open")
		}
	})
}
