package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// lookalikes are names that some collation, normalisation or type conversion takes for each other. Outer blanks and
// control characters are not among them: no such name gets as far as a store.
var lookalikes = []string{
	"a", "A", "á", "a\u0301", "ａ", "ä", "ae", "æ", "aa", "å", "A\u030a", "\u212b",
	"i", "I", "ı", "İ", "K", "\u212a", "ss", "ß", "ẞ", "fi", "ﬁ", "σ", "ς", "Σ",
	"a b", "a  b", "a\u00a0b", "ab", "a\u00adb", "a\u200bb", "a\u200db", "ab\u0301", "a-b", "a_b", "a%b", "a'b", `a"b`, "a\\b", "a/b",
	"1", "01", "1.0", "1e0", "+1", "null", "NULL", "true", "あ", "ア", "ｱ", "は", "ば", "は\u3099", "葛", "葛\U000e0100",
	"😀", "😁", "👍", "👍🏽", "👨‍👩‍👧", "👨👩👧", "𝒜", "𝒞", "é", "e\u0301", "e\u0301\u0301", "Ω", "\u2126",
}

var textTests = []subtest{
	{"RoomsThatLookAlikeAreDifferentRooms", func(t *testing.T, store core.Store) {
		all := make([]*core.Batch, 0, len(lookalikes))
		docs := make([]core.Document, 0, len(lookalikes))
		for _, name := range lookalikes {
			all = append(all, batch(t.Name()+name, 1, from(name, 1)))
			docs = append(docs, core.Document{Room: t.Name() + name, Key: "k", ServerSeq: 1, State: `"` + name + `"`})
		}
		mustAppend(t, store, all...)
		mustSave(t, store, docs...)
		for i := range all {
			wantLog(t, store, all[i].Room, all[i])
			wantDocument(t, readDocuments(t, store, docs[i].Room)["k"], docs[i])
		}
	}},
	{"KeysThatLookAlikeAreDifferentKeys", func(t *testing.T, store core.Store) {
		docs := make([]core.Document, 0, len(lookalikes))
		for _, key := range lookalikes {
			docs = append(docs, core.Document{Room: t.Name(), Key: key, ServerSeq: 1, State: `1`})
		}
		mustSave(t, store, docs...)
		got := readDocuments(t, store, t.Name())
		for _, want := range docs {
			wantDocument(t, got[want.Key], want)
		}
	}},
	{"ClientsThatLookAlikeAreDifferentClients", func(t *testing.T, store core.Store) {
		for i, client := range lookalikes {
			mustAppend(t, store, batch(t.Name(), int64(i)+1, from(client, int64(i))))
		}
		for i, client := range lookalikes {
			wantFound(t, store, t.Name(), client, int64(i), batch(t.Name(), int64(i)+1, from(client, int64(i))))
			wantLastClientSeq(t, store, t.Name(), client, int64(i))
		}
	}},
	{"NamesOfTheGreatestLengthFit", func(t *testing.T, store core.Store) {
		for _, longest := range []string{
			strings.Repeat("r", 255), strings.Repeat("ü", 255), strings.Repeat("葛", 255), strings.Repeat("😀", 127), // UTF-16: 254
		} {
			b := batch(longest, 1, from(strings.Repeat("c", 100), 1), with(set(strings.Repeat("p", 1000), "1")))
			b.Key = longest
			mustAppend(t, store, b)
			wantLog(t, store, longest, b)
			d := core.Document{Room: longest, Key: longest, ServerSeq: 1, State: "1"}
			mustSave(t, store, d)
			wantDocument(t, readDocuments(t, store, longest)[longest], d)
		}
	}},
	{"TextThatSomeDatabasesRefuseIsKeptOrRejected", func(t *testing.T, store core.Store) {
		seq := int64(1)
		for _, odd := range []string{"a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", "\ufffe"} {
			b := batch(t.Name(), seq, with(set(odd, `"`+odd+`"`)))
			switch err := store.Append(t.Context(), []*core.Batch{b}); {
			case err == nil:
				wantBatches(t, readLog(t, store, t.Name(), seq-1, everything), b)
				seq++
			case !errors.Is(err, core.ErrRejected):
				t.Errorf("appending %q: %v", odd, err)
			}
		}
	}},
}
