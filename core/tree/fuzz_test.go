package tree_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// stricter are the reasons for which JSON that encoding/json takes is refused.
var stricter = regexp.MustCompile(`^(duplicate|forbidden|number beyond|lone surrogate|invalid UTF-8|nested)`)

func FuzzParseAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range []string{
		`null`, ` [true, false] `, `{"a":{"b":[1,-2.5e+3]}}`, `"\u00e9\ud83d\ude00\n\/"`, `{"a":1,"a":2}`, `[{"_sync_id":"x"}]`,
		`[1,[2,"x\n"],[]]`, `[[1],[2,[{"a":[3]}]]]`, `[1,[2,x]]`, `[[1,]`, `{"__proto__":1}`, `1e999`, `"\ud800"`, "\"\xff\"", `[[[[`, `-0`, `01`, `"\u2028"`, "\"\x7f<&>\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := tree.Parse(text, 50)
		if err != nil {
			if json.Valid(text) && !stricter.MatchString(err.Error()) {
				t.Fatalf("%q is JSON: %v", text, err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is not JSON", text)
		}
		canonical := string(tree.AppendJSON(nil, v))
		if want := (&model{root: readModel(string(text))}).encode(); canonical != want {
			t.Fatalf("%q becomes %q, and by encoding/json %q", text, canonical, want)
		}
		if v.Size() != len(canonical) {
			t.Fatalf("%q: size %d", canonical, v.Size())
		}
		again, err := tree.Parse([]byte(canonical), 50)
		if err != nil || string(tree.AppendJSON(nil, again)) != canonical {
			t.Fatalf("%q does not survive its canonical text %q: %v", text, canonical, err)
		}
	})
}

func FuzzApplyAgreesWithTheModel(f *testing.F) {
	f.Add(`{"a":[{"_sync_id":"x"},{"_sync_id":"y","b":1}]}`, byte(5), "a[x]", "", 1, "", "")
	f.Add(`{"a":[{"_sync_id":"x"},{"_sync_id":"y","b":1}]}`, byte(5), "a[x]", "", -1, "z,y,x", "")
	f.Add(`{"a":[{"_sync_id":"x"},{"_sync_id":"y","b":[]}]}`, byte(5), "a[x]", "", -1, ",", "a[y].b")
	f.Add(`{"a":[{"_sync_id":"x"}],"b":[{"_sync_id":"y"}]}`, byte(5), "a[x]", "", -1, "y", "b")
	f.Add(`{"a":[{"_sync_id":"x"}],"b":5}`, byte(5), "a[x]", "", 7, "", "b.c.d")
	f.Add(`{"a":1,"b":{"c":null}}`, byte(0), "b.c.d", `{"e":[{}]}`, -1, "", "")
	f.Add(`[{"_sync_id":"x"}]`, byte(2), "", `{"_sync_id":"x","n":1.0}`, 0, "", "")
	f.Add(`[{"_sync_id":"x"}]`, byte(2), "", `{"_sync_id":"y"}`, -1, "w,x", "")
	f.Add(``, byte(1), "", `null`, -1, "", "")
	f.Add(`{"a":{"b":1}}`, byte(3), "a.b", ``, -1, "", "")
	kinds := []tree.Kind{tree.Set, tree.Init, tree.ArrayAdd, tree.Delete, tree.ArrayDelete, tree.ArrayMove}
	f.Fuzz(func(t *testing.T, document string, kind byte, where, value string, index int, after, to string) {
		var d tree.Document
		var m model
		if document != "" {
			loaded, err := tree.LoadDocument([]byte(document))
			if err != nil {
				return
			}
			d, m = *loaded, model{root: readModel(document)}
		}
		p, err := path.Parse(where)
		if err != nil {
			return
		}
		op := tree.Op{Kind: kinds[int(kind)%len(kinds)], Path: p, Index: index}
		if after != "" {
			op.After = strings.Split(after, ",")
		}
		if to != "" {
			array, err := path.Parse(to)
			if err != nil {
				return
			}
			op.To = &array
		}
		if value != "" {
			if op.Value, err = tree.Parse([]byte(value), tree.MaxValueDepth); err != nil {
				return
			}
		}
		if op.Validate() != nil {
			return
		}
		op.Normalize(func() string { return "new" }, 1<<30)
		before := encode(&d)
		d.Begin()
		reason, at := d.Apply(op, 500)
		wantReason, wantAt := m.apply(op, 500)
		if got, want := encode(&d), m.encode(); got != want || reason != wantReason || at != wantAt || d.Size() != len(got) {
			t.Fatalf("%q %d %s (size %d)\nwant %q %d %s", reason, at, got, d.Size(), wantReason, wantAt, want)
		}
		d.Rollback()
		if got := encode(&d); got != before || d.Size() != len(before) {
			t.Fatalf("rolled back to %s (%d), not %s", got, d.Size(), before)
		}
		if reason != tree.Applied {
			return
		}
		op.Index, op.After = at, nil
		if reason, index := d.Apply(op, 0); reason != tree.Applied || index != at {
			t.Fatalf("as it is logged: %q %d, not at %d", reason, index, at)
		}
		if got, want := encode(&d), m.encode(); got != want || d.Size() != len(got) {
			t.Fatalf("as it is logged: %s (size %d)\nwant %s", got, d.Size(), want)
		}
	})
}
