package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pathsync/pathsync/client"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// splitter turns a document into batches of operations that create it.
type splitter struct {
	limits  batchFlags
	first   string // kind of the first operation: init or set
	batches [][]client.Op
	bytes   int // of the last batch
}

// splitDocument returns the batches that create a document: one if it is small enough. The first operation is init, which changes
// nothing if the document exists, or set, which replaces it. The error names the value that is too large and cannot be split.
func splitDocument(state []byte, first string, limits batchFlags) ([][]client.Op, error) {
	v, err := tree.ParseStored(state)
	if err != nil {
		return nil, fmt.Errorf("its state is not a document: %w", err)
	}
	s := &splitter{limits: limits, first: first}
	if err := s.value(nil, v); err != nil {
		return nil, err
	}
	return s.batches, nil
}

// value adds the operations that set a value. An array of items is split into its items, and any other array is one value.
func (s *splitter) value(at path.Path, v tree.Value) error {
	if v.Size() <= s.limits.BatchBytes {
		s.set(at, tree.Text(v))
		return nil
	}
	switch v := v.(type) {
	case *tree.Object:
		s.set(at, "{}")
		return s.members(at, v, false)
	case *tree.Array:
		if !v.HasItems() {
			break
		}
		s.set(at, "[]")
		for item := range v.Values() {
			if err := s.item(at, item.(*tree.Object)); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("the value at %q has %d bytes and cannot be split: raise --batch-bytes, and --max-body-bytes of the server", at.String(), v.Size())
}

// members sets the members of an object at a path. An item has its id already.
func (s *splitter) members(at path.Path, o *tree.Object, item bool) error {
	for name, member := range o.All() {
		if item && name == tree.IDMember {
			continue
		}
		below := slices.Concat(at, path.Path{{Name: name}})
		if _, err := path.Parse(below.String()); err != nil || name == "" { // no path names it
			return fmt.Errorf("the member %q of %q cannot be set alone, and the value has %d bytes: raise --batch-bytes, and --max-body-bytes of the server",
				name, at.String(), o.Size())
		}
		if err := s.value(below, member); err != nil {
			return err
		}
	}
	return nil
}

// item appends an item to an array: whole, or with its id alone and then its members. The id is then its first member.
func (s *splitter) item(at path.Path, item *tree.Object) error {
	if item.Size() <= s.limits.BatchBytes {
		s.add(client.Op{Op: "array_add", Path: at.String(), Value: json.RawMessage(tree.Text(item))})
		return nil
	}
	id := item.Get(tree.IDMember)
	s.add(client.Op{Op: "array_add", Path: at.String(), Value: json.RawMessage(`{"` + tree.IDMember + `":` + tree.Text(id) + `}`)})
	return s.members(slices.Concat(at, path.Path{{Name: string(id.(tree.String)), Item: true}}), item, true)
}

// set adds the operation that sets a value. The first of all creates the document.
func (s *splitter) set(at path.Path, value string) {
	kind := "set"
	if len(s.batches) == 0 {
		kind = s.first
	}
	s.add(client.Op{Op: kind, Path: at.String(), Value: json.RawMessage(value)})
}

func (s *splitter) add(op client.Op) {
	last := len(s.batches) - 1
	if last < 0 || s.limits.full(len(s.batches[last]), s.bytes, op) {
		s.batches, s.bytes, last = append(s.batches, nil), 0, last+1
	}
	s.batches[last] = append(s.batches[last], op)
	s.bytes += opBytes(op)
}
