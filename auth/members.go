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

// parseObject parses a JSON object as strictly as request bodies: no duplicate member, and nothing after the object.
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

// members reads the members of an object by their exact names and types. err is the first fault; it contains no values,
// which may be secret.
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

// text returns a string, "" if it is absent.
func (m *members) text(name string) string {
	v := m.of.Get(name)
	text, ok := v.(tree.String)
	if !ok && !isAbsent(v) {
		m.fail("%s has the wrong type", name)
	}
	return string(text)
}

func (m *members) bool(name string) bool {
	v := m.of.Get(name)
	is, ok := v.(tree.Bool)
	if !ok && !isAbsent(v) {
		m.fail("%s has the wrong type", name)
	}
	return bool(is)
}

func (m *members) list(name string) []tree.Value {
	v := m.of.Get(name)
	list, ok := v.(*tree.Array)
	if !ok {
		if !isAbsent(v) {
			m.fail("%s has the wrong type", name)
		}
		return nil
	}
	return slices.AppendSeq(make([]tree.Value, 0, list.Len()), list.Values())
}

// only records a fault if there are members other than names.
func (m *members) only(names ...string) {
	for name := range m.of.All() {
		if !slices.Contains(names, name) {
			if core.Length(name) > 100 {
				name = "…"
			}
			m.fail("it has an unknown member: %s", strconv.Quote(name))
		}
	}
}
