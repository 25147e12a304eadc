package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// outageVariable has each outage last for so long, as in PATHSYNC_TEST_OUTAGE=30s. By default one lasts until everybody
// has felt it.
const outageVariable = "PATHSYNC_TEST_OUTAGE"

// The database goes away under load, in each of the ways in which networks fail, and comes back. Meanwhile writes are
// refused in good time and reads go on; afterwards all that was accepted is in the log, once.
func TestAnOutageLosesNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		if e.name == "SQLite" {
			t.Skip("there is no network before a file")
		}
		dsn := e.newDSN(t)
		relay, relayed := dbtest.Relayed(t, dsn)
		limit := e.patience(t, dsn)
		crowd := newCrowd(t, newHub(t, openDSN(t, relayed), limit), limit)
		for _, outage := range []struct {
			name  string
			begin func()
		}{
			{"connections are broken and refused", relay.Cut},
			{"nothing passes", relay.Stall},
			{"answers are lost", func() {
				relay.StallAnswers()
				crowd.awaitRefusals(t)
				relay.Cut()
			}},
		} {
			t.Log(outage.name)
			crowd.awaitAnswers(t)
			outage.begin()
			crowd.awaitRefusals(t)
			crowd.read(t)
			if d, err := time.ParseDuration(os.Getenv(outageVariable)); err == nil {
				<-time.After(d)
				crowd.read(t)
			}
			relay.Heal()
		}
		crowd.awaitAnswers(t)
		relay.Reset() // a passing trouble, which may not even be felt
		crowd.awaitAnswers(t)
		crowd.leave()
		crowd.wantEverythingOnce(t, openDSN(t, dsn))
	})
}

func TestUnresponsiveDatabaseTimesOut(t *testing.T) {
	server := dbtest.NewPostgres(t)
	relay, dsn := dbtest.Relayed(t, server.DSN+"?sslmode=disable&connect_timeout=1")
	relay.Stall()
	_, err := Open(t.Context(), dsn) // without a limit of its own
	dbtest.WantOutage(t, err, "opening database postgres", "it does not respond in time")
	dbtest.WantNoSecret(t, err, dsn)
}

// crowd is clients that write all the time. Each sends a batch, under the same number, until it is accepted.
type crowd struct {
	hub     *core.Hub
	limit   time.Duration // of a call
	rooms   []*core.Room
	clients []*client
	stop    chan struct{}
	running sync.WaitGroup
}

type client struct {
	id       string
	room     *core.Room
	accepted atomic.Int64 // this and all before
	refused  atomic.Int64
}

func newCrowd(t *testing.T, hub *core.Hub, limit time.Duration) *crowd {
	c := &crowd{hub: hub, limit: limit, stop: make(chan struct{})}
	for r := range 4 {
		room := openRoom(t, hub, fmt.Sprint("room-", r))
		c.rooms = append(c.rooms, room)
		for n := range 4 {
			c.clients = append(c.clients, &client{id: fmt.Sprintf("client-%d-%d", r, n), room: room})
		}
	}
	for _, client := range c.clients {
		c.running.Go(func() { client.write(t, c.stop, c.limit) })
	}
	t.Cleanup(c.leave)
	return c
}

// write ends after a batch that was accepted, so that the fate of all is known.
func (c *client) write(t *testing.T, stop <-chan struct{}, limit time.Duration) {
	for seq := int64(1); ; {
		started := time.Now()
		_, err := c.room.Submit(t.Context(), setNumber(c.id, c.id, seq))
		if took := time.Since(started); took > max(5*time.Second, 3*limit) {
			t.Errorf("%s waited %v", c.id, took)
		}
		switch {
		case err == nil:
			c.accepted.Store(seq)
			seq++
			select {
			case <-stop:
				return
			default:
			}
		case t.Context().Err() != nil: // the test has failed
			return
		case errors.Is(err, core.ErrUnavailable):
			c.refused.Add(1)
			<-time.After(time.Millisecond) // as a client would, if for longer
		default:
			t.Errorf("%s: %v", c.id, err)
			return
		}
	}
}

// leave ends the writing.
func (c *crowd) leave() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.running.Wait()
}

// awaitAnswers waits until each client has had something accepted that it sends from now on.
func (c *crowd) awaitAnswers(t *testing.T) {
	t.Helper()
	c.await(t, "accepted", 2, func(client *client) int64 { return client.accepted.Load() })
}

// awaitRefusals waits until each client has been refused.
func (c *crowd) awaitRefusals(t *testing.T) {
	t.Helper()
	c.await(t, "refused", 1, func(client *client) int64 { return client.refused.Load() })
}

func (c *crowd) await(t *testing.T, what string, more int64, count func(*client) int64) {
	t.Helper()
	deadline := time.After(max(30*time.Second, 15*c.limit))
	for _, client := range c.clients {
		for target := count(client) + more; count(client) < target; {
			select {
			case <-time.After(time.Millisecond):
			case <-deadline:
				t.Fatalf("nothing of %s is %s", client.id, what)
			}
		}
	}
}

// read reads all rooms, which takes no database.
func (c *crowd) read(t *testing.T) {
	t.Helper()
	for _, room := range c.rooms {
		same, release, err := c.hub.Room(t.Context(), room.Name())
		if err != nil {
			t.Fatalf("reading while the database is away: %v", err)
		}
		same.View(func(v core.View) {
			if json, _, ok := v.Document("default"); !ok || len(json.Bytes()) == 0 || v.Seq() == 0 {
				t.Errorf("%s cannot be read while the database is away", room.Name())
			}
		})
		release()
	}
}

// wantEverythingOnce compares the log, what readers were told and what senders were answered.
func (c *crowd) wantEverythingOnce(t *testing.T, store core.Store) {
	t.Helper()
	for _, room := range c.rooms {
		log, err := store.Log(context.WithoutCancel(t.Context()), room.Name(), 0, core.Page{Batches: 1 << 30, Bytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		told := room.Listener().(*heard).batches
		if len(told) != len(log) {
			t.Errorf("%s: readers were told %d batches, and the log has %d", room.Name(), len(told), len(log))
		}
		next := map[string]int64{}
		for i, b := range log {
			if b.ServerSeq != int64(i)+1 {
				t.Fatalf("%s: batch %d at position %d", room.Name(), b.ServerSeq, i)
			}
			if i < len(told) && (told[i].ServerSeq != b.ServerSeq || told[i].ClientID != b.ClientID || told[i].ClientSeq != b.ClientSeq) {
				t.Fatalf("%s: readers were told another batch %d", room.Name(), b.ServerSeq)
			}
			if next[b.ClientID]++; b.ClientSeq != next[b.ClientID] {
				t.Fatalf("%s: of %s came %d, want %d", room.Name(), b.ClientID, b.ClientSeq, next[b.ClientID])
			}
		}
		for _, client := range c.clients {
			if client.room == room && next[client.id] != client.accepted.Load() {
				t.Errorf("%d batches of %s were accepted, and %d are in the log", client.accepted.Load(), client.id, next[client.id])
			}
		}
	}
}
