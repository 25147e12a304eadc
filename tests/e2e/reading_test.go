package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync"
	"testing"
	"time"
)

func TestAnUnchangedETagIsAnsweredWith304(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, key := range []string{"left", "right"} {
		s.post("board", batch{ClientID: "c", Key: key, Ops: []op{{Path: "n", Op: "set", Value: []byte("1")}}})
	}
	const room, left, right = "/v1/rooms/board", "/v1/rooms/board/stores/left", "/v1/rooms/board/stores/right"
	epoch := s.snapshot("board").Epoch
	tags := map[string]string{room: epoch + "-2", left: epoch + "-1", right: epoch + "-2"}
	check := func(path string, fresh bool) {
		t.Helper()
		for _, form := range []string{`"%s"`, `W/"%s"`, `"other", "%s"`} {
			known := http.Header{"If-None-Match": {fmt.Sprintf(form, tags[path])}}
			r := s.ask(http.MethodGet, path, known, "")
			tag := r.header.Get("ETag")
			switch {
			case fresh && (r.status != http.StatusOK || len(r.body) == 0 || tag == `"`+tags[path]+`"`):
				t.Errorf("%s has changed, and the answer is %d with the tag %s", path, r.status, tag)
			case !fresh && (r.status != http.StatusNotModified || len(r.body) > 0 || tag != `"`+tags[path]+`"`):
				t.Errorf("%s is the same, and the answer is %d with the tag %s: %s", path, r.status, tag, r.body)
			}
		}
	}
	for path, tag := range tags {
		if got := s.get(path).header.Get("ETag"); got != `"`+tag+`"` {
			t.Errorf("%s has the tag %s, want %s", path, got, tag)
		}
		check(path, false)
	}
	s.post("board", batch{ClientID: "c", Key: "right", Ops: []op{{Path: "n", Op: "set", Value: []byte("2")}}})
	check(room, true)
	check(left, false) // a change of another document does not change this one
	check(right, true)

	tags[left] = epoch + "-1"
	s.kill()
	s.start()
	check(left, false)
}

func TestALongPollWakesWithTheNextBatch(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.set("board", "n", "1")
	after := s.snapshot("board").Epoch + "-1"

	const seconds = 25 // the poll's own limit
	asked := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { close(asked) },
	})
	type outcome struct {
		page changes
		err  error
		took time.Duration
	}
	got := make(chan outcome, 1)
	go func() {
		began := time.Now()
		page, err := s.changes(ctx, "board", after, seconds)
		got <- outcome{page, err, time.Since(began)}
	}()
	<-asked
	a := s.set("board", "n", "2")
	o := <-got
	if o.err != nil || len(o.page.Changes) != 1 || !o.page.UpToDate || o.page.Next != fmt.Sprintf("%s-%d", a.Epoch, a.ServerSeq) {
		t.Errorf("the poll returned %+v, %v", o.page, o.err)
	}
	if o.took >= seconds*time.Second {
		t.Errorf("the poll took %s", o.took)
	}
}

func TestALongPollReturnsAtItsLimitWithoutBatches(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.set("board", "n", "1")
	after := s.snapshot("board").Epoch + "-1"
	began := time.Now()
	page, err := s.changes(t.Context(), "board", after, 1)
	if took := time.Since(began); err != nil || took < time.Second || took > patience {
		t.Errorf("the poll took %s: %v", took, err)
	}
	if len(page.Changes) != 0 || page.Next != after || !page.UpToDate {
		t.Errorf("the poll returned %+v", page)
	}
}

func TestASnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	// Batch 2n-1 sets n in the left document and batch 2n in the right one: the serverSeq determines both values.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var reading sync.WaitGroup
	const readers = 4
	var looks [readers]int
	for i := range readers {
		reading.Go(func() {
			for ; ctx.Err() == nil; looks[i]++ {
				got, err := s.api.snapshot(t.Context(), "board")
				if err != nil {
					t.Error(err)
					return
				}
				for key, want := range map[string]int64{"left": (got.ServerSeq + 1) / 2, "right": got.ServerSeq / 2} {
					store, there := got.Stores[key]
					if want == 0 && !there {
						continue
					}
					if state := fmt.Sprintf(`{"n":%d}`, want); string(store.State) != state || store.ServerSeq < got.ServerSeq-1 {
						t.Errorf("at %d, %s is %s of %d, want %s", got.ServerSeq, key, store.State, store.ServerSeq, state)
					}
				}
			}
		})
	}
	for n := range 150 {
		for _, key := range []string{"left", "right"} {
			s.post("board", batch{ClientID: "c", Key: key, Ops: []op{{Path: "n", Op: "set", Value: json.RawMessage(fmt.Sprint(n + 1))}}})
		}
	}
	stop()
	reading.Wait()
	for i, n := range looks {
		if n < 5 {
			t.Errorf("reader %d had %d looks", i, n)
		}
	}
}
