package wire

import (
	"strconv"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// MaxFieldErrors is the maximum number of faults in one response.
const MaxFieldErrors = 10

// maxSafeInteger is the largest integer that a double represents exactly, as all lower ones.
const maxSafeInteger = 1<<53 - 1

// decoder collects the faults of a body.
type decoder struct {
	faults []problem.FieldError
	// left is how many more bytes the paths and values of a batch may have, with the ids that the server assigns. It bounds
	// the response and the log: with ids, a body of `{}`s is seventeen times as large. Negative: the limit is exceeded.
	left int
}

func (d *decoder) fault(pointer, detail string) {
	if len(d.faults) < MaxFieldErrors {
		d.faults = append(d.faults, problem.FieldError{Pointer: pointer, Detail: detail})
	}
}

// object reads a body that is one JSON object.
func (d *decoder) object(body []byte, maxDepth int) (*tree.Object, error) {
	v, err := tree.Parse(body, maxDepth+1)
	if err != nil {
		return nil, problem.New(problem.InvalidJSON, err.Error())
	}
	obj, ok := v.(*tree.Object)
	if !ok {
		d.fault("", "must be an object")
	}
	return obj, d.err()
}

// err returns the problem with all faults, and nil without faults.
func (d *decoder) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	return problem.New(problem.InvalidRequest, "", d.faults...)
}

func (d *decoder) text(pointer string, v tree.Value) string {
	s, ok := v.(tree.String)
	if !ok {
		d.fault(pointer, "must be a string")
	}
	return string(s)
}

// name reads a name of a room or a client.
func (d *decoder) name(pointer string, v tree.Value, maxLength int) string {
	before := len(d.faults)
	name := d.text(pointer, v)
	if len(d.faults) > before {
		return ""
	}
	d.checkName(pointer, name, maxLength)
	return name
}

func (d *decoder) checkName(pointer, name string, maxLength int) {
	if err := core.CheckName(name, maxLength); err != nil {
		d.fault(pointer, err.Error())
	}
}

func (d *decoder) unknown(pointer, name string) {
	if core.Length(name) > 100 {
		name = "…"
	}
	d.fault(pointer, "has an unknown member: "+strconv.Quote(name))
}

// integer returns the value of a number that is an integer, in any notation, as with `type: integer` in JSON Schema. A
// value beyond an int64 becomes the nearest int64.
func integer(v tree.Value) (int64, bool) {
	n, ok := v.(tree.Number)
	if !ok {
		return 0, false
	}
	return n.Integer()
}
