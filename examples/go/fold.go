package main

import (
	"regexp"
	"slices"
)

// The fold of docs/reference/path-operations.md. Deltas have only operations that took effect, so their targets exist.

type operation struct {
	Path, Op   string
	Value      any
	ArrayIndex int
	To         *string
}

// effect returns the new value at a path, or false to remove the old one.
type effect func(old any) (value any, keep bool)

// segment matches an item, whose id is group 1, or a member, whose name is group 2.
var segment = regexp.MustCompile(`\[((?:\\.|[^\]\\])+)\]|\.?((?:\\.|[^.\[\\])+)`)
var escaped = regexp.MustCompile(`\\(.)`)

func split(path string) [][]string { return segment.FindAllStringSubmatch(path, -1) }

func indexOf(items []any, id any) int {
	return slices.IndexFunc(items, func(item any) bool { return item.(map[string]any)["_sync_id"] == id })
}

// change applies an effect to the value at a path below a node. Missing parents become objects.
func change(node any, path [][]string, do effect) (any, bool) {
	if len(path) == 0 {
		return do(node)
	}
	name := escaped.ReplaceAllString(path[0][1]+path[0][2], "$1")
	if items, ok := node.([]any); ok {
		i := indexOf(items, name)
		if value, keep := change(items[i], path[1:], do); keep {
			items[i] = value
			return items, true
		}
		return slices.Delete(items, i, i+1), true
	}
	members, ok := node.(map[string]any)
	if !ok {
		members = map[string]any{}
	}
	value, keep := change(members[name], path[1:], do)
	if members[name] = value; !keep {
		delete(members, name)
	}
	return members, true
}

// apply returns the document after an operation.
func apply(document any, op operation) any {
	path, item := split(op.Path), op.Value
	switch op.Op {
	case "set", "init":
		document, _ = change(document, path, func(any) (any, bool) { return item, true })
		return document
	case "delete", "array_del", "array_move":
		document, _ = change(document, path, func(old any) (any, bool) { item = old; return nil, false })
		if op.Op != "array_move" {
			return document
		}
		path = path[:len(path)-1]
	}
	if op.To != nil {
		path = split(*op.To)
	}
	document, _ = change(document, path, func(array any) (any, bool) {
		items, _ := array.([]any)
		if same := indexOf(items, item.(map[string]any)["_sync_id"]); same >= 0 {
			items[same] = item
			return items, true
		}
		return slices.Insert(items, op.ArrayIndex, item), true
	})
	return document
}
