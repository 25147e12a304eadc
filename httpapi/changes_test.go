package httpapi_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

// delta returns the JSON of a batch by ada that sets one member in the key `default`, at midnight of the bubble.
func delta(room string, seq int, path, value string) string {
	return fmt.Sprintf(`{"room":%q,"key":"default","serverSeq":%d,"clientId":"ada","serverTs":%s,"ops":[{"path":%q,"op":"set","value":%s}]}`,
		room, seq, midnight, path, value)
}

// fill sets the member x of a room to 1, 2, 3 … n.
func (c client) fill(room string, n int) {
	c.t.Helper()
	for i := range n {
		c.set(room, "x", strconv.Itoa(i+1))
	}
}

func TestChangesReturnBatchesAfterAnEventID(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 3)
		one, two, three := delta("r", 1, "x", "1"), delta("r", 2, "x", "2"), delta("r", 3, "x", "3")
		for query, want := range map[string]string{
			"":                          `"changes":[` + one + "," + two + "," + three + `],"next":"history1-3","upToDate":true}`,
			"?after=history1-0&limit=2": `"changes":[` + one + "," + two + `],"next":"history1-2","upToDate":false}`,
			"?after=history1-2&limit=2": `"changes":[` + three + `],"next":"history1-3","upToDate":true}`,
			"?after=history1-3":         `"changes":[],"next":"history1-3","upToDate":true}`,
			"?after=history1-1&limit=1": `"changes":[` + two + `],"next":"history1-2","upToDate":false}`,
			"?after=history1-2&wait=60": `"changes":[` + three + `],"next":"history1-3","upToDate":true}`,
			"?after=&limit=1000&wait=0": `"changes":[` + one + "," + two + "," + three + `],"next":"history1-3","upToDate":true}`,
		} {
			s.get("/v1/rooms/r/changes"+query).is(200).
				has("Cache-Control", "no-store").has("Content-Type", "application/json").
				says(`{"room":"r","epoch":"history1",` + want)
		}
		s.get("/v1/rooms/empty/changes").is(200).
			says(`{"room":"empty","epoch":"history1","changes":[],"next":"history1-0","upToDate":true}`)
	})
}

func TestChangeHasOnlyAppliedOps(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.post("/v1/rooms/r/ops", `{"clientId":"ada","clientSeq":4,"key":"k","ops":[
			{"op":"array_add","path":"l","value":{"_sync_id":"a"},"arrayIndex":7},
			{"op":"delete","path":"missing"},
			{"op":"array_move","path":"l[a]","arrayIndex":3},
			{"op":"array_del","path":"l[gone]"}]}`).is(200)
		s.post("/v1/rooms/r/ops", `{"clientId":"ada","key":"k","ops":[{"op":"delete","path":"missing"}]}`).is(200)
		s.get("/v1/rooms/r/changes").is(200).says(`{"room":"r","epoch":"history1","changes":[` +
			`{"room":"r","key":"k","serverSeq":1,"clientId":"ada","clientSeq":4,"serverTs":` + midnight + `,"ops":[` +
			`{"path":"l","op":"array_add","value":{"_sync_id":"a"},"arrayIndex":0},{"path":"l[a]","op":"array_move","arrayIndex":0}]},` +
			`{"room":"r","key":"k","serverSeq":2,"clientId":"ada","serverTs":` + midnight + `,"ops":[]}` +
			`],"next":"history1-2","upToDate":true}`)
	})
}

func TestPositionOutsideOfTheHistoryIsGone(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 2)
		for _, after := range []string{"history1-3", "history1-9223372036854775807", "history2-1", "x-0", "HISTORY1-1"} {
			s.get("/v1/rooms/r/changes?after="+after).problem(410, problem.PositionGone)
			s.get("/v1/rooms/r/changes?wait=30&after="+after).problem(410, problem.PositionGone)
		}
	})
}

