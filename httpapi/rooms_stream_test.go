package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/limit"
	"github.com/pathsync/pathsync/httpapi/problem"
)

const both = "/v1/events?room=a&room=b"

// at returns an event with another id.
func (e event) at(id string) event {
	e.id = "history1-" + id
	return e
}

func noUsersIn(room string) event {
	return event{"", "presence", fmt.Sprintf(`{"room":%q,"users":[]}`, room)}
}

func stateEvent(room string, seq int, state string) event {
	return event{"", "state", fmt.Sprintf(`{"room":%q,"key":"default","serverSeq":%d,"state":%s}`, room, seq, state)}
}

// First everything of the one room, then of the other. The id has the positions in both.
func TestStreamOfSeveralRoomsBeginsWithTheFullStateOfEach(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.set("a", "x", "1")
		s.set("b", "x", "1")
		s.set("b", "x", "2")
		r := s.open(both)
		r.wants(
			stateEvent("a", 1, `{"x":1}`), noUsersIn("a"), upToDate("a", 1).at("1._"),
			stateEvent("b", 2, `{"x":2}`), noUsersIn("b"), upToDate("b", 2).at("1.2"),
		)
		s.set("b", "x", "3")
		r.wants(deltaEvent("b", 3, "x", "3").at("1.3"))
		s.set("a", "y", "true")
		r.wants(deltaEvent("a", 2, "y", "true").at("2.3"))
	})
}

func TestStreamOfSeveralRoomsResumesEachAtItsPosition(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for i := 1; i <= 3; i++ {
			s.set("a", "x", fmt.Sprint(i))
			s.set("b", "x", fmt.Sprint(i))
		}
		s.open(both, "Last-Event-ID", "history1-1.2").wants(
			deltaEvent("a", 2, "x", "2").at("2.2"), deltaEvent("a", 3, "x", "3").at("3.2"), noUsersIn("a"), upToDate("a", 3).at("3.2"),
			deltaEvent("b", 3, "x", "3").at("3.3"), noUsersIn("b"), upToDate("b", 3).at("3.3"),
		)
	})
}

// One room resumes from the feed, another from the log, and the third starts with the full state: a client whose rooms
// change composes the id itself.
func TestEachRoomResumesFromTheCheapestSource(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.set("b", "x", "1")
		s.set("b", "x", "2")
		synctest.Wait()
		time.Sleep(time.Hour) // b is closed, and opened with an empty feed
		s.set("a", "x", "1")
		s.set("a", "x", "2")
		s.set("c", "x", "1")
		r := s.open("/v1/events?room=c&room=b&room=a", "Last-Event-ID", "history1-_.1.1")
		r.wants(
			stateEvent("c", 1, `{"x":1}`), noUsersIn("c"), upToDate("c", 1).at("1.1.1"),
		)
		if delta := r.next(); delta.id != "history1-1.2.1" || delta.name != "delta" {
			t.Errorf("%+v", delta)
		}
		r.wants(noUsersIn("b"), upToDate("b", 2).at("1.2.1"))
		if delta := r.next(); delta.id != "history1-1.2.2" || delta.name != "delta" {
			t.Errorf("%+v", delta)
		}
		r.wants(noUsersIn("a"), upToDate("a", 2).at("1.2.2"))
	})
}

// Until a reader has the full state, its id has no position in the room: a position that the room
// has not reached would later be a gap.
func TestFuturePositionOfARoomIsDropped(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.set("a", "x", "1")
		s.open(both, "Last-Event-ID", "history1-0.99").wants(
			deltaEvent("a", 1, "x", "1").at("1._"), noUsersIn("a"), upToDate("a", 1).at("1._"),
			noUsersIn("b"), upToDate("b", 0).at("1.0"),
		)
		s.open(both, "Last-Event-ID", "another-1.99").wants(
			stateEvent("a", 1, `{"x":1}`), noUsersIn("a"), upToDate("a", 1).at("1._"),
		)
	})
}

// The log of one room is pruned. That room starts again, and the other one resumes.
func TestPrunedRoomAloneGetsTheFullState(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for i := range 5 {
			s.set("a", "x", fmt.Sprint(i))
		}
		s.set("b", "x", "1")
		s.set("b", "x", "2")
		time.Sleep(time.Hour) // the rooms are closed, and the log of a is pruned
		r := s.open(both, "Last-Event-ID", "history1-1.1")
		r.wants(stateEvent("a", 5, `{"x":4}`), noUsersIn("a"), upToDate("a", 5).at("5.1"))
		if e := r.next(); e.name != "delta" || e.id != "history1-5.2" {
			t.Errorf("%+v", e)
		}
		r.wants(noUsersIn("b"), upToDate("b", 2).at("5.2"))
	}, func(p *parts) { p.hub.Retention = core.Retention{Count: 2} })
}

func TestStreamOfOneRoomInTheQueryEqualsTheStreamOfTheRoom(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.set("a", "x", "1")
		r := s.open("/v1/events?room=a&last_event_id=history1-0")
		r.wants(deltaEvent("a", 1, "x", "1"), noUsersIn("a"), upToDate("a", 1))
		s.set("a", "x", "2")
		r.wants(deltaEvent("a", 2, "x", "2"))
	})
}

func TestReaderIsPresentInAllRoomsOfItsStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.open(both + "&clientId=ada&displayName=Ada").live()
		for _, room := range []string{"a", "b"} {
			if body := s.get("/v1/rooms/" + room + "/presence").body; !strings.Contains(body, `"displayName":"Ada"`) {
				t.Errorf("in %s are %s", room, body)
			}
		}
	})
}

