package httpapi_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/httpapi/problem"
)

type poll struct {
	Next   string `json:"next"`
	Cursor int64  `json:"cursor"`
}

// poll sends a request with a cursor.
func (c client) poll(after string, cursor int64, wait int) (p poll) {
	c.t.Helper()
	a := c.get(fmt.Sprintf("/v1/rooms/r/changes?after=%s&cursor=%d&wait=%d", after, cursor, wait)).is(200)
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		c.t.Fatal(err)
	}
	return p
}

const firstStretch = 946684800 / 10 // of a bubble

func TestReadersAnsweredInOneIntervalGetTheSameCursor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		time.Sleep(3 * time.Second)
		early := s.poll("history1-0", 0, 0)
		time.Sleep(6 * time.Second)
		late := s.poll("history1-0", 0, 0)
		if want := (poll{"history1-0", firstStretch}); early != want || late != want {
			t.Errorf("%v and %v, want %v", early, late, want)
		}
	})
}

// No URL is requested twice, however long a cache keeps responses.
func TestReaderNeverRepeatsAURL(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		seen := map[poll]bool{}
		at := poll{"history1-0", 0}
		for i := range 100 {
			if seen[at] {
				t.Fatalf("%v comes again", at)
			}
			seen[at] = true
			if i%7 == 3 {
				s.set("r", "x", "1")
			}
			at = s.poll(at.Next, at.Cursor, i%3*4)
		}
	})
}

func TestCursorReturnsToTheIntervalWhenThePositionAdvances(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server) {
		ahead := s.poll("history1-0", firstStretch+5, 0)
		if want := (poll{"history1-0", firstStretch + 6}); ahead != want {
			t.Errorf("%v, want %v", ahead, want)
		}
		answered := make(chan poll)
		go func() { answered <- s.poll(ahead.Next, ahead.Cursor, 60) }()
		synctest.Wait()
		s.set("r", "x", "1")
		if got, want := <-answered, (poll{"history1-1", firstStretch}); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func TestCursorIsASafeInteger(t *testing.T) {
	inBubble(t, func(_ *testing.T, s *server) {
		for _, text := range []string{"-1", "x", "1.0", "%2B1", "9007199254740991", "18446744073709551616"} {
			s.get("/v1/rooms/r/changes?cursor="+text).problem(400, problem.InvalidParameter)
		}
	})
}
