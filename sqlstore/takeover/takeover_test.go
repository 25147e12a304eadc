package takeover

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprint("new", n) }
}

func TestDocumentRepairsWhatThePredecessorServed(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
		repairs          Repairs
	}{
		{"what pathsync writes", `{"b":1.0,"a":[{"_sync_id":"x"}],"n":-0}`, `{"b":1.0,"a":[{"_sync_id":"x"}],"n":-0}`, Repairs{}},
		{"white space", "{ \"a\" : 1 }\n", "{ \"a\" : 1 }\n", Repairs{}},
		{"a whole character", `"\ud83d\ude00"`, `"\ud83d\ude00"`, Repairs{}},
		{"the first half of a character", `"a\ud83d"`, "\"a\ufffd\"", Repairs{Surrogates: 1}},
		{"the second half of a character", `"\ude00a"`, "\"\ufffda\"", Repairs{Surrogates: 1}},
		{"halves in the wrong order", `"\ude00\ud83d"`, "\"\ufffd\ufffd\"", Repairs{Surrogates: 2}},
		{"a half before a whole", `"\ud83d\ud83d\ude00"`, "\"\ufffd😀\"", Repairs{Surrogates: 1}},
		{"a backslash before something like a half", `"\\ud83d\ud83d"`, "\"\\\\ud83d\ufffd\"", Repairs{Surrogates: 1}},
		{"halves as names", `{"\ud83d":1,"\ud83e":2}`, "{\"\ufffd\":1,\"\ufffd~2\":2}", Repairs{Surrogates: 2}},
		{"a prototype", `{"a":{"__proto__":{"x":1},"b":2}}`, `{"a":{"b":2}}`, Repairs{Forbidden: 1}},
		{"an escaped prototype", `{"\u005f_proto__":1}`, `{}`, Repairs{Forbidden: 1}},
		{"a name twice", `{"a":1,"b":2,"a":{"c":3}}`, `{"a":{"c":3},"b":2}`, Repairs{Duplicates: 1}},
		{"numbers out of range", `[1e999,-1e400,1e308]`, `[null,null,1e308]`, Repairs{Numbers: 2}},
		{"items without an id", `{"t":[{"n":1},{"_sync_id":"a"}]}`, `{"t":[{"n":1,"_sync_id":"new1"},{"_sync_id":"a"}]}`, Repairs{IDs: 1}},
		{"items with the same id", `[{"_sync_id":"a"},{"_sync_id":"a"}]`, `[{"_sync_id":"a"},{"_sync_id":"new1"}]`, Repairs{IDs: 1}},
		{"an invalid id", `[{"_sync_id":7},{"_sync_id":""}]`, `[{"_sync_id":"new1"},{"_sync_id":"new2"}]`, Repairs{IDs: 2}},
		{"a mixed array", `[1,"two",null,{"a":1},[]]`, `[1,"two",null,{"a":1,"_sync_id":"new1"},[]]`, Repairs{IDs: 1}},
		{"bytes that are not UTF-8", "[\"\x9e\xff\",{\"_sync_id\":\"a\"}]", "[\"\ufffd\ufffd\",{\"_sync_id\":\"a\"}]", Repairs{Surrogates: 2}},
		{"a scalar", `"text"`, `"text"`, Repairs{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, repairs, err := Document(test.text, ids())
			if err != nil || got != test.want || repairs != test.repairs {
				t.Fatalf("got %s, %+v, %v\nwant %s, %+v", got, repairs, err, test.want, test.repairs)
			}
			if _, err := tree.LoadDocument([]byte(got)); err != nil {
				t.Errorf("it cannot be loaded: %v", err)
			}
			if again, repairs, err := Document(got, ids()); again != got || repairs.Any() || err != nil {
				t.Errorf("it is repaired again: %s, %+v, %v", again, repairs, err)
			}
		})
	}
}

func TestContainersNestedTooDeeplyBecomeStrings(t *testing.T) {
	for _, depth := range []int{tree.MaxDocumentDepth, tree.MaxDocumentDepth + 1, tree.MaxDocumentDepth + 2, 5000} {
		for _, c := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
			text := strings.Repeat(c[0], depth) + `"\"end\""` + strings.Repeat(c[1], depth)
			got, repairs, err := Document(text, ids())
			if err != nil {
				t.Fatal(err)
			}
			if want := min(1, depth-tree.MaxDocumentDepth); repairs.TooDeep != want {
				t.Errorf("%d deep: %+v, want %d", depth, repairs, want)
			}
			root, err := tree.LoadDocument([]byte(got))
			if err != nil {
				t.Fatalf("%d deep: %v", depth, err)
			}
			if !strings.Contains(string(root.AppendJSON(nil)), "end") {
				t.Errorf("%d deep: what is inside is lost", depth)
			}
		}
	}
}

func TestDocumentRejectsInvalidJSON(t *testing.T) {
	for _, text := range []string{"", " ", `{"a":"tru`, "{", `{"a":01}`, "NaN", "undefined", "[object Object]", `{"a":1}x`, "\ufeff{}", `{'a':1}`, `[1,]`} {
		if got, _, err := Document(text, ids()); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func FuzzRepairedDocumentsCanBeLoaded(f *testing.F) {
	for _, seed := range []string{`{"a":[{"__proto__":1e999,"a":"\ud83d"}]}`, `[[[{}]]]`, `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := Document(text, ids())
		if err != nil {
			return
		}
		if _, err := tree.LoadDocument([]byte(got)); err != nil {
			t.Fatalf("%q became %q: %v", text, got, err)
		}
	})
}

func TestNewNamesAreValid(t *testing.T) {
	taken := map[string]bool{}
	for _, old := range []string{
		"", ".", "..", " ", " a", "a ", "a  ", "\ta", "a\tb", "a\x00b", "\u00a0", "a\u3000", "half \ufffd", "\xff", strings.Repeat("x", 254) + " ",
		strings.Repeat("😀", 127) + " ", strings.Repeat("x", 300), strings.Repeat(" ", 255), "\x7f", "\u0085x",
	} {
		name, changed := Name(old, func(s string) bool { return taken[s] })
		if err := core.CheckName(name, core.MaxRoomLength); err != nil || !changed || taken[name] {
			t.Errorf("%q became %q: %v", old, name, err)
		}
		taken[name] = true
		if again, _ := Name(old, func(string) bool { return false }); again != name {
			t.Errorf("%q became %q and then %q", old, name, again)
		}
	}
	for _, old := range []string{"a", "board-7", "a b", "..a", "é", "😀", "~", "a~12345678"} {
		if name, changed := Name(old, func(string) bool { return true }); changed || name != old {
			t.Errorf("%q became %q", old, name)
		}
	}
}

func TestExistingNewNameGetsMoreDigits(t *testing.T) {
	taken := map[string]bool{}
	for range 12 {
		name, _ := Name("k ", func(s string) bool { return taken[s] })
		if taken[name] || core.CheckName(name, core.MaxRoomLength) != nil {
			t.Fatalf("%q is taken", name)
		}
		taken[name] = true
	}
}
