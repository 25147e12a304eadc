package sim

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
	"github.com/pathsync/pathsync/core/presence"
)

// server is a hub with its connections.
type server struct {
	w    *world
	name string
	hub  *core.Hub
	bus  *bustest.Bus
	link *link
	ctx  context.Context            // of the requests; ends with the server
	skew atomic.Int64               // of its wall clock, in nanoseconds
	last atomic.Pointer[core.Batch] // that it has shown since it opened a room
	end  context.CancelFunc
}

// newServer starts a server.
func (w *world) newServer(name string) *server {
	s := &server{w: w, name: name, bus: w.net.Join(name),
		link: &link{db: w.db, dices: &w.occasions, name: name, dead: make(chan struct{})}}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.hub = core.NewHub(core.Config{
		Store:       &store{s.link, w.db.mem.Connect()},
		Listen:      s.listen,
		Bus:         &line{s.bus, &w.occasions},
		Log:         slog.New(&logged{s}),
		WallClock:   func() time.Time { return time.Now().Add(time.Duration(s.skew.Load())) },
		RoomIdle:    2 * time.Second,
		Retention:   w.profile.retention,
		ServerBatch: 500 * time.Millisecond, PruneInterval: 3 * time.Second,
	})
	return s
}

// moment is a time in which nothing else happens. What would happen at the same time is spread over it, because Go would do it in any
// order.
const moment = 10 * time.Microsecond

// line is a server's core.Bus. Requests that end at the same moment, as when a server crashes, return one after the other.
type line struct {
	*bustest.Bus
	dices *occasions
}

func (l *line) Request(ctx context.Context, server, topic string, data []byte) ([]byte, error) {
	dice := l.dices.dice(server, topic, data)
	response, err := l.Bus.Request(ctx, server, topic, data)
	time.Sleep(dice.duration(0, moment))
	return response, err
}

// logged is a slog.Handler. It takes a room that was stopped as damaged for a violation.
type logged struct{ s *server }

func (*logged) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler             { return l }
func (l *logged) WithGroup(string) slog.Handler                  { return l }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	damaged := false
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		err, _ := a.Value.Any().(error)
		damaged = damaged || errors.Is(err, core.ErrCorrupt) || errors.Is(err, core.ErrRejected)
		return true
	})
	if damaged && l.s.w.db.restored.Load() == 0 {
		l.s.w.history.fault("%s logs: %s", l.s.name, text)
	}
	return nil
}

// crash ends the server as `kill -9` does: no call of the store succeeds any more, and no message leaves it.
func (s *server) crash() {
	close(s.link.dead)
	s.link.resume()
	s.end()
	s.w.lasting.Go(func() {
		time.Sleep(moment) // the requests end first
		s.bus.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.hub.Close(ctx) // ends the goroutines; without a store it does nothing else
	})
}

// drain ends the server as SIGTERM does.
func (s *server) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = s.hub.Drain(ctx)
	s.end()
	time.Sleep(moment) // the requests end first
	_ = s.hub.Close(ctx)
	s.bus.Close()
}

// submit is a request of a client.
func (s *server) submit(ctx context.Context, room string, p *core.Proposal) (core.Answer, string, error) {
	dice := s.w.occasions.dice(p.ClientID, p.Ops[0].ValueText)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, func() {
		time.Sleep(dice.duration(0, moment))
		cancel()
	})()
	r, release, err := s.hub.Room(ctx, room)
	if err != nil {
		return core.Answer{}, "", err
	}
	defer release()
	time.Sleep(dice.duration(0, moment)) // requests that wait for a room begin one after the other
	a, err := r.Submit(ctx, p)
	if err == nil {
		err = s.link.wait(dice) // a stopped process does not answer
	}
	return a, r.Epoch(), err
}

// feed is the listener of an open room. It passes batches on to readers.
type feed struct {
	s           *server
	room, epoch string

	mu      sync.Mutex
	seq     int64
	closed  bool
	readers map[*reader]bool
}

func (s *server) listen(room, epoch string, seq int64) core.Listener {
	s.last.Store(nil)
	return &feed{s: s, room: room, epoch: epoch, seq: seq, readers: map[*reader]bool{}}
}

func (f *feed) Committed(batches []*core.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s.last.Store(batches[len(batches)-1])
	for _, b := range batches {
		f.s.w.history.shown(f.s.name, f.epoch, b)
		if b.ServerSeq != f.seq+1 {
			f.s.w.history.fault("%s: batch %d of room %s follows %d", f.s.name, b.ServerSeq, f.room, f.seq)
		}
		f.seq = b.ServerSeq
	}
	for r := range f.readers {
		r.receive(f.epoch, batches)
	}
}

func (f *feed) PresenceChanged(presence.Change) {}
func (f *feed) ListsDue()                       {}
func (f *feed) Readers() int                    { return 0 }
func (f *feed) Replaced(string)                 {}
func (f *feed) Bytes() int                      { return 0 }

func (f *feed) Closed(error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for r := range f.readers {
		r.disconnect()
	}
}

// attach adds a reader, and reports whether the room is open.
func (f *feed) attach(r *reader) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.readers[r] = true
	}
	return !f.closed
}

func (f *feed) detach(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, r)
}

// compare compares the documents that the server shows with the log, and returns the position of the room.
func (s *server) compare(v core.View, room, epoch string) int64 {
	for _, key := range v.Keys() {
		json, changed, _ := v.Document(key)
		s.w.history.document(s.name, epoch, room, key, json.Bytes(), changed, v.Seq())
	}
	s.w.history.count(s.name, epoch, room, len(v.Keys()), v.Seq())
	return v.Seq()
}

// servers is the set of running servers.
type servers struct {
	mu   sync.Mutex
	live map[string]*server
	last int // number of the newest server
}

func (w *world) names() []string {
	w.servers.mu.Lock()
	defer w.servers.mu.Unlock()
	return slices.Sorted(maps.Keys(w.servers.live))
}

// server returns a running server of that name, or nil.
func (w *world) server(name string) *server {
	w.servers.mu.Lock()
	defer w.servers.mu.Unlock()
	return w.servers.live[name]
}

// anyServer returns a running server, or nil if there is none.
func (w *world) anyServer(d *dice) *server {
	if names := w.names(); len(names) > 0 {
		return w.server(pick(d, names))
	}
	return nil
}
