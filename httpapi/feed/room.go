package feed

import (
	"slices"
	"sync"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/sse"
)

// Room is the feed of one open room. As the room's listener it frames each batch once for all readers.
type Room struct {
	*sse.Feed
	set   *Set
	room  string
	epoch string // of the history that the room was opened with

	mu      sync.Mutex
	clients map[string]Client // by client id; anonymous streams are not included

	// Guarded by the room's lock:
	data, text, id []byte     // buffers for framing
	full           *fullState // nil: none yet
	presence       presenceHistory
	waiting        []*sse.Later // readers that get the presence list at ListsDue
}

var _ core.Listener = (*Room)(nil)

// Of returns the feed of a room.
func Of(r *core.Room) *Room { return r.Listener().(*Room) }

// Name returns the name of the room.
func (f *Room) Name() string { return f.room }

// Committed implements core.Listener.
func (f *Room) Committed(batches []*core.Batch) {
	for _, b := range batches {
		size := frameSize(b)
		f.data, f.text = slices.Grow(f.data[:0], size), slices.Grow(f.text[:0], size)
		f.text = f.appendDelta(f.text, b)
		_ = f.Append(b.ServerSeq, f.text) // fails only when the feed is closed, and then it has no readers
	}
	f.Wake()
	f.trim()
}

// frameSize estimates the size of a batch's frame. Without it, growing buffers would take twice the memory.
func frameSize(b *core.Batch) int {
	n := 512
	for i := range b.Ops {
		n += 64 + len(b.Ops[i].Path) + len(b.Ops[i].Value)
	}
	return n
}

// PresenceChanged implements core.Listener. A change of many clients becomes several events, so that no frame is larger
// than a chunk of the feed.
func (f *Room) PresenceChanged(c presence.Change) {
	if c.Present < manyClients {
		f.presence.forget()
	}
	for more := true; more; {
		version := ""
		if f.presence.next(); c.Present >= manyClients {
			version = f.presence.version()
		}
		f.data, more = wire.AppendPresenceChange(f.data[:0], f.room, version, &c, maxPresenceChange)
		f.text = appendFrame(f.text[:0], "", "presence-change", f.data)
		_ = f.AppendChange(f.text)
		if version != "" {
			f.presence.keep(f.text)
		}
	}
	f.Wake()
	f.trim()
}

// maxPresenceChange is the maximum size of the data of one presence-change event; a single client may exceed it.
const maxPresenceChange = 32 << 10

// Readers implements core.Listener.
func (f *Room) Readers() int { return f.Len() }

// Bytes implements core.Listener.
func (f *Room) Bytes() int {
	f.mu.Lock()
	clients := len(f.clients)
	f.mu.Unlock()
	full := 0
	if f.full != nil {
		full = f.full.size
	}
	if f.set.cfg.Compress {
		full += full / 2 // the compressed copies, one for each encoding
	}
	return f.Feed.Bytes() + full + cap(f.data) + cap(f.text) + f.presence.bytes() + clients*clientMemory + len(f.waiting)*waitingMemory
}

// Estimated memory of a Client, and of a reader that waits for the presence list.
const (
	clientMemory  = 192
	waitingMemory = 384
)

// Closed implements core.Listener.
func (f *Room) Closed(err error) {
	var last func(int) []byte
	if err != nil {
		frame := Frame("problem", problem.From(problem.InRooms(err, f.room)))
		last = func(int) []byte { return frame }
	}
	f.Feed.Close(last)
	f.set.Forget(f.Feed)
	f.set.pages.forget(f)
}

func (f *Room) appendDelta(dst []byte, b *core.Batch) []byte {
	f.data = wire.AppendDelta(f.data[:0], b)
	f.id = f.eventID(b.ServerSeq).Append(f.id[:0])
	return appendFrame(dst, string(f.id), "delta", f.data)
}

func (f *Room) eventID(seq int64) wire.EventID { return wire.EventID{Epoch: f.epoch, Seq: seq} }

// keepBuffer is the maximum size of a framing buffer that a room keeps between batches.
const keepBuffer = 16 << 10

// trim frees large buffers.
func (f *Room) trim() {
	if cap(f.data) > keepBuffer {
		f.data = nil
	}
	if cap(f.text) > keepBuffer {
		f.text = nil
	}
}
