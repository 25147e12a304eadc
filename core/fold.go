package core

import (
	"errors"
	"fmt"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// ErrCorrupt means that the database has data of a room that pathsync did not write. The room is not served until an operator has
// repaired it: an empty document must never overwrite one that cannot be read.
var ErrCorrupt = errors.New("stored room damaged")

// errGap is part of an error when batches are missing between a state and the log that is folded into it.
var errGap = errors.New("gap in the log")

// Fold folds the next batch of the log.
func (s *State) Fold(b *Batch) error {
	d, err := parseBatch(b)
	if err != nil {
		return err
	}
	return s.fold(d)
}

// decisionsOf parses the operations of logged batches.
func decisionsOf(batches []*Batch) ([]Decision, error) {
	decisions := make([]Decision, len(batches))
	for i, b := range batches {
		d, err := parseBatch(b)
		if err != nil {
			return nil, err
		}
		decisions[i] = d
	}
	return decisions, nil
}

func parseBatch(b *Batch) (Decision, error) {
	ops := make([]tree.Op, len(b.Ops))
	for i := range b.Ops {
		op, err := parseLogged(&b.Ops[i])
		if err != nil {
			return Decision{}, fmt.Errorf("%w: batch %d, op %d: %w", ErrCorrupt, b.ServerSeq, i, err)
		}
		ops[i] = op
	}
	return Decision{b, ops}, nil
}

func (s *State) fold(b Decision) error {
	if b.ServerSeq != s.seq+1 {
		return fmt.Errorf("%w: %w: batch %d follows batch %d", ErrCorrupt, errGap, b.ServerSeq, s.seq)
	}
	d := s.docs[b.Key]
	if d == nil || d.seq < b.ServerSeq { // otherwise its row already has the batch
		if err := s.apply(d, b); err != nil {
			return err
		}
	}
	s.unsaved.folded += int64(weightOf(b.Batch))
	s.seq, s.seqTs = b.ServerSeq, b.ServerTs
	s.dedup.fold(b.Batch)
	return nil
}

// apply applies a batch to its document, which is nil if the batch creates it.
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
		// No limit: Decide has applied the limits, and a replay must have the same outcome.
		if reason, _ := d.Apply(b.ops[i], 0); reason != tree.Applied {
			return fmt.Errorf("%w: batch %d, op %d: logged as applied, now %s", ErrCorrupt, b.ServerSeq, i, reason)
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
	d.json.Drop(s.dropped)
	d.json = nil
	s.size += d.Size() - before
	s.updateMemory(d)
	s.unsaved.change(d, b.ServerSeq, weightOf(b.Batch))
	return nil
}

func parseLogged(op *LoggedOp) (tree.Op, error) {
	if op.Discarded != tree.Applied {
		return tree.Op{}, nil // not applied
	}
	p, err := path.Parse(op.Path)
	if err != nil {
		return tree.Op{}, fmt.Errorf("parsing its path: %w", err)
	}
	parsed := tree.Op{Kind: op.Kind, Path: p, Index: op.Index}
	if op.Value == "" {
		return parsed, nil
	}
	value, err := tree.ParseStored([]byte(op.Value))
	if err != nil {
		return tree.Op{}, fmt.Errorf("parsing its value: %w", err)
	}
	if text, ok := value.(tree.String); ok && op.Kind == tree.ArrayMove {
		to, err := path.Parse(string(text))
		if err != nil {
			return tree.Op{}, fmt.Errorf("parsing its destination: %w", err)
		}
		parsed.To = &to
		return parsed, nil
	}
	parsed.Value = value
	return parsed, nil
}
