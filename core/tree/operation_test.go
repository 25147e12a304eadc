package tree_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestInvalidOperationIsRefusedWithReason(t *testing.T) {
	const none = tree.NoIndex
	for _, tt := range []struct {
		kind        tree.Kind
		path, value string
		index       int
		err         string // "" when it is valid
	}{
		{tree.Set, "", "1", none, ""},
		{tree.Set, "a.b", "null", none, ""},
		{tree.Set, "a[x]", "{}", none, ""},
		{tree.Set, "a", "", none, "value is missing"},
		{tree.Set, "a[x]", "1", none, "value of an item must be an object"},
		{tree.Set, "a", "1", 0, "arrayIndex is not allowed here"},
		{tree.Set, "a[x]._sync_id", `"y"`, none, "the _sync_id of an item cannot be changed"},
		{tree.Set, "a[x]._sync_id.b", "1", none, "the _sync_id of an item cannot be changed"},
		{tree.Set, "_sync_id", "1", none, ""},
		{tree.Set, "a._sync_id", "1", none, ""},
		{tree.Set, "a[x].b._sync_id", "1", none, ""},
		{tree.Set, "a[x][_sync_id]", "{}", none, ""},
		{tree.Set, "a", nested(64), none, ""},
		{tree.Set, "a", nested(65), none, "value is nested deeper than 64"},
		{tree.Set, "a", `{"b":` + nested(64) + "}", none, "value is nested deeper than 64"},
		{tree.Delete, "a", "", none, ""},
		{tree.Delete, "a[x].b", "", none, ""},
		{tree.Delete, "", "", none, "path must end with a key"},
		{tree.Delete, "a[x]", "", none, "path must end with a key"},
		{tree.Delete, "a[x]._sync_id", "", none, "the _sync_id of an item cannot be changed"},
		{tree.Delete, "a", "null", none, "value is not allowed here"},
		{tree.Delete, "a", "", 0, "arrayIndex is not allowed here"},
		{tree.ArrayAdd, "", "{}", none, ""},
		{tree.ArrayAdd, "a", "{}", 7, ""},
		{tree.ArrayAdd, "a[x].b", "{}", 0, ""},
		{tree.ArrayAdd, "a", "", none, "value is missing"},
		{tree.ArrayAdd, "a", "[]", none, "value of an item must be an object"},
		{tree.ArrayAdd, "a", "{}", -2, "arrayIndex is negative"},
		{tree.ArrayDelete, "a[x]", "", none, ""},
		{tree.ArrayDelete, "a", "", none, "path must end with an item"},
		{tree.ArrayDelete, "", "", none, "path must end with an item"},
		{tree.ArrayDelete, "a[x]", "{}", none, "value is not allowed here"},
		{tree.ArrayDelete, "a[x]", "", 0, "arrayIndex is not allowed here"},
		{tree.ArrayMove, "a[x]", "", 0, ""},
		{tree.ArrayMove, "a[x]", "", none, "arrayIndex or after is missing"},
		{tree.ArrayMove, "a", "", 0, "path must end with an item"},
		{tree.ArrayMove, "a[x]", "{}", 0, "value is not allowed here"},
		{tree.Init, "", "null", none, ""},
		{tree.Init, "", "", none, "value is missing"},
		{tree.Init, "a", "1", none, "path must be empty"},
		{tree.Init, "", "1", 0, "arrayIndex is not allowed here"},
		{"increment", "a", "1", none, "unknown op"},
		{"", "a", "1", none, "unknown op"},
	} {
		op := tree.Op{Kind: tt.kind, Path: mustPath(t, tt.path), Index: tt.index}
		if tt.value != "" {
			op.Value = mustParse(t, tt.value)
		}
		got := ""
		if err := op.Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.err {
			t.Errorf("%s %q %.20s %d: %q, want %q", tt.kind, tt.path, tt.value, tt.index, got, tt.err)
		}
	}
}

