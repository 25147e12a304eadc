package tree_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// model is the semantics of the operations in the fewest words: plain slices, a recursive walk, and a copy of the whole
// document for every operation. The tests hold Document against it. It reads JSON with encoding/json.
type model struct {
	root  *modelValue
	moves []modelMove // the first first
}

type modelMove struct{ item, array path.Path }

type modelValue struct {
	sort   byte     // 'o'bject, 'a'rray, 's'calar
	names  []string // JSON
	kids   []*modelValue
	scalar string // JSON
	text   string // what it says, when it is a string
}

func (m *model) apply(op tree.Op, limit int) (tree.Reason, int) {
	size := len(m.encode())
	root, index, reason := m.changed(op)
	if op.To != nil && !slices.Equal(*op.To, op.Path[:len(op.Path)-1]) {
		root, index, reason = m.movedAcross(op)
	}
	if reason != tree.Applied {
		return reason, op.Index
	}
	after := model{root: root}
	if n := len(after.encode()); limit > 0 && n > limit && n > size {
		return tree.TooLarge, op.Index
	}
	m.root = root
	if op.To != nil && !slices.Equal(*op.To, op.Path[:len(op.Path)-1]) {
		m.moves = append(m.moves, modelMove{op.Path, *op.To})
	}
	return tree.Applied, index
}

// movedAcross takes the item out, and then adds it: a move to another array in two steps.
func (m *model) movedAcross(op tree.Op) (root *modelValue, index int, reason tree.Reason) {
	array, id := op.Path[:len(op.Path)-1], op.Path[len(op.Path)-1].Name
	var item *modelValue
	root, reason = edit(m.root.copy(), array, func(was *modelValue) (*modelValue, tree.Reason) {
		if was == nil || was.scalar == "null" {
			return nil, tree.ItemDeleted
		}
		if !was.isItems() {
			return nil, tree.TypeMismatch
		}
		at := was.item(id)
		if at < 0 {
			return nil, tree.ItemDeleted
		}
		item = was.kids[at]
		was.kids = slices.Delete(was.kids, at, at+1)
		return was, tree.Applied
	})
	if reason != tree.Applied {
		return nil, op.Index, reason
	}
	to := *op.To
	if len(to) >= len(op.Path) && slices.Equal(to[:len(op.Path)], op.Path) {
		return nil, op.Index, tree.TypeMismatch
	}
	if n := len(to); len(array) > n && slices.Equal(array[:n], to) && array[n] == op.Path[len(op.Path)-1] {
		return nil, op.Index, tree.TypeMismatch
	}
	rest := model{root: root}
	add := tree.Op{Kind: tree.ArrayAdd, Path: to, Index: op.Index, After: op.After}
	root, index, reason = rest.added(add, item)
	if reason == tree.Applied && item.depth() > tree.MaxValueDepth {
		return nil, op.Index, tree.TypeMismatch
	}
	return root, index, reason
}

func (m *model) added(op tree.Op, v *modelValue) (root *modelValue, index int, reason tree.Reason) {
	root, reason = edit(m.root.copy(), op.Path, func(was *modelValue) (*modelValue, tree.Reason) {
		if was == nil || was.scalar == "null" {
			was = &modelValue{sort: 'a'}
		}
		if !was.isItems() {
			return nil, tree.TypeMismatch
		}
		if at := was.item(v.id()); at >= 0 {
			index = at
			was.kids[at] = v
			return was, tree.Applied
		}
		index = was.position(op)
		was.kids = slices.Insert(was.kids, index, v)
		return was, tree.Applied
	})
	return root, index, reason
}

// position is where an item that is not in the array goes.
func (v *modelValue) position(op tree.Op) int {
	for _, anchor := range op.After {
		if anchor == tree.First {
			return 0
		}
		if at := v.item(anchor); at >= 0 {
			return at + 1
		}
	}
	if op.Index == tree.NoIndex || op.Index > len(v.kids) {
		return len(v.kids)
	}
	return op.Index
}

