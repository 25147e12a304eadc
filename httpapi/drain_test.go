package httpapi_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// afterMs returns the delay in the last event of a stream, `reconnect`.
func afterMs(t *testing.T, r *reader) int {
	t.Helper()
	events := r.until("reconnect")
	var data struct{ AfterMs *int }
	if err := json.Unmarshal([]byte(events[len(events)-1].data), &data); err != nil || data.AfterMs == nil {
		t.Fatalf("%v: %v", err, events)
	}
	r.ends()
	return *data.AfterMs
}

func TestDrainSendsReconnectWithDifferentDelays(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		var readers []*reader
		for i := range 40 {
			readers = append(readers, s.open([]string{"/v1/rooms/a/events", "/v1/rooms/b/events"}[i%2]).live())
		}
		s.api.Drain()
		delays := map[int]bool{}
		for _, r := range readers {
			ms := afterMs(t, r)
			if ms < 0 || ms >= 2000 {
				t.Errorf("a reader is asked back after %d ms", ms)
			}
			delays[ms] = true
		}
		if len(delays) < 20 {
			t.Errorf("40 readers are asked back at %d times only: %v", len(delays), delays)
		}
	}, func(p *parts) { p.feeds.Spread = 2 * time.Second })
}

func TestCommittedBatchesPrecedeReconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		r := s.open("/v1/rooms/r/events").live()
		s.set("r", "x", "1")
		s.api.Drain()
		r.wants(deltaEvent("r", 1, "x", "1"))
		afterMs(t, r)
	})
}

func TestDrainingServerIsNotReadyAndEndsLongPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		answered := make(chan answer)
		go func() { answered <- s.get("/v1/rooms/r/changes?wait=60") }()
		synctest.Wait()
		began := time.Now()
		s.api.Drain()
		(<-answered).is(200).says(`{"room":"r","epoch":"history1","changes":[],"next":"history1-0","upToDate":true}`)
		s.get("/v1/rooms/r/changes?wait=60").is(200)
		s.get("/v1/rooms/new/changes?wait=60").is(200)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("long-polls waited %v", waited)
		}
		s.get("/readyz").problem(503, problem.ShuttingDown)
		s.get("/healthz").is(200)
	})
}

func TestStreamOpenedWhileDrainingGetsReconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.open("/v1/rooms/open/events").live()
		s.api.Drain()
		for _, room := range []string{"open", "new"} {
			afterMs(t, s.open("/v1/rooms/"+room+"/events?clientId=ada"))
		}
	})
}

// A batch arrives after Drain.
func TestBatchesAreAcceptedUntilTheHubCloses(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.api.Drain()
		s.set("r", "x", "1")
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		s.ops("r", `{"op":"set","path":"x","value":2}`).problem(503, problem.ShuttingDown)
		s.get("/v1/rooms/r").problem(503, problem.ShuttingDown)
	})
}
