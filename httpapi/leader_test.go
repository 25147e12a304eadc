package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

const along = "/v1/rooms/r/presence/bob"

// The tabs of one browser share one stream. Browsers throttle background tabs, so these cannot renew leases reliably.
func TestFollowerIsPresentWhileItsLeadersStreamIsOpenAndForALeaseAfter(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ada := s.open("/v1/rooms/r/events?clientId=ada").live()
		user := `{"clientId":"bob","joinedAt":` + now() + `}`
		s.put(along, `{"via":"ada"}`).is(200).says(leased(user)) // without an event for others
		time.Sleep(time.Hour)
		s.present(strings.Replace(user, "bob", "ada", 1), user)

		witness := s.open("/v1/rooms/r/events").live()
		ada.close()
		ended := time.Now()
		time.Sleep(14 * time.Second)
		s.present(strings.Replace(user, "bob", "ada", 1), user)
		for _, e := range witness.until("presence-change") {
			if e.name == "presence-change" && e != presenceChange("", "", `"ada","bob"`) && e != presenceChange("", "", `"bob","ada"`) {
				t.Errorf("unexpected event: %v", e)
			}
		}
		if lasted := time.Since(ended); lasted < 15*time.Second || lasted > 15100*time.Millisecond {
			t.Errorf("the lease lasted %v", lasted)
		}
	})
}

func TestFollowerHasALeaseWhenItsLeaderLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.open("/v1/rooms/r/events?clientId=ada").live()
		s.put(along, `{"via":"ada"}`).is(200)
		time.Sleep(time.Hour)
		witness := s.open("/v1/rooms/r/events").live()
		s.post("/v1/rooms/r/presence/ada/leave", "").is(204)
		left := time.Now()
		witness.wants(presenceChange("", "", `"ada"`))
		witness.wants(presenceChange("", "", `"bob"`))
		if lasted := time.Since(left); lasted < 15*time.Second || lasted > 15100*time.Millisecond {
			t.Errorf("the lease lasted %v", lasted)
		}
	})
}

func TestFollowerThatChangesItsLeaderNeitherLeavesNorJoins(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ada := s.open("/v1/rooms/r/events?clientId=ada").live()
		s.put(along, `{"via":"ada"}`).is(200)
		s.put("/v1/rooms/r/presence/cy", `{"via":"ada"}`).is(200)
		time.Sleep(time.Hour)
		witness := s.open("/v1/rooms/r/events").live()
		ada.close()
		time.Sleep(10 * time.Second)
		s.open("/v1/rooms/r/events?clientId=bob").live()
		s.put("/v1/rooms/r/presence/cy", `{"via":"bob"}`).is(200)
		witness.wants(presenceChange("", "", `"ada"`))
		time.Sleep(time.Minute)
		s.set("r", "x", "1")
		if e := witness.next(); e.name != "delta" {
			t.Errorf("the other reader got %v", e)
		}
	})
}

func TestStreamOfSeveralRoomsLeadsInEachRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.open(both + "&clientId=ada").live()
		for _, room := range []string{"a", "b", "c"} {
			s.put("/v1/rooms/"+room+"/presence/bob", `{"via":"ada"}`).is(200)
		}
		time.Sleep(time.Hour)
		for room, there := range map[string]bool{"a": true, "b": true, "c": false} {
			if body := s.get("/v1/rooms/" + room + "/presence").body; strings.Contains(body, `"bob"`) != there {
				t.Errorf("in %s are %s", room, body)
			}
		}
	})
}

func TestFollowingAnotherUsersClientIsForbidden(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		const everywhere = `{"rooms":[{"match":"*","read":true,"write":true,"presence":true}]}`
		ann, mallory := s.by("ann", everywhere), s.by("mallory", everywhere)
		ann.open("/v1/rooms/r/events?clientId=ada").live()
		if p := mallory.put(along, `{"via":"ada"}`).problem(403, problem.Forbidden); !strings.Contains(p.Detail, "via") {
			t.Errorf("the detail does not name the client: %q", p.Detail)
		}
		mallory.put(along, `{"via":"eve"}`).is(200)
		ann.put("/v1/rooms/r/presence/anns", `{"via":"ada"}`).is(200)
		ann.open("/v1/rooms/r/events?clientId=eve").live() // the client had no user
		time.Sleep(time.Minute)
		body := ann.get("/v1/rooms/r/presence").is(200).body
		if strings.Contains(body, `"bob"`) || !strings.Contains(body, `"anns"`) {
			t.Errorf("present are %s", body)
		}
	}, guarded)
}

func TestFaultsOfViaAreReportedWithPointers(t *testing.T) {
	s := start(t)
	for name, via := range map[string]string{
		"itself": `"bob"`, "a number": `1`, "nothing": `""`, "not a name": `".."`, "too long": `"` + strings.Repeat("x", 101) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			faults(t, s.on(t).put(along, `{"via":`+via+`}`).problem(422, problem.InvalidRequest), "/via")
		})
	}
	s.present()
	s.put(along, `{"via":null}`).is(200)
}
