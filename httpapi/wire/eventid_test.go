package wire

import (
	"math"
	"strings"
	"testing"
)

func TestParseEventID(t *testing.T) {
	for text, want := range map[string]EventID{
		"history1-0":                   {"history1", 0},
		"history1-1":                   {"history1", 1},
		"Z-10":                         {"Z", 10},
		"0-9223372036854775807":        {"0", math.MaxInt64},
		strings.Repeat("a", 62) + "-7": {strings.Repeat("a", 62), 7},
		"a-1000000000000000000":        {"a", 1_000_000_000_000_000_000},
		strings.Repeat("9", 40) + "-9": {strings.Repeat("9", 40), 9},
		"AZaz09-9007199254740993":      {"AZaz09", 9007199254740993},
	} {
		got, err := ParseEventID(text)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
		if got.String() != text || got.ETag() != `"`+text+`"` {
			t.Errorf("%q is written as %s and as the tag %s", text, got, got.ETag())
		}
	}
}

func TestOnlyCanonicalEventIDsAreAccepted(t *testing.T) {
	for _, text := range []string{
		"", "-", "a", "a-", "-1", "a--1", "a-+1", "a-01", "a-00", "a-1.0", "a-1e1", "a-0x1", "a-1_0", "a- 1", " a-1", "a-1 ", "a-1\n",
		"a-9223372036854775808", "a-18446744073709551616", "a-1-1", "a.b-1", "a_b-1", "é-1", "\xff-1", "a-\u0661", "a\x00-1",
		strings.Repeat("a", 63) + "-7", strings.Repeat("a", 8<<10), "a-" + strings.Repeat("0", 8<<10),
	} {
		if id, err := ParseEventID(text); err == nil {
			t.Errorf("%.100q is read as %s", text, id)
		}
	}
}

// What is read is written in the same way, and what is written can be read.
func FuzzEventID(f *testing.F) {
	for _, text := range []string{"history1-1", "a-0", "a-01", "-1", "a--1", "a-9223372036854775808", "\xff-1", "a-1\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseEventID(text)
		if err != nil {
			return
		}
		if id.String() != text || len(text) > maxEventID || id.Seq < 0 {
			t.Errorf("%q is read as %q %d", text, id.Epoch, id.Seq)
		}
		if strings.ContainsAny(id.Epoch, "\r\n\x00\"\\-, ") {
			t.Errorf("the epoch %q does not fit into an event or a tag", id.Epoch)
		}
	})
}
