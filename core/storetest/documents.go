package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
)

var documentTests = []subtest{
	{"AnUnknownRoomHasNoDocuments", func(t *testing.T, store core.Store) {
		if docs := readDocuments(t, store, t.Name()); len(docs) != 0 {
			t.Fatalf("got %d documents, want none", len(docs))
		}
	}},
	{"DocumentsComeBackByteForByte", func(t *testing.T, store core.Store) {
		states := map[string]string{
			"default": `{"a":1.0,"b":1e2,"c":[{"_sync_id":"1"}],"d":"é😀\u0000"}`,
			"null":    `null`,
			"large":   `"` + strings.Repeat("ü", 4<<20) + `"`, // 8 MiB, the limit of a document
			"number":  `100000000000000000000`,
			"1":       `1`,
			"quote's": `"'"`,
		}
		docs := make([]core.Document, 0, len(states))
		for key, state := range states {
			docs = append(docs, core.Document{Room: t.Name(), Key: key, ServerSeq: 3, State: state})
		}
		mustSave(t, store, docs...)
		got := readDocuments(t, store, t.Name())
		if len(got) != len(docs) {
			t.Fatalf("got %d documents, want %d", len(got), len(docs))
		}
		for _, want := range docs {
			wantDocument(t, got[want.Key], want)
		}
	}},
	{"ANewerRowReplacesAnOlder", func(t *testing.T, store core.Store) {
		mustSave(t, store, document(t.Name(), 1))
		mustSave(t, store, document(t.Name(), 2))
		mustSave(t, store, document(t.Name(), 20))
		wantDocument(t, readDocuments(t, store, t.Name())["default"], document(t.Name(), 20))
	}},
	{"AnOlderOrEquallyNewRowIsIgnored", func(t *testing.T, store core.Store) {
		mustSave(t, store, document(t.Name(), 9))
		for _, seq := range []int64{8, 9} {
			late := document(t.Name(), seq)
			late.State = `"late"`
			mustSave(t, store, late)
			wantDocument(t, readDocuments(t, store, t.Name())["default"], document(t.Name(), 9))
		}
	}},
	{"OneIgnoredRowDoesNotHoldUpTheOthers", func(t *testing.T, store core.Store) {
		old, newer, other := t.Name()+"/old", t.Name()+"/newer", t.Name()+"/other"
		mustSave(t, store, document(old, 5), document(newer, 5))
		mustSave(t, store, document(old, 4), document(newer, 6), document(other, 1))
		wantDocument(t, readDocuments(t, store, old)["default"], document(old, 5))
		wantDocument(t, readDocuments(t, store, newer)["default"], document(newer, 6))
		wantDocument(t, readDocuments(t, store, other)["default"], document(other, 1))
	}},
	{"OverAThousandRowsFitIntoOneSave", func(t *testing.T, store core.Store) {
		for seq := int64(1); seq <= 2; seq++ {
			docs := make([]core.Document, 0, 1_200)
			for i := range 1_200 {
				docs = append(docs, document(fmt.Sprint(t.Name(), i), seq))
			}
			mustSave(t, store, docs...)
			for _, want := range docs {
				wantDocument(t, readDocuments(t, store, want.Room)["default"], want)
			}
		}
	}},
	{"NothingIsNoTrouble", func(t *testing.T, store core.Store) {
		mustSave(t, store)
	}},
	{"DocumentsAndLogAreApart", func(t *testing.T, store core.Store) {
		mustAppend(t, store, batch(t.Name(), 1))
		if docs := readDocuments(t, store, t.Name()); len(docs) != 0 {
			t.Fatalf("an append made %d documents", len(docs))
		}
		mustSave(t, store, document(t.Name(), 1))
		wantLog(t, store, t.Name(), batch(t.Name(), 1))
	}},
}

func document(room string, serverSeq int64) core.Document {
	return core.Document{Room: room, Key: "default", ServerSeq: serverSeq, State: fmt.Sprintf(`{"n":%d}`, serverSeq)}
}
