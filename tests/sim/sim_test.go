package sim

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
)

// world is one run.
type world struct {
	seed    uint64
	profile profile
	rooms   []string
	began   time.Time
	net     *bustest.Network
	db      *database
	history *history
	servers servers
	lasting sync.WaitGroup // faults that last
	readers []*reader
	clients []*client
	batches int // that the clients send while there are faults

	records   records
	occasions occasions

	acknowledged, repeated atomic.Int64
}

// profile is a kind of run.
type profile struct {
	name      string
	keys      []string
	retention core.Retention
	rooms     int
	stable    bool // the servers neither crash nor end, and readers stay with them
	restores  bool // backups are restored. The model of the database restores one key, of a log that was not pruned
}

var profiles = []profile{
	{name: "faults", keys: []string{"a", "b"}, rooms: 3},
	{name: "pruning", keys: []string{"a", "b"}, retention: core.Retention{Age: time.Minute, Count: 100}, rooms: 3},
	{name: "backups", keys: []string{"a"}, rooms: 3, restores: true},
	{name: "rooms", keys: []string{"a"}, rooms: 200, stable: true}, // a missing batch stays unnoticed: few others follow
}

// batchesOfRun is the number of batches of one run.
const batchesOfRun = 1500

func newWorld(seed uint64, batches int) *world {
	h := newHistory()
	p := profiles[seed%uint64(len(profiles))]
	var rooms []string
	for i := range p.rooms {
		rooms = append(rooms, fmt.Sprint("r", i))
	}
	w := &world{
		records: records{began: time.Now(), of: map[string][]string{}}, occasions: occasions{seed: seed}, seed: seed, profile: p, rooms: rooms, batches: batches, began: time.Now(),
		net: bustest.NewNetwork(bustest.Options{Seed: seed}), db: newDatabase(h), history: h,
		servers: servers{live: map[string]*server{}},
	}
	h.records = &w.records
	return w
}

// longestRun limits the virtual time of a run.
const longestRun = time.Hour

// run runs a world: a time with faults, then a quiet one.
func (w *world) run() {
	limit := time.AfterFunc(longestRun, func() { panic(fmt.Sprintf("seed %d does not end", w.seed)) })
	defer limit.Stop()
	d := newDice(w.seed, "world")
	w.net.SetFaults(busFaults(d))
	w.db.setFaults(storeFaultsOf(d))
	for range 3 {
		w.join()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var observers, faults, clients sync.WaitGroup
	for i, room := range slices.Repeat(w.rooms, max(1, 8/len(w.rooms))) {
		r := newReader(w, fmt.Sprint("reader-", i), room)
		w.readers = append(w.readers, r)
		observers.Go(func() { r.run(ctx) })
	}
	observers.Go(func() { w.stranger(ctx) })
	faulty, calm := context.WithCancel(ctx)
	faults.Go(func() { w.chaos(faulty) })
	const n = 10
	for i := range n {
		c := newClient(w, fmt.Sprint("c", i), 0.1)
		w.clients = append(w.clients, c)
		clients.Go(func() { c.run(w.batches/n, 300*time.Millisecond) })
	}
	clients.Wait()
	calm()
	faults.Wait()
	w.calm()
	w.quiet()
	cancel()
	observers.Wait()
	w.compare()
	for _, name := range w.names() {
		w.remove(name).drain()
	}
	w.db.running.Wait()
}

// calm ends all faults.
func (w *world) calm() {
	w.lasting.Wait()
	w.db.start()
	w.net.HealAll()
	w.net.SetFaults(bustest.Faults{MinDelay: 100 * time.Microsecond, MaxDelay: time.Millisecond})
	w.db.setFaults(storeFaults{latency: 2 * time.Millisecond})
	for len(w.names()) < fewestServers {
		w.join()
	}
}

// settled is the time after which the servers agree on their owners, and every reader has every batch.
const settled = 20 * time.Second

// quiet checks that servers without faults commit without conflicts, and that readers get everything soon.
func (w *world) quiet() {
	time.Sleep(settled)
	w.db.running.Wait()
	time.Sleep(settled)
	w.complete()
	before := w.db.conflicts.Load()
	var clients sync.WaitGroup
	for i := range 6 {
		c := newClient(w, fmt.Sprint("quiet-", i), 0)
		clients.Go(func() { c.run(20, 100*time.Millisecond) })
	}
	clients.Wait()
	if n := w.db.conflicts.Load() - before; n > 0 {
		w.history.fault("without faults, %d transactions met a conflict", n)
	}
	time.Sleep(3 * time.Second)
	w.complete()
}

// complete checks that every reader has every batch.
func (w *world) complete() {
	heads := w.history.heads()
	for _, r := range w.readers {
		if epoch, seq := r.position(); seq != heads[r.room] || epoch != w.db.mem.Connect().Epoch() {
			w.history.fault("a reader of room %s has batch %d of epoch %s, and the log ends at %d of epoch %s", r.room, seq, epoch,
				heads[r.room], w.db.mem.Connect().Epoch())
		}
	}
}

// compare compares the documents of every server with the log.
func (w *world) compare() {
	heads := w.history.heads()
	for _, name := range w.names() {
		s := w.server(name)
		for _, room := range w.rooms {
			r, release, err := s.hub.Room(context.Background(), room)
			if err != nil {
				w.history.fault("%s: room %s: %v", name, room, err)
				continue
			}
			r.View(func(v core.View) {
				if s.compare(v, room, r.Epoch()) != heads[room] {
					w.history.fault("%s: room %s is at batch %d, and the log ends at %d", name, room, v.Seq(), heads[room])
				}
			})
			release()
		}
	}
}

func setting(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestServersWithFaultsKeepTheGuarantees(t *testing.T) {
	batches, seed := setting(t, "PATHSYNC_SIM_BATCHES", len(profiles)*batchesOfRun), uint64(setting(t, "PATHSYNC_SIM_SEED", 0))
	began, done, runs := time.Now(), 0, 0
	for ; done < batches && !t.Failed(); seed++ {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			exactly(t, seed, batchesOfRun, func(t *testing.T, w *world) {
				for _, fault := range w.history.faults {
					t.Error(fault)
				}
				done += w.history.batches
				runs++
				if t.Failed() {
					for _, e := range w.records.of["faults"] {
						t.Log(e)
					}
				}
				resumed := 0
				for _, r := range w.readers {
					resumed += r.resumed
				}
				t.Logf("%s: %d batches, %d acknowledged, %d repeated, %d conflicts, %d streams resumed, %d backups, %d faults in %v", w.profile.name,
					w.history.batches, w.acknowledged.Load(), w.repeated.Load(), w.db.conflicts.Load(), resumed, w.db.restored.Load(),
					len(w.records.of["faults"]), time.Since(w.began).Round(time.Second))
			})
		})
	}
	took := time.Since(began)
	t.Logf("%d batches in %d runs in %v: %.0f batches/s", done, runs, took.Round(time.Millisecond), float64(done)/took.Seconds())
}
