package proxies

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// passed is the verdict of a check that passes. Any other verdict says in a word or two what happens instead.
const passed = "yes"

// absent is the verdict of a check of a feature that the proxy does not have.
const absent = "–"

// check tests one property of pathsync behind a proxy.
type check struct {
	name string // heading of the column
	when phase
	run  func(*testing.T, *site) (verdict string) // one attempt
}

// phase is the state of the server during a check.
type phase int

const (
	ordinary  phase = iota // a heartbeat every 15 s, so that no heartbeat flushes a proxy's buffer
	shortened              // heartbeats and the proxies' timeouts are thirty times shorter
	killed                 // the check kills the server
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

// attempts is how often a check runs until it passes. On a busy machine a result may be late, and a shortened timeout may expire
// too early. A fault of a proxy appears every time.
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

// long is longer than any working operation takes on a busy machine.
const long = 6 * time.Second

// inARow is how many successive streams have to start without delay. A proxy may delay the first events if they arrive together
// with the header, as Varnish does with bodies that are not chunked.
const inARow = 20

func firstEvent(t *testing.T, s *site) string {
	begun := 0
	for deadline := time.Now().Add(long); begun < inARow && time.Now().Before(deadline); {
		b := newBrowser(t, s) // a new one each time: Apache slows down connections that reset many streams
		stream := b.open(t, s.room("first"), "", nil)
		if stream.wait(time.Second, "up-to-date", "") {
			begun++
		} else {
			begun = 0
		}
		stream.cancel()
		b.closeConns()
	}
	if begun < inARow {
		return "held back"
	}
	return passed
}

func delta(t *testing.T, s *site) string { return deltas(t, s, "delta", nil) }

// compression accepts compressed responses, as browsers do. Compressed events must not be late.
func compression(t *testing.T, s *site) string {
	if !s.compresses {
		return absent
	}
	return deltas(t, s, "compressed", http.Header{"Accept-Encoding": {"gzip"}})
}

// deltas posts until a batch arrives quickly.
func deltas(t *testing.T, s *site, name string, header http.Header) string {
	const quick = 250 * time.Millisecond
	room, b := s.room(name), newBrowser(t, s)
	stream := b.open(t, room, "", header)
	defer stream.cancel()
	stream.wait(time.Second, "up-to-date", "") // the result does not matter here: firstEvent checks it
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
			_, pushed = b.postAgain(t, room, "third") // flushes the proxy's buffer
		}
	}
}

// deadBrowser reads the presence list from the server, without the proxy.
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
	b.closeConns()
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
