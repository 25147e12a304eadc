package httpapi_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

func presenceChange(joined, updated, left string) event {
	return event{"", "presence-change", `{"room":"r","joined":[` + joined + `],"updated":[` + updated + `],"left":[` + left + `]}`}
}

// present expects the presence list of the room `r`.
func (c client) present(users ...string) {
	c.t.Helper()
	c.get("/v1/rooms/r/presence").is(200).
		has("Content-Type", "application/json").has("Cache-Control", "no-store").
		says(`{"room":"r","users":[` + strings.Join(users, ",") + `]}`)
}

// leased returns the response to a presence update, with the default lease.
func leased(user string) string { return strings.TrimSuffix(user, "}") + `,"leaseMs":15000}` }

func now() string { return strconv.FormatInt(time.Now().UnixMilli(), 10) }

func TestPresenceUpdateReplacesTheLastOne(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		const ada = "/v1/rooms/r/presence/ada"
		const head = `{"clientId":"ada",`
		const joined = `"joinedAt":` + midnight
		for _, c := range []struct{ say, is string }{
			{`{}`, head + joined + `}`},
			{`{"displayName":"Ada","field":"title","meta":{"n":[1,{"x":2}]}}`,
				head + `"displayName":"Ada","field":"title",` + joined + `,"meta":{"n":[1,{"x":2}]}}`},
			{`{"field":"body"}`, head + `"displayName":"Ada","field":"body",` + joined + `}`}, // keeps the name, drops meta
			{`{"displayName":null,"meta":1.0}`, head + joined + `,"meta":1.0}`},               // forgets the name, drops the field
			{`{"displayName":"","field":null,"meta":null}`, head + joined + `}`},
		} {
			for _, say := range []func(path, body string) answer{s.put, func(path, body string) answer { return s.post(path, body) }} {
				say(ada, c.say).is(200).has("Content-Type", "application/json").has("Cache-Control", "no-store").says(leased(c.is))
				s.present(c.is)
			}
		}
	})
}

func TestPresenceListIsInTheOrderOfJoining(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.put("/v1/rooms/r/presence/b", `{}`).is(200)
		s.put("/v1/rooms/r/presence/a", `{}`).is(200)
		time.Sleep(time.Millisecond)
		later := now()
		s.put("/v1/rooms/r/presence/0", `{}`).is(200)
		s.present(`{"clientId":"a","joinedAt":`+midnight+`}`, `{"clientId":"b","joinedAt":`+midnight+`}`, `{"clientId":"0","joinedAt":`+later+`}`)
	})
}

func TestFaultsOfAPresenceUpdateAreReportedWithPointers(t *testing.T) {
	s := start(t)
	for name, c := range map[string]struct {
		body     string
		pointers []string
	}{
		"not an object":         {`[]`, []string{""}},
		"unknown member":        {`{"userId":"root"}`, []string{""}},
		"name of a number":      {`{"displayName":1}`, []string{"/displayName"}},
		"name that is long":     {`{"displayName":"` + strings.Repeat("é", 256) + `"}`, []string{"/displayName"}},
		"field that is long":    {`{"field":"` + strings.Repeat("x", 1001) + `"}`, []string{"/field"}},
		"meta that is large":    {`{"meta":"` + strings.Repeat("x", 4<<10) + `"}`, []string{"/meta"}},
		"all of it":             {`{"displayName":[],"field":{},"meta":"` + strings.Repeat("x", 4<<10) + `"}`, []string{"/displayName", "/field", "/meta"}},
		"name with a line feed": {`{"displayName":"a\nb"}`, []string{"/displayName"}},
	} {
		t.Run(name, func(t *testing.T) {
			faults(t, s.on(t).put("/v1/rooms/r/presence/ada", c.body).problem(422, problem.InvalidRequest), c.pointers...)
		})
	}
	s.put("/v1/rooms/r/presence/ada", `{"field":"`+strings.Repeat("x", 17<<10)+`"}`).problem(413, problem.BodyTooLarge)
	s.present()
}

func TestLeaveIsImmediateAndIdempotent(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		for name, leave := range map[string]func() answer{
			"DELETE": func() answer { return s.delete("/v1/rooms/r/presence/ada") },
			"POST":   func() answer { return s.post("/v1/rooms/r/presence/ada/leave", "") },
			"sendBeacon": func() answer {
				return s.post("/v1/rooms/r/presence/ada/leave", "\x00 not json", "Content-Type", "text/plain")
			},
		} {
			s.put("/v1/rooms/r/presence/ada", `{}`).is(200)
			for range 2 {
				if a := leave().is(204); a.body != "" {
					t.Errorf("%s is answered with %q", name, a.body)
				}
				s.present()
			}
		}
	})
}

