package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/retained"
)

// Room is an open room: a shell around its pure State and presence.Table that adds the lock, the clock and the store. Get
// one from Hub.Room. Its methods are safe for concurrent use.
type Room struct {
	name  string
	hub   *Hub
	store Store     // of the history that the room was opened from; the room uses no other
	queue roomQueue // the committer's lock guards it

	mu       sync.Mutex // see docs/about/architecture.md for the lock order
	state    *State     // a track that has the room in flight may read it without the lock
	presence *presence.Table
	listener Listener
	err      error // why the room has stopped; nil while it is open
	memory   int64 // part of Hub.memory; 0 once the room has stopped

	committed      int64     // the last batch that this server has committed or found when it opened the room
	checkpoint     int64     // in the store, or a lower one
	checkpointRows int       // document rows that this checkpoint promises, or fewer
	hasCheckpoint  bool      // the store has a checkpoint of this room
	scheduled      time.Time // when the checkpointer takes the room at the latest; zero: it is not scheduled
	retry          time.Time // after a failure, nothing is written before this time

	window        presence.Window
	presenceTimer *time.Timer // runs while the window is open or a lease is running
	presenceAt    time.Time   // when it fires
	streams       int         // streams opened so far; each gets its number

	stopped atomic.Bool  // err is not nil; read without the lock
	seq     atomic.Int64 // state.Seq(); read without the lock
	ahead   ahead
	waiting []reader // guarded by mu

	// checkpointer.mu guards these.
	due      time.Time // when the checkpointer takes the room
	duePlace int       // in checkpointer.rooms
}

// Epoch returns the epoch that the room was opened from. Its serverSeqs are valid in that epoch only.
func (r *Room) Epoch() string { return r.store.Epoch() }

// Name returns the room's name.
func (r *Room) Name() string { return r.name }

// Listener returns what Config.Listen returned for this room.
func (r *Room) Listener() Listener { return r.listener }

// View reads a room at one moment. It is valid during one call of Room.View only.
type View struct{ r *Room }

// View calls look under the room's lock, so that what it reads is consistent with the position of the listener. look must be
// fast and must not call the room.
func (r *Room) View(look func(View)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	look(View{r})
	r.updateMemoryLocked() // look may have requested documents
}

// Seq returns the serverSeq of the last batch.
func (v View) Seq() int64 { return v.r.state.Seq() }

// Keys returns the keys of the documents, sorted. The slice must not be changed.
func (v View) Keys() []string { return v.r.state.Keys() }

// Document returns the JSON of a document, and the serverSeq of the batch that last changed it. The caller must call json.Bytes
// after Room.View has returned, so that no batch waits while the document is encoded. The bytes never change and may be kept.
func (v View) Document(key string) (json *retained.Text, seq int64, ok bool) {
	return v.r.state.Document(key)
}

// Version is one version of a document.
type Version struct {
	Key       string
	ServerSeq int64          // of the batch that last changed it
	JSON      *retained.Text // see View.Document
}

// Documents returns the documents, sorted by key. As after View.Document, the caller must call JSON.Bytes of each.
func (v View) Documents() []Version {
	keys := v.Keys()
	versions := make([]Version, len(keys))
	for i, key := range keys {
		json, seq, _ := v.Document(key)
		versions[i] = Version{key, seq, json}
	}
	return versions
}

// DocumentSeq returns the serverSeq of the batch that last changed a document.
func (v View) DocumentSeq(key string) (seq int64, ok bool) { return v.r.state.documentSeq(key) }

// Size returns the size of all documents as JSON, in bytes.
func (v View) Size() int { return v.r.state.Size() }

// Err returns why the room has stopped, and nil while it is open.
func (r *Room) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Log reads a page of committed batches after a serverSeq from the store. It ends with ErrUnavailable after
// Config.StoreTimeout without Progress.
func (r *Room) Log(ctx context.Context, after int64, page Page) ([]*Batch, error) {
	ctx, cancel := withProgress(ctx, r.hub.cfg.StoreTimeout)
	defer cancel()
	batches, err := r.store.Log(ctx, r.name, after, page)
	return batches, r.hub.storeError(r.store, err, "reading the log")
}

// wrote records that this server has committed a batch that the room has folded.
func (r *Room) wrote(serverSeq int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.committed = max(r.committed, serverSeq)
	r.scheduleRowsLocked()
}

// foldOwnLocked folds batches that this server has committed.
func (r *Room) foldOwnLocked(batches []Decision) error {
	r.committed = max(r.committed, batches[len(batches)-1].ServerSeq)
	return r.foldLocked(batches)
}

// foldLocked folds batches that are in the log and passes them to the listener. After an error the state is not valid: the
// caller stops the room.
func (r *Room) foldLocked(batches []Decision) error {
	for _, b := range batches {
		if err := r.state.fold(b); err != nil {
			return err
		}
	}
	r.scheduleRowsLocked()
	r.listener.Committed(batchesOf(batches))
	r.seq.Store(r.state.Seq())
	r.updateMemoryLocked()
	r.advancedLocked()
	return nil
}

// roomMemory estimates the memory of an empty room in bytes.
const roomMemory = 4 << 10

// updateMemoryLocked reports the room's memory to the hub. It adds running sums, so its cost does not depend on the size of
// the room.
func (r *Room) updateMemoryLocked() {
	if r.err != nil {
		return // the room has stopped and reported 0
	}
	r.setMemoryLocked(int64(roomMemory + r.state.Memory() + r.presence.Memory() + r.listener.Bytes()))
}

func (r *Room) setMemoryLocked(bytes int64) {
	r.hub.memory.Add(bytes - r.memory)
	r.memory = bytes
}