func TestObjectsInArraysGetIDs(t *testing.T) {
	for _, tt := range []struct {
		name              string
		kind              tree.Kind
		path, value, want string // want "" when nothing is filled in
	}{
		{"nothing to identify", tree.Set, "a", `{"b":{"c":[1,"x",[]]}}`, ""},
		{"ids that are there", tree.Set, "a", `[{"_sync_id":"x"},{"_sync_id":"y"}]`, ""},
		{"no id: it comes last", tree.Set, "a", `[{"b":1,"c":2}]`, `[{"b":1,"c":2,"_sync_id":"n1"}]`},
		{"an empty object", tree.Set, "a", `[{}]`, `[{"_sync_id":"n1"}]`},
		{"an empty id: replaced in place", tree.Set, "a", `[{"_sync_id":"","b":1}]`, `[{"_sync_id":"n1","b":1}]`},
		{"an id that is no string", tree.Set, "a", `[{"b":1,"_sync_id":5,"c":2}]`, `[{"b":1,"_sync_id":"n1","c":2}]`},
		{"an id that is an object", tree.Set, "a", `[{"_sync_id":{"a":[{}]}}]`, `[{"_sync_id":"n2"}]`},
		{"the same id twice: the later one changes", tree.Set, "a",
			`[{"_sync_id":"x"},{"_sync_id":"y"},{"_sync_id":"x","b":1}]`,
			`[{"_sync_id":"x"},{"_sync_id":"y"},{"_sync_id":"n1","b":1}]`},
		{"the same id in two arrays stays", tree.Set, "a", `{"b":[{"_sync_id":"x"}],"c":[{"_sync_id":"x"}]}`, ""},
		{"an array of several sorts", tree.Set, "a", `[1,{"b":2},[{}],null]`,
			`[1,{"b":2,"_sync_id":"n2"},[{"_sync_id":"n1"}],null]`},
		{"at any depth", tree.Set, "a", `{"b":[{"_sync_id":"x","c":{"d":[{}]}}]}`,
			`{"b":[{"_sync_id":"x","c":{"d":[{"_sync_id":"n1"}]}}]}`},
		{"the document", tree.Init, "", `[{}]`, `[{"_sync_id":"n1"}]`},
		{"an object that is no item needs none", tree.Set, "a", `{"b":1}`, ""},
		{"a new item", tree.ArrayAdd, "a", `{"b":1}`, `{"b":1,"_sync_id":"n1"}`},
		{"a new item with an id", tree.ArrayAdd, "a", `{"_sync_id":"x"}`, ""},
		{"a new item with a wrong id", tree.ArrayAdd, "a", `{"_sync_id":null,"b":[{}]}`, `{"_sync_id":"n2","b":[{"_sync_id":"n1"}]}`},
		{"an item replaced", tree.Set, "a[x.1]", `{"b":1}`, `{"b":1,"_sync_id":"x.1"}`},
		{"an item replaced by another", tree.Set, "a[x]", `{"_sync_id":"y","b":1}`, `{"_sync_id":"x","b":1}`},
		{"an item replaced by itself", tree.Set, "a[x]", `{"_sync_id":"x","b":1}`, ""},
		{"no value", tree.Delete, "a", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			op := tree.Op{Kind: tt.kind, Path: mustPath(t, tt.path), Index: tree.NoIndex}
			if tt.value == "" {
				if changed, _ := op.Normalize(nil, 1<<20); changed {
					t.Error("something is filled in where there is nothing")
				}
				return
			}
			op.Value = mustParse(t, tt.value)
			want, n := tt.want, 0
			if want == "" {
				want = tt.value
			}
			changed, _ := op.Normalize(func() string { n++; return fmt.Sprint("n", n) }, 1<<20)
			if got := string(tree.AppendJSON(nil, op.Value)); got != want || op.Value.Size() != len(got) {
				t.Errorf("%s (size %d), want %s", got, op.Value.Size(), want)
			}
			if changed != (tt.want != "") {
				t.Errorf("filled in: %t", changed)
			}
			if changed, _ := op.Normalize(func() string { return "again" }, 1<<20); changed {
				t.Errorf("normalising twice changes it to %s", tree.AppendJSON(nil, op.Value))
			}
		})
	}
}

func TestArrayWithAssignedIDsIsItemArray(t *testing.T) {
	n := 0
	op := tree.Op{Kind: tree.Set, Path: mustPath(t, "a"), Value: mustParse(t, `[{},{}]`), Index: tree.NoIndex}
	op.Normalize(func() string { n++; return fmt.Sprint("n", n) }, 1<<20)
	var d tree.Document
	d.Apply(op, 0)
	reason, _ := d.Apply(tree.Op{Kind: tree.ArrayDelete, Path: mustPath(t, "a[n1]"), Index: tree.NoIndex}, 0)
	if got := encode(&d); reason != tree.Applied || got != `{"a":[{"_sync_id":"n2"}]}` || d.Size() != len(got) {
		t.Errorf("%s: %q, size %d", got, reason, d.Size())
	}
}

