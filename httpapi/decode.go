package httpapi

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-playground/validator/v10"
	"github.com/google/uuid"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// envelope is a batch as it comes, but for its ops.
type envelope struct {
	ClientID  string       `member:"clientId" validate:"name=100"`
	ClientSeq int64        `member:"clientSeq" validate:"min=-1,max=9007199254740991"` // -1: core.NoClientSeq
	Previous  *int64       `member:"previousClientSeq"`
	Key       string       `member:"key" validate:"name=255"`
	Ops       []tree.Value `member:"ops" validate:"min=1"`
}

// The nesting that the envelope adds to the values of its ops: the batch, its list, the op.
const envelopeDepth = 3

// maxFieldErrors is how many faults of one body are told. Whoever sends more knows what to do.
const maxFieldErrors = 10

// decodeBatch reads a batch, checks all that can be checked without the room, and fills in missing ids.
func (s *Server) decodeBatch(body []byte) (*core.Proposal, error) {
	v, err := tree.Parse(body, s.cfg.MaxDepth+envelopeDepth)
	if err != nil {
		return nil, problem(InvalidJSON, err.Error())
	}
	d := decoder{}
	e := d.envelope(v)
	if len(e.Ops) > s.cfg.MaxOps {
		d.fault("/ops", fmt.Sprintf("at most %d operations are taken at once", s.cfg.MaxOps))
		e.Ops = nil
	}
	p := &core.Proposal{Key: e.Key, ClientID: e.ClientID, ClientSeq: e.ClientSeq, PreviousClientSeq: e.Previous, Ops: make([]core.ProposedOp, len(e.Ops))}
	d.left = s.cfg.MaxBodyBytes
	for i, v := range e.Ops {
		if d.op(&p.Ops[i], i, v) {
			p.FilledIn = true
		}
		if d.left < 0 {
			return nil, problem(BodyTooLarge, fmt.Sprintf("with the ids that the server fills in, it takes more than %d bytes; "+
				"send fewer objects at once, or give them ids", s.cfg.MaxBodyBytes))
		}
	}
	if len(d.faults) > 0 {
		return nil, problem(InvalidRequest, "", d.faults...)
	}
	return p, nil
}

// decoder collects what is wrong with a body.
type decoder struct {
	faults []FieldError
	// left is how many bytes the paths and values of a batch may still take, ids that the server fills in included. It
	// bounds the answer and the log, because a body of `{}`s would grow to seventeen times its size. Negative: too many.
	left int
}

func (d *decoder) fault(pointer, detail string) {
	if len(d.faults) < maxFieldErrors {
		d.faults = append(d.faults, FieldError{pointer, detail})
	}
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
		d.fault("/previousClientSeq", "must be lower than clientSeq, which is needed with it")
	}
	if len(d.faults) == 0 {
		d.faults = validate(e)
	}
	return e
}

// op reads one operation, and reports whether the server had to fill in an id. This list is long and hot: it is checked
// by hand.
func (d *decoder) op(op *core.ProposedOp, i int, v tree.Value) (filledIn bool) {
	before := len(d.faults)
	pointer := func(member string) string { return "/ops/" + strconv.Itoa(i) + member }
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
			op.Kind = tree.Kind(d.text(pointer("/op"), v))
		case "path":
			op.PathText = d.text(pointer("/path"), v)
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
			to, err := path.Parse(d.text(pointer("/to"), v))
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

func (d *decoder) text(pointer string, v tree.Value) string {
	s, ok := v.(tree.String)
	if !ok {
		d.fault(pointer, "must be a string")
	}
	return string(s)
}

// name reads the name of a room or a client.
func (d *decoder) name(pointer string, v tree.Value, maxLength int) string {
	before := len(d.faults)
	name := d.text(pointer, v)
	if len(d.faults) > before {
		return ""
	}
	if err := core.CheckName(name, maxLength); err != nil {
		d.fault(pointer, err.Error())
	}
	return name
}

func (d *decoder) unknown(pointer, name string) {
	if core.Length(name) > 100 {
		name = "…"
	}
	d.fault(pointer, "has a member that means nothing here: "+strconv.Quote(name))
}

// integer returns a number whose value is an integer, however it is written: that is what `type: integer` means in JSON
// Schema. A value beyond an int64 becomes the nearest int64.
func integer(v tree.Value) (int64, bool) {
	n, ok := v.(tree.Number)
	if !ok {
		return 0, false
	}
	return n.Integer()
}

// envelopes checks envelopes. Its rule `name` is core.CheckName with the longest length as its parameter.
var envelopes = func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	err := v.RegisterValidation("name", func(f validator.FieldLevel) bool {
		return checkName(f.Field().String(), f.Param()) == nil
	})
	if err != nil {
		panic(err) // the name and the function are constants
	}
	return v
}()

func checkName(s, maxLength string) error {
	n, err := strconv.Atoi(maxLength)
	if err != nil {
		return err
	}
	return core.CheckName(s, n)
}

func validate(e envelope) []FieldError {
	var wrong validator.ValidationErrors
	if !errors.As(envelopes.Struct(e), &wrong) {
		return nil
	}
	var faults []FieldError
	for _, w := range wrong {
		pointer := map[string]string{"ClientID": "/clientId", "ClientSeq": "/clientSeq", "Key": "/key", "Ops": "/ops"}[w.Field()]
		detail := "must be an integer from 0 to 9007199254740991"
		switch w.Tag() {
		case "name":
			detail = checkName(w.Value().(string), w.Param()).Error()
		case "min":
			if w.Field() == "Ops" {
				detail = "must have at least one operation"
			}
		}
		faults = append(faults, FieldError{pointer, detail})
	}
	return faults
}
