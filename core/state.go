package core

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pathsync/pathsync/core/retained"
)

// State is the committed state of a room: the pure fold of its log up to Seq. It has no lock, clock or I/O and is not safe
// for concurrent use.
//
// A change takes two steps, because a batch is durable before it is visible. Decide determines the outcomes of proposals and
// leaves the state unchanged. Fold applies a batch once it is in the log. A replay folds batches from the log in the same way.
//
// The cost of a batch depends on what it changes, and not on the size of the room.
type State struct {
	room    string
	seq     int64
	seqTs   int64 // serverTs of the last folded batch; 0: none was folded
	docs    map[string]*document
	size    int      // encoded size of all documents, in bytes
	rows    int      // documents that have a row in the database, or fewer
	sorted  []string // keys of docs, sorted, without the keys in added
	added   []string // new keys, unsorted
	unsaved unsaved
	dedup   *dedup
	limits  Limits
	memory  int          // estimated memory of the documents, in bytes
	dropped func([]byte) // receives encodings that the state no longer keeps; readers may still hold them
}

// Limits limit the documents of a room. Zero is no limit. Decide applies them; a replay does not, so a lower limit never
// refuses what the log and the database have.
type Limits struct {
	DocumentBytes int // encoded size of one document
	Documents     int // number of documents
}

// NewState returns the state of a room's document rows, to which the log after the checkpoint is to be folded. Each row may
// be newer than the checkpoint: Fold skips the batches that the row of its document already has. The error wraps ErrCorrupt.
func NewState(room string, checkpoint int64, rows []Document, limits Limits) (*State, error) {
	s := &State{
		room: room, seq: checkpoint, docs: make(map[string]*document, len(rows)),
		unsaved: newUnsaved(), dedup: newDedup(maxDedupClients), limits: limits, dropped: func([]byte) {},
	}
	for _, row := range rows {
		d, err := loadDocument(row)
		if err != nil {
			return nil, err
		}
		s.docs[row.Key] = d
		s.rows++
		s.size += d.Size()
		s.updateMemory(d)
	}
	s.dedup.folded = s.seq
	s.sorted = slices.Sorted(maps.Keys(s.docs))
	return s, nil
}

// complete returns an error if a row is newer than the end of the folded log. Then batches are missing, and their effect on
// the other documents is unknown.
func (s *State) complete() error {
	for key, d := range s.docs {
		if d.seq > s.seq {
			return fmt.Errorf("%w: document %q is at batch %d and the log ends at batch %d", ErrCorrupt, key, d.seq, s.seq)
		}
	}
	return nil
}

// Seq returns the serverSeq of the last folded batch.
func (s *State) Seq() int64 { return s.seq }

// Keys returns the keys of the documents that exist, sorted. The slice must not be changed. Keys sorts new keys, so that a
// commit does not have to.
func (s *State) Keys() []string {
	if len(s.added) > 0 {
		slices.Sort(s.added)
		s.sorted = merge(s.sorted, s.added)
		s.added = nil
	}
	return s.sorted
}

// merge returns the elements of two sorted slices in order, in a new slice.
func merge(a, b []string) []string {
	out := make([]string, 0, len(a)+len(b)+len(b)/2)
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Size returns the size of all documents as JSON, in bytes.
func (s *State) Size() (bytes int) { return s.size }

// Memory estimates the memory of the documents and of dedup in bytes.
func (s *State) Memory() int { return s.memory + s.dedup.memory() }

// updateMemory updates a document's part of the memory. Its cost does not depend on the size of the document.
func (s *State) updateMemory(d *document) {
	s.memory -= d.memory
	d.memory = documentMemory + 2*len(d.key) + d.Document.Memory()
	if d.json != nil {
		d.memory += d.Size()
	}
	s.memory += d.memory
}

// Document returns the JSON of a document and the serverSeq of the batch that last changed it. ok is false when it does not
// exist. It takes constant time: the caller encodes the document with json.Bytes, which must be called, but not under a
// lock, and may be called while the state changes. Each version is encoded once.
func (s *State) Document(key string) (json *retained.Text, seq int64, ok bool) {
	d := s.docs[key]
	if d == nil {
		return nil, 0, false
	}
	return s.json(d), d.seq, true
}

func (s *State) documentSeq(key string) (seq int64, ok bool) {
	d := s.docs[key]
	if d == nil {
		return 0, false
	}
	return d.seq, true
}

func (s *State) json(d *document) *retained.Text {
	if d.json == nil {
		d.json = retained.NewText(d.Snapshot().JSON)
		s.updateMemory(d)
	}
	return d.json
}

// checkpoint returns the serverSeq up to which the document rows in the database hold every batch. It never decreases.
func (s *State) checkpoint() int64 {
	if d, ok := s.unsaved.byFirst.first(); ok {
		return d.row.first - 1
	}
	return s.seq
}
