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

// State is the confirmed state of a room: the pure fold of its log up to Seq. It has no lock, clock or I/O; the Room
// around it has.
//
// Changing it takes two steps, because a batch is durable before it is visible. Decide works out what a proposal will
// do and leaves the state as it was; Fold takes in the decided batch once it is in the log. Batches that come from the
// log alone, in a replay, are folded the same way.
type State struct {
	room             string
	seq              int64
	docs             map[string]*document
	keys             []string // of docs, sorted
	receipts         *receipts
	maxDocumentBytes int
}

type document struct {
	tree.Document
	seq     int64 // of the last batch that changed it; 0: it does not exist yet
	saved   int64 // seq that its row in the database has
	encoded []byte
	encSeq  int64 // seq that encoded stands for
}

// NewState makes the state that a room's document rows hold.
func NewState(room string, rows []Document, maxDocumentBytes int) (*State, error) {
	s := &State{
		room: room, docs: make(map[string]*document, len(rows)),
		receipts: newReceipts(maxReceipts), maxDocumentBytes: maxDocumentBytes,
	}
	for _, row := range rows {
		doc, err := tree.LoadDocument([]byte(row.State))
		if err != nil {
			return nil, fmt.Errorf("%w: document %q: %w", ErrCorrupt, row.Key, err)
		}
		if row.ServerSeq < 1 {
			return nil, fmt.Errorf("%w: document %q: serverSeq %d", ErrCorrupt, row.Key, row.ServerSeq)
		}
		s.docs[row.Key] = &document{Document: *doc, seq: row.ServerSeq, saved: row.ServerSeq}
		s.seq = max(s.seq, row.ServerSeq)
	}
	s.receipts.folded = s.seq
	s.keys = slices.Sorted(maps.Keys(s.docs))
	return s, nil
}

// maxReceipts bounds how many clients of one room are remembered at a time.
const maxReceipts = 4096

// Seq is the serverSeq of the last batch folded.
func (s *State) Seq() int64 { return s.seq }

// Keys returns the keys of the documents that exist, sorted. The slice must not be changed.
func (s *State) Keys() []string { return s.keys }

// Size is how many bytes of JSON the documents are together.
func (s *State) Size() (bytes int) {
	for _, d := range s.docs {
		bytes += d.Document.Size()
	}
	return bytes
}

// Document returns a document as JSON and the serverSeq of the batch that last changed it. ok is false when it does
// not exist. It is encoded once per version; the bytes never change.
func (s *State) Document(key string) (json []byte, seq int64, ok bool) {
	d := s.docs[key]
	if d == nil {
		return nil, 0, false
	}
	if d.encSeq != d.seq {
		d.encoded = d.AppendJSON(make([]byte, 0, d.Size()))
		d.encSeq = d.seq
	}
	return d.encoded, d.seq, true
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
		out[i] = s.decide(d, p, s.seq+int64(i)+1, serverTs)
	}
	for _, d := range touched {
		d.Rollback()
	}
	return out
}

func (s *State) decide(d *document, p *Proposal, serverSeq, serverTs int64) Decision {
	b := &Batch{
		Room: s.room, Key: p.Key, ClientID: p.ClientID, UserID: p.UserID, ClientSeq: p.ClientSeq,
		ServerSeq: serverSeq, ServerTs: serverTs, Ops: make([]LoggedOp, len(p.Ops)),
	}
	ops := make([]tree.Op, len(p.Ops))
	for i := range p.Ops {
		sent := &p.Ops[i]
		reason, index := d.Apply(sent.Op, s.maxDocumentBytes)
		ops[i] = sent.Op
		ops[i].Index = index
		b.Ops[i] = LoggedOp{Kind: sent.Kind, Path: sent.PathText, Value: sent.ValueText, Index: index, Discarded: reason}
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
		return fmt.Errorf("%w: batch %d follows on batch %d", ErrCorrupt, b.ServerSeq, s.seq)
	}
	d := s.docs[b.Key]
	created := d == nil
	if created {
		d = new(document)
	}
	changed := false
	for i := range b.ops {
		if b.Ops[i].Discarded != tree.Applied {
			continue
		}
		// The limit was applied when the op was decided; a replay must not decide otherwise.
		if reason, _ := d.Apply(b.ops[i], 0); reason != tree.Applied {
			return fmt.Errorf("%w: batch %d, op %d: logged as applied, and now %s", ErrCorrupt, b.ServerSeq, i, reason)
		}
		changed = true
	}
	if changed {
		d.seq = b.ServerSeq
		if created {
			s.docs[b.Key] = d
			at, _ := slices.BinarySearch(s.keys, b.Key)
			s.keys = slices.Insert(s.keys, at, b.Key)
		}
	}
	s.seq = b.ServerSeq
	s.receipts.fold(b.Batch)
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
	if op.Value != "" {
		if parsed.Value, err = tree.ParseStored([]byte(op.Value)); err != nil {
			return tree.Op{}, fmt.Errorf("reading its value: %w", err)
		}
	}
	return parsed, nil
}

// unsaved returns the rows of the documents that have changed since they were last saved.
func (s *State) unsaved() []Document {
	var rows []Document
	for _, key := range s.keys {
		if d := s.docs[key]; d.seq > d.saved {
			json, seq, _ := s.Document(key)
			rows = append(rows, Document{Room: s.room, Key: key, ServerSeq: seq, State: string(json)})
		}
	}
	return rows
}

// markSaved notes that rows are in the database, and reports whether every document is now saved as it stands.
func (s *State) markSaved(rows []Document) (clean bool) {
	for _, row := range rows {
		if d := s.docs[row.Key]; d != nil {
			d.saved = max(d.saved, row.ServerSeq)
		}
	}
	return !s.anyUnsaved()
}

func (s *State) anyUnsaved() bool {
	for _, d := range s.docs {
		if d.seq > d.saved {
			return true
		}
	}
	return false
}
