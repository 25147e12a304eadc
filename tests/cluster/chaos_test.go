package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// duration is how long the cluster is disturbed. The environment variable extends it.
func duration(t *testing.T) time.Duration {
	t.Helper()
	seconds := 12
	if text := os.Getenv("PATHSYNC_CLUSTER_SECONDS"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return time.Duration(seconds) * time.Second
}

// isLong reports whether `make cluster-test` runs the tests.
func isLong() bool { return os.Getenv("PATHSYNC_CLUSTER_SECONDS") != "" }

// long skips a test that only `make cluster-test` runs.
func long(t *testing.T) {
	t.Helper()
	if !isLong() {
		t.Skip("skipped: make cluster-test runs it")
	}
}

// roundTime is how long the rooms of one round are written to. Then the faults end, and the histories are judged.
const roundTime = 30 * time.Second

// Three or four servers, their database and the links between all parts have faults, some at the same time, while clients write and
// read through a balancer without sticky sessions. The histories of all rooms keep the guarantees.
func TestServersWithFaultsLoseAndRepeatNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("PATHSYNC_CLUSTER_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the faults of seed %d", seed)
	c := newCluster(t, 4)
	for _, s := range c.servers[:3] { // the last one joins and leaves
		s.start()
	}
	c.balance()
	began := time.Now()
	d := newDisturber(c, rand.New(rand.NewPCG(seed, 0)), began)
	var all counts
	for n, left := 1, duration(t); left > 0 && !t.Failed(); n, left = n+1, left-roundTime {
		all.add(c.round(fmt.Sprint("round-", n), d, min(left, roundTime)))
		t.Logf("round %d: %v", n, all)
	}
	for _, kind := range d.kinds {
		t.Logf("%3d × %s", d.done[kind.name], kind.name)
	}
}

// counts are what was observed.
type counts struct{ rooms, batches, repeated, unknown, lateCommits, reads, deltas int }

func (c *counts) add(o counts) {
	c.rooms += o.rooms
	c.batches += o.batches
	c.repeated += o.repeated
	c.unknown += o.unknown
	c.lateCommits += o.lateCommits
	c.reads += o.reads
	c.deltas += o.deltas
}

func (c counts) String() string {
	return fmt.Sprintf("%d rooms, %d batches, of which %d were sent again after their commit; %d unknown outcomes, of which %d were committed; "+
		"%d reads; %d batches to readers", c.rooms, c.batches, c.repeated, c.unknown, c.lateCommits, c.reads, c.deltas)
}

// round has clients use new rooms while the cluster is disturbed, waits until it is whole again, and judges the histories.
func (c *cluster) round(name string, d *disturber, length time.Duration) (n counts) {
	c.t.Helper()
	writing, stop := context.WithTimeout(c.t.Context(), length)
	defer stop()
	rooms := make([]*room, 3)
	for i := range rooms {
		rooms[i] = newRoom(c.t, c.front, fmt.Sprint(name, "-room-", i), d.began)
		rooms[i].run(writing, length+4*patience)
	}
	d.disturb(writing)
	for _, r := range rooms {
		r.writers.Wait()
	}
	live := c.running()
	for _, s := range live {
		s.waitReady()
		s.waitForServers(len(live))
	}
	for _, r := range rooms {
		r.end()
	}
	left := time.Now()
	for _, r := range rooms {
		c.wantSameLog(r, live)
		for _, violation := range judge(r.history) {
			c.t.Errorf("room %s: %s", r.name, violation)
		}
		n.add(r.count())
	}
	c.wantNobodyPresent(rooms, live, left)
	return n
}

// running returns the servers that run.
func (c *cluster) running() []*server {
	return slices.DeleteFunc(slices.Clone(c.servers), func(s *server) bool { return s.process == nil || !s.up.Load() })
}

// count counts what a room has seen.
func (r *room) count() (n counts) {
	n = counts{rooms: 1, batches: len(r.log), reads: len(r.reads)}
	inLog := map[string]bool{}
	for i := range r.log {
		inLog[r.log[i].name()] = true
	}
	for _, w := range r.writes {
		switch {
		case w.repeated:
			n.repeated++
		case w.outcome == unknown:
			n.unknown++
			if inLog[batchName(w.client, w.seq)] {
				n.lateCommits++
			}
		}
	}
	for _, s := range r.streams {
		n.deltas += len(s.deltas)
	}
	return n
}

// wantSameLog reads the log and the documents of a room from each server. All have to be the same. The documents are judged with
// the reads.
func (c *cluster) wantSameLog(r *room, servers []*server) {
	c.t.Helper()
	first, documents := "", ""
	for _, s := range servers {
		log, text := c.changes(s, r.name)
		if r.log == nil {
			r.log, first = log, text
		}
		if text != first {
			c.t.Errorf("room %s: %s has another log of %d batches than %s with %d", r.name, s.place.name, len(log), servers[0].place.name, len(r.log))
		}
		resp, err := s.get("/v1/rooms/" + r.name)
		if err != nil {
			c.t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil {
			c.t.Fatal(err)
		}
		resp.Body = nopCloser{bytes.NewReader(body.Bytes())}
		got := read{call: r.now()}
		if !r.readState(resp, &got) || got.seq != int64(len(log)) {
			c.t.Errorf("room %s: %s is at batch %d of %d", r.name, s.place.name, got.seq, len(log))
		}
		got.by = s.place.name
		r.addRead(got)
		if documents == "" {
			documents = body.String()
		}
		if body.String() != documents {
			c.t.Errorf("room %s: %s has other documents than %s", r.name, s.place.name, servers[0].place.name)
		}
	}
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

// changes returns the log of a room as a server serves it, also as text.
func (c *cluster) changes(s *server, name string) (all []delta, text string) {
	c.t.Helper()
	var b strings.Builder
	for after := ""; ; {
		resp, err := s.get("/v1/rooms/" + name + "/changes?limit=1000&after=" + after)
		if err != nil {
			c.t.Fatal(err)
		}
		var page struct {
			Changes []json.RawMessage `json:"changes"`
			Next    string            `json:"next"`
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			c.t.Fatalf("%s: the log of %s: %s, %v", s.place.name, name, resp.Status, err)
		}
		if len(page.Changes) == 0 {
			return all, b.String()
		}
		for _, raw := range page.Changes {
			var d delta
			if err := json.Unmarshal(raw, &d); err != nil {
				c.t.Fatal(err)
			}
			all = append(all, d)
			fmt.Fprintf(&b, "%s\n", raw)
		}
		after = page.Next
	}
}

// presenceLimit is how long after the presence timeout a client that has left may be listed.
const presenceLimit = 5 * time.Second

// wantNobodyPresent checks that no server lists the readers, which have left, after the presence timeout.
func (c *cluster) wantNobodyPresent(rooms []*room, servers []*server, left time.Time) {
	c.t.Helper()
	for _, r := range rooms {
		for _, s := range servers {
			for present := c.present(s, r.name); len(present) > 0; present = c.present(s, r.name) {
				if late := time.Since(left) - presenceTimeout; late > presenceLimit {
					c.t.Errorf("room %s: %s lists %v %v after the presence timeout", r.name, s.place.name, present, late)
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

// present returns the clients that a server lists.
func (c *cluster) present(s *server, name string) (ids []string) {
	resp, err := s.get("/v1/rooms/" + name + "/presence")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Users []struct {
			ClientID string `json:"clientId"`
		} `json:"users"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: presence in %s: %s, %v", s.place.name, name, resp.Status, err)
	}
	for _, u := range list.Users {
		ids = append(ids, u.ClientID)
	}
	return ids
}