func TestInvalidOrRolledBackOperationDoesNotChangeDocument(t *testing.T) {
	const before = `{"a":[{"_sync_id":"x"}],"b":1}`
	object := func() tree.Value { return mustParse(t, "{}") }
	for name, op := range map[string]tree.Op{
		"the zero op":                  {},
		"an unknown kind":              {Kind: "increment", Path: mustPath(t, "b"), Value: object(), Index: tree.NoIndex},
		"a set of nothing":             {Kind: tree.Set, Path: mustPath(t, "b"), Index: tree.NoIndex},
		"a deleted document":           {Kind: tree.Delete, Index: tree.NoIndex},
		"a deleted item":               {Kind: tree.Delete, Path: mustPath(t, "a[x]"), Index: tree.NoIndex},
		"another id":                   {Kind: tree.Set, Path: mustPath(t, "a[x]._sync_id"), Value: object(), Index: tree.NoIndex},
		"a move to nowhere":            {Kind: tree.ArrayMove, Path: mustPath(t, "a[x]"), Index: tree.NoIndex},
		"an item without its id":       {Kind: tree.ArrayAdd, Path: mustPath(t, "a"), Value: object(), Index: tree.NoIndex},
		"a replacement without its id": {Kind: tree.Set, Path: mustPath(t, "a[x]"), Value: object(), Index: tree.NoIndex},
		"a longer path than there can be": {
			Kind: tree.Set, Path: make(path.Path, path.MaxSegments+1), Value: object(), Index: tree.NoIndex,
		},
		"an item that is no object": {
			Kind: tree.ArrayAdd, Path: mustPath(t, "a"), Value: tree.Number("1"), Index: tree.NoIndex,
		},
	} {
		d, err := tree.LoadDocument([]byte(before))
		if err != nil {
			t.Fatal(err)
		}
		if reason, index := d.Apply(op, 0); reason != tree.TypeMismatch || index != op.Index || encode(d) != before {
			t.Errorf("%s: %q %d %s", name, reason, index, encode(d))
		}
	}
}

func TestDeepestDocumentCanBeStoredAndLoaded(t *testing.T) {
	item := `{"_sync_id":"x","a":` + strings.Repeat(`{"a":`, 62) + `{}` + strings.Repeat("}", 62) + "}"
	deepest := tree.Op{
		Kind: tree.ArrayAdd, Path: mustPath(t, "a"+strings.Repeat(".a", path.MaxSegments-1)), Value: mustParse(t, item),
		Index: tree.NoIndex,
	}
	if err := deepest.Validate(); err != nil {
		t.Fatal(err)
	}
	var d tree.Document
	if reason, _ := d.Apply(deepest, 0); reason != tree.Applied {
		t.Fatal(reason)
	}
	loaded, err := tree.LoadDocument([]byte(encode(&d)))
	if err != nil {
		t.Fatal(err)
	}
	if encode(loaded) != encode(&d) {
		t.Error("it comes back otherwise")
	}
	if got := strings.Count(encode(&d), "{") + 1; got != tree.MaxDocumentDepth {
		t.Errorf("the deepest document is %d deep", got)
	}
	if _, err := tree.LoadDocument([]byte("[" + encode(&d) + "]")); err == nil {
		t.Error("a deeper document than there can be is loaded")
	}
}

func TestValuesThatDifferOnlyInIDsAreEqual(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{`{"_sync_id":"x","n":1}`, `{"_sync_id":"y","n":1}`, true},
		{`[{"_sync_id":"x"},1]`, `[{"_sync_id":"yy"},1]`, true},
		{`[{"_sync_id":"x"}]`, `[{"_sync_id":"y"}]`, true},
		{`{"a":[{"_sync_id":"x","b":[{"_sync_id":"1"}]}]}`, `{"a":[{"_sync_id":"y","b":[{"_sync_id":"2"}]}]}`, true},
		{`{"_sync_id":"x","n":1}`, `{"_sync_id":"x","n":1.0}`, false},
		{`{"_sync_id":"x","n":1}`, `{"n":1,"_sync_id":"x"}`, false},
		{`{"_sync_id":"x"}`, `{"_sync_id":1}`, false},
		{`{"_sync_id":"x"}`, `{}`, false},
		{`{"id":"x"}`, `{"id":"y"}`, false},
		{`[1]`, `[1,2]`, false},
		{`[]`, `{}`, false},
		{`{}`, `[]`, false},
		{`"x"`, `"x"`, true},
		{`"1"`, `1`, false},
		{`1`, `{`, false},
		{`{`, `1`, false},
	} {
		if got := tree.EqualButIDs(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s: %t", tt.a, tt.b, got)
		}
	}
}
