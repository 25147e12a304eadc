package sqlstore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// neighbourWaits is how long a room's batches wait for their answers, one after the other, until stop is closed.
func neighbourWaits(t testing.TB, hub *core.Hub, stop <-chan struct{}) <-chan []time.Duration {
	r := openRoom(t, hub, "neighbour")
	waits := make(chan []time.Duration, 1)
	go func() {
		var all []time.Duration
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				slices.Sort(all)
				waits <- all
				return
			default:
			}
			began := time.Now()
			if _, err := r.Submit(t.Context(), setNumber("ann", "n", i)); err != nil {
				t.Errorf("a batch: %v", err)
			}
			all = append(all, time.Since(began))
		}
	}()
	return waits
}

func quantiles(waits []time.Duration) string {
	n := len(waits)
	return fmt.Sprintf("%d batches, p50 %v, p99 %v, longest %v", n, waits[n/2].Round(10*time.Microsecond),
		waits[n*99/100].Round(10*time.Microsecond), waits[n-1].Round(10*time.Microsecond))
}

// The rows of large documents are written in transactions of their own, and a writer in another room goes on in between.
func TestCheckpointsOfLargeDocumentsDoNotDelayAnotherRoom(t *testing.T) {
	comparesDurations(t)
	// One transaction of all rows takes seconds; most is generous, for machines that are busy.
	const documents, size, most = 12, 7 << 20, 2 * time.Second
	onEachEngine(t, func(t *testing.T, e engine) {
		store := openDSN(t, e.newDSN(t))
		hub := core.NewHub(core.Config{
			Store: store, Listen: func(string, string, int64) core.Listener { return &heard{} }, ServerBatch: 4 * time.Second,
		})
		t.Cleanup(func() { _ = hub.Close(t.Context()) })
		large := openRoom(t, hub, "large")
		text := `"` + strings.Repeat("x", size) + `"`
		value := tree.String(strings.Repeat("x", size))
		for i := range documents {
			p := setNumber("ben", "n", int64(i))
			p.Key = fmt.Sprint("large", i)
			p.Ops[0].Value, p.Ops[0].ValueText = value, text
			if _, err := large.Submit(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		stop := make(chan struct{})
		waits := neighbourWaits(t, hub, stop) // once the large batches are logged
		deadline := time.Now().Add(time.Minute)
		for {
			at, err := store.Checkpoint(t.Context(), "large")
			if err != nil {
				t.Fatal(err)
			}
			if at.ServerSeq == documents {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after a minute the checkpoint is %+v", at)
			}
			time.Sleep(10 * time.Millisecond)
		}
		close(stop)
		all := <-waits
		t.Log(quantiles(all))
		if longest := all[len(all)-1]; longest > most {
			t.Errorf("a batch has waited for %v", longest)
		}
	})
}

func TestPruningDoesNotDelayAnotherRoom(t *testing.T) {
	comparesDurations(t)
	const batches, ops = 200, 500
	onEachEngine(t, func(t *testing.T, e engine) {
		store := openDSN(t, e.newDSN(t))
		for i := range int64(batches) {
			b := &core.Batch{Room: "long", Key: "default", ClientID: "ann", ClientSeq: i, ServerSeq: i + 1, ServerTs: 1, Ops: make([]core.LoggedOp, ops)}
			for k := range b.Ops {
				b.Ops[k] = core.LoggedOp{Kind: tree.Set, Path: "n", Value: "1", Index: tree.NoIndex}
			}
			if err := store.Append(t.Context(), []*core.Batch{b}); err != nil {
				t.Fatal(err)
			}
		}
		hub := newHub(t, store, time.Minute)
		stop := make(chan struct{})
		waits := neighbourWaits(t, hub, stop)
		var longest time.Duration
		for after := int64(0); after < batches-1; {
			oldest, err := store.Oldest(t.Context(), "long", after, core.Bounds{Rows: 500, Bytes: 1 << 20})
			if err != nil || len(oldest) == 0 {
				t.Fatalf("after %d: %v, %v", after, oldest, err)
			}
			began := time.Now()
			through := oldest[len(oldest)-1].ServerSeq
			if err := store.Prune(t.Context(), "long", after, through); err != nil {
				t.Fatal(err)
			}
			longest = max(longest, time.Since(began))
			after = through
		}
		close(stop)
		t.Logf("the longest of %d steps took %v; %s", batches, longest, quantiles(<-waits))
		if longest > time.Second {
			t.Errorf("a step took %v", longest)
		}
	})
}
