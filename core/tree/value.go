package tree

import (
	"iter"

	"github.com/pathsync/pathsync/core/path"
)

// IDMember is the name of the member that identifies an object in an array.
const IDMember = "_sync_id"

// MaxValueDepth is the maximum nesting of an operation's value: `[[]]` has depth 2.
const MaxValueDepth = 64

// MaxDocumentDepth is the maximum nesting of a document: a container for each segment of a path, the array that `array_add`
// creates, and the value.
const MaxDocumentDepth = path.MaxSegments + 1 + MaxValueDepth

// Value is a JSON value: Null, Bool, Number, String, *Object or *Array. A nil Value is the absence of one.
//
// Objects and arrays are changed only by the Document that contains them.
type Value interface {
	// Size returns the length of the canonical encoding in bytes.
	Size() int
	appendJSON(dst []byte) []byte
}

type (
	// Null is JSON's null.
	Null struct{}
	// Bool is true or false.
	Bool bool
	// Number is the exact text of a number: 1.0, 1e5, -0 and 9007199254740993 stay as they are. It is valid JSON within the
	// range of a double.
	Number string
	// String is a string, in valid UTF-8.
	String string
)

// Object is a JSON object. It keeps the order of its members.
type Object struct{ ordered }

// Len returns the number of members.
func (o *Object) Len() int { return o.len() }

// Get returns the member with a name, or nil. Its cost hardly depends on the number of members.
func (o *Object) Get(name string) Value { return o.get(name) }

// All yields the members in order.
func (o *Object) All() iter.Seq2[string, Value] { return o.all() }

// id returns the object's `_sync_id` if that is a non-empty string, else "".
func (o *Object) id() string {
	id, _ := o.get(IDMember).(String)
	return string(id)
}

// Array is a JSON array. It is either an item array or plain.
//
// Each element of an item array is an object with a unique `_sync_id`, a non-empty string. The empty array is an item array,
// too. Its items are found by id. Any other array is plain: operations treat it as one value.
//
// A plain array without objects at any depth is flat: only its canonical text is stored. The elements of `[1,1,1]` would use
// 20 times the memory of the text.
type Array struct {
	ordered         // the items by id; the size of any array
	plain   []Value // the elements of a plain array that is not flat, else nil
	flat    string  // the canonical text of a flat array, else ""
}

// Len returns the number of elements. For a flat array it takes linear time.
func (a *Array) Len() int {
	switch {
	case a.flat != "":
		return len(a.elements())
	case a.isPlain():
		return len(a.plain)
	}
	return a.len()
}

// elements returns the elements of a plain array. It parses a flat array at each call.
func (a *Array) elements() []Value {
	if a.flat != "" {
		return readElements(a.flat)
	}
	return a.plain
}

// Values yields the elements in order. It parses a flat array.
func (a *Array) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, v := range a.elements() {
			if !yield(v) {
				return
			}
		}
		for _, v := range a.all() { // empty for a plain array
			if !yield(v) {
				return
			}
		}
	}
}

// HasItems reports whether operations can name the elements: an item array.
func (a *Array) HasItems() bool { return !a.isPlain() }

func (a *Array) isPlain() bool { return a.plain != nil || a.flat != "" }

// newObject returns an object that owns the members, and the position of the first duplicate name, or -1.
func newObject(members []entry) (o *Object, duplicate int) {
	o = &Object{}
	o.ordered, duplicate = newOrdered(members)
	o.size = len("{}") + max(0, len(members)-1)
	for _, m := range members {
		o.size += memberSize(m.key, m.value)
	}
	return o, duplicate
}

// memberSize returns what a member adds to the size of an object, without the comma.
func memberSize(name string, v Value) int { return quotedSize(name) + len(":") + v.Size() }

// comma returns the size of the comma before a further element.
func comma(others int) int { return min(others, len(",")) }

// newArray returns an array that owns the elements.
func newArray(elements []Value) *Array {
	items, ok := asItems(elements)
	a := &Array{ordered: items}
	if !ok {
		a.plain = elements
	}
	a.size = len("[]") + max(0, len(elements)-1)
	for _, v := range elements {
		a.size += v.Size()
	}
	return a
}

// asItems returns the elements as items if each has a unique id.
func asItems(elements []Value) (items ordered, ok bool) {
	for _, v := range elements {
		if o, isObject := v.(*Object); !isObject || o.id() == "" {
			return ordered{}, false
		}
	}
	entries := make([]entry, len(elements))
	for i, v := range elements {
		entries[i] = entry{v.(*Object).id(), v}
	}
	items, duplicate := newOrdered(entries)
	return items, duplicate < 0
}
