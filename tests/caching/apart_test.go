package caching

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"
)

// A cache must not queue requests whose answers cannot be shared, although their URLs are equal.
func TestUnsharedRequestsDoNotDelayEachOther(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		fill(t, s, 3)
		requests := []struct{ query, header string }{
			{"wait=2", ""},
			{"cursor=5&wait=2", "Authorization: Bearer x\r\n"},
			{"cursor=6&wait=2", "Cookie: a=b; __Host-pathsync=x\r\n"},
		}
		readers := make([]*reader, 4*len(requests))
		which := map[*reader]int{}
		for i := range readers {
			readers[i] = connect(t, address, s, 3)
			which[readers[i]] = i % len(requests)
		}
		s.requests.Store(0)
		began := time.Now()
		together(t, readers, func(r *reader) error {
			request := requests[which[r]]
			_, err := r.get("after="+s.epoch+"-3&"+request.query, request.header)
			return err
		})
		if n := s.requests.Load(); n != int64(len(readers)) {
			t.Errorf("%d readers caused %d requests at the server", len(readers), n)
		}
		if took := time.Since(began); took > 3*waitSeconds*time.Second {
			t.Errorf("it took %v; each request waits for %d s", took, waitSeconds)
		}
	})
}

func TestRequestsWithTokensShareAnswersOfPublicRoom(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		readers := make([]*reader, 4)
		for i := range readers {
			readers[i] = connect(t, address, s, 0)
			readers[i].room = publicRoom
		}
		s.requests.Store(0)
		together(t, readers, func(r *reader) error {
			_, err := r.get("after="+s.epoch+"-0&cursor=5&wait=1", "Authorization: Bearer x\r\n")
			return err
		})
		if n := s.requests.Load(); n != 1 {
			t.Errorf("%d readers caused %d requests at the server", len(readers), n)
		}
	})
}

// atOnce is shorter than the interval of heartbeats.
const atOnce = 10 * time.Second

func TestStreamsBypassTheCache(t *testing.T) {
	behind(t, func(t *testing.T, _ *server, address string) {
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), atOnce)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/rooms/"+room+"/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != ": pathsync\n" {
				t.Errorf("the stream begins with %q, %v", line, err)
			}
		}
	})
}

// A request without a cursor gets the latest batches.
func TestRequestWithoutCursorGetsTheLatestBatch(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		r := connect(t, address, s, 0)
		for n := range 3 {
			fill(t, s, 1)
			if p, err := r.get("after="+s.epoch+"-0", ""); err != nil || len(p.Changes) != n+1 {
				t.Errorf("%d batches of %d, %v", len(p.Changes), n+1, err)
			}
		}
	})
}
