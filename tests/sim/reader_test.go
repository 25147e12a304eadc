package sim

import (
	"context"
	"sync"
	"time"

	"github.com/pathsync/pathsync/core"
)

// reader reads one room, at one server after another. It resumes from its position, and starts with the full state in
// another epoch or when the log no longer reaches back.
type reader struct {
	w    *world
	name string
	room string
	dice *dice

	mu      sync.Mutex
	epoch   string
	seq     int64
	behind  bool          // batches before those in later are being read from the log
	later   []*core.Batch // received meanwhile
	ended   chan struct{} // closed when the stream has ended
	resumed int           // streams that continued from a position
}

func newReader(w *world, name, room string) *reader {
	return &reader{w: w, name: name, room: room, dice: newDice(w.seed, name)}
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		if s := r.w.anyServer(r.dice); s != nil {
			longest := pick(r.dice, []time.Duration{10 * time.Second, time.Minute})
			if r.w.profile.stable {
				longest = time.Hour
			}
			stay, cancel := context.WithTimeout(ctx, r.dice.duration(time.Second, longest))
			r.read(stay, s)
			cancel()
		}
		pause, cancel := context.WithTimeout(ctx, r.dice.duration(10*time.Millisecond, 300*time.Millisecond))
		<-pause.Done()
		cancel()
	}
}

// read is one stream. It returns when the stream ends or ctx does.
func (r *reader) read(ctx context.Context, s *server) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	room, release, err := s.hub.Room(ctx, r.room)
	if err != nil {
		return
	}
	defer release()
	if r.epoch == room.Epoch() && room.CheckPosition(ctx, r.seq) != nil {
		return
	}
	f := room.Listener().(*feed)
	defer f.detach(r)
	to, ok := r.attach(room, f, s, false)
	if !ok || s.link.wait(r.dice) != nil {
		return
	}
	if !r.fill(ctx, room, to) {
		f.detach(r)
		if ctx.Err() != nil {
			return
		}
		if _, ok = r.attach(room, f, s, true); !ok {
			return
		}
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
}

// attach connects the reader to a feed. to is the position up to which it has to read the log. ok is false if the room has
// stopped, or has not yet what the reader has.
func (r *reader) attach(room *core.Room, f *feed, s *server, full bool) (to int64, ok bool) {
	room.View(func(v core.View) {
		r.mu.Lock()
		defer r.mu.Unlock()
		full = full || r.epoch != f.epoch
		if ok = full || r.seq <= v.Seq(); !ok {
			return
		}
		r.ended, r.later = make(chan struct{}), nil
		if ok = f.attach(r); !ok {
			return
		}
		if to = v.Seq(); full {
			r.epoch, r.seq = f.epoch, s.compare(v, r.room, f.epoch)
		} else {
			r.resumed++
		}
		r.behind = r.seq < to
	})
	return to, ok
}

// fill reads the log up to a position. It returns false if the log does not reach back, or cannot be read.
func (r *reader) fill(ctx context.Context, room *core.Room, to int64) bool {
	for {
		r.mu.Lock()
		seq := r.seq
		if seq >= to {
			r.behind = false
			r.deliver(r.later)
			r.later = nil
			r.mu.Unlock()
			return true
		}
		r.mu.Unlock()
		page, err := room.Log(ctx, seq, core.Page{Batches: 50, Bytes: 1 << 20})
		if err != nil || len(page) == 0 || page[0].ServerSeq != seq+1 {
			return false
		}
		for i, b := range page {
			if b.ServerSeq > to {
				page = page[:i]
				break
			}
		}
		r.mu.Lock()
		r.deliver(page)
		r.mu.Unlock()
	}
}

// receive takes batches from a feed.
func (r *reader) receive(epoch string, batches []*core.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.epoch != epoch:
		r.w.history.fault("a reader of epoch %s gets batches of %s", r.epoch, epoch)
	case r.behind:
		r.later = append(r.later, batches...)
	default:
		r.deliver(batches)
	}
}

// deliver checks batches in the order in which the reader gets them. The caller has the lock.
func (r *reader) deliver(batches []*core.Batch) {
	for _, b := range batches {
		if b.ServerSeq != r.seq+1 {
			r.w.history.fault("a reader of room %s gets batch %d after %d", r.room, b.ServerSeq, r.seq)
		}
		r.w.records.add(r.name, "%s %d", b.Room, b.ServerSeq)
		r.w.history.shown("reader", r.epoch, b)
		r.seq = b.ServerSeq
	}
}

// disconnect ends the stream. The feed calls it once.
func (r *reader) disconnect() { close(r.ended) }

// position returns what the reader has.
func (r *reader) position() (epoch string, seq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.epoch, r.seq
}
