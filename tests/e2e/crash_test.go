package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The load while the server crashes. Each room has one reader of each kind.
var crashRooms = []string{"alpha", "beta", "gamma"}

const writersPerRoom = 2

func TestCrashesNeitherLoseNorDuplicateBatches(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--server-batch-ms", "20")
	load := startLoad(t, s.api)
	load.crash(s, crashes(t, 20))
	load.finish(s)
	readings := s.readings(crashRooms)
	s.kill()

	logs := readLogs(t, s.file)
	for _, room := range crashRooms {
		t.Run(room, func(t *testing.T) {
			load.prove(proof{t: t, room: room, log: logs[room], reading: readings[room]})
		})
	}

	s.start()
	for room, reading := range s.readings(crashRooms) {
		if reading.snapshot != readings[room].snapshot {
			t.Errorf("after reopening, %s is\n%s\nand was\n%s", room, reading.snapshot, readings[room].snapshot)
		}
	}
	s.stop()
	rows := readDocuments(t, s.file)
	for _, room := range crashRooms {
		if err := differ(readings[room].states, rows[room]); err != nil {
			t.Errorf("the document rows of %s: %v", room, err)
		}
	}
}

// crashes returns the number of times to kill the server: PATHSYNC_CRASHES, or a small number by default.
func crashes(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("PATHSYNC_CRASHES")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("PATHSYNC_CRASHES=%q is not a number of crashes", text)
	}
	return n
}

// load is the writers and observers of all rooms.
type load struct {
	t         *testing.T
	writers   []*writer
	observers []*observer
	answered  *atomic.Int64 // batches, of all writers
	enough    chan struct{} // closed to stop the writers

	ctx     context.Context         // canceled by the first failure, or to stop the observers
	stop    context.CancelCauseFunc // nil without a failure
	writing sync.WaitGroup
	reading sync.WaitGroup
}

func startLoad(t *testing.T, a api) *load {
	l := &load{t: t, answered: new(atomic.Int64), enough: make(chan struct{})}
	l.ctx, l.stop = context.WithCancelCause(t.Context())
	for _, room := range crashRooms {
		for i := range writersPerRoom {
			w := &writer{api: a, room: room, id: fmt.Sprintf("%s-writer-%d", room, i), answered: l.answered}
			l.writers = append(l.writers, w)
			l.run(&l.writing, func() error { return w.run(l.ctx, l.enough) })
		}
		for _, kind := range observerKinds {
			w := &observer{api: a, observerKind: kind, replica: newReplica(room)}
			l.observers = append(l.observers, w)
			l.run(&l.reading, func() error { return w.run(l.ctx) })
		}
	}
	t.Cleanup(func() {
		l.stop(nil)
		l.writing.Wait()
		l.reading.Wait()
	})
	return l
}

func (l *load) run(group *sync.WaitGroup, role func() error) {
	group.Go(func() {
		if err := role(); err != nil {
			l.stop(err)
		}
	})
}

// crash kills the server n times under load, at random times: during an append, a checkpoint, a response or the startup.
func (l *load) crash(s *server, n int) {
	l.t.Helper()
	began := time.Now()
	kills := 0
	defer func() {
		if l.t.Failed() {
			l.t.Logf("after %d kills the server has written:\n%s", kills, s.process.Stderr.String())
		}
	}()
	for range n {
		l.progress(rand.N(150))
		pause(l.t.Context(), rand.N(20*time.Millisecond))
		s.kill()
		kills++
		for rand.N(4) == 0 {
			s.launch()
			pause(l.t.Context(), rand.N(300*time.Millisecond))
			s.kill()
			kills++
		}
		s.start()
	}
	l.t.Logf("%d kills under load, and %d while the server started, in %v", n, kills-n, time.Since(began).Round(time.Second))
}

// await waits until check returns nil. It fails the test if a writer or observer fails.
func (l *load) await(check func() error) {
	l.t.Helper()
	eventually(l.t, func() error {
		if l.ctx.Err() != nil {
			l.t.Fatal(context.Cause(l.ctx))
		}
		return check()
	})
}

// progress waits until that many more batches have been answered.
func (l *load) progress(n int) {
	l.t.Helper()
	goal := l.answered.Load() + int64(n)
	l.await(func() error {
		if done := l.answered.Load(); done < goal {
			return fmt.Errorf("%d batches are answered, of %d", done, goal)
		}
		return nil
	})
}

// finish ends the load: every batch is sent until it is answered, and every observer reads to the end.
func (l *load) finish(s *server) {
	l.t.Helper()
	close(l.enough)
	l.writing.Wait()
	for _, w := range l.observers {
		last := s.snapshot(w.replica.room).ServerSeq
		l.await(func() error {
			if at := w.seq.Load(); at < last {
				return fmt.Errorf("%s is at %d of %d in %s", w.name, at, last, w.replica.room)
			}
			return nil
		})
	}
	l.stop(nil)
	l.reading.Wait()
	if err := context.Cause(l.ctx); !errors.Is(err, context.Canceled) {
		l.t.Fatal(err)
	}
	sent, again, told, starts := 0, 0, 0, 0
	for _, w := range l.writers {
		sent, again = sent+len(w.sent), again+w.again
	}
	for _, w := range l.observers {
		told, starts = told+len(w.replica.deltas), starts+w.replica.starts
	}
	l.t.Logf("%d batches, %d answered again; %d deltas to %d observers, with %d starts",
		sent, again, told, len(l.observers), starts)
}
