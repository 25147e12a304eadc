package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
)

func upToDateReadOnly(room string) event {
	e := upToDate(room, 0)
	e.data = strings.TrimSuffix(e.data, "}") + `,"readOnly":true}`
	return e
}

// A reader learns from presence whether it may write, by a stream of one room or of several, and by a request; and from
// `up-to-date`, because presence may come later.
func TestReaderWithoutWritePermissionIsMarkedReadOnly(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		ann := s.by("ann", `{"rooms":[{"room":"a","read":true},{"room":"b","read":true,"write":true}]}`)
		readOnly := event{"", "presence", `{"room":"a","readOnly":true,"users":[]}`}
		ann.open("/v1/rooms/a/events").wants(readOnly, upToDateReadOnly("a"))
		ann.open("/v1/rooms/b/events").wants(noUsersIn("b"), upToDate("b", 0))
		ann.open(both).wants(
			readOnly, upToDateReadOnly("a").at("0._"),
			noUsersIn("b"), upToDate("b", 0).at("0.0"))
		ann.get("/v1/rooms/a/presence").is(200).says(readOnly.data)
		ann.get("/v1/rooms/b/presence").is(200).says(noUsersIn("b").data)
	}, guarded)
}

// A list of present clients that is too long to be copied for each reader is sent in parts, after the same head.
func TestReadOnlyReaderOfALongPresenceListIsMarked(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		writer := s.by("owner", everything)
		for i := range 200 {
			writer.put(fmt.Sprintf("/v1/rooms/a/presence/c%03d", i), `{"displayName":"somebody with a long name"}`).is(200)
		}
		ann := s.by("ann", `{"rooms":[{"room":"a","read":true}]}`)
		list := ann.get("/v1/rooms/a/presence").is(200).body
		if want := `{"room":"a","readOnly":true,"users":[{"clientId":"c000"`; list[:len(want)] != want {
			t.Errorf("the list begins with %q", list[:len(want)])
		}
		ann.open("/v1/rooms/a/events").wants(event{"", "presence", list}, upToDateReadOnly("a"))
	}, guarded)
}
