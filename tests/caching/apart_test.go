package caching

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"
)

// What is not the same for everybody is not waited for together, though the address is.
func TestReadersWhoDoNotShareAreNotHeldUpByOneAnother(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		fill(t, s, 3)
		asks := []struct{ query, header string }{
			{"wait=2", ""},
			{"cursor=5&wait=2", "Authorization: Bearer x\r\n"},
			{"cursor=6&wait=2", "Cookie: a=b; __Host-pathsync=x\r\n"},
		}
		readers := make([]*reader, 4*len(asks))
		which := map[*reader]int{}
		for i := range readers {
			readers[i] = connect(t, address, s, 3)
			which[readers[i]] = i % len(asks)
		}
		s.requests.Store(0)
		began := time.Now()
		together(t, readers, func(r *reader) error {
			ask := asks[which[r]]
			_, err := r.ask("after="+s.epoch+"-3&"+ask.query, ask.header)
			return err
		})
		if n := s.requests.Load(); n != int64(len(readers)) {
			t.Errorf("%d readers caused %d requests at the server", len(readers), n)
		}
		if took := time.Since(began); took > 3*waitSeconds*time.Second {
			t.Errorf("it took %v, and each waits for %d s", took, waitSeconds)
		}
	})
}

func TestATokenDoesNotSetAnybodyApartInAPublicRoom(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		readers := make([]*reader, 4)
		for i := range readers {
			readers[i] = connect(t, address, s, 0)
			readers[i].room = publicRoom
		}
		s.requests.Store(0)
		together(t, readers, func(r *reader) error {
			_, err := r.ask("after="+s.epoch+"-0&cursor=5&wait=1", "Authorization: Bearer x\r\n")
			return err
		})
		if n := s.requests.Load(); n != 1 {
			t.Errorf("%d readers caused %d requests at the server", len(readers), n)
		}
	})
}

// atOnce is sooner than the first heartbeat.
const atOnce = 10 * time.Second

func TestStreamsGoPastTheCache(t *testing.T) {
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
				t.Errorf("it begins with %q, %v", line, err)
			}
		}
	})
}

// What was written a moment ago is read by whoever does not say that older answers will do.
func TestWhatIsWrittenIsReadBackThroughTheCache(t *testing.T) {
	behind(t, func(t *testing.T, s *server, address string) {
		r := connect(t, address, s, 0)
		for n := range 3 {
			fill(t, s, 1)
			if p, err := r.ask("after="+s.epoch+"-0", ""); err != nil || len(p.Changes) != n+1 {
				t.Errorf("%d batches of %d, %v", len(p.Changes), n+1, err)
			}
		}
	})
}
