package sqlstore

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// BenchmarkAppendWithoutIndexOfTail compares appends with the index on id and without it. Both take turns.
//
//	go test -run '^$' -bench WithoutIndexOfTail -benchtime 2000x ./sqlstore
func BenchmarkAppendWithoutIndexOfTail(b *testing.B) {
	for _, size := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("batches=%d", size), func(b *testing.B) {
			var stores [2]*Store
			for i := range stores {
				dsn := dbtest.Postgres(b)
				stores[i] = openDSN(b, dsn)
				if i == 1 {
					db := rawPostgres(b, dsn)
					if _, err := db.ExecContext(b.Context(), "DROP INDEX sync_change_log_id"); err != nil {
						b.Fatal(err)
					}
				}
			}
			var loads [2]dbtest.Workload
			var took [2][]time.Duration
			for n := 0; b.Loop(); n++ {
				for i := range stores {
					i = (i + n) % 2
					group := loads[i].Group(size)
					start := time.Now()
					if err := stores[i].Append(b.Context(), group); err != nil {
						b.Fatal(err)
					}
					took[i] = append(took[i], time.Since(start))
				}
			}
			ratios := make([]float64, len(took[0]))
			for i := range ratios { // of one pair, whose appends follow each other
				ratios[i] = float64(took[1][i]) / float64(took[0][i])
			}
			b.ReportMetric(float64(median(took[0]).Microseconds()), "with-µs")
			b.ReportMetric(float64(median(took[1]).Microseconds()), "without-µs")
			b.ReportMetric(median(ratios), "throughput-ratio")
		})
	}
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkTail measures a read of the tail without new rows, and one that returns batches of one operation.
//
//	go test -run '^$' -bench Tail$ ./sqlstore
func BenchmarkTail(b *testing.B) {
	for _, e := range engines {
		for _, size := range []int{0, 1, 100} {
			b.Run(fmt.Sprintf("%s/batches=%d", e.name, size), func(b *testing.B) {
				store := openDSN(b, e.newDSN(b))
				var load dbtest.Workload
				if err := store.Append(b.Context(), load.Group(2000)); err != nil {
					b.Fatal(err)
				}
				tail := openTail(b, store)
				for b.Loop() {
					if size > 0 {
						b.StopTimer()
						if err := store.Append(b.Context(), load.Group(size)); err != nil {
							b.Fatal(err)
						}
						b.StartTimer()
					}
					if got := readTail(b, tail); len(got) != size {
						b.Fatalf("got %d batches, want %d", len(got), size)
					}
				}
			})
		}
	}
}

var _ core.Tail = (*tail)(nil)
