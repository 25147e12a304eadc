package path

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func key(name string) Segment { return Segment{Name: name} }
func item(id string) Segment  { return Segment{Name: id, Item: true} }

func TestInvalidPathIsRefusedWithReasonAndOffset(t *testing.T) {
	for _, tt := range []struct {
		text string
		err  error
		at   int
	}{
		{"a..b", ErrEmptyKey, 2},
		{".a", ErrEmptyKey, 0},
		{"a.", ErrEmptyKey, 2},
		{".", ErrEmptyKey, 0},
		{"a.[b]", ErrEmptyKey, 2},
		{"[a].", ErrEmptyKey, 4},
		{"[]", ErrEmptyID, 1},
		{"[][", ErrEmptyID, 1},
		{"a[b][]", ErrEmptyID, 5},
		{"[", ErrUnclosed, 1},
		{"a[b", ErrUnclosed, 3},
		{"]", ErrBracket, 0},
		{"a]b", ErrBracket, 1},
		{"[a[b]]", ErrBracket, 2},
		{"[a]]", ErrAfterItem, 3},
		{"[a]b", ErrAfterItem, 3},
		{`a\`, ErrEscape, 1},
		{`a\n`, ErrEscape, 1},
		{`[a\]`, ErrUnclosed, 4},
		{"a\x00b", ErrNUL, 1},
		{"[\x00]", ErrNUL, 1},
		{"a.\xff", ErrUTF8, 2},
		{"\xed\xa0\x80", ErrUTF8, 0}, // a lone surrogate
		{"__proto__", ErrForbiddenName, 0},
		{"a[b].__proto__.c", ErrForbiddenName, 5},
		{"😀é..b", ErrEmptyKey, 4},
	} {
		p, err := Parse(tt.text)
		var e *Error
		if !errors.As(err, &e) || e.Err != tt.err || e.At != tt.at || p != nil {
			t.Errorf("Parse(%q) = %v, %v; want %v at %d", tt.text, p, err, tt.err, tt.at)
		}
	}
}

func TestDotInIDMayBeUnescaped(t *testing.T) {
	p, err := Parse("a[b.c].d")
	if want := (Path{key("a"), item("b.c"), key("d")}); err != nil || !reflect.DeepEqual(p, want) {
		t.Fatalf("got %v, %v", p, err)
	}
	if got := p.String(); got != `a[b\.c].d` {
		t.Errorf("canonical text %q", got)
	}
}

func TestPathLengthIsUTF16LengthOfCanonicalText(t *testing.T) {
	for _, tt := range []struct {
		name, fits, tooLong string
	}{
		{"ASCII", strings.Repeat("a", 1000), strings.Repeat("a", 1001)},
		{"two bytes", strings.Repeat("é", 1000), strings.Repeat("é", 1001)},
		{"three bytes", strings.Repeat("€", 1000), strings.Repeat("€", 1001)},
		{"surrogate pairs", strings.Repeat("😀", 500), strings.Repeat("😀", 500) + "a"},
		{"raw dots", "[" + strings.Repeat(".", 499) + "]", "[" + strings.Repeat(".", 500) + "]"},
		{"escaped dots", strings.Repeat(`\.`, 500), strings.Repeat(`\.`, 501)},
		{"beyond any count", "a", strings.Repeat("a", 1<<20)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse(tt.fits); err != nil {
				t.Errorf("the longest: %v", err)
			}
			if _, err := Parse(tt.tooLong); !errors.Is(err, ErrTooLong) {
				t.Errorf("one character more: %v", err)
			}
		})
	}
}

func TestPathHasAtMost64Segments(t *testing.T) {
	if p, err := Parse("a" + strings.Repeat("[b]", 63)); err != nil || len(p) != 64 {
		t.Errorf("64 segments: %d, %v", len(p), err)
	}
	_, err := Parse("a" + strings.Repeat(".b", 64))
	if !errors.Is(err, ErrTooManySegments) {
		t.Errorf("65 segments: %v", err)
	}
}

func TestErrorShowsItsOffset(t *testing.T) {
	_, err := Parse("a..b")
	if got, want := err.Error(), "empty key at character 2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShortPathTakesOneAllocation(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if _, err := Parse("tasks[0b54dd6c-2c5a-4d3a].subtasks[x].title"); err != nil {
			t.Fatal(err)
		}
	})
	if n != 1 {
		t.Errorf("%v allocations", n)
	}
}