func (v *modelValue) depth() int {
	if v.sort == 's' {
		return 0
	}
	deepest := 0
	for _, kid := range v.kids {
		deepest = max(deepest, kid.depth())
	}
	return 1 + deepest
}

// follow rewrites the paths of an operation to where the items on them have been moved.
func (m *model) follow(op tree.Op) tree.Op {
	op.Path = m.followed(op.Path)
	if op.To != nil {
		to := m.followed(*op.To)
		op.To = &to
	}
	return op
}

func (m *model) followed(p path.Path) path.Path {
	at, since := p, 0
next:
	for {
		first := slices.IndexFunc(indexes(at), func(i int) bool { return at[i].Item && m.lacks(at[:i+1]) })
		if first < 0 {
			return at
		}
		for end := len(at); end > first; end-- {
			for i := len(m.moves) - 1; i >= since; i-- {
				if slices.Equal(m.moves[i].item, at[:end]) {
					at, since = slices.Concat(m.moves[i].array, at[end-1:]), i+1
					if _, err := path.Parse(at.String()); err != nil {
						return p
					}
					continue next
				}
			}
		}
		return p
	}
}

func indexes(p path.Path) []int {
	all := make([]int, len(p))
	for i := range all {
		all[i] = i
	}
	return all
}

// lacks reports whether a path leads to an item that is not there.
func (m *model) lacks(p path.Path) bool {
	_, reason := edit(m.root.copy(), p, func(was *modelValue) (*modelValue, tree.Reason) { return was, tree.Applied })
	return reason == tree.ItemDeleted
}

func (m *model) changed(op tree.Op) (root *modelValue, index int, reason tree.Reason) {
	index = op.Index
	value := func() *modelValue { return readModel(string(tree.AppendJSON(nil, op.Value))) }
	p := op.Path
	var act func(*modelValue) (*modelValue, tree.Reason)
	switch op.Kind {
	case tree.Set:
		act = func(*modelValue) (*modelValue, tree.Reason) { return value(), tree.Applied }
	case tree.Init:
		act = func(was *modelValue) (*modelValue, tree.Reason) {
			if was != nil {
				return nil, tree.Exists
			}
			return value(), tree.Applied
		}
	case tree.Delete:
		act = func(was *modelValue) (*modelValue, tree.Reason) {
			if was == nil {
				return nil, tree.NotFound
			}
			return nil, tree.Applied
		}
	case tree.ArrayAdd:
		return m.added(op, value())
	case tree.ArrayDelete, tree.ArrayMove:
		last := p[len(p)-1]
		p = p[:len(p)-1]
		act = func(was *modelValue) (*modelValue, tree.Reason) {
			if was == nil || was.scalar == "null" {
				return nil, tree.ItemDeleted
			}
			if !was.isItems() {
				return nil, tree.TypeMismatch
			}
			at := was.item(last.Name)
			if at < 0 {
				return nil, tree.ItemDeleted
			}
			v := was.kids[at]
			was.kids = slices.Delete(was.kids, at, at+1)
			if op.Kind == tree.ArrayMove {
				index = was.position(op)
				// Behind itself, which counts only where no anchor before it is there, it stays.
				for _, anchor := range op.After {
					if anchor == last.Name {
						index = at
					}
					if anchor == last.Name || anchor == tree.First || was.item(anchor) >= 0 {
						break
					}
				}
				was.kids = slices.Insert(was.kids, index, v)
			}
			return was, tree.Applied
		}
	}
	root, reason = edit(m.root.copy(), p, act)
	return root, index, reason
}

