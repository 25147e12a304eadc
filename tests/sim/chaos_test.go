package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
)

const (
	fewestServers = 2
	mostServers   = 5
)

// chaos injects one fault after another until ctx ends. Those that last end by themselves, or with calm.
func (w *world) chaos(ctx context.Context) {
	d := newDice(w.seed, "chaos")
	for {
		wait, cancel := context.WithTimeout(ctx, d.duration(100*time.Millisecond, 1500*time.Millisecond))
		<-wait.Done()
		cancel()
		if ctx.Err() != nil {
			return
		}
		w.inject(ctx, d)
	}
}

func (w *world) inject(ctx context.Context, d *dice) {
	names := w.names()
	if len(names) < fewestServers {
		return // others are about to start
	}
	d.shuffle(names)
	name, other := names[0], names[1]
	lasting, both := d.duration(200*time.Millisecond, 7*time.Second), d.chance(0.5)
	kind := d.below(11)
	if w.profile.stable {
		kind = 4 + kind%7
	}
	switch kind {
	case 0, 1:
		w.happened("crash %s", name)
		w.remove(name).crash()
		w.after(ctx, lasting/4, func() { w.join() })
	case 2:
		if len(names) < mostServers {
			w.happened("join")
			w.join()
		}
	case 3:
		if len(names) > fewestServers {
			w.happened("drain %s", name)
			s := w.remove(name)
			w.lasting.Go(s.drain)
		}
	case 4:
		w.happened("pause %s for %v", name, lasting)
		w.pause(ctx, w.server(name), lasting)
	case 5, 6:
		w.happened("cut %s %s for %v, both ways: %v", name, other, lasting, both)
		w.cut(ctx, name, other, lasting, both)
	case 7:
		w.happened("bus")
		w.net.SetFaults(busFaults(d))
	case 8:
		skew := d.duration(-time.Hour, time.Hour)
		w.happened("clock of %s jumps to %v", name, skew)
		w.server(name).skew.Store(int64(skew))
	case 9:
		w.happened("store")
		w.db.setFaults(storeFaultsOf(d))
	default:
		w.happened("database down for %v", lasting)
		w.outage(ctx, d, lasting)
	}
}

func (w *world) happened(format string, args ...any) {
	w.records.add("faults", format, args...)
}

func busFaults(d *dice) bustest.Faults {
	f := bustest.Faults{MinDelay: 100 * time.Microsecond, MaxDelay: d.duration(200*time.Microsecond, 20*time.Millisecond), Late: d.duration(0, time.Second)}
	f.Loss, f.Duplication, f.Reordering = pick(d, []float64{0, 0.01, 0.3, 1}), pick(d, []float64{0, 0.1, 0.5}), pick(d, []float64{0, 0.1, 0.5})
	return f
}

func storeFaultsOf(d *dice) storeFaults {
	return storeFaults{
		latency: d.duration(time.Millisecond, 50*time.Millisecond),
		failed:  pick(d, []float64{0, 0.02, 0.2}), lostAnswer: pick(d, []float64{0, 0.02, 0.2}), givenUp: pick(d, []float64{0, 0.005}),
		lateInTail: pick(d, []float64{0, 0.2, 0.8}), lostTail: pick(d, []float64{0, 0.01, 0.1}), slowReading: pick(d, []float64{0, 0.2, 0.5}),
	}
}

// after runs a function after a time, or at once when ctx ends. calm waits for it.
func (w *world) after(ctx context.Context, d time.Duration, do func()) {
	w.lasting.Go(func() {
		wait, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		<-wait.Done()
		do()
	})
}

// join starts another server.
func (w *world) join() {
	w.servers.mu.Lock()
	defer w.servers.mu.Unlock()
	w.servers.last++
	name := fmt.Sprint("server-", w.servers.last)
	w.servers.live[name] = w.newServer(name)
}

func (w *world) remove(name string) *server {
	w.servers.mu.Lock()
	defer w.servers.mu.Unlock()
	s := w.servers.live[name]
	delete(w.servers.live, name)
	return s
}

