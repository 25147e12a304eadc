package sqlstore

import (
	"fmt"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// The latency of a commit is the round trips of its group, whatever the number of rooms.
func TestAppendTakesOneRoundTrip(t *testing.T) {
	onEachEngine(t, func(t *testing.T, e engine) {
		if e.name == "SQLite" {
			t.Skip("there is no network before a file")
		}
		relay, dsn := dbtest.Relayed(t, e.newDSN(t))
		store := openDSN(t, dsn)
		next := map[string]int64{}
		group := func(batches, rooms int) (group []*core.Batch) {
			for i := range batches {
				room := fmt.Sprint("room-", i%rooms)
				next[room]++
				group = append(group, oneOp(room, next[room]))
			}
			return group
		}
		for _, size := range []struct{ batches, rooms, trips int }{
			{1, 1, 1}, {32, 8, 1}, {64, 64, 1}, {2000, 100, 1},
		} {
			trips := size.trips
			if e.name == "SQLServer" && size.batches > 64 {
				trips = 36 // BEGIN, 32 statements of 64 rows, 2 checks of 64 rooms, and COMMIT
			}
			appendOnce := func() int {
				before := relay.RoundTrips()
				if err := store.Append(t.Context(), group(size.batches, size.rooms)); err != nil {
					t.Fatal(err)
				}
				return relay.RoundTrips() - before
			}
			// At first, a connection is opened and its statements are prepared. A connection that was idle for a while is pinged.
			got := 1 << 30
			for range 5 {
				got = min(got, appendOnce())
			}
			if got != trips {
				t.Errorf("%d batches of %d rooms take %d round trips, want %d", size.batches, size.rooms, got, trips)
			}
		}
	})
}
