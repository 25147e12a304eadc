package tree

// Normalize assigns missing ids before the operation is logged: every object that is an element of an array, at any depth,
// and the item of an array_add get a `_sync_id`. newID returns new ids, which must not be empty. An object gets one if it has
// no id, an id that is not a non-empty string, or the id of an earlier element of its array. An object that replaces an item
// gets the id of that item.
//
// An invalid id is replaced in place; a missing one becomes the last member. The operation must be valid. Normalize changes
// the value in place, and reports whether it did.
//
// maxBytes limits the encoding of the completed value. If ids would exceed it, Normalize stops and returns !ok, and the value
// must not be used. The cost is then linear in the limit and in the size of the value as sent.
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
	left    int // bytes by which the value may still grow; negative: the limit is exceeded
	changed bool
}

// normalize processes inner values first. It returns the growth of the encoding of v in bytes.
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

// identify assigns ids to the objects in an array that have no unique id.
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
