package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pathsync/pathsync/core"
)

// This file applies logged operations to documents. It is plain and slow on purpose, handles only what the clients of the
// simulation send, and shares no code with core/tree.

// value is a *object, a *array, or the JSON text of a number or string.
type value any

type object struct {
	keys   []string
	values map[string]value
}

func newObject() *object { return &object{values: map[string]value{}} }

func (o *object) set(key string, v value) {
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

func (o *object) remove(key string) {
	delete(o.values, key)
	o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
}

// array has identified objects.
type array struct{ items []*object }

func (a *array) find(id string) int {
	return slices.IndexFunc(a.items, func(o *object) bool { return o.values["_sync_id"] == strconv.Quote(id) })
}

func encode(to []byte, v value) []byte {
	switch v := v.(type) {
	case *object:
		to = append(to, '{')
		for i, k := range v.keys {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(strconv.AppendQuote(to, k), ':')
			to = encode(to, v.values[k])
		}
		return append(to, '}')
	case *array:
		to = append(to, '[')
		for i, o := range v.items {
			if i > 0 {
				to = append(to, ',')
			}
			to = encode(to, o)
		}
		return append(to, ']')
	default:
		return append(to, v.(string)...)
	}
}

// parse reads a flat object of numbers and strings without escapes, a number, or a string.
func parse(text string) value {
	if !strings.HasPrefix(text, "{") {
		return text
	}
	o := newObject()
	for member := range strings.SplitSeq(strings.Trim(text, "{}"), ",") {
		if k, v, ok := strings.Cut(member, ":"); ok {
			o.set(strings.Trim(k, `"`), v)
		}
	}
	return o
}

// step is a part of a path: a member, or an item with an id.
type step struct {
	name string
	item bool
}

func steps(path string) (all []step) {
	for part := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
		name := strings.TrimPrefix(part, "[")
		all = append(all, step{strings.TrimSuffix(name, "]"), name != part})
	}
	return all
}

// applyTo applies the applied operations of a batch to the document, which is nil before the first of them.
func applyTo(doc *object, b *core.Batch) (*object, error) {
	for _, op := range b.Ops {
		if op.Discarded != "" {
			continue
		}
		if doc == nil {
			doc = newObject()
		}
		if err := applyOne(doc, op); err != nil {
			return doc, fmt.Errorf("batch %d, %s %s: %w", b.ServerSeq, op.Kind, op.Path, err)
		}
	}
	return doc, nil
}

func applyOne(doc *object, op core.LoggedOp) error {
	path := steps(op.Path)
	parent, err := descend(doc, path[:len(path)-1])
	if err != nil {
		return err
	}
	last := path[len(path)-1]
	if last.item {
		list, ok := parent.(*array)
		if !ok {
			return fmt.Errorf("%T is no array", parent)
		}
		return applyToItem(doc, list, last.name, op)
	}
	o, ok := parent.(*object)
	if !ok {
		return fmt.Errorf("%T is no object", parent)
	}
	switch op.Kind {
	case "set":
		o.set(last.name, parse(op.Value))
	case "delete":
		o.remove(last.name)
	case "array_add":
		return insert(o, last.name, parse(op.Value).(*object), op.Index)
	default:
		return fmt.Errorf("unknown operation")
	}
	return nil
}

func applyToItem(doc *object, list *array, id string, op core.LoggedOp) error {
	at := list.find(id)
	if at < 0 {
		return fmt.Errorf("no item %s", id)
	}
	item := list.items[at]
	list.items = slices.Delete(list.items, at, at+1)
	switch {
	case op.Kind == "array_del":
		return nil
	case op.Kind != "array_move":
		return fmt.Errorf("unknown operation")
	case op.Value == "" && op.Index > len(list.items):
		return fmt.Errorf("index %d of %d items", op.Index, len(list.items))
	case op.Value == "":
		list.items = slices.Insert(list.items, op.Index, item)
		return nil
	}
	to := steps(strings.Trim(op.Value, `"`))
	parent, err := descend(doc, to[:len(to)-1])
	if err != nil {
		return err
	}
	o, ok := parent.(*object)
	if !ok {
		return fmt.Errorf("%T is no object", parent)
	}
	return insert(o, to[len(to)-1].name, item, op.Index)
}

// insert adds an item to the array in a member, or replaces the one with the same id.
func insert(o *object, name string, item *object, index int) error {
	list, ok := o.values[name].(*array)
	if !ok {
		list = &array{}
		o.set(name, list)
	}
	if at := list.find(strings.Trim(item.values["_sync_id"].(string), `"`)); at >= 0 {
		list.items[at] = item
		return nil
	}
	if index < 0 || index > len(list.items) {
		return fmt.Errorf("index %d of %d items", index, len(list.items))
	}
	list.items = slices.Insert(list.items, index, item)
	return nil
}

// descend returns the value at a path. What is no object becomes one.
func descend(v value, path []step) (value, error) {
	for i, s := range path {
		switch parent := v.(type) {
		case *object:
			next := parent.values[s.name]
			_, isObject := next.(*object)
			_, isArray := next.(*array)
			if !isObject && !isArray {
				next = newObject()
				parent.set(s.name, next)
			}
			v = next
		case *array:
			at := parent.find(s.name)
			if at < 0 {
				return nil, fmt.Errorf("no item at step %d", i)
			}
			v = parent.items[at]
		}
	}
	return v, nil
}
