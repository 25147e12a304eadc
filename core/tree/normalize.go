package tree

// Normalize completes the operation's value before it is logged, so that the log says all that there is to know: every
// object directly inside an array, at any depth, and the item that array_add adds, has a `_sync_id`. An object gets one
// from newID if it has none, or one that is not a non-empty string, or one that an earlier element of its array has.
// An object that replaces an item gets that item's id. The ids that newID returns must be new and not empty.
//
// A wrong member is replaced where it stands, a missing one comes last. The operation must be valid. Normalize changes
// the value in place, and reports whether it did.
//
// maxBytes bounds the encoding of the completed value. When ids would take it past the bound, Normalize stops, reports
// !ok, and the value must not be used. The work is then in proportion to the bound and to the value as it came.
func (op Op) Normalize(newID func() string, maxBytes int) (changed, ok bool) {
	if op.Value == nil {
		return false, true
	}
	n := normalizer{newID: newID, left: maxBytes - op.Value.Size()}
	n.normalize(op.Value)
	switch {
	case op.Kind == ArrayAdd:
		if o := op.Value.(*Object); o.id() == "" {
			n.setID(o, newID())
		}
	case op.Kind == Set && op.namesItem():
		if o := op.Value.(*Object); o.id() != op.last().Name {
			n.setID(o, op.last().Name)
		}
	}
	return n.changed, n.left >= 0
}

type normalizer struct {
	newID   func() string
	left    int // bytes by which the value may still grow; negative: it has grown too much
	changed bool
}

// normalize works from the inside out. It returns by how much the encoding of v has grown.
func (n *normalizer) normalize(v Value) (growth int) {
	if n.left < 0 {
		return 0
	}
	switch c := v.(type) {
	case *Object:
		for _, m := range c.all() {
			growth += n.normalize(m)
		}
		c.size += growth
	case *Array:
		if c.flat != "" {
			return 0 // it has no objects
		}
		for e := range c.Values() {
			growth += n.normalize(e)
		}
		if c.isPlain() {
			growth += n.identify(c.plain)
			if items, ok := asItems(c.plain); ok {
				c.ordered, c.plain = ordered{few: items.few, many: items.many, size: c.size}, nil
			}
		}
		c.size += growth
	}
	return growth
}

// identify gives ids to those elements of an array that are objects and have none of their own.
func (n *normalizer) identify(elements []Value) (growth int) {
	seen := make(map[string]bool, len(elements))
	for _, e := range elements {
		o, ok := e.(*Object)
		if !ok {
			continue
		}
		if n.left < 0 {
			return growth
		}
		if id := o.id(); id == "" || seen[id] {
			growth += n.setID(o, n.newID())
		}
		seen[o.id()] = true
	}
	return growth
}

func (n *normalizer) setID(o *Object, id string) (growth int) {
	n.changed = true
	v := String(id)
	if old := o.get(IDMember); old != nil {
		o.replace(IDMember, v)
		growth = v.Size() - old.Size()
	} else {
		growth = memberSize(IDMember, v) + comma(o.len())
		o.insert(o.len(), IDMember, v)
	}
	o.size += growth
	n.left -= growth
	return growth
}
