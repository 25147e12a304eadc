package tree_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core/tree"
)

func TestCanonicalJSON(t *testing.T) {
	for _, tt := range []struct{ text, canonical string }{
		{" null ", "null"},
		{"\ttrue\r\n", "true"},
		{"false", "false"},
		{"0", "0"},
		{"-0", "-0"},
		{"-0.0", "-0.0"},
		{"1.0", "1.0"},
		{"1e5", "1e5"},
		{"1E+05", "1E+05"},
		{"9007199254740993", "9007199254740993"},
		{"1e308", "1e308"},
		{"1.7976931348623157e308", "1.7976931348623157e308"},
		{"1e-999", "1e-999"},
		{"0e999999999", "0e999999999"},
		{"123456789012345678901234567890.5", "123456789012345678901234567890.5"},
		{`""`, `""`},
		{`"a\/b"`, `"a/b"`},
		{`"\u0041\u00e9\u20AC\ud83d\ude00"`, `"Aé€😀"`},
		{`"\u0000\u001F\b\t\n\f\r\"\\"`, `"\u0000\u001f\b\t\n\f\r\"\\"`},
		{`"\u2028\u2029\u007f<>&"`, "\"\u2028\u2029\x7f<>&\""},
		{"\"é€😀\"", `"é€😀"`},
		{`"é\n€"`, `"é\n€"`},
		{` { "b" : 1 , "a" : [ ] , "" : { } } `, `{"b":1,"a":[],"":{}}`},
		{`{"\u0061":1,"10":2,"9":3}`, `{"a":1,"10":2,"9":3}`},
		{`[1, [2, [3]], {"a": [null]}]`, `[1,[2,[3]],{"a":[null]}]`},
		{`[{"_sync_id": "x"}, {"_sync_id": "y"}]`, `[{"_sync_id":"x"},{"_sync_id":"y"}]`},
	} {
		v, err := tree.Parse([]byte(tt.text), 10)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := string(tree.AppendJSON(nil, v)); got != tt.canonical || v.Size() != len(got) {
			t.Errorf("%s becomes %s (size %d), not %s", tt.text, got, v.Size(), tt.canonical)
		}
	}
}

