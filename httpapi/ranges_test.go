package httpapi_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// between returns the URL of a closed range.
func between(after, until int) string {
	return fmt.Sprintf("/v1/rooms/r/changes?after=history1-%d&until=history1-%d", after, until)
}

// deltas returns the JSON of the batches of fill, after one up to another.
func deltas(after, until int) string {
	texts := make([]string, 0, until-after)
	for seq := after + 1; seq <= until; seq++ {
		texts = append(texts, delta("r", seq, "x", strconv.Itoa(seq)))
	}
	return strings.Join(texts, ",")
}

func TestClosedRangeHasItsBatches(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 5)
		s.get(between(1, 4)).is(200).has("Content-Type", "application/json").
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(1, 4) + `],"next":"history1-4","upToDate":false}`)
		// The response does not show whether the room has newer batches.
		s.get(between(4, 5)).is(200).
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(4, 5) + `],"next":"history1-5","upToDate":false}`)
	})
}

func TestFutureRangeIsNotYet(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.fill("r", 5)
		began := time.Now()
		s.get(between(1, 6)).problem(404, problem.NotYet)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it took %v", waited)
		}
		s.set("r", "x", "6")
		s.get(between(1, 6)).is(200)
	})
}

func TestRangeHasOneURL(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 5)
		for _, query := range []string{
			"until=history1-3", "after=history1-3&until=history1-3", "after=history1-4&until=history1-3",
			"after=history2-1&until=history1-3", "after=history1-1&until=history1-3&limit=100",
			"after=history1-1&until=history1-3&wait=0", "after=history1-1&until=history1-3&cursor=0",
		} {
			s.get("/v1/rooms/r/changes?"+query).problem(400, problem.InvalidParameter)
		}
		s.get("/v1/rooms/r/changes?after=history1-1&until=3").problem(400, problem.InvalidEventID)
	})
}

// A reader far behind gets aligned pages that all readers request, and then the end.
func TestReaderFarBehindGetsAlignedPages(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		s.fill("r", 437)
		open := func(after int, rest string) answer {
			return s.get(fmt.Sprintf("/v1/rooms/r/changes?after=history1-%d&limit=1000%s", after, rest)).is(200)
		}
		const pages = `,"pages":{"size":100,"through":"history1-400"}`
		s.get("/v1/rooms/r/changes?after=history1-37").
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(37, 100) + `],"next":"history1-100","upToDate":false` + pages + `}`)
		// It ends at a multiple of the page size even if no complete page follows, and within a page if necessary.
		s.get("/v1/rooms/r/changes?after=history1-330").
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(330, 400) + `],"next":"history1-400","upToDate":false}`)
		s.get("/v1/rooms/r/changes?after=history1-37&limit=10").
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(37, 47) + `],"next":"history1-47","upToDate":false` + pages + `}`)
		s.get(between(300, 400)).
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(300, 400) + `],"next":"history1-400","upToDate":false}`)
		open(400, "").
			says(`{"room":"r","epoch":"history1","changes":[` + deltas(400, 437) + `],"next":"history1-437","upToDate":true}`)
	})
}

// The same bytes from the feed, from the log, after the documents have been saved, and after a restart.
func TestClosedRangeHasTheSameBytesFromEverySource(t *testing.T) {
	var ranges [][2]int
	for _, after := range []int{0, 1, 99, 100, 137} {
		for _, until := range []int{after + 1, after + 2, 100, 150} {
			if after < until {
				ranges = append(ranges, [2]int{after, until})
			}
		}
	}
	read := func(t *testing.T, s *server, from string, want map[[2]int]string) map[[2]int]string {
		got := map[[2]int]string{}
		for _, r := range ranges {
			got[r] = s.get(between(r[0], r[1])).is(200).body
			if want != nil && got[r] != want[r] {
				t.Errorf("%v %s:\n%.300s\nwant\n%.300s", r, from, got[r], want[r])
			}
		}
		return got
	}
	var store core.Store
	var want map[[2]int]string
	inBubble(t, func(t *testing.T, s *server) {
		for i := range 150 {
			s.post("/v1/rooms/r/ops", oddBatch(i)).is(200)
		}
		reads := s.store.logReads.Load()
		want = read(t, s, "from memory", nil)
		if n := s.store.logReads.Load(); n != reads {
			t.Errorf("the log was read %d times for what is in memory", n-reads)
		}
		time.Sleep(time.Minute) // the documents are saved meanwhile
		read(t, s, "after the checkpoint", want)
	}, func(p *parts) { store = p.store })
	inBubble(t, func(t *testing.T, s *server) {
		read(t, s, "from the log, after a restart", want)
	}, func(p *parts) { p.store = store })
	inBubble(t, func(t *testing.T, s *server) {
		s.set("r", "x", "1")
		read(t, s, "from the log, when the room has gone on", want)
	}, smallMemory, func(p *parts) { p.store = store })
}

// oddBatch returns one of many kinds: with user ids, numbers, discarded operations, assigned ids, other keys, no applied op.
func oddBatch(i int) string {
	ops := []string{
		`{"op":"set","path":"a","value":{"é\u2028":1e2,"b":[1.0,-0,"\u0001/"]}}`,
		`{"op":"array_add","path":"l","value":{"n":1},"arrayIndex":3}`,
		`{"op":"delete","path":"missing"}`,
		`{"op":"set","path":"big","value":"` + strings.Repeat("x", 3000) + `"}`,
	}
	number := ""
	if i%3 != 0 {
		number = fmt.Sprintf(`"clientSeq":%d,`, i)
	}
	return fmt.Sprintf(`{"clientId":"c%d",%s"key":"k%d","ops":[%s,%s]}`, i%5, number, i%2, ops[i%4], ops[i/4%4])
}

// The end of a range that is too large for one response depends only on its batches.
func TestLargeRangeEndsAtTheSameBatchFromEverySource(t *testing.T) {
	type cut struct{ after, until int }
	ends := map[cut]string{}
	for _, from := range []string{"memory", "the log"} {
		set := func(p *parts) { p.feeds.MaxBytes = 64 << 20 }
		if from == "the log" {
			set = smallMemory
		}
		inBubble(t, func(t *testing.T, s *server) {
			for i := range 12 {
				// Discarded operations are in the log, and not in the response.
				size := 100<<10 + i*37<<10
				s.ops("r", `{"op":"set","path":"x","value":"`+strings.Repeat("x", size)+`"},{"op":"set","path":"n[gone]","value":{"y":"`+
					strings.Repeat("y", 300<<10)+`"}}`).is(200)
			}
			for after := range 11 {
				for _, until := range []int{after + 1, 12} {
					body := s.get(between(after, until)).is(200).body
					if c := (cut{after, until}); from == "memory" {
						ends[c] = body
					} else if ends[c] != body {
						t.Errorf("%v ends elsewhere in the log: %s, %s", c, ends[c][len(ends[c])-50:], body[len(body)-50:])
					}
					if len(body) > 1<<20+4<<10 {
						t.Errorf("%d bytes", len(body))
					}
				}
			}
		}, set)
	}
	if strings.Contains(ends[cut{0, 12}], `"next":"history1-12"`) {
		t.Error("nothing was cut")
	}
}

func TestPrunedRangeIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		s.fill("r", 200)
		time.Sleep(10 * time.Second) // the document is saved, and the log shortened
		if err := s.store.Prune(t.Context(), "r", 0, 50); err != nil {
			t.Fatal(err)
		}
		s.get(between(49, 100)).has("Cache-Control", publicBriefly).briefProblem(410, problem.PositionGone)
		s.get(between(50, 100)).is(200)
	}, smallMemory)
}
