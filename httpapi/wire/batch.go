package wire

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
)

// Limits are the limits of a request body.
type Limits struct {
	MaxBytes int // of a batch, including the ids that the server assigns
	MaxOps   int // of a batch
	MaxDepth int // nesting of one JSON value
}

// envelope is a batch with undecoded operations.
type envelope struct {
	ClientID  string
	ClientSeq int64 // core.NoClientSeq: none
	Previous  *int64
	Key       string
	Ops       []tree.Value
}

// envelopeDepth is the nesting around the values of operations: the batch, its list, the operation.
const envelopeDepth = 3

// DecodeBatch reads a batch, checks everything that does not depend on the room, and assigns missing ids.
func DecodeBatch(body []byte, limits Limits) (*core.Proposal, error) {
	v, err := tree.Parse(body, limits.MaxDepth+envelopeDepth)
	if err != nil {
		return nil, problem.New(problem.InvalidJSON, err.Error())
	}
	d := decoder{}
	e := d.envelope(v)
	if len(e.Ops) > limits.MaxOps {
		d.fault("/ops", fmt.Sprintf("must have at most %d operations", limits.MaxOps))
		e.Ops = nil
	}
	p := &core.Proposal{Key: e.Key, ClientID: e.ClientID, ClientSeq: e.ClientSeq, PreviousClientSeq: e.Previous, Ops: make([]core.ProposedOp, len(e.Ops))}
	d.left = limits.MaxBytes
	for i, v := range e.Ops {
		if d.op(&p.Ops[i], i, v) {
			p.FilledIn = true
		}
		if d.left < 0 {
			return nil, problem.New(problem.BodyTooLarge, fmt.Sprintf("with the ids that the server assigns, it exceeds %d bytes; "+
				"send fewer objects at once, or objects with ids", limits.MaxBytes))
		}
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (d *decoder) envelope(v tree.Value) envelope {
	e := envelope{ClientSeq: core.NoClientSeq}
	obj, ok := v.(*tree.Object)
	if !ok {
		d.fault("", "must be an object")
		return e
	}
	for name, v := range obj.All() {
		switch name {
		case "clientId":
			e.ClientID = d.text("/clientId", v)
		case "key":
			e.Key = d.text("/key", v)
		case "clientSeq":
			if e.ClientSeq, ok = integer(v); !ok || e.ClientSeq < 0 {
				d.fault("/clientSeq", "must be an integer from 0 to 9007199254740991")
				e.ClientSeq = core.NoClientSeq
			}
		case "previousClientSeq":
			n, ok := integer(v)
			if !ok || n < 0 {
				d.fault("/previousClientSeq", "must be an integer from 0 to 9007199254740991")
			}
			e.Previous = &n
		case "ops":
			list, ok := v.(*tree.Array)
			if !ok {
				d.fault("/ops", "must be an array")
				continue
			}
			e.Ops = slices.AppendSeq(make([]tree.Value, 0, list.Len()), list.Values())
		default:
			d.unknown("", name)
		}
	}
	if len(d.faults) == 0 && e.Previous != nil && *e.Previous >= e.ClientSeq {
		d.fault("/previousClientSeq", "must be lower than clientSeq, which is required with it")
	}
	if len(d.faults) == 0 {
		d.checkEnvelope(&e)
	}
	return e
}

// checkEnvelope checks the values of an envelope whose types are right.
func (d *decoder) checkEnvelope(e *envelope) {
	d.checkName("/clientId", e.ClientID, core.MaxClientIDLength)
	if e.ClientSeq > maxSafeInteger {
		d.fault("/clientSeq", "must be an integer from 0 to 9007199254740991")
	}
	d.checkName("/key", e.Key, core.MaxKeyLength)
	if len(e.Ops) == 0 {
		d.fault("/ops", "must have at least one operation")
	}
}

// op reads one operation and reports whether the server assigned an id. Batches have many operations, so they are checked
// without the validator.
func (d *decoder) op(op *core.ProposedOp, i int, v tree.Value) (filledIn bool) {
	before := len(d.faults)
	pointer := func(member string) string { return "/ops/" + strconv.Itoa(i) + member }
	text := func(member string, v tree.Value) string {
		if s, ok := v.(tree.String); ok {
			return string(s) // without making a pointer
		}
		return d.text(pointer(member), v)
	}
	obj, ok := v.(*tree.Object)
	if !ok {
		d.fault(pointer(""), "must be an object")
		return false
	}
	op.Index = tree.NoIndex
	hasPath := false
	for name, v := range obj.All() {
		switch name {
		case "op":
			op.Kind = tree.Kind(text("/op", v))
		case "path":
			op.PathText = text("/path", v)
			var err error
			if op.Path, err = path.Parse(op.PathText); err != nil {
				d.fault(pointer("/path"), err.Error())
			}
			hasPath = true
		case "value":
			op.Value = v
		case "arrayIndex":
			n, ok := integer(v)
			if !ok {
				d.fault(pointer("/arrayIndex"), "must be an integer")
				continue
			}
			op.Index = int(min(max(n, 0), math.MaxInt32))
		case "after":
			op.After = d.anchors(pointer("/after"), v)
		case "to":
			to, err := path.Parse(text("/to", v))
			if err != nil {
				d.fault(pointer("/to"), err.Error())
			}
			op.To = &to
		default:
			d.unknown(pointer(""), name)
		}
	}
	if !hasPath {
		d.fault(pointer("/path"), "is missing")
	}
	if len(d.faults) > before {
		return false
	}
	if err := op.Validate(); err != nil {
		d.fault(pointer(""), err.Error())
		return false
	}
	d.left -= len(op.PathText)
	if op.To != nil {
		op.ValueText = string(tree.AppendString(nil, op.To.String()))
		d.left -= len(op.ValueText)
	}
	if op.Value == nil {
		return false
	}
	filledIn, ok = op.Normalize(uuid.NewString, d.left)
	d.left -= op.Value.Size()
	if !ok {
		return false
	}
	op.ValueText = tree.Text(op.Value)
	return filledIn
}

// anchors reads `after`: an id, null for the place before all items, or a list of these.
func (d *decoder) anchors(pointer string, v tree.Value) []string {
	list, ok := v.(*tree.Array)
	if !ok {
		return []string{d.anchor(pointer, v)}
	}
	if list.Len() == 0 || list.Len() > tree.MaxAnchors {
		d.fault(pointer, fmt.Sprintf("must have from 1 to %d anchors", tree.MaxAnchors))
		return nil
	}
	anchors := make([]string, 0, list.Len())
	for anchor := range list.Values() {
		anchors = append(anchors, d.anchor(pointer+"/"+strconv.Itoa(len(anchors)), anchor))
	}
	return anchors
}

func (d *decoder) anchor(pointer string, v tree.Value) string {
	if v == (tree.Null{}) {
		return tree.First
	}
	id, ok := v.(tree.String)
	if !ok || id == "" {
		d.fault(pointer, "must be the _sync_id of an item, or null")
	}
	return string(id)
}
