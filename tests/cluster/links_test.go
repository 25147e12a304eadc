package cluster

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

// A link between two servers is cut in one direction. Both notice it, batches reach the readers of all servers from the log, and
// the bus heals.
func TestLinkOfServersThatIsCutOneWayDelaysBatches(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	if !c.network.canCut() {
		t.Skip("skipped: no network namespaces")
	}
	a, b := c.servers[0], c.servers[1]
	cut := direction{a.place, b.place}
	began := time.Now()
	c.network.drop(t, cut)
	for _, s := range []*server{a, b} {
		s.wait("notices that the bus is cut", func() bool { return s.metric("pathsync_bus_healthy") == 0 })
		t.Logf("%s noticed it after %v", s.place.name, time.Since(began))
	}
	for _, pair := range [][2]*server{{a, b}, {b, a}} {
		l := latencies(t, pair[0], pair[1], 20)
		t.Logf("from %s to %s: p50 %v, the longest %v", pair[0].place.name, pair[1].place.name, l[10], l[19])
	}
	began = time.Now()
	c.network.heal(t, cut)
	c.waitTogether()
	t.Logf("the bus was whole %v after the link", time.Since(began))
}

// A server loses the database. It refuses writes and is not ready, its readers get what other servers commit, and it recovers.
func TestServerWithoutDatabaseServesItsReaders(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"both ways", "one way", "the other way"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			if way != "both ways" {
				long(t)
			}
			c := startCluster(t, 3)
			if !c.network.canCut() {
				t.Skip("skipped: no network namespaces")
			}
			alone, other := c.servers[0], c.servers[1]
			events := followAt(t, alone, "room")
			submit(t, other, "room", batchOf("ann", 1, 0))
			waitForBatch(t, events, 1)
			cut := directions(alone.place, c.storage, way)
			began := time.Now()
			c.network.drop(t, cut...)
			for seq := int64(2); seq <= 5; seq++ {
				sent := time.Now()
				submit(t, other, "room", batchOf("ann", seq, seq-1))
				waitForBatch(t, events, seq)
				t.Logf("batch %d took %v", seq, time.Since(sent))
			}
			alone.wait("is not ready", func() bool { return alone.status("/readyz") == http.StatusServiceUnavailable })
			t.Logf("it was not ready after %v", time.Since(began))
			refused := time.Now()
			c.wantUnavailable(alone)
			t.Logf("a write was refused after %v", time.Since(refused))
			began = time.Now()
			c.network.heal(t, cut...)
			c.waitTogether()
			submit(t, alone, "room", batchOf("bob", 1, 0))
			t.Logf("all were together %v after the link", time.Since(began))
		})
	}
}

// wantUnavailable checks that a write is refused, and that the client may retry.
func (c *cluster) wantUnavailable(s *server) {
	c.t.Helper()
	direct, err := client.New(client.Config{Server: s.url()})
	if err != nil {
		c.t.Fatal(err)
	}
	b := batchOf("eve", 0, 0) // without a number it is sent once
	_, err = direct.Submit(c.t.Context(), "another", b)
	if p, ok := err.(*client.Problem); !ok || p.Status != http.StatusServiceUnavailable || !p.Retryable || p.RetryAfter == 0 {
		c.t.Errorf("%s: a write without the database: %v", s.place.name, err)
	}
}

// followAt follows a room at one server. The channel gets the numbers of the batches.
func followAt(t *testing.T, s *server, room string) <-chan int64 {
	t.Helper()
	numbers, connected := make(chan int64, 1000), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		c, err := client.New(client.Config{Server: s.url(), Heartbeat: heartbeat})
		if err != nil {
			t.Error(err)
			return
		}
		for e, err := range c.Tail(ctx, client.Subscription{Rooms: []string{room}}) {
			switch {
			case err != nil:
				return
			case e.Name == "up-to-date":
				once.Do(func() { close(connected) })
			case e.Name == "delta":
				_, number, _ := strings.Cut(e.Position, "-")
				seq, err := strconv.ParseInt(number, 10, 64)
				if err != nil {
					t.Errorf("the event id %q: %v", e.Position, err)
				}
				numbers <- seq
			}
		}
	}()
	select {
	case <-connected:
	case <-time.After(patience):
		t.Fatalf("%s: no stream", s.place.name)
	}
	return numbers
}

// waitForBatch waits for the next batch of a stream, which must have a number.
func waitForBatch(t *testing.T, numbers <-chan int64, want int64) {
	t.Helper()
	select {
	case got := <-numbers:
		if got != want {
			t.Fatalf("the reader got batch %d, want %d", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("the reader did not get batch %d", want)
	}
}
