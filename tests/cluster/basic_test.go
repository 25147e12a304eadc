package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

func TestBatchReachesReadersOfAnotherServer(t *testing.T) {
	servers := startCluster(t, 2).servers
	for _, pair := range []struct {
		name     string
		from, to *server
	}{{"the same server", servers[0], servers[0]}, {"another server", servers[0], servers[1]}, {"the other way", servers[1], servers[0]}} {
		l := latencies(t, pair.from, pair.to, 100)
		t.Logf("%s: p50 %v, p99 %v", pair.name, l[50], l[98])
		if l[50] > time.Second {
			t.Errorf("%s: p50 is %v", pair.name, l[50])
		}
	}
	if n := servers[1].metric("pathsync_cluster_servers"); n != 2 {
		t.Errorf("there are %v servers", n)
	}
}