// edit returns what v becomes when act is done at the end of the path. nil is nothing, before and after.
func edit(
	v *modelValue, p path.Path, act func(*modelValue) (*modelValue, tree.Reason),
) (*modelValue, tree.Reason) {
	if len(p) == 0 {
		return act(v)
	}
	if p[0].Item {
		if v == nil || v.scalar == "null" {
			return nil, tree.ItemDeleted
		}
		if !v.isItems() {
			return nil, tree.TypeMismatch
		}
		at := v.item(p[0].Name)
		if at < 0 {
			return nil, tree.ItemDeleted
		}
		kid, reason := edit(v.kids[at], p[1:], act)
		v.kids[at] = kid
		return v, reason
	}
	if v != nil && v.sort == 'a' {
		return nil, tree.TypeMismatch
	}
	if v == nil || v.sort == 's' {
		v = &modelValue{sort: 'o'}
	}
	name := modelQuote(p[0].Name)
	at := slices.Index(v.names, name)
	var kid *modelValue
	if at >= 0 {
		kid = v.kids[at]
	}
	kid, reason := edit(kid, p[1:], act)
	switch {
	case reason != tree.Applied:
	case at < 0:
		v.names, v.kids = append(v.names, name), append(v.kids, kid)
	case kid == nil:
		v.names, v.kids = slices.Delete(v.names, at, at+1), slices.Delete(v.kids, at, at+1)
	default:
		v.kids[at] = kid
	}
	return v, reason
}

func (v *modelValue) id() string {
	if v.sort != 'o' {
		return ""
	}
	if at := slices.Index(v.names, `"_sync_id"`); at >= 0 {
		return v.kids[at].text
	}
	return ""
}

func (v *modelValue) item(id string) int {
	return slices.IndexFunc(v.kids, func(kid *modelValue) bool { return kid.id() == id })
}

func (v *modelValue) isItems() bool {
	if v.sort != 'a' {
		return false
	}
	seen := map[string]bool{"": true}
	for _, kid := range v.kids {
		if seen[kid.id()] {
			return false
		}
		seen[kid.id()] = true
	}
	return true
}

func (v *modelValue) copy() *modelValue {
	if v == nil {
		return nil
	}
	c := &modelValue{sort: v.sort, names: slices.Clone(v.names), scalar: v.scalar, text: v.text}
	for _, kid := range v.kids {
		c.kids = append(c.kids, kid.copy())
	}
	return c
}

func (m *model) encode() string {
	if m.root == nil {
		return ""
	}
	var b strings.Builder
	m.root.encode(&b)
	return b.String()
}

func (v *modelValue) encode(b *strings.Builder) {
	if v.sort == 's' {
		b.WriteString(v.scalar)
		return
	}
	b.WriteString(map[byte]string{'o': "{", 'a': "["}[v.sort])
	for i, kid := range v.kids {
		if i > 0 {
			b.WriteByte(',')
		}
		if v.sort == 'o' {
			b.WriteString(v.names[i] + ":")
		}
		kid.encode(b)
	}
	b.WriteString(map[byte]string{'o': "}", 'a': "]"}[v.sort])
}

// modelQuote is encoding/json's, without its care for HTML and JavaScript source.
func modelQuote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return separators.Replace(strings.TrimSuffix(b.String(), "\n"))
}

var separators = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

func readModel(text string) *modelValue {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return readNext(d)
}

func readNext(d *json.Decoder) *modelValue {
	token, err := d.Token()
	if err != nil {
		panic(err)
	}
	switch token := token.(type) {
	case json.Delim:
		v := &modelValue{sort: map[json.Delim]byte{'{': 'o', '[': 'a'}[token]}
		for d.More() {
			if v.sort == 'o' {
				name, err := d.Token()
				if err != nil {
					panic(err)
				}
				v.names = append(v.names, modelQuote(name.(string)))
			}
			v.kids = append(v.kids, readNext(d))
		}
		if _, err := d.Token(); err != nil {
			panic(err)
		}
		return v
	case json.Number:
		return &modelValue{sort: 's', scalar: token.String()}
	case string:
		return &modelValue{sort: 's', scalar: modelQuote(token), text: token}
	default:
		text, err := json.Marshal(token)
		if err != nil {
			panic(err)
		}
		return &modelValue{sort: 's', scalar: string(text)}
	}
}
