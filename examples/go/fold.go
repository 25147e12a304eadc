package main

import (
	"regexp"
	"slices"
)

// operation is one of a delta. It took effect: its target exists, and its position in an array is resolved.
type operation struct {
	Path, Op   string
	Value      any
	ArrayIndex int
	To         *string
}

// segment matches an item, whose id is group 1, or a member, whose name is group 2.
var segment = regexp.MustCompile(`\[((?:\\.|[^\]\\])+)\]|\.?((?:\\.|[^.\[\\])+)`)
var escaped = regexp.MustCompile(`\\(.)`)

type absent struct{} // replaces a value that is removed

func split(path string) [][]string { return segment.FindAllStringSubmatch(path, -1) }

func indexOf(items []any, id any) int {
	return slices.IndexFunc(items, func(item any) bool { return item.(map[string]any)["_sync_id"] == id })
}

// update replaces the value at a path below a node, and returns the node. Missing parents become objects.
func update(node any, path [][]string, replace func(old any) any) any {
	if len(path) == 0 {
		return replace(node)
	}
	name := escaped.ReplaceAllString(path[0][1]+path[0][2], "$1")
	if path[0][1] != "" {
		items := node.([]any)
		i := indexOf(items, name)
		items[i] = update(items[i], path[1:], replace)
		return slices.DeleteFunc(items, func(item any) bool { return item == absent{} })
	}
	members, ok := node.(map[string]any)
	if !ok {
		members = map[string]any{}
	}
	members[name] = update(members[name], path[1:], replace)
	if members[name] == (absent{}) {
		delete(members, name)
	}
	return members
}

// apply returns a document after an operation: see docs/reference/path-operations.md.
func apply(document any, op operation) any {
	path, value := split(op.Path), op.Value
	switch op.Op {
	case "set", "init":
		return update(document, path, func(any) any { return value })
	case "delete", "array_del":
		return update(document, path, func(any) any { return absent{} })
	case "array_move":
		document = update(document, path, func(item any) any {
			value = item
			return absent{}
		})
		path = path[:len(path)-1]
	}
	if op.To != nil {
		path = split(*op.To)
	}
	return update(document, path, func(array any) any {
		items, _ := array.([]any)
		if same := indexOf(items, value.(map[string]any)["_sync_id"]); same >= 0 {
			items[same] = value
			return items
		}
		return slices.Insert(items, op.ArrayIndex, value)
	})
}
