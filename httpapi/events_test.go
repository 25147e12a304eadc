package httpapi_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const noUsers = `{"room":"r","users":[]}`

func upToDate(room string, seq int) event {
	return event{fmt.Sprintf("history1-%d", seq), "up-to-date", fmt.Sprintf(`{"room":%q,"epoch":"history1","serverSeq":%d}`, room, seq)}
}

func deltaEvent(room string, seq int, path, value string) event {
	return event{fmt.Sprintf("history1-%d", seq), "delta", delta(room, seq, path, value)}
}

func TestStreamHasHeadersForProxies(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events")
		for name, want := range map[string]string{
			"Content-Type":           "text/event-stream",
			"Cache-Control":          "no-cache, no-transform",
			"X-Accel-Buffering":      "no",
			"X-Content-Type-Options": "nosniff",
			"Content-Length":         "",
			"Content-Encoding":       "",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if r.header.Get("X-Request-Id") == "" {
			t.Error("the answer has no X-Request-Id")
		}
	})
}

// The stream begins with a comment, retry, a state for each document, presence, and up-to-date, which alone has an id.
func TestNewReaderGetsTheFullState(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.set("r", "x", "1")
		s.post("/v1/rooms/r/ops", `{"clientId":"ada","key":"a","ops":[{"op":"set","path":"","value":[1.50]}]}`).is(200)
		r := s.open("/v1/rooms/r/events?clientId=bob&displayName=Bob%20%C3%A9")
		hello, _ := r.frame()
		if hello != ": pathsync" {
			t.Errorf("the stream begins with %q", hello)
		}
		retry, _ := r.frame()
		ms, err := strconv.Atoi(strings.TrimPrefix(retry, "retry: "))
		if err != nil || ms < 1000 || ms >= 3000 {
			t.Errorf("then comes %q", retry)
		}
		bob := `{"clientId":"bob","displayName":"Bob é","joinedAt":` + midnight + `}`
		r.wants(
			event{"", "state", `{"room":"r","key":"a","serverSeq":2,"state":[1.50]}`},
			event{"", "state", `{"room":"r","key":"default","serverSeq":1,"state":{"x":1}}`},
			event{"", "presence", `{"room":"r","users":[` + bob + `]}`},
			upToDate("r", 2),
			event{"", "presence-change", `{"room":"r","joined":[` + bob + `],"updated":[],"left":[]}`},
		)
	})
}

func TestStreamsHaveDifferentRetryTimes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		seen := map[string]bool{}
		for range 20 {
			r := s.open("/v1/rooms/r/events")
			r.frame()
			retry, _ := r.frame()
			seen[retry] = true
		}
		if len(seen) < 10 {
			t.Errorf("20 readers have only these: %v", seen)
		}
	})
}

func TestResumingReaderGetsMissedBatches(t *testing.T) {
	for name, c := range map[string]struct {
		set  setting
		from int
		log  bool // whether the log has to be read for it
	}{
		"from memory":        {func(*parts) {}, 190, false},
		"from the beginning": {func(*parts) {}, 0, false},
		"from the log":       {smallMemory, 3, true},
		"from nowhere else":  {smallMemory, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				s.fill("r", 200)
				for _, how := range []string{"header", "query", "both"} {
					id := fmt.Sprintf("history1-%d", c.from)
					reads := s.store.logReads.Load()
					var r *reader
					switch how {
					case "header":
						r = s.open("/v1/rooms/r/events", "Last-Event-ID", id)
					case "query":
						r = s.open("/v1/rooms/r/events?last_event_id=" + id)
					case "both": // as browsers send after reconnecting
						r = s.open("/v1/rooms/r/events?last_event_id=history1-1", "Last-Event-ID", id)
					}
					for seq := c.from + 1; seq <= 200; seq++ {
						r.wants(deltaEvent("r", seq, "x", strconv.Itoa(seq)))
					}
					r.wants(event{"", "presence", noUsers}, upToDate("r", 200))
					// Later readers share what was read for the first.
					if read, want := s.store.logReads.Load() > reads, c.log && how == "header"; read != want {
						t.Errorf("%s: the log was read: %v, want %v", how, read, want)
					}
				}
			}, c.set)
		})
	}
}