func TestNewerStreamReplacesAStreamOfSeveralRooms(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		first := s.open(both + "&clientId=ada").live()
		second := s.open("/v1/events?room=b&room=c&clientId=ada").live()
		replaced := func(r *reader, room string) {
			t.Helper()
			events := r.until("problem")
			p := parseProblem(t, events[len(events)-1].data)
			if p.Code != problem.StreamReplaced || fmt.Sprint(p.Rooms) != "["+room+"]" {
				t.Errorf("%+v", p)
			}
			r.ends()
		}
		replaced(first, "b")
		s.open("/v1/rooms/c/events?clientId=ada").live()
		replaced(second, "c")
		synctest.Wait()
		s.post("/v1/rooms/b/events/ada/token", "").problem(404, problem.StreamNotFound) // the client has no stream there any more
	})
}

func TestProblemNamesTheRoomsOfAStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ann := s.by("ann", `{"rooms":[{"room":"a","read":true}]}`)
		p := ann.get("/v1/events?room=a&room=b&room=c").problem(403, problem.Forbidden)
		if fmt.Sprint(p.Rooms) != "[b c]" {
			t.Errorf("refused are %v", p.Rooms)
		}
		ann.open("/v1/events?room=a").live()
		if p := ann.get("/v1/events?room=b").problem(403, problem.Forbidden); p.Rooms != nil {
			t.Errorf("refused are %v", p.Rooms)
		}
	}, guarded)
}

func TestNewTokenInOneRoomRenewsTheWholeStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const inBoth, inOne = `{"rooms":[{"match":"*","read":true,"presence":true}]}`, `{"rooms":[{"room":"b","read":true,"presence":true}]}`
		began := time.Now()
		r := s.with(newToken("ann", inBoth, time.Minute)).open(both + "&clientId=ann").live()
		s.with(newToken("ann", inBoth, 2*time.Minute)).post("/v1/rooms/b/events/ann/token", "").is(204)
		r.expires(t)
		if open := time.Since(began); open != 2*time.Minute {
			t.Errorf("the stream ended after %v", open)
		}

		r = s.by("ann", inBoth).open(both + "&clientId=ann").live()
		s.by("ann", inOne).post("/v1/rooms/b/events/ann/token", "").problem(403, problem.Forbidden)
		events := r.until("problem")
		if p := parseProblem(t, events[len(events)-1].data); p.Code != problem.Forbidden || fmt.Sprint(p.Rooms) != "[a]" {
			t.Errorf("%+v", p)
		}
		r.ends()
	}, guarded)
}

// A stream of several rooms releases all rooms when one of them cannot be opened.
func TestStreamConnectsToAllRoomsOrNone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.open("/v1/rooms/a/events").live()
		p := s.get("/v1/events?room=a&room=b&room=c&clientId=ada").problem(503, problem.Overloaded)
		if fmt.Sprint(p.Rooms) != "[c]" {
			t.Errorf("it names %v", p.Rooms)
		}
		time.Sleep(time.Hour) // the leases are over, and b is closed
		s.get("/v1/rooms/a/presence").is(200)
		if body := s.get("/v1/rooms/a/presence").body; body != `{"room":"a","users":[]}` {
			t.Errorf("present are %s", body)
		}
		s.open("/v1/events?room=a&room=c").live()
	}, func(p *parts) { p.hub.MaxRooms = 2 })
}

func TestStreamOfSeveralRoomsCountsAsOneStream(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		ann := s.by("ann", `{"rooms":[{"match":"*","read":true}]}`)
		first := ann.open(both).live()
		ann.get("/v1/events?room=c&room=d").problem(429, problem.RateLimited)
		first.close()
		synctest.Wait()
		ann.open("/v1/events?room=c&room=d").live()
	}, func(p *parts) {
		p.api.Limits.User = limit.Allowance{Streams: 1}
	}, guarded)
}

func TestStreamOfSeveralRoomsCountsOneRequestPerRoom(t *testing.T) {
	forEverybody(t, limit.Allowance{Requests: 1}, func(_ *testing.T, s *server, one, two [2]string) {
		s.open("/v1/events?room=a&room=b&room=c&room=d", one[:]...).live()
		s.open("/v1/events?room=a&room=b&room=c&room=d&room=e&room=f", one[:]...).live()
		s.get(both, one[:]...).problem(429, problem.RateLimited)
		s.open(both, two[:]...).live()
	})
}

func TestDrainEndsAStreamOfSeveralRoomsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open(both).live()
		r.until("up-to-date")
		s.set("b", "x", "1")
		synctest.Wait() // it is sent: between rooms there is no order
		s.set("a", "x", "1")
		s.api.Drain()
		r.wants(deltaEvent("b", 1, "x", "1").at("0.1"), deltaEvent("a", 1, "x", "1").at("1.1"))
		afterMs(t, r)
	})
}

// Of concurrent streams of a client one remains, the same in all rooms.
func TestConcurrentStreamsOfSeveralRoomsLeaveOne(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const attempts = 8
		opened := make(chan *reader, attempts)
		for i := range attempts {
			go func() { opened <- s.open([]string{both, "/v1/events?room=b&room=a"}[i%2] + "&clientId=ada") }()
		}
		readers := map[*reader]bool{}
		for range attempts {
			readers[<-opened] = true
		}
		synctest.Wait()
		left := 0
		for r := range readers {
			if !r.hasEnded() {
				left++
			}
		}
		if left != 1 {
			t.Errorf("%d of %d streams are left", left, attempts)
		}
		time.Sleep(time.Hour)
		for _, room := range []string{"a", "b"} {
			if body := s.get("/v1/rooms/" + room + "/presence").body; !strings.Contains(body, `"clientId":"ada"`) {
				t.Errorf("in %s are %s", room, body)
			}
		}
	})
}
