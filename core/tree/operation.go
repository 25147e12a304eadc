package tree

import (
	"errors"
	"fmt"

	"github.com/pathsync/pathsync/core/path"
)

// Op is one operation on a document.
type Op struct {
	Kind Kind
	Path path.Path
	// Value is the value of set, array_add and init; nil for other kinds. Apply makes it a part of the document.
	Value Value
	// Index is the position of the item of an array_add or array_move, 0 or more; beyond the end means the end. It is NoIndex
	// if absent, and for other kinds.
	Index int
	// After has anchors for array_add and array_move, instead of Index: the item is placed after the first anchor that the
	// array contains. First is always contained. If the array has no anchor, the item is placed at the end. Anchors are
	// resolved when the operation is decided; the log has none.
	After []string
	// To is the array of the document to which array_move moves the item. Nil: the item stays in its array.
	To *path.Path
}

// First is the anchor before all items. It is not an id, since ids are not empty.
const First = ""

// MaxAnchors is the maximum number of anchors of one operation.
const MaxAnchors = 8

// Errors of invalid operations. The API shows their texts to the sender.
var (
	errKind          = errors.New("unknown op")
	errNoValue       = errors.New("value is missing")
	errValueUnused   = errors.New("value is not allowed here")
	errValueDeep     = fmt.Errorf("value is nested deeper than %d", MaxValueDepth)
	errItemNoObject  = errors.New("value of an item must be an object")
	errIndexUnused   = errors.New("arrayIndex is not allowed here")
	errIndexMissing  = errors.New("arrayIndex or after is missing")
	errIndexAndAfter = errors.New("arrayIndex and after exclude each other")
	errAfterUnused   = errors.New("after is not allowed here")
	errAfterMany     = fmt.Errorf("after has more than %d anchors", MaxAnchors)
	errToUnused      = errors.New("to is not allowed here")
	errIndexNegative = errors.New("arrayIndex is negative")
	errNoMember      = errors.New("path must end with a key")
	errNoItem        = errors.New("path must end with an item")
	errNotDocument   = errors.New("path must be empty")
	errIDFixed       = errors.New("the " + IDMember + " of an item cannot be changed")
)

// Validate checks the operation independently of a document. Only valid operations are logged.
func (op Op) Validate() error {
	if err := op.check(); err != nil {
		return err
	}
	if op.Value != nil && deeperThan(op.Value, MaxValueDepth) {
		return errValueDeep
	}
	return nil
}

// check is Validate without the checks that take linear time.
func (op Op) check() error {
	if err := checkPlace(op.Path); err != nil {
		return err
	}
	if op.To != nil {
		if op.Kind != ArrayMove {
			return errToUnused
		}
		if err := checkPlace(*op.To); err != nil {
			return err
		}
	}
	if err := op.checkPath(); err != nil {
		return err
	}
	if err := op.checkValue(); err != nil {
		return err
	}
	return op.checkIndex()
}

// checkPlace checks the rules for paths that are the same for all kinds.
func checkPlace(p path.Path) error {
	if len(p) > path.MaxSegments { // no parsed path is that long
		return path.ErrTooManySegments
	}
	for i, s := range p {
		if s.Name == IDMember && !s.Item && i > 0 && p[i-1].Item {
			return errIDFixed
		}
	}
	return nil
}

func (op Op) checkPath() error {
	isDocument := len(op.Path) == 0
	switch op.Kind {
	case Set, ArrayAdd:
	case Delete:
		if isDocument || op.namesItem() {
			return errNoMember
		}
	case ArrayDelete, ArrayMove:
		if !op.namesItem() {
			return errNoItem
		}
	case Init:
		if !isDocument {
			return errNotDocument
		}
	default:
		return errKind
	}
	return nil
}

func (op Op) checkValue() error {
	needed := op.Kind == Set || op.Kind == ArrayAdd || op.Kind == Init
	switch {
	case needed && op.Value == nil:
		return errNoValue
	case !needed && op.Value != nil:
		return errValueUnused
	case op.Kind == ArrayAdd, op.Kind == Set && op.namesItem():
		if _, ok := op.Value.(*Object); !ok {
			return errItemNoObject
		}
	}
	return nil
}

func (op Op) checkIndex() error {
	places := op.Kind == ArrayMove || op.Kind == ArrayAdd
	switch {
	case op.Index < NoIndex:
		return errIndexNegative
	case op.Index != NoIndex && !places:
		return errIndexUnused
	case len(op.After) > 0 && !places:
		return errAfterUnused
	case len(op.After) > 0 && op.Index != NoIndex:
		return errIndexAndAfter
	case len(op.After) > MaxAnchors:
		return errAfterMany
	case op.Kind == ArrayMove && op.To == nil && op.Index == NoIndex && len(op.After) == 0:
		return errIndexMissing
	}
	return nil
}

// namesItem reports whether the path ends with an item.
func (op Op) namesItem() bool {
	return len(op.Path) > 0 && op.last().Item
}

// last returns the last segment of the path, which must not be empty.
func (op Op) last() path.Segment { return op.Path[len(op.Path)-1] }

// deeperThan reports whether v is nested deeper than a number of levels.
func deeperThan(v Value, levels int) bool {
	switch c := v.(type) {
	case *Object:
		if levels == 0 {
			return true
		}
		for _, m := range c.all() {
			if deeperThan(m, levels-1) {
				return true
			}
		}
	case *Array:
		if levels == 0 {
			return true
		}
		if c.flat != "" {
			return flatDepth(c.flat) > levels
		}
		for e := range c.Values() {
			if deeperThan(e, levels-1) {
				return true
			}
		}
	}
	return false
}

// isNormal reports whether the operation has the ids that Apply needs.
func (op Op) isNormal() bool {
	switch {
	case op.Kind == ArrayAdd:
		return op.Value.(*Object).id() != ""
	case op.Kind == Set && op.namesItem():
		return op.Value.(*Object).id() == op.last().Name
	}
	return true
}