func TestPresenceChangesAreCombined(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		began := time.Now()
		for _, id := range []string{"ada", "bob", "cy"} {
			s.put("/v1/rooms/r/presence/"+id, `{}`).is(200)
		}
		s.put("/v1/rooms/r/presence/bob", `{"field":"x"}`).is(200)
		s.delete("/v1/rooms/r/presence/cy").is(204) // joined and left: no event
		user := func(id, more string) string {
			return `{"clientId":"` + id + `",` + more + `"joinedAt":` + midnight + `}`
		}
		r.wants(presenceChange(user("ada", "")+","+user("bob", `"field":"x",`), "", ""))
		if waited := time.Since(began); waited != 50*time.Millisecond {
			t.Errorf("readers got the event after %v", waited)
		}
		s.put("/v1/rooms/r/presence/ada", `{"displayName":"Ada"}`).is(200)
		s.put("/v1/rooms/r/presence/bob", `{"field":"y"}`).is(200)
		s.put("/v1/rooms/r/presence/bob", `{"field":"x"}`).is(200) // as it was
		r.wants(presenceChange("", user("ada", `"displayName":"Ada",`), ""))
		s.delete("/v1/rooms/r/presence/ada").is(204)
		s.delete("/v1/rooms/r/presence/bob").is(204)
		r.wants(presenceChange("", "", `"ada","bob"`))
	})
}

func TestClientWithoutStreamIsPresentForALease(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		s.put("/v1/rooms/r/presence/ada", `{}`).is(200)
		r.until("presence-change")
		time.Sleep(14 * time.Second)
		s.put("/v1/rooms/r/presence/ada", `{}`).is(200) // renews
		renewed := time.Now()
		r.wants(presenceChange("", "", `"ada"`))
		if lasted := time.Since(renewed); lasted < 15*time.Second || lasted > 15100*time.Millisecond {
			t.Errorf("the lease lasted %v", lasted)
		}
		s.present()
	})
}

func TestClientIsPresentWhileItsStreamIsOpenAndForALeaseAfter(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		ada := s.open("/v1/rooms/r/events?clientId=ada").live()
		user := `{"clientId":"ada","joinedAt":` + now() + `}`
		time.Sleep(time.Hour)
		s.present(user)
		ada.close()
		time.Sleep(14 * time.Second)
		s.present(user)
		time.Sleep(2 * time.Second)
		s.present()
	})
}

// A page that reloads neither leaves nor joins.
func TestReloadIsNotALeave(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		witness := s.open("/v1/rooms/r/events").live()
		ada := s.open("/v1/rooms/r/events?clientId=ada&displayName=Ada").live()
		user := `{"clientId":"ada","displayName":"Ada","joinedAt":` + now() + `}`
		witness.wants(presenceChange(user, "", ""))
		ada.close()
		time.Sleep(10 * time.Second)
		s.open("/v1/rooms/r/events?clientId=ada").live() // the name is still known
		time.Sleep(time.Minute)
		s.present(user)
		s.set("r", "x", "1")
		if e := witness.next(); e.name != "delta" {
			t.Errorf("the other reader got %v", e)
		}
	})
}

func TestAnonymousReaderIsNotPresent(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.open("/v1/rooms/r/events?displayName=Nobody").live()
		s.present()
	})
}

func TestNewerStreamOfAClientReplacesTheOlder(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		elsewhere := s.open("/v1/rooms/other/events?clientId=ada").live()
		older := s.open("/v1/rooms/r/events?clientId=ada").live()
		newer := s.open("/v1/rooms/r/events?clientId=ada").live()
		events := older.until("problem")
		p := parseProblem(t, events[len(events)-1].data)
		if p.Code != problem.StreamReplaced || p.Retryable {
			t.Errorf("the older stream ends with %v", p)
		}
		older.ends()
		time.Sleep(time.Minute) // the end of the older stream is not a leave
		s.present(`{"clientId":"ada","joinedAt":` + midnight + `}`)
		for room, r := range map[string]*reader{"r": newer, "other": elsewhere} {
			s.set(room, "x", "1")
			r.until("delta")
		}
	})
}

func TestClientThatLeftIsAbsentUntilItUpdatesOrReconnects(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		ada := s.open("/v1/rooms/r/events?clientId=ada").live()
		s.delete("/v1/rooms/r/presence/ada").is(204)
		s.present()
		time.Sleep(time.Minute)
		s.set("r", "x", "1")
		ada.until("delta") // the stream stays
		s.present()
		joined := now()
		s.put("/v1/rooms/r/presence/ada", `{}`).is(200)
		s.present(`{"clientId":"ada","joinedAt":` + joined + `}`)
	})
}

func TestPresenceOfARoomIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.put("/v1/rooms/r/presence/a", `{}`).is(200)
		s.put("/v1/rooms/r/presence/b", `{}`).is(200)
		s.put("/v1/rooms/r/presence/c", `{}`).problem(503, problem.Overloaded)
		s.get("/v1/rooms/r/events?clientId=c").problem(503, problem.Overloaded)
		s.put("/v1/rooms/r/presence/a", `{"field":"x"}`).is(200)
		s.put("/v1/rooms/next/presence/c", `{}`).is(200)
		synctest.Wait()
		if got := s.send(http.MethodGet, "/v1/rooms/r/presence", nil).is(200).body; strings.Contains(got, `"c"`) {
			t.Errorf("c is present: %s", got)
		}
	}, func(p *parts) { p.hub.MaxPresence = 2 })
}
