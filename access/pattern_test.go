package access

import (
	"strings"
	"testing"
	"time"
)

func TestPatternMatchesWholeNames(t *testing.T) {
	for _, c := range []struct {
		pattern string
		covers  []string
		not     []string
	}{
		{"board-7", []string{"board-7"}, []string{"board-70", "a board-7", "Board-7", "", "*"}},
		{"*", []string{"a", "a/b", "..x", "*", "é"}, nil},
		{"board-*", []string{"board-", "board-7", "board-a/b", "board-*"}, []string{"board", "a-board-7", "BOARD-7"}},
		{"*-public", []string{"a-public", "-public"}, []string{"a-publicly", "public", "a-PUBLIC"}},
		{"a*b*c", []string{"abc", "aXbYc", "abbc", "abcbc"}, []string{"acb", "ab", "bc", "abcX", "Xabc"}},
		{"ab*ba", []string{"abba", "abXba"}, []string{"aba", "ab", "ba"}},
		{"**", []string{"a"}, nil},
		{"tenant/1/*", []string{"tenant/1/x", "tenant/1/../2/x"}, []string{"tenant/1", "tenant/10/x", "tenant%2F1%2Fx"}},
		{"é", []string{"é"}, []string{"e\u0301", "É"}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
		{"a?[x]", []string{"a?[x]"}, []string{"abx"}},
		{"", nil, []string{"a", " "}},
	} {
		p := Glob(c.pattern)
		for _, name := range c.covers {
			if !p.Matches(name) {
				t.Errorf("%q does not cover %q", c.pattern, name)
			}
		}
		for _, name := range c.not {
			if p.Matches(name) {
				t.Errorf("%q covers %q", c.pattern, name)
			}
		}
	}
}

func TestExactPatternHasNoWildcard(t *testing.T) {
	if p := Exact("team-*"); !p.Matches("team-*") || p.Matches("team-red") {
		t.Error("an exact pattern with a wildcard matches other names")
	}
	if (Pattern{}).Matches("a") || (Pattern{}).Matches("") {
		t.Error("no pattern covers something")
	}
}

// A backtracking matcher would take years.
func TestPatternWithManyWildcardsIsFast(t *testing.T) {
	p, name := Glob(strings.Repeat("a*", 100)+"b"), strings.Repeat("a", 255)
	start := time.Now()
	if p.Matches(name) {
		t.Error("it covers what has no b")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}