// Batches that the feed no longer has are read from the log, and the response is the same.
func TestChangesBehindTheFeedComeFromTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.fill("r", 200)
		reads := s.store.logReads.Load()
		s.get("/v1/rooms/r/changes?after=history1-199").is(200).
			says(`{"room":"r","epoch":"history1","changes":[` + delta("r", 200, "x", "200") + `],"next":"history1-200","upToDate":true}`)
		if got := s.store.logReads.Load(); got != reads {
			t.Errorf("the log was read %d times for what is in memory", got-reads)
		}
		s.get("/v1/rooms/r/changes?limit=1").is(200).
			says(`{"room":"r","epoch":"history1","changes":[` + delta("r", 1, "x", "1") +
				`],"next":"history1-1","upToDate":false,"pages":{"size":100,"through":"history1-200"}}`)
		if got := s.store.logReads.Load(); got != reads+1 {
			t.Errorf("the log was read %d times for a page of it", got-reads)
		}
	}, smallMemory)
}

// smallMemory makes the feed of a room very small.
func smallMemory(p *parts) { p.feeds.MaxBytes = 2 << 10 }

func TestPagingReturnsEveryBatchOnce(t *testing.T) {
	for name, set := range map[string]setting{"from memory": func(*parts) {}, "from the log": smallMemory} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				s.fill("r", 250)
				next, seen := "history1-0", 0
				for upToDate := false; !upToDate; {
					page := s.get("/v1/rooms/r/changes?limit=37&after=" + next).is(200).body
					for seq := seen + 1; strings.Contains(page, delta("r", seq, "x", strconv.Itoa(seq))); seq++ {
						seen++
					}
					next = fmt.Sprintf("history1-%d", seen)
					if !strings.Contains(page, `"next":"`+next+`"`) {
						t.Fatalf("after batch %d: %s", seen, page)
					}
					upToDate = strings.Contains(page, `"upToDate":true`)
				}
				if seen != 250 {
					t.Errorf("saw %d batches of 250", seen)
				}
			}, set)
		})
	}
}

// A page ends at about 1 MiB and has at least one batch.
func TestPageIsBoundedInBytes(t *testing.T) {
	for name, set := range map[string]setting{"from memory": func(*parts) {}, "from the log": smallMemory} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server) {
				for range 4 {
					s.set("r", "x", `"`+strings.Repeat("x", 400<<10)+`"`)
				}
				a := s.get("/v1/rooms/r/changes").is(200)
				if n := strings.Count(a.body, `"serverSeq"`); n < 1 || n > 3 || len(a.body) > 2<<20 {
					t.Errorf("the page has %d batches and %d bytes", n, len(a.body))
				}
				if !strings.HasSuffix(a.body, `"upToDate":false}`) {
					t.Errorf("the page ends with %s", a.body[len(a.body)-40:])
				}
			}, set)
		})
	}
}

func TestLongPollIsAnsweredWhenABatchCommits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		began := time.Now()
		answered := make(chan answer)
		go func() { answered <- s.get("/v1/rooms/r/changes?wait=60") }()
		synctest.Wait()
		s.set("r", "x", "1")
		(<-answered).is(200).
			says(`{"room":"r","epoch":"history1","changes":[` + delta("r", 1, "x", "1") + `],"next":"history1-1","upToDate":true}`)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestLongPollTimesOutWithoutChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		began := time.Now()
		s.get("/v1/rooms/r/changes?wait=7").is(200).
			says(`{"room":"r","epoch":"history1","changes":[],"next":"history1-0","upToDate":true}`)
		if waited := time.Since(began); waited != 7*time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestLongPollIgnoresPresence(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		began := time.Now()
		answered := make(chan answer)
		go func() { answered <- s.get("/v1/rooms/r/changes?wait=7") }()
		synctest.Wait()
		s.put("/v1/rooms/r/presence/ada", `{}`).is(200)
		(<-answered).is(200)
		if waited := time.Since(began); waited != 7*time.Second {
			t.Errorf("it took %v", waited)
		}
	})
}

func TestParametersOfChangesAreBounded(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, query := range []string{
			"limit=0", "limit=-1", "limit=1001", "limit=x", "limit=1.0", "limit=99999999999999999999",
			"wait=-1", "wait=61", "wait=1s", "wait=1e1", "wait=99999999999999999999",
		} {
			s.get("/v1/rooms/r/changes?"+query).problem(400, problem.InvalidParameter)
		}
	})
}
