package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// ErrCorrupt means that what the database holds of a room is not what pathsync wrote. The room is not served until somebody has
// looked at it: a blank document must never be written over one that cannot be read.
var ErrCorrupt = errors.New("the stored room is damaged")

// errGap is part of an error when batches are missing between a state and the log that is folded into it.
var errGap = errors.New("a gap in the log")

// State is the confirmed state of a room: the pure fold of its log up to Seq. It has no lock, clock or I/O; the Room
// around it has.
//
// Changing it takes two steps, because a batch is durable before it is visible. Decide works out what a proposal will
// do and leaves the state as it was; Fold takes in the decided batch once it is in the log. Batches that come from the
// log alone, in a replay, are folded the same way.
//
// A batch costs what it changes, and not what the room has.
type State struct {
	room     string
	seq      int64
	docs     map[string]*document
	size     int      // of all documents
	rows     int      // documents that have a row in the database, as far as this server knows
	sorted   []string // keys of docs, in order
	added    []string // keys of docs that are not in sorted yet, in no order
	unsaved  unsaved
	receipts *receipts
	limits   Limits
	memory   int          // of the documents, estimated
	dropped  func([]byte) // is handed encodings that are not kept any more; readers may still have them
}

// Limits bound the documents of a room. Zero values are no limit. They are applied when an operation is decided: what the
// log and the database already have is never refused.
type Limits struct {
	DocumentBytes int // encoded size of one document
	Documents     int // documents of one room
}

type document struct {
	tree.Document
	key     string
	seq     int64 // of the last batch that changed it; 0: it does not exist yet
	row     behind
	stored  bool // it has a row in the database
	encoded []byte
	encSeq  int64 // seq that encoded stands for
	memory  int   // its part of State.memory
}

// documentMemory is what a document takes besides its values, its key and its encoding.
const documentMemory = 1 << 10

// NewState makes the state that a room's document rows hold, up to its checkpoint. The rows may be newer than that, each
// as of another batch: the batches that a row already holds are skipped when the log is folded.
func NewState(room string, checkpoint int64, rows []Document, limits Limits) (*State, error) {
	s := &State{
		room: room, seq: checkpoint, docs: make(map[string]*document, len(rows)),
		unsaved: newUnsaved(), receipts: newReceipts(maxReceipts), limits: limits, dropped: func([]byte) {},
	}
	for _, row := range rows {
		doc, err := tree.LoadDocument([]byte(row.State))
		if err != nil {
			return nil, fmt.Errorf("%w: document %q: %w", ErrCorrupt, row.Key, err)
		}
		if row.ServerSeq < 1 {
			return nil, fmt.Errorf("%w: document %q: serverSeq %d", ErrCorrupt, row.Key, row.ServerSeq)
		}
		d := &document{Document: *doc, key: row.Key, seq: row.ServerSeq, stored: true}
		s.docs[row.Key] = d
		s.rows++
		s.size += doc.Size()
		s.weigh(d)
	}
	s.receipts.folded = s.seq
	s.sorted = slices.Sorted(maps.Keys(s.docs))
	return s, nil
}

// complete reports why the log that was folded does not account for all rows, and nil if it does. A row beyond the end of
// the log means that batches are missing, and nobody can tell what they did to the other documents.
func (s *State) complete() error {
	for key, d := range s.docs {
		if d.seq > s.seq {
			return fmt.Errorf("%w: document %q stands at batch %d, and the log ends at batch %d", ErrCorrupt, key, d.seq, s.seq)
		}
	}
	return nil
}

// maxReceipts bounds how many clients of one room are remembered at a time.
const maxReceipts = 4096

// Seq is the serverSeq of the last batch folded.
func (s *State) Seq() int64 { return s.seq }

// Keys returns the keys of the documents that exist, sorted. The slice must not be changed. New keys are sorted in here,
// and not when a batch adds them.
func (s *State) Keys() []string {
	if len(s.added) > 0 {
		slices.Sort(s.added)
		s.sorted = merge(s.sorted, s.added)
		s.added = nil
	}
	return s.sorted
}

// merge returns the elements of two sorted slices in order, as a slice of its own.
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

// Size is how many bytes of JSON the documents are together.
func (s *State) Size() (bytes int) { return s.size }

// Memory is about how many bytes of memory the documents and the receipts take.
func (s *State) Memory() int { return s.memory + s.receipts.memory() }

// weigh brings a document's part of the memory up to date. It takes no time in proportion to the document.
func (s *State) weigh(d *document) {
	s.memory -= d.memory
	d.memory = documentMemory + 2*len(d.key) + d.Document.Memory() + cap(d.encoded)
	s.memory += d.memory
}

// Document returns a document as JSON and the serverSeq of the batch that last changed it. ok is false when it does
// not exist. It is encoded once per version; the bytes never change.
func (s *State) Document(key string) (json []byte, seq int64, ok bool) {
	d := s.docs[key]
	if d == nil {
		return nil, 0, false
	}
	return s.json(d), d.seq, true
}

func (s *State) json(d *document) []byte {
	if d.encSeq != d.seq {
		s.dropped(d.encoded)
		d.encoded = d.AppendJSON(make([]byte, 0, d.Size()))
		d.encSeq = d.seq
		s.weigh(d)
	}
	return d.encoded
}

