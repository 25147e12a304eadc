package proxies

import (
	"encoding/json"
	"net/http"
	"net/url"
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
	when phase
	run  func(*testing.T, *site) (verdict string) // one attempt
}

// phase is what the server behind the proxy is like while a check is made.
type phase int

const (
	ordinary  phase = iota // heartbeats come every 15 s: none of them pushes along what a proxy holds back
	shortened              // thirty times as often, as the proxies' limits are thirty times as short
	killed                 // the check kills it
)

var checks = []check{
	{"first event in 1 s", ordinary, firstEvent},
	{"delta in 250 ms", ordinary, delta},
	{"10 min of silence", shortened, silence},
	{"`Last-Event-ID`", ordinary, lastEventID},
	{"dead browser is noticed", shortened, deadBrowser},
	{"with compression on", ordinary, compression},
	{"1 MiB bodies", ordinary, largeBodies},
	{"`%2F` in names", ordinary, slashes},
	{"dead server is noticed", killed, deadServer},
}

// attempts is how often a check is made that does not pass. On a busy machine anything may come late, and a shortened limit may
// come before what it waits for; what a proxy does wrong, it does wrong every time.
const attempts = 3

func (c check) verdict(t *testing.T, s *site) (verdict string) {
	for range attempts {
		if verdict = c.run(t, s); verdict == passed || verdict == absent {
			break
		}
		t.Logf("%s: %s", c.name, verdict)
	}
	return verdict
}

// long is what nothing takes that works, also on a busy machine.
const long = 6 * time.Second

// inARow is how many streams have to begin at once. Varnish holds back what comes together with the header, and lets go of
// what happens to come apart from it: that is every other stream.
const inARow = 20

func firstEvent(t *testing.T, s *site) string {
	begun := 0
	for deadline := time.Now().Add(long); begun < inARow && time.Now().Before(deadline); {
		b := newBrowser(t, s) // another each time: Apache slows down those who reset many streams
		stream := b.open(t, s.room("first"), "", nil)
		if stream.wait(time.Second, "up-to-date", "") {
			begun++
		} else {
			begun = 0
		}
		stream.cancel()
		b.die()
	}
	if begun < inARow {
		return "held back"
	}
	return passed
}

func delta(t *testing.T, s *site) string { return deltas(t, s, "delta", nil) }

// compression reads a stream as browsers do, which take compressed answers. What is compressed has to arrive as soon.
func compression(t *testing.T, s *site) string {
	if !s.compresses {
		return absent
	}
	return deltas(t, s, "compressed", http.Header{"Accept-Encoding": {"gzip"}})
}

// deltas posts until a batch comes back quickly.
func deltas(t *testing.T, s *site, name string, header http.Header) string {
	const quick = 250 * time.Millisecond
	room, b := s.room(name), newBrowser(t, s)
	stream := b.open(t, room, "", header)
	defer stream.cancel()
	stream.wait(time.Second, "up-to-date", "") // if its beginning is held back, that is not what this check is for
	verdict := "held back"
	for deadline := time.Now().Add(long); time.Now().Before(deadline); {
		begin := time.Now()
		at, err := b.post(t.Context(), room, "x")
		if err != nil || !stream.wait(time.Second, "delta", at.id()) {
			continue
		}
		if time.Since(begin) < quick {
			return passed
		}
		verdict = "late"
	}
	return verdict
}

func silence(t *testing.T, s *site) string { return silentFor(t, s, 10*time.Minute/faster) }

func silentFor(t *testing.T, s *site, duration time.Duration) string {
	room, b := s.room("silence"), newBrowser(t, s)
	stream := b.open(t, room, "", nil)
	defer stream.cancel()
	if stream.ends(duration) {
		return "cut"
	}
	at, ok := b.postAgain(t, room, "x")
	if !ok {
		return "no batches"
	}
	if !stream.wait(long, "delta", at.id()) {
		return "dead"
	}
	return passed
}

func lastEventID(t *testing.T, s *site) string {
	room, b := s.room("resumed"), newBrowser(t, s)
	first, ok := b.postAgain(t, room, "first")
	if ok {
		_, ok = b.postAgain(t, room, "second")
	}
	if !ok {
		return "no batches"
	}
	stream := b.open(t, room, "", http.Header{"Last-Event-Id": {first.id()}})
	defer stream.cancel()
	for pushed := false; ; {
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
		case <-time.After(time.Second):
			if pushed {
				return "held back"
			}
			_, pushed = b.postAgain(t, room, "third") // pushes along what is held back
		}
	}
}

// deadBrowser asks the server itself who is present: this is what others in the room see.
func deadBrowser(t *testing.T, s *site) string {
	room, b := s.room("left"), newBrowser(t, s)
	present := func() bool {
		resp, err := http.Get("http://" + s.server.address + "/v1/rooms/" + room + "/presence")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var is struct{ Users []struct{ ClientID string } }
		return json.NewDecoder(resp.Body).Decode(&is) == nil && len(is.Users) == 1
	}
	stream := b.open(t, room, "clientId=ghost", nil)
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
	room, b := s.room("large"), newBrowser(t, s)
	stream := b.open(t, room, "", nil)
	defer stream.cancel()
	at, ok := b.postAgain(t, room, value)
	if !ok {
		return "refused"
	}
	var is struct {
		Stores struct {
			Default struct{ State struct{ Value string } }
		}
	}
	if _, err := b.call(t.Context(), http.MethodGet, "/v1/rooms/"+room, "", &is); err != nil || is.Stores.Default.State.Value != value {
		t.Logf("reading: %v", err)
		return "cut short"
	}
	if !stream.wait(long, "delta", at.id()) {
		return "held back"
	}
	return passed
}

func slashes(t *testing.T, s *site) string {
	name := s.room("a/b")
	at, ok := newBrowser(t, s).postAgain(t, url.PathEscape(name), "x")
	if !ok {
		return "refused"
	}
	if at.Room != name {
		return "other room"
	}
	return passed
}

func deadServer(t *testing.T, s *site) string {
	room, b := s.room("restarted"), newBrowser(t, s)
	at, ok := b.postAgain(t, room, "before")
	if !ok {
		return "no batches"
	}
	stream := b.open(t, room, "", nil)
	defer stream.cancel()
	if !stream.wait(long, "up-to-date", at.id()) {
		return "held back"
	}
	s.server.process.Kill(t)
	told := stream.ends(long)
	s.server.start(heartbeat)
	if !told {
		return "not told"
	}
	next := position{Epoch: at.Epoch, ServerSeq: at.ServerSeq + 1}
	if _, ok := b.postAgain(t, room, "after"); !ok {
		return "stays away"
	}
	again := b.open(t, room, "", http.Header{"Last-Event-Id": {at.id()}})
	defer again.cancel()
	if !again.wait(long, "delta", next.id()) {
		return "no stream"
	}
	return passed
}
