package sqlstore

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

// BenchmarkDatabases measures every kind of database that is at hand, and prints a table.
//
//	go test -run '^$' -bench Databases ./sqlstore
func BenchmarkDatabases(b *testing.B) {
	measures := []struct {
		name    string
		measure func(b *testing.B, dsn string) string
	}{
		{"batches a second and p99, 32 writers", func(b *testing.B, dsn string) string { return measureWriters(b, dsn, 32) }},
		{"batches a second and p99, 256 writers", func(b *testing.B, dsn string) string { return measureWriters(b, dsn, 256) }},
		{"one append, p50 and p99", measureAppend},
		{"checkpoint of 1,000 documents", measureCheckpoint},
		{"opening a room", measureOpening},
	}
	var columns []string
	rows := make([][]string, len(measures))
	for _, e := range engines {
		measured := make([]string, len(measures))
		for i, m := range measures {
			b.Run(e.name+"/"+m.name, func(b *testing.B) { measured[i] = m.measure(b, e.newDSN(b)) })
		}
		if slices.Contains(measured, "") { // this one is not at hand
			continue
		}
		columns = append(columns, e.name)
		for i := range measures {
			rows[i] = append(rows[i], measured[i])
		}
	}
	if len(columns) == 0 { // not every measure was asked for
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	defer w.Flush()
	row(w, "", columns)
	row(w, "---", slices.Repeat([]string{"---"}, len(columns)))
	for i, m := range measures {
		row(w, m.name, rows[i])
	}
}

func row(w io.Writer, name string, cells []string) {
	fmt.Fprintf(w, "| %s\t| %s\t|\n", name, strings.Join(cells, "\t| "))
}

// measureWriters measures clients that submit batches of one operation to 100 rooms. Each submits its next batch when the
// last is accepted. The p99 is of the time from submitting a batch to its acceptance.
func measureWriters(b *testing.B, dsn string, writers int) string {
	hub := newHub(b, openDSN(b, dsn), 30*time.Second)
	rooms := make([]*core.Room, dbtest.WorkloadRooms)
	for i := range rooms {
		rooms[i] = openRoom(b, hub, fmt.Sprint("board-", i))
	}
	took := make([][]time.Duration, writers) // by client, of each of its batches
	send := func(until func(seq int) bool) {
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				client := fmt.Sprint("client-", w)
				for seq := len(took[w]) + 1; until(seq); seq++ {
					start := time.Now()
					if _, err := rooms[w%len(rooms)].Submit(b.Context(), setNumber(client, client, int64(seq))); err != nil {
						b.Error(err)
						return
					}
					took[w] = append(took[w], time.Since(start))
				}
			})
		}
		wg.Wait()
	}
	send(func(seq int) bool { return seq == 1 }) // so that the connections are there, and the clients known
	var begun atomic.Int64
	b.ResetTimer() // and not b.Loop, which is for one goroutine
	send(func(int) bool { return begun.Add(1) <= int64(b.N) })
	b.StopTimer()
	var all []time.Duration
	for w := range took {
		all = append(all, took[w][min(1, len(took[w])):]...)
	}
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	perSecond, p99 := float64(b.N)/b.Elapsed().Seconds(), all[len(all)*99/100]
	b.ReportMetric(perSecond, "batches/s")
	b.ReportMetric(milliseconds(p99), "p99-ms")
	return fmt.Sprintf("%.0f and %.1f ms", perSecond, milliseconds(p99))
}

func measureAppend(b *testing.B, dsn string) string {
	store := openDSN(b, dsn)
	var load dbtest.Workload
	var took []time.Duration
	for b.Loop() {
		group := load.Group(1)
		start := time.Now()
		if err := store.Append(b.Context(), group); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
	b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
	return fmt.Sprintf("%.2f and %.2f ms", milliseconds(p50), milliseconds(p99))
}

// measureCheckpoint replaces 1,000 documents of 2 KB in one transaction.
func measureCheckpoint(b *testing.B, dsn string) string {
	store := openDSN(b, dsn)
	docs := make([]core.Document, 1000)
	for i := range docs {
		docs[i] = core.Document{Room: fmt.Sprint("board-", i), Key: "default", State: `{"text":"` + strings.Repeat("x", 2000) + `"}`}
	}
	for b.Loop() {
		for i := range docs {
			docs[i].ServerSeq++
		}
		if err := store.SaveDocuments(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
	}
	return fmt.Sprintf("%.0f ms", milliseconds(b.Elapsed())/float64(b.N))
}

// measureOpening opens a room with a document of 1 MB and 10,000 rows of log, all but the last 100 of which are in the
// document. There are as many rows of other rooms.
func measureOpening(b *testing.B, dsn string) string {
	store := openDSN(b, dsn)
	const batches, unsaved = 10_000, 100
	for seq := int64(1); seq <= batches; seq += 1000 {
		for _, room := range []string{"large", "other"} {
			group := make([]*core.Batch, 1000)
			for i := range group {
				group[i] = oneOp(room, seq+int64(i))
			}
			if err := store.Append(b.Context(), group); err != nil {
				b.Fatal(err)
			}
		}
	}
	document := core.Document{Room: "large", Key: "default", ServerSeq: batches - unsaved, State: largeDocument(1 << 20)}
	if err := store.SaveDocuments(b.Context(), []core.Document{document}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		hub := core.NewHub(core.Config{
			Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} }, ServerBatch: time.Hour,
		})
		b.StartTimer()
		_, release, err := hub.Room(b.Context(), "large")
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		release()
		gone, cancel := context.WithCancel(b.Context())
		cancel()
		_ = hub.Close(gone) // without writing the document, so that the next opening finds the same
		b.StartTimer()
	}
	return fmt.Sprintf("%.1f ms", milliseconds(b.Elapsed())/float64(b.N))
}

// largeDocument is the JSON of a list of tasks, as an application has it.
func largeDocument(size int) string {
	var text strings.Builder
	text.WriteString(`{"tasks":[`)
	for i := 0; text.Len() < size; i++ {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"_sync_id":"%08d","title":"some words typed by a person","done":false,"position":%d}`, i, i)
	}
	text.WriteString(`],"title":1}`)
	return text.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
