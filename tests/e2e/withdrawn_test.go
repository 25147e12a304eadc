package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// onDatabases runs a test with a server on each available kind of database.
func onDatabases(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("SQLite", func(t *testing.T) { test(t, startServer(t, "--server-batch-ms", "20")) })
	for name, newDatabase := range map[string]func(testing.TB) string{"PostgreSQL": dbtest.Postgres, "SQLServer": dbtest.SQLServer} {
		t.Run(name, func(t *testing.T) { test(t, startServerOn(t, newDatabase(t), "--server-batch-ms", "20")) })
	}
}

// cancelAndRepeat sends batches to its own room: each once in a request that it cuts, and then three times concurrently. Other
// writers keep the committer busy, so that some requests are cut while their batches are queued.
func cancelAndRepeat(ctx context.Context, a api, room string, answered *atomic.Int64) error {
	impatient := api{url: a.url, http: &http.Client{Transport: &http.Transport{}}}
	defer impatient.http.CloseIdleConnections()
	for n := int64(1); ctx.Err() == nil; n++ {
		body := batch{ClientID: "cutter", ClientSeq: n, Key: "default", Ops: []op{{Path: "n", Op: "set", Value: []byte(fmt.Sprint(n))}}}.encode()
		cut, cancel := context.WithTimeout(ctx, time.Duration(rand.N(4000))*time.Microsecond)
		_, _ = impatient.post(cut, room, body)
		cancel()
		var all sync.WaitGroup
		taken := make([]error, 3)
		for i := range taken {
			all.Go(func() { _, taken[i] = a.post(ctx, room, body) })
		}
		all.Wait()
		for _, err := range taken {
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("batch %d: %w", n, err)
			}
		}
		answered.Add(1)
	}
	return nil
}

func TestCutAndRepeatedRequestsDoNotBlockOtherWriters(t *testing.T) {
	onDatabases(t, func(t *testing.T, s *server) {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var cut, written atomic.Int64
		for i := range 3 {
			running.Go(func() {
				if err := cancelAndRepeat(ctx, s.api, fmt.Sprint("cut-", i), &cut); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range 6 {
			running.Go(func() {
				for n := int64(1); ctx.Err() == nil; n++ {
					b := batch{ClientID: "writer", ClientSeq: n, Key: "default", Ops: []op{{Path: "n", Op: "set", Value: []byte("1")}}}
					if _, err := s.api.post(ctx, fmt.Sprint("room-", i), b.encode()); err != nil && ctx.Err() == nil {
						t.Errorf("another room: %v", err)
						return
					}
					written.Add(1)
				}
			})
		}
		eventually(t, func() error {
			if n := cut.Load(); n < 100 && !t.Failed() {
				return fmt.Errorf("%d batches were cut and repeated", n)
			}
			return nil
		})
		before := written.Load()
		eventually(t, func() error {
			if written.Load() < before+20 && !t.Failed() {
				return fmt.Errorf("other rooms have stopped at %d batches", written.Load())
			}
			return nil
		})
		cancel()
		running.Wait()
		s.stop()
	})
}

// terminations returns the number of times to end the server under load.
func terminations(t *testing.T) int {
	text := os.Getenv("PATHSYNC_TERMINATIONS")
	if text == "" {
		return 4
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("PATHSYNC_TERMINATIONS=%q is not a number of terminations", text)
	}
	return n
}

// Each SIGTERM ends the server with exit code 0, regardless of queued, cut and repeated requests. No acknowledged batch is
// lost or duplicated.
func TestSIGTERMUnderLoadWithCutRequestsEndsWell(t *testing.T) {
	onDatabases(t, func(t *testing.T, s *server) {
		load := startLoad(t, s.api)
		for range terminations(t) {
			ctx, cancel := context.WithCancel(t.Context())
			var cutting sync.WaitGroup
			var cut atomic.Int64
			for i := range 3 {
				cutting.Go(func() { _ = cancelAndRepeat(ctx, s.api, fmt.Sprint("cut-", i, rand.N(1<<30)), &cut) })
			}
			load.progress(rand.N(50))
			pause(t.Context(), rand.N(20*time.Millisecond))
			s.stop()
			if text := s.process.Stderr.String(); strings.Contains(text, "level=ERROR") {
				t.Errorf("the log has an error:\n%s", text)
			}
			cancel()
			cutting.Wait()
			s.start()
		}
		load.finish(s)
		s.stop()
	})
}
