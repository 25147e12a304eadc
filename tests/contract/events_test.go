package contract

import (
	"slices"
	"strings"
	"testing"
)

func testEvents(c client) {
	const room = "/v1/rooms/events"
	c.post(200, room+"/ops", batch(`"Launch"`, 1))
	c.post(200, room+"/ops", `{"clientId":"ada","key":"other","ops":[{"path":"n","op":"set","value":1}]}`)

	s := c.open(room + "/events?clientId=ada&displayName=Ada")
	beginning, up := s.until("up-to-date")
	if want := []string{"state", "state", "presence", "up-to-date"}; !slices.Equal(withoutPresenceChange(beginning), want) {
		c.t.Errorf("a stream begins with %v, want %v", beginning, want)
	}
	epoch := strings.TrimSuffix(up.id, "-2")

	c.post(200, room+"/ops", batchOf(2, `{"path":"tasks","op":"array_add","value":{}}`, `{"path":"no","op":"delete"}`))
	if _, delta := s.until("delta"); delta.id != epoch+"-3" || strings.Contains(delta.data, `"no"`) {
		c.t.Errorf("%+v", delta)
	}

	c.put(200, room+"/presence/ben", `{"displayName":"Ben","field":"title","meta":{"color":"teal"}}`)
	s.until("presence-change")
	c.put(200, room+"/presence/ben", `{}`)
	s.until("presence-change")
	c.send(204, "DELETE", room+"/presence/ben", "")
	s.until("presence-change")

	for name, resume := range map[string]func(c client) *stream{
		"by header":                   func(c client) *stream { return c.open(room+"/events", "Last-Event-ID", epoch+"-1") },
		"by query":                    func(c client) *stream { return c.open(room + "/events?last_event_id=" + epoch + "-1") },
		"by header rather than query": func(c client) *stream { return c.open(room+"/events?last_event_id=x-0", "Last-Event-ID", epoch+"-1") },
	} {
		c.t.Run("resumes "+name, func(t *testing.T) {
			names, _ := resume(c.on(t)).until("up-to-date")
			if want := []string{"delta", "delta", "presence", "up-to-date"}; !slices.Equal(withoutPresenceChange(names), want) {
				t.Errorf("got %v, want %v", names, want)
			}
		})
	}
	for _, unknown := range []string{"other-1", epoch + "-99"} {
		names, _ := c.open(room+"/events", "Last-Event-ID", unknown).until("up-to-date")
		if names[0] != "state" {
			c.t.Errorf("%s gets %v, want the whole state", unknown, names)
		}
	}
	for _, position := range malformed {
		c.get(400, room+"/events?last_event_id="+position).isProblem("invalid_event_id")
	}

	c.open(room + "/events?clientId=ada").until("up-to-date")
	if _, problem := s.until("problem"); !strings.Contains(problem.data, `"stream_replaced"`) {
		c.t.Errorf("%+v", problem)
	}
	s.ends()
}

// withoutPresenceChange leaves out the events that may come at any time.
func withoutPresenceChange(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "presence-change" })
}
