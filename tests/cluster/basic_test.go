package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

func newClient(t *testing.T, s *server) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Server: s.url()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// submit submits a batch to one server, until it is acknowledged.
func submit(t *testing.T, s *server, room string, b client.Batch) client.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		r, err := newClient(t, s).Submit(ctx, room, b)
		if err == nil {
			return r
		}
		if p := (*client.Problem)(nil); ctx.Err() != nil || errors.As(err, &p) && !p.Retryable {
			t.Fatalf("%s: batch %d of %s: %v", s.place.name, b.ClientSeq, b.ClientID, err)
		}
	}
}

// latencies returns the times from a POST at one server until a reader of another has the batch, sorted.
func latencies(t *testing.T, from, to *server, n int) (all []time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	name := fmt.Sprint("latency-", time.Now().UnixNano())
	sent := make(chan time.Time, 1)
	writer := newClient(t, from)
	posted := int64(0)
	var posting sync.WaitGroup
	defer posting.Wait() // before cancel
	post := func() {
		posted++
		sent <- time.Now()
		_, err := writer.Submit(ctx, name, client.Batch{ClientID: "w", ClientSeq: posted, Key: "k",
			Ops: []client.Op{{Path: "x", Op: "set", Value: json.RawMessage(fmt.Sprint(posted))}}})
		if err != nil {
			t.Error(err)
			cancel()
		}
	}
	for e, err := range newClient(t, to).Tail(ctx, client.Subscription{Rooms: []string{name}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Name == "delta" {
			all = append(all, time.Since(<-sent))
		}
		if len(all) == n {
			break
		}
		if e.Name == "delta" || e.Name == "up-to-date" {
			posting.Go(post)
		}
	}
	slices.Sort(all)
	return all
}

// What a whole cluster does. The servers accept batches that are larger than a message of the bus.
func TestServersOfOneDatabase(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	for _, s := range c.servers {
		s.flags = []string{"--max-body-bytes", fmt.Sprint(4 << 20)}
		s.start()
	}
	c.balance()
	c.waitTogether()
	a, b := c.servers[0], c.servers[1]
	t.Run("batches reach the readers of another server", func(t *testing.T) {
		for _, pair := range []struct {
			name     string
			from, to *server
		}{{"the same server", a, a}, {"another server", a, b}, {"the other way", b, a}} {
			l := latencies(t, pair.from, pair.to, 100)
			t.Logf("%s: p50 %v, p99 %v", pair.name, l[50], l[98])
			if l[50] > time.Second {
				t.Errorf("%s: p50 is %v", pair.name, l[50])
			}
		}
	})
	t.Run("a batch over the limit of the bus is read from the log", func(t *testing.T) { wantLargeBatchThroughLog(t, a, b) })
	t.Run("consecutive requests reach different servers", c.wantRoundRobin)
	t.Run("servers listen only where they are told to", func(t *testing.T) {
		for _, s := range c.servers {
			wantOnlyPorts(t, s)
		}
	})
}

// wantRoundRobin checks that requests of one connection reach all servers in turn.
func (c *cluster) wantRoundRobin(t *testing.T) {
	last, counts := "", map[string]int{}
	for range 30 {
		resp, err := http.Get(c.front + "/v1/rooms/any")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		by := resp.Header.Get(serverHeader)
		if by == last {
			t.Errorf("two consecutive requests reached %q", by)
		}
		last = by
		counts[by]++
	}
	for _, s := range c.servers {
		if counts[s.id()] != 10 {
			t.Errorf("requests by server: %v", counts)
		}
	}
}
