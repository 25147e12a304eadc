package main

import (
	"fmt"

	"github.com/pathsync/pathsync/client"
)

// maxValueText is the number of characters that are shown of a value.
const maxValueText = 60

// describeOp returns an operation in one line, such as `tasks[t1].done = true`.
func describeOp(op client.Op) string {
	path := op.Path
	if path == "" {
		path = "(document)"
	}
	switch op.Op {
	case "set":
		return path + " = " + shorten(string(op.Value))
	case "init":
		return path + " := " + shorten(string(op.Value))
	case "delete", "array_del":
		return "delete " + path
	case "array_add":
		return fmt.Sprintf("%s%s + %s", path, indexOf(op), shorten(string(op.Value)))
	case "array_move":
		if op.To != nil {
			return fmt.Sprintf("move %s to %s%s", path, *op.To, indexOf(op))
		}
		return fmt.Sprintf("move %s to %s", path, indexOf(op))
	default:
		return op.Op + " " + path
	}
}

func indexOf(op client.Op) string {
	if op.ArrayIndex == nil {
		return ""
	}
	return fmt.Sprintf("[%d]", *op.ArrayIndex)
}

// shorten returns the beginning of a text.
func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxValueText {
		return string(runes[:maxValueText-1]) + "…"
	}
	return text
}
