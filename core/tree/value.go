package tree

import (
	"iter"

	"github.com/pathsync/pathsync/core/path"
)

// IDMember is the name of the member that identifies an object in an array.
const IDMember = "_sync_id"

// MaxValueDepth is how deeply the objects and arrays of an operation's value may be nested: `[[]]` is 2 deep.
const MaxValueDepth = 64

// MaxDocumentDepth is how deep a document can become: each segment of a path leads into one container, the array that
// `array_add` creates is one more, and then comes the value.
const MaxDocumentDepth = path.MaxSegments + 1 + MaxValueDepth

// Value is a JSON value: Null, Bool, Number, String, *Object or *Array. A nil Value is the absence of one.
//
// Objects and arrays are changed only by the Document that they have become part of.
type Value interface {
	// Size is the length in bytes of the canonical encoding.
	Size() int
	appendJSON(dst []byte) []byte
}

type (
	// Null is JSON's null.
	Null struct{}
	// Bool is true or false.
	Bool bool
	// Number is a number as its text, which is kept to the letter: 1.0, 1e5, -0 and 9007199254740993 stay what they
	// are. It is valid JSON and within the range of a double.
	Number string
	// String is a string, in valid UTF-8.
	String string
)

// Object is a JSON object. It keeps the order of its members.
type Object struct{ ordered }

// Len is the number of members.
func (o *Object) Len() int { return o.len() }

// Get returns the member of that name, and nil when there is none. It takes the same time however many there are.
func (o *Object) Get(name string) Value { return o.get(name) }

// All yields the members in order.
func (o *Object) All() iter.Seq2[string, Value] { return o.all() }

// id returns the object's id as an item: its `_sync_id` when that is a non-empty string, else "".
func (o *Object) id() string {
	id, _ := o.get(IDMember).(String)
	return string(id)
}

// Array is a JSON array. It is either an item array or plain.
//
// Every element of an item array is an object with a `_sync_id` of its own, a non-empty string; the empty array is one
// too. Its items are found by their ids. Any other array is plain: one opaque value that operations do not look into.
//
// A plain array without objects at any depth is flat: only its canonical text is kept. The elements of `[1,1,1]` would
// take 20 times the memory of the text.
type Array struct {
	ordered         // the items by their ids, and the size of every sort
	plain   []Value // the elements when it is plain and not flat; else nil
	flat    string  // the canonical text when it is flat; else ""
}

// Len is the number of elements. For a flat array it takes as long as reading the text.
func (a *Array) Len() int {
	switch {
	case a.flat != "":
		return len(a.elements())
	case a.isPlain():
		return len(a.plain)
	}
	return a.len()
}

// elements returns the elements of a plain array. Those of a flat array are made anew.
func (a *Array) elements() []Value {
	if a.flat != "" {
		return readElements(a.flat)
	}
	return a.plain
}

// Values yields the elements in order. For a flat array it makes them from the text.
func (a *Array) Values() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for _, v := range a.elements() {
			if !yield(v) {
				return
			}
		}
		for _, v := range a.all() { // none when it is plain
			if !yield(v) {
				return
			}
		}
	}
}

func (a *Array) isPlain() bool { return a.plain != nil || a.flat != "" }

// newObject makes an object of members and takes the slice over. It returns the position of the first member whose name
// was there before, else -1.
func newObject(members []entry) (o *Object, duplicate int) {
	o = &Object{}
	o.ordered, duplicate = newOrdered(members)
	o.size = len("{}") + max(0, len(members)-1)
	for _, m := range members {
		o.size += memberSize(m.key, m.value)
	}
	return o, duplicate
}

// memberSize is what a member adds to an object's size, but for the comma.
func memberSize(name string, v Value) int { return quotedSize(name) + len(":") + v.Size() }

// comma is what separates an element from those that are there already.
func comma(others int) int { return min(others, len(",")) }

// newArray makes an array of the elements and takes the slice over.
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

// asItems orders the elements by their ids if each of them has one of its own.
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
