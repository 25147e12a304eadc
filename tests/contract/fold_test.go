package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pb33f/jsonschema/v6"
)

// folded is what a reader of a stream makes of its events. It is written from docs/reference/path-operations.md alone, so it shares
// no code with the server.
type folded map[string]document // by key

type document struct {
	serverSeq int64
	state     any
}

type loggedOp struct {
	Path, Op   string
	Value      json.RawMessage
	ArrayIndex int
	To         *string
}

// read applies one event.
func (f folded) read(i item) error {
	var data struct {
		Key       string
		ServerSeq int64
		State     json.RawMessage
		Ops       []loggedOp
	}
	if i.name != "state" && i.name != "delta" {
		return nil
	}
	if err := json.Unmarshal([]byte(i.data), &data); err != nil {
		return err
	}
	if i.name == "state" {
		f[data.Key] = document{data.ServerSeq, value(data.State)}
		return nil
	}
	d := f[data.Key]
	if data.ServerSeq <= d.serverSeq {
		return nil
	}
	for _, op := range data.Ops {
		var err error
		if d.state, err = op.apply(d.state); err != nil {
			return fmt.Errorf("%+v: %w", op, err)
		}
		d.serverSeq = data.ServerSeq
	}
	if len(data.Ops) > 0 {
		f[data.Key] = d
	}
	return nil
}

func value(text json.RawMessage) any {
	v, _ := jsonschema.UnmarshalJSON(bytes.NewReader(text)) // "": nil
	return v
}

var errPath = errors.New("the path leads to nothing")

// apply returns the document after the operation.
func (op loggedOp) apply(document any) (any, error) {
	path := segments(op.Path)
	last := segment{}
	if len(path) > 0 {
		last = path[len(path)-1]
	}
	switch op.Op {
	case "set", "init":
		return edit(document, path, func(any) (any, error) {
			v := value(op.Value)
			if last.item {
				v.(map[string]any)["_sync_id"] = last.name
			}
			return v, nil
		})
	case "delete":
		return edit(document, path[:len(path)-1], func(parent any) (any, error) {
			if _, ok := parent.(map[string]any); !ok {
				return nil, errPath
			}
			delete(parent.(map[string]any), last.name)
			return parent, nil
		})
	case "array_add":
		return edit(document, path, func(list any) (any, error) { return put(list, op.ArrayIndex, value(op.Value)) })
	}
	var moved any
	document, err := edit(document, path[:len(path)-1], func(list any) (any, error) {
		at := find(list, last.name)
		if at < 0 {
			return nil, errPath
		}
		moved = list.([]any)[at]
		return slices.Delete(slices.Clone(list.([]any)), at, at+1), nil
	})
	if err != nil || op.Op == "array_del" {
		return document, err
	}
	to := path[:len(path)-1]
	if op.To != nil {
		to = segments(*op.To)
	}
	return edit(document, to, func(list any) (any, error) { return put(list, op.ArrayIndex, moved) })
}

// put inserts an item, or replaces the one with its id.
func put(list any, at int, item any) (any, error) {
	items, _ := list.([]any) // an array that does not exist is created
	if existing := find(list, item.(map[string]any)["_sync_id"]); existing >= 0 {
		items = slices.Clone(items)
		items[existing] = item
		return items, nil
	}
	if at > len(items) {
		return nil, fmt.Errorf("the array has %d items", len(items))
	}
	return slices.Insert(slices.Clone(items), at, item), nil
}

func find(list any, id any) int {
	items, _ := list.([]any)
	return slices.IndexFunc(items, func(item any) bool {
		object, _ := item.(map[string]any)
		return object["_sync_id"] == id
	})
}

// edit replaces the value at a path. Missing parents and scalars on the way become objects.
func edit(node any, path []segment, change func(any) (any, error)) (any, error) {
	if len(path) == 0 {
		return change(node)
	}
	if path[0].item {
		at := find(node, path[0].name)
		if at < 0 {
			return nil, errPath
		}
		items := slices.Clone(node.([]any))
		var err error
		items[at], err = edit(items[at], path[1:], change)
		return items, err
	}
	object, _ := node.(map[string]any)
	if object = maps.Clone(object); object == nil {
		object = map[string]any{}
	}
	var err error
	object[path[0].name], err = edit(object[path[0].name], path[1:], change)
	return object, err
}

type segment struct {
	name string
	item bool
}

// segments parses a path.
func segments(path string) (all []segment) {
	var name strings.Builder
	item := false
	end := func() {
		if name.Len() > 0 {
			all = append(all, segment{name.String(), item})
		}
		name.Reset()
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\':
			i++
			name.WriteByte(path[i])
		case c == '[', c == ']', c == '.' && !item:
			end()
			item = c == '['
		default:
			name.WriteByte(c)
		}
	}
	end()
	return all
}

// foldRoom is the room whose streams are folded.
const foldRoom = "fold"

// findWrongFold folds the streams of a room, and compares the result with the last GET of the room. A stream that resumes
// continues the first one.
func findWrongFold(c *contract, r *recording) (found []string) {
	f := (*findings)(&found)
	var states []folded
	var first []item
	var want folded
	r.described(c, func(name string, e *exchange) {
		switch {
		case name == ofRoom && strings.HasPrefix(e.url.Path, "/v1/rooms/"+foldRoom+"/"):
			items := e.items()
			if first == nil {
				first = items
			}
			if id := e.sentHeader.Get("Last-Event-ID"); id != "" {
				until := slices.IndexFunc(first, func(i item) bool { return i.id == id })
				items = slices.Concat(first[:until+1], items)
			}
			state := folded{}
			for _, i := range items {
				if err := state.read(i); err != nil {
					f.add("%v", err)
				}
			}
			states = append(states, state)
		case name == "GET /v1/rooms/{room}" && e.url.Path == "/v1/rooms/"+foldRoom && e.status == 200:
			want = folded{}
			var body struct {
				Stores map[string]struct {
					ServerSeq int64
					State     json.RawMessage
				}
			}
			if err := json.Unmarshal(e.received, &body); err != nil {
				f.add("%v", err)
			}
			for key, store := range body.Stores {
				want[key] = document{store.ServerSeq, value(store.State)}
			}
		}
	})
	if len(states) < 4 || len(want) == 0 {
		f.add("%d streams were folded to %d documents", len(states), len(want))
	}
	for _, state := range states {
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if !reflect.DeepEqual(state[key], want[key]) {
				f.add("%s is folded to %v, and GET returns %v", key, state[key], want[key])
			}
		}
		if len(state) != len(want) {
			f.add("%d documents are folded, and GET returns %d", len(state), len(want))
		}
	}
	return found
}
