package httpapi_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// refusesEventIDs expects that event ids are refused in the header, in the query and in `after`. None of them starts the
// reader again silently, or at a wrong position.
func refusesEventIDs(t *testing.T, ids ...string) {
	t.Helper()
	s := start(t)
	s.harmless(t, func() {
		for _, id := range ids {
			s.get("/v1/rooms/target/events?clientId=ada&last_event_id="+encode(id)).problem(400, problem.InvalidEventID)
			s.get("/v1/rooms/target/changes?after="+encode(id)).problem(400, problem.InvalidEventID)
			// Sent as bytes, because http.Client may refuse to send it.
			conn := s.raw(t, "GET /v1/rooms/target/events?clientId=ada HTTP/1.1\r\nHost: x\r\nConnection: close\r\nLast-Event-ID: "+id+"\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%.100q: %v", id, err)
			}
			read(t, "Last-Event-ID: "+id, resp).problem(400, problem.InvalidEventID)
		}
		s.get("/v1/rooms/target/presence").says(`{"room":"target","users":[]}`)
	})
}

func TestNegativeEventIDIsRefused(t *testing.T) {
	refusesEventIDs(t, "history1--1", "history1-+1", "-1", "--1")
}

func TestEventIDOfTwoToThe64IsRefused(t *testing.T) {
	refusesEventIDs(t, "history1-18446744073709551616", "history1-18446744073709551615", "history1-9223372036854775808",
		"history1-"+strings.Repeat("9", 50))
}

func TestEventIDOf8KBIsRefused(t *testing.T) {
	refusesEventIDs(t, strings.Repeat("a", 8<<10), strings.Repeat("a", 8<<10)+"-1", "history1-"+strings.Repeat("0", 8<<10)+"1",
		strings.Repeat("a", 63)+"-1")
}

func TestNonASCIIEventIDIsRefused(t *testing.T) {
	refusesEventIDs(t, "\xff-1", "history1-\xff", "é-1", "history1-\u0661", "\xc0\xaf", "history\u200b1-1")
}

func TestMalformedEventIDIsRefused(t *testing.T) {
	refusesEventIDs(t, "1", "history1", "history1-", "-", "history1-01", "history1-1.0", "history1-1e0", "history1-0x1", "history1-1-1",
		"history1_1", "history1 -1", "history1-1,history1-1", "../-1", `"history1-1"`, "history1-1_0")
}

// Valid event ids of unknown histories: a stream starts again, changes are gone.
func TestEventIDOfAnotherHistoryOrTheFutureGetsTheFullState(t *testing.T) {
	s := start(t)
	s.harmless(t, func() {
		for _, id := range []string{"history1-2", "history1-9223372036854775807", "history2-1", "0-0", strings.Repeat("a", 62) + "-1"} {
			s.open("/v1/rooms/target/events", "Last-Event-ID", id).wants(
				event{"", "state", `{"room":"target","key":"default","serverSeq":1,"state":{"treasure":{"gold":1}}}`},
				event{"", "presence", `{"room":"target","users":[]}`}, upToDate("target", 1))
			s.get("/v1/rooms/target/changes?after="+id).problem(410, problem.PositionGone)
		}
	})
}
