package takeover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// ErrUnreadable is the error for a document that is not JSON.
var ErrUnreadable = errors.New("not JSON")

// Repairs counts the changes that Document has made.
type Repairs struct {
	Surrogates int // lone surrogates and invalid UTF-8, replaced by U+FFFD
	Forbidden  int // members named `__proto__`, removed
	Duplicates int // members with the same name, of which the last one remains, as in JavaScript
	Numbers    int // numbers outside the range of a double, replaced by null, as in JavaScript
	TooDeep    int // containers nested too deeply, replaced by strings with their JSON
	IDs        int // objects in arrays with a missing or duplicate `_sync_id`, which got a new one
}

// Any reports whether anything was repaired.
func (r Repairs) Any() bool { return r != Repairs{} }

// Add adds other counts.
func (r *Repairs) Add(other Repairs) {
	r.Surrogates += other.Surrogates
	r.Forbidden += other.Forbidden
	r.Duplicates += other.Duplicates
	r.Numbers += other.Numbers
	r.TooDeep += other.TooDeep
	r.IDs += other.IDs
}

// String lists the counts that are not 0.
func (r Repairs) String() string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.Surrogates, "lone surrogates"}, {r.Forbidden, path.ForbiddenName + " members"}, {r.Duplicates, "duplicate members"},
		{r.Numbers, "numbers out of range"}, {r.TooDeep, "containers nested too deeply"}, {r.IDs, "missing or duplicate " + tree.IDMember},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", c.what, c.n))
		}
	}
	return strings.Join(parts, ", ")
}

// Document returns a document of the predecessor as pathsync stores it. A text in pathsync's own form is returned unchanged.
// newID generates ids for objects in arrays without one. The error is ErrUnreadable if the text cannot be repaired.
func Document(text string, newID func() string) (string, Repairs, error) {
	var done Repairs
	root, err := tree.ParseStored([]byte(text))
	if err != nil {
		repaired, err := rewrite([]byte(text), &done)
		if err != nil {
			return "", Repairs{}, err
		}
		if root, err = tree.ParseStored(repaired); err != nil {
			return "", Repairs{}, fmt.Errorf("%w: %w", ErrUnreadable, err)
		}
	}
	identify := tree.Op{Kind: tree.Init, Value: root}
	identify.Normalize(func() string { done.IDs++; return newID() }, math.MaxInt)
	if !done.Any() {
		return text, done, nil
	}
	return string(tree.AppendJSON(nil, root)), done, nil
}

// rewrite parses JSON leniently, as JavaScript does, and writes JSON that tree.ParseStored accepts.
func rewrite(text []byte, done *Repairs) ([]byte, error) {
	if !json.Valid(text) {
		return nil, ErrUnreadable
	}
	done.Surrogates = loneSurrogates(text) + invalidBytes(text)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	r := reader{decoder, done}
	v, err := r.value()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	w := writer{done: done, limit: tree.MaxDocumentDepth}
	w.value(v, 0)
	return w.text, nil
}

// members is an object. values[i] is the value of names[i].
type members struct {
	names  []string
	values []any
}

// reader reads a text that is valid JSON. A container is *members or []any; a number json.Number.
type reader struct {
	*json.Decoder
	done *Repairs
}

func (r *reader) value() (any, error) {
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		return r.elements()
	case json.Delim('{'):
		return r.members()
	}
	if n, ok := token.(json.Number); ok {
		if f, _ := strconv.ParseFloat(string(n), 64); math.IsInf(f, 0) {
			r.done.Numbers++
			return nil, nil
		}
	}
	return token, nil
}

func (r *reader) elements() (any, error) {
	all := []any{}
	for r.More() {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	_, err := r.Token()
	return all, err
}

func (r *reader) members() (any, error) {
	o := &members{}
	at := map[string]int{}
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return nil, err
		}
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if name == path.ForbiddenName {
			r.done.Forbidden++
			continue
		}
		// Two names that differ only in a lone surrogate are equal after its repair.
		for number := 2; strings.ContainsRune(name, '\ufffd'); number++ {
			if _, taken := at[name]; !taken {
				break
			}
			name = fmt.Sprintf("%s~%d", token, number)
		}
		if i, twice := at[name]; twice {
			r.done.Duplicates++
			o.values[i] = v
			continue
		}
		at[name] = len(o.names)
		o.names, o.values = append(o.names, name), append(o.values, v)
	}
	_, err := r.Token()
	return o, err
}

// writer writes JSON. limit is the maximum nesting depth; 0 for none.
type writer struct {
	text  []byte
	done  *Repairs
	limit int
}

func (w *writer) value(v any, depth int) {
	switch v := v.(type) {
	case nil:
		w.text = append(w.text, "null"...)
	case bool:
		w.text = strconv.AppendBool(w.text, v)
	case json.Number:
		w.text = append(w.text, v...)
	case string:
		w.text = tree.AppendString(w.text, v)
	default:
		if w.limit > 0 && depth == w.limit {
			w.done.TooDeep++
			inner := writer{}
			inner.container(v, 0)
			w.text = tree.AppendString(w.text, string(inner.text))
			return
		}
		w.container(v, depth)
	}
}

func (w *writer) container(v any, depth int) {
	switch v := v.(type) {
	case []any:
		w.text = append(w.text, '[')
		for i, e := range v {
			if i > 0 {
				w.text = append(w.text, ',')
			}
			w.value(e, depth+1)
		}
		w.text = append(w.text, ']')
	case *members:
		w.text = append(w.text, '{')
		for i, name := range v.names {
			if i > 0 {
				w.text = append(w.text, ',')
			}
			w.text = append(tree.AppendString(w.text, name), ':')
			w.value(v.values[i], depth+1)
		}
		w.text = append(w.text, '}')
	}
}

// loneSurrogates counts escaped lone surrogates in a JSON text. Backslashes occur in strings only.
func loneSurrogates(text []byte) (n int) {
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		unit, ok := escapedUnit(text[at:])
		switch {
		case !ok:
			at++ // a short escape
			continue
		case unit >= 0xd800 && unit < 0xdc00:
			if low, ok := escapedUnit(text[at+6:]); ok && low >= 0xdc00 && low < 0xe000 {
				at += 6
			} else {
				n++
			}
		case unit >= 0xdc00 && unit < 0xe000:
			n++
		}
		at += 5
	}
	return n
}

// invalidBytes counts bytes that are not UTF-8.
func invalidBytes(text []byte) (n int) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			n++
		}
		text = text[size:]
	}
	return n
}

// escapedUnit parses a prefix \uXXXX.
func escapedUnit(text []byte) (unit uint64, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return unit, err == nil
}
