package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadersThatReconnectTogetherReadTheLogOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const batches, readers = 900, 50
		s.fill("r", batches)
		reads := s.store.logReads.Load()
		var all sync.WaitGroup
		for i := range readers {
			from := 200 + i // each was cut off at another position
			if i%2 == 0 {
				r := s.open("/v1/rooms/r/events", "Last-Event-ID", fmt.Sprintf("history1-%d", from))
				all.Go(func() {
					for seq := from + 1; seq <= batches; seq++ {
						r.wants(deltaEvent("r", seq, "x", strconv.Itoa(seq)))
					}
					r.wants(event{"", "presence", noUsers}, upToDate("r", batches))
				})
				continue
			}
			all.Go(func() { s.get(fmt.Sprintf("/v1/rooms/r/changes?limit=1000&after=history1-%d", from)).is(200) })
		}
		all.Wait()
		if got := s.store.logReads.Load() - reads; got > 6 {
			t.Errorf("the log was read %d times", got)
		}
	}, smallMemory)
}

type listedUser struct {
	ClientID string `json:"clientId"`
	Meta     string `json:"meta"`
}

func listed(t *testing.T, data string) (users []listedUser) {
	t.Helper()
	var list struct {
		Room  string       `json:"room"`
		Users []listedUser `json:"users"`
	}
	if err := json.Unmarshal([]byte(data), &list); err != nil || list.Room != "r" {
		t.Fatalf("%v, of room %q", err, list.Room)
	}
	return list.Users
}

func TestLongPresenceListIsOneEvent(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		meta := strings.Repeat("m", 3000)
		const clients = 200
		for i := range clients {
			s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i), `{"meta":"`+meta+`"}`).is(200)
		}
		time.Sleep(time.Second)
		check := func(how, data string) {
			t.Helper()
			users := listed(t, data)
			if len(users) != clients || users[0].ClientID != "c000" || users[clients-1].ClientID != "c199" || users[7].Meta != meta {
				t.Errorf("%s: %d clients are listed", how, len(users))
			}
		}
		check("GET", s.get("/v1/rooms/r/presence").is(200).has("Content-Type", "application/json").body)
		for how, open := range map[string]*reader{
			"stream":  s.open("/v1/rooms/r/events"),
			"rooms":   s.open("/v1/events?room=other&room=r"),
			"gzip":    s.open("/v1/rooms/r/events", "Accept-Encoding", "gzip"),
			"resumed": s.open("/v1/rooms/r/events?last_event_id=history1-0"),
		} {
			all := open.until("up-to-date")
			if how == "rooms" {
				all = open.until("up-to-date")
			}
			check(how, all[len(all)-2].data)
		}
	}, func(p *parts) { p.feeds.Compress = true })
}

// A frame that is larger than a chunk would stay in the feed however small its bound is.
func TestLargePresenceChangeIsSeveralEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const clients = 100
		r := s.open("/v1/rooms/r/events").live()
		synctest.Wait()
		body := `{"meta":"` + strings.Repeat("m", 3000) + `"}`
		for i := range clients {
			s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i), body).is(200)
		}
		var joined []string
		events := 0
		for ; len(joined) < clients; events++ {
			e := r.next()
			var change struct{ Joined []listedUser }
			if err := json.Unmarshal([]byte(e.data), &change); err != nil || e.name != "presence-change" {
				t.Fatalf("%s, %v", e.name, err)
			}
			if len(e.data) > 40<<10 {
				t.Errorf("an event has %d bytes", len(e.data))
			}
			for _, u := range change.Joined {
				joined = append(joined, u.ClientID)
			}
		}
		if events < 5 || !slices.IsSorted(joined) {
			t.Errorf("%d events: %v", events, joined)
		}
		for i := range clients {
			s.delete(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i)).is(204)
		}
		left := r.next()
		if n := strings.Count(left.data, `"c`); n != clients {
			t.Errorf("%d clients have left: %.200s", n, left.data)
		}
	})
}
