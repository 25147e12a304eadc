package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

// duration is how long the servers are disturbed. The environment variable extends it.
func duration(t *testing.T) time.Duration {
	t.Helper()
	seconds := 20
	if text := os.Getenv("PATHSYNC_CLUSTER_SECONDS"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return time.Duration(seconds) * time.Second
}

// Three servers are killed, paused, stopped and started, one after the other, while clients write and read through a
// balancer without sticky sessions.
func TestServersThatComeAndGoLoseAndRepeatNothing(t *testing.T) {
	servers := startServers(t, 3)
	h := &history{t: t, address: newBalancer(t, servers), acknowledged: map[string]int64{}}
	var readers, writers sync.WaitGroup
	for i := range 6 {
		readers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), duration(t)+4*patience)
			defer cancel()
			h.read(ctx, fmt.Sprint("reader-", i))
		})
	}
	writing, stop := context.WithTimeout(t.Context(), duration(t))
	defer stop()
	for i := range 6 {
		writers.Go(func() { h.write(writing, fmt.Sprint("writer-", i), 20*time.Millisecond) })
	}
	disturb(writing, servers)
	writers.Wait()
	for _, s := range servers {
		s.waitForServers(len(servers))
	}
	h.writeLast()
	readers.Wait()
	log := h.wantLog(servers)
	h.wantAcknowledgedInLog(log)
	wantSameDocuments(t, servers, int64(len(log)))
	wantNobodyPresent(t, servers)
	t.Logf("%d batches, of which %d were sent again after they had been committed", len(log), h.repeated)
}

// disturb disturbs one server after the other until ctx ends.
func disturb(ctx context.Context, servers []*server) {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		s := servers[i%len(servers)]
		switch rand.N(3) {
		case 0:
			s.kill()
			s.start()
		case 1:
			s.stop()
			s.start()
		case 2:
			s.pause(2 * time.Second)
		}
	}
}

// wantLog returns the log of the room as each server serves it, which must be the same and without gaps.
func (h *history) wantLog(servers []*server) (log []delta) {
	h.t.Helper()
	first := ""
	for _, s := range servers {
		var text strings.Builder
		all := changes(h.t, s)
		for i, d := range all {
			if d.ServerSeq != int64(i)+1 {
				h.t.Fatalf("%s: batch %d is at place %d of the log", s.address, d.ServerSeq, i+1)
			}
			fmt.Fprintln(&text, d)
		}
		if first == "" {
			first, log = text.String(), all
		}
		if text.String() != first {
			h.t.Errorf("%s has another log of %d batches than %s with %d", s.address, len(all), servers[0].address, len(log))
		}
	}
	return log
}

func changes(t *testing.T, s *server) (all []delta) {
	t.Helper()
	for after := ""; ; {
		resp, err := http.Get(s.url() + "/v1/rooms/" + room + "/changes?limit=1000&after=" + after)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Changes []delta `json:"changes"`
			Next    string  `json:"next"`
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Changes) == 0 {
			return all
		}
		all, after = append(all, page.Changes...), page.Next
	}
}

// wantAcknowledgedInLog checks that the log has every acknowledged batch once, at its number, and those of a client in order.
func (h *history) wantAcknowledgedInLog(log []delta) {
	h.t.Helper()
	places, last := map[string]int64{}, map[string]int64{}
	for _, d := range log {
		name := batchName(d.ClientID, d.ClientSeq)
		if places[name] != 0 {
			h.t.Errorf("%s is in the log at %d and %d", name, places[name], d.ServerSeq)
		}
		if d.ClientSeq <= last[d.ClientID] {
			h.t.Errorf("%s comes after number %d of that client", name, last[d.ClientID])
		}
		places[name], last[d.ClientID] = d.ServerSeq, d.ClientSeq
	}
	for name, seq := range h.acknowledged {
		if places[name] != seq {
			h.t.Errorf("%s was acknowledged as %d, and the log has it at %d", name, seq, places[name])
		}
	}
	if len(h.acknowledged) != len(log) {
		h.t.Errorf("%d batches were acknowledged, and the log has %d", len(h.acknowledged), len(log))
	}
}

// wantSameDocuments checks that all servers have the same documents.
func wantSameDocuments(t *testing.T, servers []*server, seq int64) {
	t.Helper()
	first := ""
	for _, s := range servers {
		c, err := client.New(client.Config{Server: s.url()})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Get(t.Context(), room)
		if err != nil || r.ServerSeq != seq {
			t.Errorf("%s is at batch %d of %d, %v", s.address, r.ServerSeq, seq, err)
		}
		if first == "" {
			first = string(r.JSON)
		}
		if string(r.JSON) != first {
			t.Errorf("%s has other documents than %s", s.address, servers[0].address)
		}
	}
}

// wantNobodyPresent waits until no server lists the clients that have left.
func wantNobodyPresent(t *testing.T, servers []*server) {
	t.Helper()
	for _, s := range servers {
		s.wait("has nobody in its presence list any more", func() bool {
			resp, err := http.Get(s.url() + "/v1/rooms/" + room + "/presence")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			var list struct {
				Users []struct {
					ClientID string `json:"clientId"`
				} `json:"users"`
			}
			if json.NewDecoder(resp.Body).Decode(&list) != nil {
				return false
			}
			return len(list.Users) == 0
		})
	}
}
