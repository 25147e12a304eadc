package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type presentClient struct {
	ClientID string `json:"clientId"`
	Field    string `json:"field"`
}

// folded is what a reader knows of presence.
type folded struct {
	users  map[string]presentClient // nil before the list
	events []string                 // the names of all events, without repetitions
}

// fold applies an event of the room `r`. A change before the list is an error.
func (f *folded) fold(t *testing.T, e event) {
	t.Helper()
	if strings.HasPrefix(e.data, `{"room":"other"`) {
		return
	}
	if n := len(f.events); n == 0 || f.events[n-1] != e.name {
		f.events = append(f.events, e.name)
	}
	var data struct {
		Users, Joined, Updated []presentClient
		Left                   []string
	}
	if !strings.HasPrefix(e.name, "presence") {
		return
	}
	if err := json.Unmarshal([]byte(e.data), &data); err != nil {
		t.Fatal(err)
	}
	if e.name == "presence" {
		f.users = map[string]presentClient{}
	} else if f.users == nil {
		t.Fatal("a change comes before the list")
	}
	for _, u := range slices.Concat(data.Users, data.Joined, data.Updated) {
		f.users[u.ClientID] = u
	}
	for _, id := range data.Left {
		delete(f.users, id)
	}
}

// foldPending applies all events that a reader has received.
func (f *folded) foldPending(t *testing.T, r *reader) {
	t.Helper()
	for {
		select {
		case text := <-r.frames:
			if strings.HasPrefix(text, ":") || strings.HasPrefix(text, "retry:") {
				continue
			}
			f.fold(t, r.parse(text))
		default:
			return
		}
	}
}

// Many clients join, change, leave and come back while others join. In the end, each reader has the server's list, and
// readers that joined in the crowd got the documents before the list.
func TestReadersOfACrowdKnowAllClients(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const clients = 600
		s.set("r", "x", "1")
		var readers []*reader
		known := make([]folded, clients)
		foldAll := func() {
			synctest.Wait()
			for i, r := range readers {
				known[i].foldPending(t, r)
			}
		}
		for i := range clients {
			path := "/v1/rooms/r/events?"
			if i%3 == 0 {
				path = "/v1/events?room=other&room=r&"
			}
			readers = append(readers, s.open(fmt.Sprintf("%sclientId=c%03d", path, i)))
			switch i % 50 {
			case 10:
				s.delete(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i-3)).is(204)
			case 20:
				s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i/2), `{"field":"f"}`).is(200)
			case 30:
				s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i-20-3), `{"field":"back"}`).is(200)
			case 40:
				s.set("r", "x", fmt.Sprint(i))
			}
			if i%100 == 99 {
				time.Sleep(20 * time.Millisecond)
			}
			foldAll()
		}
		s.set("r", "x", "2")
		time.Sleep(15 * time.Millisecond) // a busy room delays events
		foldAll()
		late := 0
		for i := range known {
			if known[i].users != nil {
				continue
			}
			late++
			if events := known[i].events; events[len(events)-1] != "delta" {
				t.Fatalf("reader %d has no list, and not the last batch: %v", i, events)
			}
		}
		if late < 100 || late > clients-250 {
			t.Errorf("%d of %d readers wait for the list", late, clients)
		}
		time.Sleep(3 * time.Second)
		foldAll()
		var server folded
		server.fold(t, event{name: "presence", data: s.get("/v1/rooms/r/presence").is(200).body})
		if len(server.users) < clients-2*clients/50 {
			t.Errorf("%d clients are present", len(server.users))
		}
		for i := range known {
			if !maps.Equal(known[i].users, server.users) {
				t.Errorf("reader %d knows %d clients, and %d are present", i, len(known[i].users), len(server.users))
			}
		}
	})
}

// A reader that resumes gets missed batches without presence changes among them: they would change a list that it does not
// have.
func TestMissedBatchesHaveNoPresenceChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		witness := s.open("/v1/rooms/r/events").live()
		for i, value := range []string{"1", "2", "3"} {
			s.set("r", "x", value)
			witness.until("delta")
			s.put(fmt.Sprintf("/v1/rooms/r/presence/c%d", i), `{}`).is(200)
			witness.until("presence-change")
			s.delete(fmt.Sprintf("/v1/rooms/r/presence/c%d", i)).is(204)
			witness.until("presence-change")
		}
		var names []string
		for _, e := range s.open("/v1/rooms/r/events?last_event_id=history1-0").until("up-to-date") {
			names = append(names, e.name)
		}
		if want := []string{"delta", "delta", "delta", "presence", "up-to-date"}; !slices.Equal(names, want) {
			t.Errorf("the reader gets %v", names)
		}
	})
}

// In a quiet room the list comes before `up-to-date` and without a delay, however many clients are present.
func TestReaderOfAQuietLargeRoomGetsTheListAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for i := range 1000 {
			s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i), `{}`).is(200)
		}
		time.Sleep(5 * time.Second)
		began := time.Now()
		events := s.open("/v1/rooms/r/events?clientId=ada").until("up-to-date")
		if len(events) != 2 || events[0].name != "presence" || strings.Count(events[0].data, "clientId") != 1001 {
			t.Errorf("%d events, the first is %s", len(events), events[0].name)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the list came after %v", waited)
		}
	})
}

// A client that loses its stream before the list came still has the list of its last stream, and resumes with its version.
func TestReaderThatWaitsForTheListMayResumeWithItsOldVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.crowd("r")
		version := presenceVersion(t, s.open("/v1/rooms/r/events").until("up-to-date")[0])
		for i := range 50 {
			meta := `{"meta":"` + strings.Repeat("m", 3000) + `"}`
			s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i), meta).is(200) // too many changes to keep
		}
		time.Sleep(time.Second)
		var waiting *reader
		for range 1000 {
			r := s.open("/v1/rooms/r/events?presenceVersion=" + version)
			if r.next().name == "up-to-date" {
				waiting = r
				break
			}
			r.close()
		}
		if waiting == nil {
			t.Fatal("no reader waits for the list")
		}
		s.delete("/v1/rooms/r/presence/c050").is(204)
		if e := waiting.next(); e.name != "presence" || presenceVersion(t, e) == version {
			t.Errorf("then comes %s %.100s", e.name, e.data)
		}
		s.delete("/v1/rooms/r/presence/c051").is(204)
		if e := waiting.next(); !strings.Contains(e.data, `"left":["c051"]`) {
			t.Errorf("after the list comes %s %.100s", e.name, e.data)
		}
	})
}
