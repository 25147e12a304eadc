package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// crowd makes 200 clients present in a room, so that its list has versions.
func (c client) crowd(room string) {
	c.t.Helper()
	for i := range 200 {
		c.put(fmt.Sprintf("/v1/rooms/%s/presence/c%03d", room, i), `{}`).is(200)
	}
	time.Sleep(time.Second) // the changes have been sent
}

// presenceVersion returns the version in a presence event.
func presenceVersion(t *testing.T, e event) string {
	t.Helper()
	var data struct{ Version string }
	if err := json.Unmarshal([]byte(e.data), &data); err != nil || !strings.HasPrefix(e.name, "presence") {
		t.Fatalf("%s %s: %v", e.name, e.data, err)
	}
	return data.Version
}

func TestReaderThatResumesGetsPresenceChangesInsteadOfTheLongList(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.crowd("r")
		s.set("r", "x", "1")
		r := s.open("/v1/rooms/r/events?last_event_id=history1-0").live()
		s.delete("/v1/rooms/r/presence/c007").is(204)
		version := presenceVersion(t, r.next())
		r.close()
		resume := func(version string) *reader {
			return s.open("/v1/rooms/r/events?presenceVersion="+version, "Last-Event-ID", "history1-1")
		}
		resume(version).wants(upToDate("r", 1))

		s.delete("/v1/rooms/r/presence/c008").is(204)
		time.Sleep(time.Second)
		s.delete("/v1/rooms/r/presence/c009").is(204)
		time.Sleep(time.Second)
		s.set("r", "x", "2")
		r = resume(version)
		if e := r.next(); e.id != "history1-2" {
			t.Errorf("the missed batch comes as %s %s", e.name, e.data)
		}
		for _, left := range []string{"c008", "c009"} {
			if e := r.next(); !strings.Contains(e.data, `"left":["`+left+`"]`) || presenceVersion(t, e) == version {
				t.Errorf("after %s comes %s %s", left, e.name, e.data)
			}
		}
		r.wants(upToDate("r", 2))
		s.delete("/v1/rooms/r/presence/c010").is(204)
		if e := r.next(); !strings.Contains(e.data, `"left":["c010"]`) {
			t.Errorf("the first live event is %s %s", e.name, e.data)
		}
	})
}

// A version counts for the history of one room on one server, and only while its changes are kept.
func TestReaderWithAnUnknownPresenceVersionGetsTheList(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.crowd("r")
		s.crowd("other")
		listOf := func(room, version string) event {
			t.Helper()
			all := s.open("/v1/rooms/" + room + "/events?presenceVersion=" + version).until("up-to-date")
			if len(all) < 2 {
				return event{}
			}
			return all[0]
		}
		old := presenceVersion(t, listOf("r", ""))
		id, _, _ := strings.Cut(old, "-")
		for _, version := range []string{
			presenceVersion(t, listOf("other", "")), id, id + "-", id + "--1", id + "-999999", id + "-99999999999999999999", "%00", "-1",
		} {
			if listOf("r", version).name != "presence" {
				t.Errorf("version %q: no list", version)
			}
		}
		if listOf("r", old) != (event{}) {
			t.Error("the version of the list is not known")
		}
		meta := `{"meta":"` + strings.Repeat("m", 3000) + `"}`
		for i := range 10 {
			s.put(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i), meta).is(200)
			time.Sleep(time.Second)
		}
		if e := listOf("r", old); e.name != "presence" || presenceVersion(t, e) == old {
			t.Error("changes are dropped, and the list is not sent")
		}
	})
}

// A reader learns from the list whether it may write.
func TestReaderWhoseWritePermissionChangesGetsTheList(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.by("owner", everything).crowd("a")
		writer, reader := s.by("w", `{"rooms":[{"room":"a","read":true,"write":true}]}`), s.by("r", `{"rooms":[{"room":"a","read":true}]}`)
		list := writer.open("/v1/rooms/a/events").until("up-to-date")[0]
		version := presenceVersion(t, list)
		if e := reader.open("/v1/rooms/a/events?presenceVersion=" + version).next(); e.name != "presence" || presenceVersion(t, e) != "" {
			t.Errorf("the reader without permission gets %s %.100s", e.name, e.data)
		}
		writer.open("/v1/rooms/a/events?presenceVersion=" + version).wants(upToDate("a", 0))
	}, guarded)
}

func TestPresenceOfFewClientsHasNoVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.crowd("r")
		r := s.open("/v1/rooms/r/events")
		version := presenceVersion(t, r.live().changeAfter(t, s, "c000"))
		for i := range 100 {
			s.delete(fmt.Sprintf("/v1/rooms/r/presence/c%03d", i)).is(204)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if e := s.open("/v1/rooms/r/events?presenceVersion=" + version).next(); e.name != "presence" || presenceVersion(t, e) != "" {
			t.Errorf("the reader gets %s %.100s", e.name, e.data)
		}
	})
}

// changeAfter makes a client leave, and returns the next event.
func (r *reader) changeAfter(t *testing.T, s *server, client string) event {
	t.Helper()
	s.delete("/v1/rooms/r/presence/" + client).is(204)
	return r.next()
}
