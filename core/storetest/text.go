package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// lookalikes are names that are equal under some collation, normalisation or type conversion. They have no outer blanks and
// control characters, because CheckName refuses such names.
var lookalikes = []string{
	"a", "A", "á", "a\u0301", "ａ", "ä", "ae", "æ", "aa", "å", "A\u030a", "\u212b",
	"i", "I", "ı", "İ", "K", "\u212a", "ss", "ß", "ẞ", "fi", "ﬁ", "σ", "ς", "Σ",
	"a b", "a  b", "a\u00a0b", "ab", "a\u00adb", "a\u200bb", "a\u200db", "ab\u0301", "a-b", "a_b", "a%b", "a'b", `a"b`, "a\\b", "a/b",
	"1", "01", "1.0", "1e0", "+1", "null", "NULL", "true", "あ", "ア", "ｱ", "は", "ば", "は\u3099", "葛", "葛\U000e0100",
	"😀", "😁", "👍", "👍🏽", "👨‍👩‍👧", "👨👩👧", "𝒜", "𝒞", "é", "e\u0301", "e\u0301\u0301", "Ω", "\u2126",
}

// namesAreNeverConfused calls every method with names that a database may compare as equal. A store may refuse such a name; it
// must never find or change the rows of another name.
func namesAreNeverConfused(t *testing.T, store core.Store) {
	name := t.Name() + "/x"
	others := []string{name + " ", name + "  ", name + "\t", name + "\u00a0", " " + name, strings.ToUpper(name), name + "\u3000"}
	log := []*core.Batch{batch(name, 1, from("client", 1)), batch(name, 2, from("client", 2))}
	mustAppend(t, store, log...)
	mustSave(t, store, document(name, 1), core.Document{Room: t.Name(), Key: "k", ServerSeq: 5, State: `"k"`})
	kept := map[string]bool{}
	for i, other := range others {
		if got := readDocuments(t, store, other); len(got) != 0 {
			t.Errorf("%q has the documents of another room: %v", other, got)
		}
		wantLog(t, store, other)
		wantFound(t, store, other, "client", 1, nil)
		wantLastClientSeq(t, store, other, "client", core.NoClientSeq)
		for _, client := range []string{"client ", "Client", "client\t"} {
			wantFound(t, store, name, client, 1, nil)
			wantLastClientSeq(t, store, name, client, core.NoClientSeq)
		}
		if at, err := store.Checkpoint(t.Context(), other); err != nil || at.ServerSeq != 0 {
			t.Errorf("the checkpoint of %q is %+v, %v", other, at, err)
		}
		if entries, err := store.Oldest(t.Context(), other, 0, core.Bounds{Rows: 10, Bytes: 1000}); err != nil || len(entries) != 0 {
			t.Errorf("%q has entries of another room's log: %+v, %v", other, entries, err)
		}
		if head, err := store.Head(t.Context(), other); err != nil || head != 0 {
			t.Errorf("the log of %q ends at %d, %v", other, head, err)
		}
		if err := store.Prune(t.Context(), other, 0, 100); err != nil {
			t.Errorf("pruning %q: %v", other, err)
		}
		if head, err := store.Head(t.Context(), other); err != nil || head != 0 {
			t.Errorf("the log of %q ends at %d, %v", other, head, err)
		}
		mine := history(other, 3)
		switch err := store.Append(t.Context(), mine); {
		case err == nil:
			kept[other] = true
			wantLog(t, store, other, mine...)
		case !errors.Is(err, core.ErrRejected):
			t.Errorf("appending to %q: %v", other, err)
		}
		for _, doc := range []core.Document{
			{Room: other, Key: "default", ServerSeq: 3, State: `"other"`},
			{Room: t.Name(), Key: "k" + strings.Replace(other, name, "", 1), ServerSeq: int64(10 + i), State: `"other"`},
		} {
			if doc.Key == "k" || strings.HasPrefix(doc.Key, "k"+strings.ToUpper(name)) {
				doc.Key = "K"
			}
			if err := store.SaveDocuments(t.Context(), []core.Document{doc}); err != nil && !errors.Is(err, core.ErrRejected) {
				t.Errorf("saving %q of %q: %v", doc.Key, doc.Room, err)
			}
		}
		mark := core.Checkpoint{Room: other, ServerSeq: 3, Documents: 1}
		if err := store.SaveCheckpoints(t.Context(), []core.Checkpoint{mark}); err != nil && !errors.Is(err, core.ErrRejected) {
			t.Errorf("saving the checkpoint of %q: %v", other, err)
		}
		if at, err := store.Checkpoint(t.Context(), name); err != nil || at.ServerSeq != 1 {
			t.Errorf("after that of %q, the checkpoint is %+v, %v", other, at, err)
		}
		wantLog(t, store, name, log...)
		wantDocument(t, readDocuments(t, store, name)["default"], document(name, 1))
		wantDocument(t, readDocuments(t, store, t.Name())["k"], core.Document{Room: t.Name(), Key: "k", ServerSeq: 5, State: `"k"`})
	}
	found := map[string]int{}
	for room := ""; ; {
		next, err := store.NextRoom(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		if next == "" || found[next] > 1 {
			break
		}
		found[next]++
		room = next
	}
	for other := range kept {
		if found[other] != 1 {
			t.Errorf("%q is among the rooms %d times", other, found[other])
		}
	}
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
	{"NamesThatDifferByBlanksOrCaseAreNeverConfused", namesAreNeverConfused},
	{"BlankTextsAreKept", func(t *testing.T, store core.Store) {
		b := batch(t.Name(), 1, with(set(" ", `" "`)))
		b.Key, b.UserID = "  ", "  "
		mustAppend(t, store, b)
		wantLog(t, store, t.Name(), b)
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
