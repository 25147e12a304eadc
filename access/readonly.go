package access

import (
	"slices"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// ReadOnly denies writes to a part of documents. It takes precedence over grants.
type ReadOnly struct {
	Rooms Pattern
	Keys  Pattern
	Path  path.Path // the part at this path and below it; the empty path is the whole document
}

// mayChange reports whether an operation could change a part or its descendants. It compares parsed segments, so two
// spellings of one path are equal.
func mayChange(op *tree.Op, part path.Path) bool {
	if op.To != nil && insertMayChange(*op.To, op.Path[len(op.Path)-1].Name, part) {
		return true
	}
	if op.Kind == tree.ArrayAdd {
		return insertMayChange(op.Path, addedID(op), part)
	}
	shorter := min(len(op.Path), len(part))
	return slices.Equal(op.Path[:shorter], part[:shorter])
}

// insertMayChange reports whether inserting an item into an array could change a part. The insertion replaces an existing
// item with the same id and leaves the other items unchanged.
func insertMayChange(array path.Path, id string, part path.Path) bool {
	shorter := min(len(array), len(part))
	if !slices.Equal(array[:shorter], part[:shorter]) {
		return false
	}
	if len(part) > len(array) && part[len(array)].Item {
		return id == part[len(array)].Name
	}
	return true
}

// addedID returns the `_sync_id` of the item that an array_add inserts, or "" if it has none.
func addedID(op *tree.Op) string {
	item, _ := op.Value.(*tree.Object)
	if item == nil {
		return ""
	}
	id, _ := item.Get(tree.IDMember).(tree.String)
	return string(id)
}