// Decision is a proposal with its place in the room's order and the outcome of each of its ops.
type Decision struct {
	*Batch
	ops []tree.Op // parsed, with resolved indexes, in step with Batch.Ops
}

// Decide gives the proposals the next places in the order and works out what each of their ops will do there. The
// state is the same afterwards. The outcome holds as long as nothing else is folded first.
func (s *State) Decide(proposals []*Proposal, serverTs int64) []Decision {
	touched := map[string]*document{}
	created := 0 // documents that the proposals so far create
	out := make([]Decision, len(proposals))
	for i, p := range proposals {
		d := touched[p.Key]
		if d == nil {
			if d = s.docs[p.Key]; d == nil {
				d = new(document)
			}
			d.Begin()
			touched[p.Key] = d
		}
		limit := s.limits.DocumentBytes
		missing := !d.Exists()
		if missing && s.limits.Documents > 0 && len(s.docs)+created >= s.limits.Documents {
			limit = tree.NoGrowth
		}
		out[i] = s.decide(d, p, limit, s.seq+int64(i)+1, serverTs)
		if missing && d.Exists() {
			created++
		}
	}
	for _, d := range touched {
		d.Rollback()
	}
	return out
}

func (s *State) decide(d *document, p *Proposal, limit int, serverSeq, serverTs int64) Decision {
	b := &Batch{
		Room: s.room, Key: p.Key, ClientID: p.ClientID, UserID: p.UserID, ClientSeq: p.ClientSeq,
		ServerSeq: serverSeq, ServerTs: serverTs, Ops: make([]LoggedOp, len(p.Ops)),
	}
	ops := make([]tree.Op, len(p.Ops))
	for i := range p.Ops {
		op, logged := p.follow(&d.Document, &p.Ops[i])
		reason, index := d.Apply(op, limit)
		op.Index, op.After = index, nil // as a replay has them
		logged.Index, logged.Discarded = index, reason
		if reason != tree.Applied {
			logged.Value = ""
		}
		ops[i], b.Ops[i] = op, logged
	}
	return Decision{b, ops}
}

// Fold takes in the next batch of the log.
func (s *State) Fold(b *Batch) error {
	ops := make([]tree.Op, len(b.Ops))
	for i := range b.Ops {
		op, err := parseLogged(&b.Ops[i])
		if err != nil {
			return fmt.Errorf("%w: batch %d, op %d: %w", ErrCorrupt, b.ServerSeq, i, err)
		}
		ops[i] = op
	}
	return s.fold(Decision{b, ops})
}

func (s *State) fold(b Decision) error {
	if b.ServerSeq != s.seq+1 {
		return fmt.Errorf("%w: %w: batch %d follows on batch %d", ErrCorrupt, errGap, b.ServerSeq, s.seq)
	}
	d := s.docs[b.Key]
	if d == nil || d.seq < b.ServerSeq { // else its row holds the batch already
		if err := s.apply(d, b); err != nil {
			return err
		}
	}
	s.unsaved.folded += int64(weightOf(b.Batch))
	s.seq = b.ServerSeq
	s.receipts.fold(b.Batch)
	return nil
}

// apply carries out a batch on its document, which is nil before the batch that creates it.
func (s *State) apply(d *document, b Decision) error {
	created := d == nil
	if created {
		d = &document{key: b.Key}
	}
	before := d.Size()
	changed := false
	for i := range b.ops {
		if b.Ops[i].Discarded != tree.Applied {
			continue
		}
		// The limits were applied when the op was decided; a replay must not decide otherwise.
		if reason, _ := d.Apply(b.ops[i], 0); reason != tree.Applied {
			return fmt.Errorf("%w: batch %d, op %d: logged as applied, and now %s", ErrCorrupt, b.ServerSeq, i, reason)
		}
		changed = true
	}
	if !changed {
		return nil
	}
	if created {
		s.docs[b.Key] = d
		s.added = append(s.added, b.Key)
	}
	d.seq = b.ServerSeq
	s.size += d.Size() - before
	s.weigh(d)
	s.unsaved.change(d, b.ServerSeq, weightOf(b.Batch))
	return nil
}

func parseLogged(op *LoggedOp) (tree.Op, error) {
	if op.Discarded != tree.Applied {
		return tree.Op{}, nil // never applied
	}
	p, err := path.Parse(op.Path)
	if err != nil {
		return tree.Op{}, fmt.Errorf("reading its path: %w", err)
	}
	parsed := tree.Op{Kind: op.Kind, Path: p, Index: op.Index}
	if op.Value == "" {
		return parsed, nil
	}
	value, err := tree.ParseStored([]byte(op.Value))
	if err != nil {
		return tree.Op{}, fmt.Errorf("reading its value: %w", err)
	}
	if text, ok := value.(tree.String); ok && op.Kind == tree.ArrayMove {
		to, err := path.Parse(string(text))
		if err != nil {
			return tree.Op{}, fmt.Errorf("reading where it moves to: %w", err)
		}
		parsed.To = &to
		return parsed, nil
	}
	parsed.Value = value
	return parsed, nil
}

// checkpoint is the position up to which the document rows in the database hold the log: all batches up to it, each in the
// row of its document. It never falls.
func (s *State) checkpoint() int64 {
	if d, ok := s.unsaved.byFirst.first(); ok {
		return d.row.first - 1
	}
	return s.seq
}
