package proxies

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// passed is the verdict on what works. Every other verdict says in a word or two what happens instead.
const passed = "yes"

// check is a promise that pathsync makes to people behind a proxy.
type check struct {
	name string // the head of its column
	run  func(*testing.T, *site) (verdict string)
}

// checks are made at the same time, except that the last comes last: it kills the server.
var checks = []check{
	{"first event in 1 s", firstEvent},
	{"delta in 250 ms", delta},
	{"10 min of silence", silence},
	{"`Last-Event-ID`", lastEventID},
	{"dead browser is noticed", deadBrowser},
	{"with compression on", compression},
	{"1 MiB bodies", largeBodies},
	{"`%2F` in names", slashes},
	{"dead server is noticed", deadServer},
}

// attempts is how often something may fail to be quick.
const attempts = 8

func firstEvent(t *testing.T, s *site) string {
	b := newBrowser(t, s)
	for range attempts {
		stream := b.open(t, "first", "", nil)
		quick := stream.wait(time.Second, "up-to-date", "")
		stream.cancel()
		if quick {
			return passed
		}
	}
	return "held back"
}

func delta(t *testing.T, s *site) string { return deltas(t, s, "delta", nil) }

// compression reads a stream as browsers do, which take compressed answers. What is compressed has to arrive as soon.
func compression(t *testing.T, s *site) string {
	if !s.compresses {
		return "has none"
	}
	return deltas(t, s, "compressed", http.Header{"Accept-Encoding": {"gzip"}})
}

func deltas(t *testing.T, s *site, room string, header http.Header) string {
	const quick = 250 * time.Millisecond
	b := newBrowser(t, s)
	stream := b.open(t, room, "", header)
	defer stream.cancel()
	if !stream.wait(3*time.Second, "up-to-date", "") {
		return "held back"
	}
	for range attempts {
		begin := time.Now()
		at, err := b.post(t.Context(), room, "x")
		if err != nil {
			t.Logf("posting: %v", err)
			return "no batches"
		}
		if stream.wait(time.Second, "delta", at.id()) && time.Since(begin) < quick {
			return passed
		}
	}
	return "late"
}

func silence(t *testing.T, s *site) string {
	const tenMinutes = 10 * time.Minute / shortened
	b := newBrowser(t, s)
	stream := b.open(t, "silence", "", nil)
	defer stream.cancel()
	if stream.ends(tenMinutes) {
		return "cut"
	}
	at, err := b.post(t.Context(), "silence", "x")
	if err != nil {
		t.Logf("posting: %v", err)
		return "no batches"
	}
	if !stream.wait(5*time.Second, "delta", at.id()) {
		return "dead"
	}
	return passed
}

func lastEventID(t *testing.T, s *site) string {
	b := newBrowser(t, s)
	first, err := b.post(t.Context(), "resumed", "first")
	if err == nil {
		_, err = b.post(t.Context(), "resumed", "second")
	}
	if err != nil {
		t.Logf("posting: %v", err)
		return "no batches"
	}
	stream := b.open(t, "resumed", "", http.Header{"Last-Event-Id": {first.id()}})
	defer stream.cancel()
	for {
		select {
		case e, open := <-stream.events:
			switch {
			case !open:
				return "no stream"
			case e.name == "state":
				return "lost"
			case e.name == "delta":
				return passed
			}
		case <-time.After(3 * time.Second):
			return "held back"
		}
	}
}

// deadBrowser asks the server itself who is present: this is what others in the room see.
func deadBrowser(t *testing.T, s *site) string {
	present := func() bool {
		resp, err := http.Get("http://" + s.server.address + "/v1/rooms/left/presence")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var is struct{ Users []struct{ ClientID string } }
		return json.NewDecoder(resp.Body).Decode(&is) == nil && len(is.Users) == 1
	}
	b := newBrowser(t, s)
	stream := b.open(t, "left", "clientId=ghost", nil)
	defer stream.cancel()
	if !within(5*time.Second, present) {
		return "no stream"
	}
	b.die()
	if !within(5*time.Second, func() bool { return !present() }) {
		return "stays"
	}
	return passed
}

func largeBodies(t *testing.T, s *site) string {
	const mebibyte = 1 << 20
	value := strings.Repeat("x", mebibyte-len(batch("")))
	b := newBrowser(t, s)
	stream := b.open(t, "large", "", nil)
	defer stream.cancel()
	at, err := b.post(t.Context(), "large", value)
	if err != nil {
		t.Logf("posting: %v", err)
		return "refused"
	}
	var room struct {
		Stores struct {
			Default struct{ State struct{ Value string } }
		}
	}
	if _, err := b.call(t.Context(), http.MethodGet, "/v1/rooms/large", "", &room); err != nil || room.Stores.Default.State.Value != value {
		t.Logf("reading: %v", err)
		return "cut short"
	}
	if !stream.wait(5*time.Second, "delta", at.id()) {
		return "held back"
	}
	return passed
}

func slashes(t *testing.T, s *site) string {
	at, err := newBrowser(t, s).post(t.Context(), "a%2Fb", "x")
	if err != nil {
		t.Logf("posting: %v", err)
		return "refused"
	}
	if at.Room != "a/b" {
		return "other room"
	}
	return passed
}

func deadServer(t *testing.T, s *site) string {
	b := newBrowser(t, s)
	at, err := b.post(t.Context(), "restarted", "before")
	if err != nil {
		t.Logf("posting: %v", err)
		return "no batches"
	}
	stream := b.open(t, "restarted", "", nil)
	defer stream.cancel()
	if !stream.wait(5*time.Second, "up-to-date", at.id()) {
		return "held back"
	}
	s.server.process.Kill(t)
	if !stream.ends(5 * time.Second) {
		return "not told"
	}
	s.server.start()
	next := position{Epoch: at.Epoch, ServerSeq: at.ServerSeq + 1}
	if !within(5*time.Second, func() bool {
		posted, err := b.post(t.Context(), "restarted", "after")
		return err == nil && posted.ServerSeq >= next.ServerSeq
	}) {
		return "stays away"
	}
	again := b.open(t, "restarted", "", http.Header{"Last-Event-Id": {at.id()}})
	defer again.cancel()
	if !again.wait(5*time.Second, "delta", next.id()) {
		return "no stream"
	}
	return passed
}
