package contract

import (
	"slices"
	"strings"
)

func testEventsOfRooms(c client) {
	for i, title := range []string{`"a"`, `"b"`, `"c"`} {
		c.post(200, "/v1/rooms/rooms-b/ops", batch(title, i+1))
	}
	c.post(200, "/v1/rooms/rooms-a/ops", batch(`"a"`, 1))
	const both = "/v1/events?room=rooms-a&room=rooms-b"

	s := c.open(both + "&clientId=eve")
	_, first := s.until("up-to-date")
	epoch, _, _ := strings.Cut(first.id, "-")
	_, second := s.until("up-to-date")
	if first.id != epoch+"-1._" || second.id != epoch+"-1.3" {
		c.t.Errorf("the rooms are up to date at %s and %s", first.id, second.id)
	}
	c.post(200, "/v1/rooms/rooms-a/ops", batch(`"b"`, 2))
	if _, delta := s.until("delta"); delta.id != epoch+"-2.3" {
		c.t.Errorf("%+v", delta)
	}

	c.put(200, "/v1/rooms/rooms-a/presence/ben", `{}`)
	s.until("presence-change")
	c.open(both + "&displayName=Eve&last_event_id=" + epoch + "-2.3").until("up-to-date")

	for position, want := range map[string][]string{
		"-1.3":         {"delta", "presence", "up-to-date", "presence", "up-to-date"},
		"-2._":         {"presence", "up-to-date", "state", "presence", "up-to-date"},
		"-0.2":         {"delta", "delta", "presence", "up-to-date", "delta", "presence", "up-to-date"},
		"-99.3":        {"state", "presence", "up-to-date", "presence", "up-to-date"},
		"another-2.3":  {"state", "presence", "up-to-date", "state", "presence", "up-to-date"},
		"another-99._": {"state", "presence", "up-to-date", "state", "presence", "up-to-date"},
	} {
		if strings.HasPrefix(position, "-") {
			position = epoch + position
		}
		s := c.open(both, "Last-Event-ID", position)
		one, _ := s.until("up-to-date")
		two, last := s.until("up-to-date")
		if got := withoutPresenceChange(slices.Concat(one, two)); !slices.Equal(got, want) || last.id != epoch+"-2.3" {
			c.t.Errorf("from %s: %v up to %s, want %v", position, got, last.id, want)
		}
	}

	for _, position := range append(malformed, "e-1", "e-1.2.3", "e-1.", "e-.1", "e-__.1", "e-1.02", "e-1,2", "e._-1") {
		c.get(400, both+"&last_event_id="+position).isProblem("invalid_event_id")
	}
	for _, query := range []string{"", "?rooms=a", "?room=a&room=b&room=a", "?room=" + strings.Repeat("a&room=", 32) + "b"} {
		c.get(400, "/v1/events"+query).isProblem("invalid_parameter")
	}

	c.open("/v1/rooms/rooms-b/events?clientId=eve").until("up-to-date")
	_, problem := s.until("problem")
	if !strings.Contains(problem.data, `"stream_replaced"`) || !strings.Contains(problem.data, `"rooms":["rooms-b"]`) {
		c.t.Errorf("%+v", problem)
	}
	s.ends()
}
