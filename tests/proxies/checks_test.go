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

// absent is the verdict on what a proxy does not do at all.
const absent = "–"

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

// What has to be quick, has to be so once within this time. It is less than the silence that is waited for anyway.
const chances = 15 * time.Second

// long is what nothing takes that works, also on a busy machine.
const long = 10 * time.Second

func firstEvent(t *testing.T, s *site) string {
	b := newBrowser(t, s)
	for begin := time.Now(); time.Since(begin) < chances; {
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
		return absent
	}
	return deltas(t, s, "compressed", http.Header{"Accept-Encoding": {"gzip"}})
}

func deltas(t *testing.T, s *site, room string, header http.Header) string {
	const quick = 250 * time.Millisecond
	b := newBrowser(t, s)
	stream := b.open(t, room, "", header)
	defer stream.cancel()
	if !stream.wait(long, "up-to-date", "") {
		return "held back"
	}
	for first := time.Now(); time.Since(first) < chances; {
		begin := time.Now()
		at, err := b.post(t.Context(), room, "x")
		if err == nil && stream.wait(time.Second, "delta", at.id()) && time.Since(begin) < quick {
			return passed
		}
	}
	return "late"
}

// silence is waited through again when a stream is cut: on a busy machine a heartbeat can miss a shortened limit.
func silence(t *testing.T, s *site) (verdict string) {
	for range 3 {
		if verdict = silentFor(t, s, 10*time.Minute/shortened); verdict != "cut" {
			break
		}
	}
	return verdict
}

func silentFor(t *testing.T, s *site, duration time.Duration) string {
	b := newBrowser(t, s)
	stream := b.open(t, "silence", "", nil)
	defer stream.cancel()
	if stream.ends(duration) {
		return "cut"
	}
	at, ok := b.postAgain(t, "silence", "x")
	if !ok {
		return "no batches"
	}
	if !stream.wait(long, "delta", at.id()) {
		return "dead"
	}
	return passed
}

func lastEventID(t *testing.T, s *site) string {
	b := newBrowser(t, s)
	first, ok := b.postAgain(t, "resumed", "first")
	if ok {
		_, ok = b.postAgain(t, "resumed", "second")
	}
	if !ok {
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
		case <-time.After(long):
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
	if !within(long, present) {
		return "no stream"
	}
	b.die()
	if !within(long, func() bool { return !present() }) {
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
	at, ok := b.postAgain(t, "large", value)
	if !ok {
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
	if !stream.wait(long, "delta", at.id()) {
		return "held back"
	}
	return passed
}

func slashes(t *testing.T, s *site) string {
	at, ok := newBrowser(t, s).postAgain(t, "a%2Fb", "x")
	if !ok {
		return "refused"
	}
	if at.Room != "a/b" {
		return "other room"
	}
	return passed
}

func deadServer(t *testing.T, s *site) string {
	b := newBrowser(t, s)
	at, ok := b.postAgain(t, "restarted", "before")
	if !ok {
		return "no batches"
	}
	stream := b.open(t, "restarted", "", nil)
	defer stream.cancel()
	if !stream.wait(long, "up-to-date", at.id()) {
		return "held back"
	}
	s.server.process.Kill(t)
	if !stream.ends(5 * time.Second) {
		return "not told"
	}
	s.server.start()
	next := position{Epoch: at.Epoch, ServerSeq: at.ServerSeq + 1}
	if _, ok := b.postAgain(t, "restarted", "after"); !ok {
		return "stays away"
	}
	again := b.open(t, "restarted", "", http.Header{"Last-Event-Id": {at.id()}})
	defer again.cancel()
	if !again.wait(long, "delta", next.id()) {
		return "no stream"
	}
	return passed
}