func TestInvalidJSONIsRefusedWithOffset(t *testing.T) {
	for _, tt := range []struct {
		text, err string
	}{
		{"", "unexpected end at byte 0"},
		{"  ", "unexpected end at byte 2"},
		{"\ufeff1", "not a JSON value at byte 0"}, // byte order mark
		{"1 2", "data after the value at byte 2"},
		{"{} x", "data after the value at byte 3"},
		{"\x00", "not a JSON value at byte 0"},
		{"1\x00", "data after the value at byte 1"},
		{"nul", "unexpected end at byte 3"},
		{"nulL", "not a JSON value at byte 3"},
		{"NaN", "not a JSON value at byte 0"},
		{"Infinity", "not a JSON value at byte 0"},
		{"'a'", "not a JSON value at byte 0"},
		{"+1", "not a JSON value at byte 0"},
		{".5", "not a JSON value at byte 0"},
		{"-", "not a JSON number at byte 1"},
		{"-x", "not a JSON number at byte 1"},
		{"01", "not a JSON number at byte 1"},
		{"1.", "not a JSON number at byte 2"},
		{"1.e5", "not a JSON number at byte 2"},
		{"1e", "not a JSON number at byte 2"},
		{"1e+", "not a JSON number at byte 3"},
		{"0x10", "data after the value at byte 1"},
		{"1_000", "data after the value at byte 1"},
		{"1e999", "number beyond the range of a double at byte 0"},
		{"[-1e309]", "number beyond the range of a double at byte 1"},
		{"1" + strings.Repeat("0", 400), "number beyond the range of a double at byte 0"},
		{"1" + strings.Repeat("0", 150) + "e200", "number beyond the range of a double at byte 0"},
		{`"`, "unexpected end at byte 1"},
		{`"\`, "unexpected end at byte 2"},
		{"\"a\nb\"", "control character in a string at byte 2"},
		{"\"\\n\x1f\"", "control character in a string at byte 3"},
		{`"\x"`, "unknown escape in a string at byte 1"},
		{`"\u12"`, "unknown escape in a string at byte 1"},
		{`"\u12g4"`, "unknown escape in a string at byte 1"},
		{"\"\\u000\x10\"", "unknown escape in a string at byte 1"},
		{`"\ud800"`, "lone surrogate in a string at byte 1"},
		{`"a\udc00"`, "lone surrogate in a string at byte 2"},
		{`"\ud800\u0041"`, "lone surrogate in a string at byte 1"},
		{`"\ude00\ud83d"`, "lone surrogate in a string at byte 1"},
		{"\"é\xff\"", "invalid UTF-8 at byte 3"},
		{"\"\\n\xe2\x82\"", "invalid UTF-8 at byte 3"},
		{"\"\xed\xa0\x80\"", "invalid UTF-8 at byte 1"},
		{"[", "unexpected end at byte 1"},
		{"[1", "unexpected end at byte 2"},
		{"[1,", "unexpected end at byte 3"},
		{"[1,]", "not a JSON value at byte 3"},
		{"[,1]", "not a JSON value at byte 1"},
		{"[1 2]", `expected "," or "]" at byte 3`},
		{"[1}", `expected "," or "]" at byte 2`},
		{"]", "not a JSON value at byte 0"},
		{"{", "unexpected end at byte 1"},
		{"{a:1}", "expected a member name in quotes at byte 1"},
		{"{1:1}", "expected a member name in quotes at byte 1"},
		{`{"a"`, "unexpected end at byte 4"},
		{`{"a" 1}`, `expected ":" at byte 5`},
		{`{"a":`, "unexpected end at byte 5"},
		{`{"a":}`, "not a JSON value at byte 5"},
		{`{"a":1,}`, "expected a member name in quotes at byte 7"},
		{`{"a":1 "b"}`, `expected "," or "}" at byte 7`},
		{`{"a":1]`, `expected "," or "}" at byte 6`},
		{`{"a":1,"b":2, "a":3}`, "duplicate member name at byte 14"},
		{`[{"a":1,"\u0061":2}]`, "duplicate member name at byte 8"},
		{`{"":1,"":2}`, "duplicate member name at byte 6"},
		{`{"__proto__":1}`, "forbidden member name __proto__ at byte 1"},
		{`[{"a":{"\u005f_proto__":1}}]`, "forbidden member name __proto__ at byte 7"},
		{"[[[[1]]]]", "nested too deeply at byte 3"},
		{`[{"a":{"b":[]}}]`, "nested too deeply at byte 11"},
	} {
		v, err := tree.Parse([]byte(tt.text), 3)
		var e *tree.ParseError
		if !errors.As(err, &e) || err.Error() != tt.err || v != nil {
			t.Errorf("%.40q: %v, want %s", tt.text, err, tt.err)
		}
	}
}

func TestDepthIsCountedInContainers(t *testing.T) {
	for depth := range 5 {
		text := strings.Repeat("[", depth) + "1" + strings.Repeat("]", depth)
		if _, err := tree.Parse([]byte(text), depth); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := tree.Parse([]byte("["+text+"]"), depth); !errors.Is(err, tree.ErrTooDeep) {
			t.Errorf("[%s]: %v", text, err)
		}
	}
	if _, err := tree.Parse([]byte(strings.Repeat("[", 10_001)), 64); !errors.Is(err, tree.ErrTooDeep) {
		t.Errorf("10,001 levels: %v", err)
	}
}

func TestParseAcceptsAnyAllowedDepth(t *testing.T) {
	const depth = 100_000
	text := strings.Repeat(`{"a":[`, depth/2) + strings.Repeat("]}", depth/2)
	v, err := tree.Parse([]byte(text), depth)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(tree.AppendJSON(nil, v)); got != text {
		t.Error("it comes out otherwise")
	}
}

func TestMemberOfLargeObjectIsFound(t *testing.T) {
	const n = 50_000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":%d`, i, i)
	}
	text := "{" + b.String()[1:] + "}"
	o := mustParse(t, text).(*tree.Object)
	if got := o.Get("m31415"); got != tree.Number("31415") {
		t.Errorf("got %v", got)
	}
	if string(tree.AppendJSON(nil, o)) != text || o.Len() != n {
		t.Error("they come out otherwise")
	}
	twice := strings.Replace(text, `"m49999"`, `"m7"`, 1)
	if _, err := tree.Parse([]byte(twice), 1); err == nil {
		t.Error("one of many comes twice and is not refused")
	}
}

func TestValueDoesNotReferenceItsInput(t *testing.T) {
	text := []byte(`{"name":["text",12345,"\n"]}`)
	v := mustParse(t, string(text))
	got, err := tree.ParseStored(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] = 'x'
	}
	if string(tree.AppendJSON(nil, got)) != string(tree.AppendJSON(nil, v)) {
		t.Errorf("it has become %s", tree.AppendJSON(nil, got))
	}
}

func TestValuesAreParsed(t *testing.T) {
	v := mustParse(t, `{"s":"é","n":12,"b":true,"z":null,"plain":[1,"x"],"items":[{"_sync_id":"i"},{"_sync_id":"j"}]}`)
	o := v.(*tree.Object)
	var names []string
	for name := range o.All() {
		names = append(names, name)
	}
	if got := strings.Join(names, " "); got != "s n b z plain items" || o.Len() != 6 {
		t.Errorf("members %s", got)
	}
	for name := range o.All() {
		if name != "s" {
			t.Errorf("the loop went on to %s", name)
		}
		break
	}
	for name, want := range map[string]tree.Value{
		"s": tree.String("é"), "n": tree.Number("12"), "b": tree.Bool(true), "z": tree.Null{}, "none": nil,
	} {
		if got := o.Get(name); got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	for _, name := range []string{"plain", "items"} {
		a := o.Get(name).(*tree.Array)
		n := 0
		for v := range a.Values() {
			if v == nil {
				t.Errorf("%s has a hole", name)
			}
			n++
		}
		for range a.Values() {
			break
		}
		if n != 2 || a.Len() != 2 {
			t.Errorf("%s has %d elements, says %d", name, n, a.Len())
		}
	}
}

func TestIntegerIsRecognisedInAnyNotation(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-0", 0, true},
		{"0.000", 0, true},
		{"0e999999999999999999999", 0, true},
		{"0.0e-999999999999999999999", 0, true},
		{"-7", -7, true},
		{"3.0", 3, true},
		{"-3.00e0", -3, true},
		{"1e3", 1000, true},
		{"1E+3", 1000, true},
		{"1.5e1", 15, true},
		{"20e-1", 2, true},
		{"1200e-2", 12, true},
		{"9007199254740993", 9007199254740993, true},
		{"9007199254740993.0", 9007199254740993, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true},
		{"9223372036854775808", math.MaxInt64, true}, // and all that are beyond are the nearest
		{"-9223372036854775809", math.MinInt64, true},
		{"1e30", math.MaxInt64, true},
		{"-1e308", math.MinInt64, true},
		{strings.Repeat("9", 300), math.MaxInt64, true},
		{"1.5", 0, false},
		{"1e-1", 0, false},
		{"120e-2", 0, false},
		{"1e-400", 0, false},
		{"1e-999999999999999999999", 0, false},
		{"0.1e0", 0, false},
	} {
		got, ok := mustParse(t, tt.text).(tree.Number).Integer()
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s is %d, %t", tt.text, got, ok)
		}
	}
}
