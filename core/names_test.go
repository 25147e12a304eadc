package core

import (
	"strings"
	"testing"
)

func TestNamesAmbiguousInSQLOrURLsAreRefused(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", " a", "a ", "\ta", "a\u00a0", "a\nb", "a\rb", "a\x00b", "a\x1bb", "a\x7fb", "a\u0085b", "a\xffb",
		strings.Repeat("x", 256), strings.Repeat("😀", 128),
	} {
		if err := CheckName(name, MaxRoomLength); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	for _, name := range []string{
		"a", "A", "a b", "...", ".a", "a/b", "%2F", "room:1", "ünï", "日本", "__proto__", "'; DROP TABLE sync_meta; --",
		strings.Repeat("x", 255), strings.Repeat("ü", 255), strings.Repeat("😀", 127),
	} {
		if err := CheckName(name, MaxRoomLength); err != nil {
			t.Errorf("%q %v", name, err)
		}
	}
}

func TestLengthCountsUTF16CodeUnits(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "ü": 1, "日本": 2, "😀": 2, "e\u0301": 2} {
		if got := Length(text); got != want {
			t.Errorf("Length(%q) = %d, want %d", text, got, want)
		}
	}
}
