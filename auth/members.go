package auth

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// maxClaimsDepth bounds the nesting of claims, headers and key sets.
const maxClaimsDepth = 32

var errNoObject = errors.New("it is not an object")

// parseObject reads a JSON object as strictly as the bodies of requests are read: no member twice, nothing behind it.
func parseObject(text []byte) (*tree.Object, error) {
	v, err := tree.Parse(text, maxClaimsDepth)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*tree.Object)
	if !ok {
		return nil, errNoObject
	}
	return o, nil
}

// members reads the members of an object by their exact names and types. The first fault is kept in err, without values:
// they may be secret.
type members struct {
	of  *tree.Object
	err error
}

func (m *members) fail(format string, args ...any) {
	if m.err == nil {
		m.err = fmt.Errorf(format, args...)
	}
}

// isAbsent reports whether a member is missing or null.
func isAbsent(v tree.Value) bool {
	_, null := v.(tree.Null)
	return v == nil || null
}

// text reads a string, and "" when it is absent.
func (m *members) text(name string) string {
	v := m.of.Get(name)
	text, ok := v.(tree.String)
	if !ok && !isAbsent(v) {
		m.fail("%s is of another type", name)
	}
	return string(text)
}

func (m *members) bool(name string) bool {
	v := m.of.Get(name)
	is, ok := v.(tree.Bool)
	if !ok && !isAbsent(v) {
		m.fail("%s is of another type", name)
	}
	return bool(is)
}

func (m *members) list(name string) []tree.Value {
	v := m.of.Get(name)
	list, ok := v.(*tree.Array)
	if !ok {
		if !isAbsent(v) {
			m.fail("%s is of another type", name)
		}
		return nil
	}
	return slices.AppendSeq(make([]tree.Value, 0, list.Len()), list.Values())
}

// only refuses members that are not named.
func (m *members) only(names ...string) {
	for name := range m.of.All() {
		if !slices.Contains(names, name) {
			if core.Length(name) > 100 {
				name = "…"
			}
			m.fail("it has a member that means nothing here: %s", strconv.Quote(name))
		}
	}
}
