package sqlstore

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// slowVariable repeats the large batches for so long, as in PATHSYNC_TEST_SLOW=1m. By default they come once.
const slowVariable = "PATHSYNC_TEST_SLOW"

// 130 batches of 1,000 small operations each, in one room or in many, with a database that is far away. Another room's
// writes go on meanwhile.
func TestLargeBatchesOverASlowLinkDelayOthersLittle(t *testing.T) {
	comparesDurations(t)
	onEachEngine(t, func(t *testing.T, e engine) {
		delays := []time.Duration{time.Millisecond / 2, 5 * time.Millisecond / 2, 20 * time.Millisecond / 2} // each way
		if e.name == "SQLite" {
			delays = []time.Duration{0}
		}
		limit, _ := time.ParseDuration(os.Getenv(slowVariable))
		batches := 130
		if e.name == "SQLServer" && limit == 0 { // it takes 64 rows in a round trip
			batches = 20
		}
		dsn := e.newDSN(t)
		var relay *dbtest.Relay
		if e.name != "SQLite" {
			relay, dsn = dbtest.Relayed(t, dsn)
		}
		hub := core.NewHub(core.Config{
			Store: openDSN(t, dsn), Listen: func(string, string, int64) core.Listener { return &heard{} }, SubmitTimeout: 5 * time.Minute,
		})
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := hub.Close(ctx); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
		bystander := openRoom(t, hub, "bystander")
		var n int64
		write := func() time.Duration {
			n++
			asked := time.Now()
			if _, err := bystander.Submit(t.Context(), setNumber("bystander", "n", n)); err != nil {
				t.Errorf("another room's write: %v", err)
			}
			return time.Since(asked)
		}
		for i, delay := range delays {
			for _, rooms := range []int{1, batches} {
				t.Run(fmt.Sprintf("%v/%d rooms", 2*delay, rooms), func(t *testing.T) {
					if relay != nil {
						relay.Delay(delay)
					}
					large := make([]*core.Room, rooms)
					for j := range large {
						large[j] = openRoom(t, hub, fmt.Sprintf("large-%d-%d-%d", i, rooms, j))
					}
					began := time.Now()
					done := make(chan struct{})
					go func() {
						defer close(done)
						for round := int64(1); round == 1 || time.Since(began) < limit; round++ {
							var all sync.WaitGroup
							for j := range batches {
								all.Go(func() {
									p := setNumber(fmt.Sprint(j), "n", round)
									p.Ops = slices.Repeat(p.Ops, 1000)
									if _, err := large[j%rooms].Submit(t.Context(), p); err != nil {
										t.Errorf("a large batch: %v", err)
									}
								})
							}
							all.Wait()
						}
					}()
					var took []time.Duration
					for over := false; !over; {
						took = append(took, write())
						select {
						case <-done:
							over = true
						case <-time.After(10 * time.Millisecond):
						}
					}
					lasted := time.Since(began)
					after := time.Duration(1 << 62)
					for range 20 {
						after = min(after, write())
					}
					slices.Sort(took)
					p99 := took[len(took)*99/100]
					t.Logf("%v in all; another room's write: p50 %v, p99 %v, max %v of %d; afterwards %v",
						lasted.Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond/10),
						p99.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), len(took), after.Round(time.Millisecond/10))
					// On a machine that is slow with the large batches, other writes are slow, too.
					if p99 > max(2*time.Second, lasted/10) {
						t.Errorf("another room's write took %v", p99)
					}
					if after > 100*time.Millisecond {
						t.Errorf("afterwards, another room's write took %v", after)
					}
				})
			}
		}
	})
}