// pause stops a server as SIGSTOP does: its calls of the database take effect or not, and return when it is resumed. Messages
// to it and from it are lost. Its timers run.
func (w *world) pause(ctx context.Context, s *server, d time.Duration) {
	if s == nil {
		return
	}
	s.link.pause()
	for _, other := range w.names() {
		w.net.Cut(s.name, other)
		w.net.Cut(other, s.name)
	}
	w.after(ctx, d, func() {
		for _, other := range w.names() {
			w.net.Heal(s.name, other)
			w.net.Heal(other, s.name)
		}
		s.link.resume()
	})
}

func (w *world) cut(ctx context.Context, from, to string, d time.Duration, both bool) {
	w.net.Cut(from, to)
	if both {
		w.net.Cut(to, from)
	}
	w.after(ctx, d, func() {
		w.net.Heal(from, to)
		w.net.Heal(to, from)
	})
}

// outage stops the database for a time. In the profile with backups, it may come back without its last batches.
func (w *world) outage(ctx context.Context, d *dice, lasting time.Duration) {
	restores, running, lost := w.profile.restores && d.chance(0.5), d.chance(0.5), pick(d, []int{1, 5, 50, 150})
	w.db.stop()
	switch {
	case !restores:
		w.after(ctx, lasting, w.db.start)
	case running:
		w.happened("restore a backup under running servers, without its last %d batches", lost)
		w.restoreUnderServers(lasting, lost)
	default:
		w.happened("restore a backup without its last %d batches", lost)
		w.restoreAndStart(ctx, lasting, lost)
	}
}

// detected is the time in which a server notices that the database lost batches that it knows, with all delays of the simulation.
const detected = 15 * time.Second

// restoreUnderServers restores a backup and does not tell the servers. They have to notice the loss, and to name the history anew. No
// other fault begins meanwhile, because a loss that no server and no reader knows of is not noticed.
func (w *world) restoreUnderServers(lasting time.Duration, lost int) {
	before, heads := w.db.mem.Connect().Epoch(), w.history.before(lost)
	known := slices.ContainsFunc(w.names(), func(name string) bool {
		last := w.server(name).last.Load()
		return last != nil && last.ServerSeq > heads[last.Room]
	})
	w.db.restore(heads)
	time.Sleep(lasting)
	w.db.start()
	time.Sleep(detected)
	if known && w.db.mem.Connect().Epoch() == before {
		w.history.fault("no server has noticed that the database lost its last %d batches", lost)
	}
}

// restoreAndStart stops all servers, restores a backup, and starts others. The database recognises that it was restored, and names
// the history anew; transactions that still run fail.
func (w *world) restoreAndStart(ctx context.Context, lasting time.Duration, lost int) {
	stopped := w.names()
	for _, name := range stopped {
		w.remove(name).crash()
	}
	w.db.restore(w.history.before(lost))
	if _, err := w.db.mem.Connect().Reopen(context.Background(), true); err != nil {
		w.history.fault("the history cannot be renamed: %v", err)
	}
	w.after(ctx, lasting, w.db.start)
	for range stopped {
		w.join()
	}
}

// stranger is a server of another version: it must own no rooms, and its messages must have no effect.
func (w *world) stranger(ctx context.Context) {
	d := newDice(w.seed, "stranger")
	bus := w.net.Join("stranger")
	defer bus.Close()
	for _, topic := range []string{"submit", "open"} {
		bus.Handle(topic, func(from string, _ []byte, _ func([]byte)) {
			w.history.fault("%s sends a request to a server of another version", from)
		})
	}
	for ctx.Err() == nil {
		s := w.db.mem.Connect()
		node := core.Node{ID: bus.Server(), Epoch: s.Epoch(), Protocol: core.Protocol + 1, Oldest: core.Protocol + 1}
		_ = s.SaveNode(ctx, node)
		garbage := make([]byte, d.below(40))
		for i := range garbage {
			garbage[i] = byte(d.below(256))
		}
		for _, topic := range []string{"committed", "submit", "open", "servers"} {
			bus.Publish(topic, garbage)
		}
		wait, cancel := context.WithTimeout(ctx, d.duration(100*time.Millisecond, time.Second))
		<-wait.Done()
		cancel()
	}
}