func TestReaderOfAnotherHistoryGetsTheFullState(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 2)
		for _, id := range []string{"history1-3", "history1-9223372036854775807", "history2-1", "history2-0", "0-0", "Z-2"} {
			s.open("/v1/rooms/r/events", "Last-Event-ID", id).wants(
				event{"", "state", `{"room":"r","key":"default","serverSeq":2,"state":{"x":2}}`},
				event{"", "presence", noUsers}, upToDate("r", 2))
		}
	})
}

func TestReaderOfAnEmptyRoomIsUpToDate(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.open("/v1/rooms/r/events").wants(event{"", "presence", noUsers}, upToDate("r", 0))
		s.open("/v1/rooms/r/events", "Last-Event-ID", "history1-0").wants(event{"", "presence", noUsers}, upToDate("r", 0))
	})
}

// If the log since then is larger than the documents, the reader gets the documents.
func TestReaderThatMissedMoreThanTheStateGetsTheFullState(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		large := `"` + strings.Repeat("x", 500<<10) + `"`
		for range 10 {
			s.set("r", "x", large)
		}
		s.set("r", "x", "1")
		s.open("/v1/rooms/r/events", "Last-Event-ID", "history1-1").wants(
			event{"", "state", `{"room":"r","key":"default","serverSeq":11,"state":{"x":1}}`},
			event{"", "presence", noUsers}, upToDate("r", 11))
	}, smallMemory)
}

func TestLiveReaderGetsBatchesInOrder(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		s.post("/v1/rooms/r/ops", `{"clientId":"ada","clientSeq":4,"key":"k\n","ops":[]}`).is(422)
		s.post("/v1/rooms/r/ops", `{"clientId":"ada","clientSeq":4,"key":"k","ops":[
			{"op":"array_add","path":"l","value":{"_sync_id":"a"},"arrayIndex":7},
			{"op":"delete","path":"missing"},
			{"op":"array_move","path":"l[a]","arrayIndex":3}]}`).is(200)
		s.post("/v1/rooms/r/ops", `{"clientId":"bob","key":"k","ops":[{"op":"delete","path":"missing"}]}`).is(200)
		r.wants(
			event{"history1-1", "delta", `{"room":"r","key":"k","serverSeq":1,"clientId":"ada","clientSeq":4,"serverTs":` + midnight +
				`,"ops":[{"path":"l","op":"array_add","value":{"_sync_id":"a"},"arrayIndex":0},{"path":"l[a]","op":"array_move","arrayIndex":0}]}`},
			event{"history1-2", "delta", `{"room":"r","key":"k","serverSeq":2,"clientId":"bob","serverTs":` + midnight + `,"ops":[]}`},
		)
	})
}

func TestIdleStreamHasAHeartbeat(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		began := time.Now()
		for range 3 {
			if text, ok := r.frame(); !ok || !strings.HasPrefix(text, ":") {
				t.Fatalf("got %q", text)
			}
		}
		if got := time.Since(began); got != 45*time.Second {
			t.Errorf("three heartbeats came in %v", got)
		}
	})
}

// The state that joiners share may be older than the room; the batches since then follow it.
func TestJoinersOfABusyRoomMissNoBatch(t *testing.T) {
	s := start(t)
	s.set("r", "", `{"filler":"`+strings.Repeat("x", 4<<10)+`"}`)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					s.set("r", fmt.Sprintf("n%d", (i+w)%5), strconv.Itoa(i))
				}
			}
		})
	}
	var readers []*reader
	var pictures []*picture
	for range 60 {
		r, p := s.open("/v1/rooms/r/events"), newPicture(t)
		for _, e := range r.until("up-to-date") {
			p.take(e)
		}
		readers, pictures = append(readers, r), append(pictures, p)
	}
	close(stop)
	writers.Wait()
	s.set("r", "last", "true")
	room := s.state("r")
	for i, p := range pictures {
		for !strings.Contains(p.states()["default"], `"last"`) {
			p.take(readers[i].next())
		}
		p.equals(room)
	}
}
