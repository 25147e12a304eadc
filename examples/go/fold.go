package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
)

// The fold of docs/reference/path-operations.md. Deltas have only applied operations, so their targets exist.

type operation struct {
	Path       string      `json:"path"`
	Op         string      `json:"op"`
	Value      any         `json:"value"`
	ArrayIndex json.Number `json:"arrayIndex"`
	To         *string     `json:"to"`
}

// place is a value inside a document, which can be replaced.
type place struct {
	value any
	put   func(any)
}

var (
	segment = regexp.MustCompile(`\[((?:\\.|[^\]\\])+)\]|\.?((?:\\.|[^.\[\\])+)`)
	escape  = regexp.MustCompile(`\\(.)`)
)

// locate returns what a path names, the container that has it, and its key or item id there. Missing parents become objects.
func locate(document *any, path string) (container, at place, key string) {
	at = place{*document, func(v any) { *document = v }}
	for _, found := range segment.FindAllStringSubmatch(path, -1) {
		name := escape.ReplaceAllString(found[1]+found[2], "$1")
		container, key = at, name
		if found[1] != "" {
			items := container.value.([]any)
			i := indexOf(items, name)
			at = place{items[i], func(v any) { items[i] = v }}
			continue
		}
		members, ok := container.value.(map[string]any)
		if !ok {
			members = map[string]any{}
			container.put(members)
			container.value = members
		}
		at = place{members[name], func(v any) { members[name] = v }}
	}
	return container, at, key
}

func indexOf(items []any, id any) int {
	return slices.IndexFunc(items, func(item any) bool { return item.(map[string]any)["_sync_id"] == id })
}

func apply(document *any, op operation) {
	container, at, key := locate(document, op.Path)
	switch op.Op {
	case "set", "init":
		at.put(op.Value)
	case "delete":
		delete(container.value.(map[string]any), key)
	case "array_add":
		insert(at, op.ArrayIndex, op.Value)
	case "array_del":
		remove(container, key)
	case "array_move":
		rest := remove(container, key)
		target := place{rest, container.put}
		if op.To != nil {
			_, target, _ = locate(document, *op.To)
		}
		insert(target, op.ArrayIndex, at.value)
	}
}

func remove(array place, id string) []any {
	items := array.value.([]any)
	rest := slices.Delete(slices.Clone(items), indexOf(items, id), indexOf(items, id)+1)
	array.put(rest)
	return rest
}

func insert(array place, index json.Number, item any) {
	items, _ := array.value.([]any)
	if same := indexOf(items, item.(map[string]any)["_sync_id"]); same >= 0 {
		items[same] = item
		return
	}
	at, _ := strconv.Atoi(index.String())
	array.put(slices.Insert(slices.Clone(items), at, item))
}
