package storetest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// everything is larger than the log of any room in the suite.
var everything = core.Page{Batches: math.MaxInt32, Bytes: math.MaxInt32}

// batch returns a batch of one operation without a clientSeq. Options change it.
func batch(room string, serverSeq int64, options ...func(*core.Batch)) *core.Batch {
	b := &core.Batch{
		Room: room, Key: "default", ClientID: "client", ClientSeq: core.NoClientSeq,
		ServerSeq: serverSeq, ServerTs: 1_700_000_000_000 + serverSeq,
		Ops: []core.LoggedOp{set("title", fmt.Sprint(serverSeq))},
	}
	for _, change := range options {
		change(b)
	}
	return b
}

func from(clientID string, clientSeq int64) func(*core.Batch) {
	return func(b *core.Batch) { b.ClientID, b.ClientSeq = clientID, clientSeq }
}

func with(ops ...core.LoggedOp) func(*core.Batch) {
	return func(b *core.Batch) { b.Ops = ops }
}

// sized sets the number of operations, each with bytesEach bytes of path and value.
func sized(ops, bytesEach int) func(*core.Batch) {
	op := set("p", strings.Repeat("7", bytesEach-len("p")))
	return func(b *core.Batch) {
		b.Ops = make([]core.LoggedOp, ops)
		for i := range b.Ops {
			b.Ops[i] = op
		}
	}
}

func set(path, value string) core.LoggedOp {
	return core.LoggedOp{Kind: tree.Set, Path: path, Value: value, Index: tree.NoIndex}
}

// history returns the batches 1 to n of a room.
func history(room string, n int64) []*core.Batch {
	batches := make([]*core.Batch, n)
	for i := range batches {
		batches[i] = batch(room, int64(i)+1)
	}
	return batches
}

// mustAppend appends batches and fails the test on an error.
func mustAppend(t *testing.T, store core.Store, batches ...*core.Batch) {
	t.Helper()
	if err := store.Append(t.Context(), batches); err != nil {
		t.Fatalf("Append of %d batches: %v", len(batches), err)
	}
}

func mustSave(t *testing.T, store core.Store, docs ...core.Document) {
	t.Helper()
	if err := store.SaveDocuments(t.Context(), docs); err != nil {
		t.Fatalf("SaveDocuments of %d documents: %v", len(docs), err)
	}
}

func readLog(t *testing.T, store core.Store, room string, after int64, page core.Page) []*core.Batch {
	t.Helper()
	batches, err := store.Log(t.Context(), room, after, page)
	if err != nil {
		t.Fatalf("Log of %s after %d: %v", short(room), after, err)
	}
	return batches
}

func readDocuments(t *testing.T, store core.Store, room string) map[string]core.Document {
	t.Helper()
	docs, err := store.Documents(t.Context(), room)
	if err != nil {
		t.Fatalf("Documents of %s: %v", short(room), err)
	}
	byKey := make(map[string]core.Document, len(docs))
	for _, d := range docs {
		if _, twice := byKey[d.Key]; twice {
			t.Fatalf("Documents of %s has key %s twice", short(room), short(d.Key))
		}
		byKey[d.Key] = d
	}
	return byKey
}

func wantLog(t *testing.T, store core.Store, room string, want ...*core.Batch) {
	t.Helper()
	wantBatches(t, readLog(t, store, room, 0, everything), want...)
}

func wantBatches(t *testing.T, got []*core.Batch, want ...*core.Batch) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d batches, want %d", len(got), len(want))
	}
	for i := range want {
		wantBatch(t, got[i], want[i])
	}
}

// wantBatch compares batches. It reports only the first difference, because batches may be large.
func wantBatch(t *testing.T, got, want *core.Batch) {
	t.Helper()
	if got == nil || want == nil {
		if got != want {
			t.Fatalf("got batch %v, want %v", got, want)
		}
		return
	}
	g, w := *got, *want
	g.Ops, w.Ops = nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Fatalf("got batch %s, want %s", short(fmt.Sprintf("%+v", g)), short(fmt.Sprintf("%+v", w)))
	}
	if len(got.Ops) != len(want.Ops) {
		t.Fatalf("batch %d: got %d operations, want %d", want.ServerSeq, len(got.Ops), len(want.Ops))
	}
	for i := range want.Ops {
		if got.Ops[i] != want.Ops[i] {
			t.Fatalf("batch %d, operation %d: got %s, want %s", want.ServerSeq, i,
				short(fmt.Sprintf("%#v", got.Ops[i])), short(fmt.Sprintf("%#v", want.Ops[i])))
		}
	}
}

func wantDocument(t *testing.T, got, want core.Document) {
	t.Helper()
	if got != want {
		t.Fatalf("got document %s, want %s", short(fmt.Sprintf("%#v", got)), short(fmt.Sprintf("%#v", want)))
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want one that wraps %q", err, want)
	}
}

func short(text string) string {
	if len(text) > 300 {
		return fmt.Sprintf("%s… (%d bytes)", text[:300], len(text))
	}
	return text
}
