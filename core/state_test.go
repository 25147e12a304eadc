package core_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
)

// The live state, the replay of the log, and the state opened from document rows and the log after them are equal byte for
// byte at every serverSeq.
func TestReplayFromAnyCheckpointGivesSameBytes(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 2))
		live := newState(t, nil)
		var log []*core.Batch
		checkpoints := map[int64][]core.Document{0: nil}
		for len(log) < 60 {
			var group []*core.Proposal
			for range 1 + rng.IntN(4) {
				group = append(group, randomBatch(t, rng))
			}
			before := bytesOf(live)
			decided := live.Decide(group, 1000)
			if got := bytesOf(live); got != before {
				t.Fatalf("seed %d: deciding changed the state\n%s\n%s", seed, before, got)
			}
			for _, d := range decided {
				if err := live.Fold(d.Batch); err != nil {
					t.Fatalf("seed %d: folding what was decided: %v", seed, err)
				}
				log = append(log, d.Batch)
			}
			if rng.IntN(3) == 0 {
				checkpoints[live.Seq()] = rowsOf(live)
			}
		}
		want := bytesOf(live)
		for at, rows := range checkpoints {
			s := newState(t, rows)
			for _, b := range log[s.Seq():] {
				if err := s.Fold(b); err != nil {
					t.Fatalf("seed %d, from %d: %v", seed, at, err)
				}
			}
			if got := bytesOf(s); got != want {
				t.Fatalf("seed %d: replayed from %d\n%s\nlive\n%s", seed, at, got, want)
			}
		}
	}
}

func TestFoldRefusesBatchOutOfOrder(t *testing.T) {
	s := newState(t, nil)
	for _, seq := range []int64{0, 2, -1} {
		if err := s.Fold(&core.Batch{Key: "k", ServerSeq: seq}); err == nil {
			t.Errorf("batch %d was folded as the first", seq)
		}
	}
	if s.Seq() != 0 || len(s.Keys()) != 0 {
		t.Error("something was folded")
	}
}

func TestLogThatContradictsDocumentIsCorrupt(t *testing.T) {
	s := newState(t, nil)
	err := s.Fold(&core.Batch{Key: "k", ServerSeq: 1, Ops: []core.LoggedOp{{Kind: tree.Delete, Path: "a", Index: tree.NoIndex}}})
	if err == nil {
		t.Error("a delete of a missing member that was logged as applied was folded")
	}
}

func TestBatchWithoutEffectGetsServerSeqAndCreatesNoDocument(t *testing.T) {
	s := newState(t, nil)
	d := s.Decide([]*core.Proposal{batch(t, "ann", 1, "delete a"), batch(t, "ann", 2, "set b 1")}, 0)
	if d[0].Ops[0].Discarded != tree.NotFound {
		t.Fatalf("outcome: %+v", d[0].Ops)
	}
	if err := s.Fold(d[0].Batch); err != nil {
		t.Fatal(err)
	}
	if len(s.Keys()) != 0 || s.Seq() != 1 {
		t.Errorf("keys %v at %d", s.Keys(), s.Seq())
	}
	if err := s.Fold(d[1].Batch); err != nil {
		t.Fatal(err)
	}
	if json, seq, ok := s.Document("default"); !ok || json.String() != `{"b":1}` || seq != 2 {
		t.Errorf("%s at %d, %v", json, seq, ok)
	}
}

// A server with a lower limit folds an operation that was within the limit when it was decided.
func TestReplayDoesNotDecideAgain(t *testing.T) {
	s := newState(t, nil)
	b := s.Decide([]*core.Proposal{batch(t, "ann", 1, `set a "`+strings.Repeat("x", 500)+`"`)}, 0)[0].Batch
	strict, err := core.NewState("room", 0, nil, core.Limits{DocumentBytes: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := strict.Fold(b); err != nil {
		t.Error(err)
	}
	if late := strict.Decide([]*core.Proposal{batch(t, "ann", 2, "set b 1")}, 0)[0]; late.Ops[0].Discarded != tree.TooLarge {
		t.Errorf("outcome: %+v", late.Ops)
	}
}

// newState returns the state of rows that were written in one transaction.
func newState(t *testing.T, rows []core.Document) *core.State {
	t.Helper()
	at := int64(0)
	for _, row := range rows {
		at = max(at, row.ServerSeq)
	}
	s, err := core.NewState("room", at, rows, core.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func bytesOf(s *core.State) string {
	var b strings.Builder
	for _, key := range s.Keys() {
		json, seq, _ := s.Document(key)
		fmt.Fprintf(&b, "%s@%d %s\n", key, seq, json)
	}
	return b.String()
}

func rowsOf(s *core.State) (rows []core.Document) {
	for _, key := range s.Keys() {
		json, seq, _ := s.Document(key)
		rows = append(rows, core.Document{Room: "room", Key: key, ServerSeq: seq, State: json.String()})
	}
	return rows
}

// randomBatch returns a batch of operations that often conflict: few keys, few items.
func randomBatch(t *testing.T, rng *rand.Rand) *core.Proposal {
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	id := func() string { return string(rune('a' + rng.IntN(6))) }
	var ops []string
	for range 1 + rng.IntN(4) {
		at := pick("list", "deep.list", "list["+id()+"].sub")
		ops = append(ops, pick(
			"set "+pick("x", "deep.y", "list["+id()+"].t", "deep")+" "+pick("1", "2.50", `"ü"`, `{"k":{}}`, "null"),
			"delete "+pick("x", "deep.y", "list", "list["+id()+"].t"),
			fmt.Sprintf(`array_add %s {"_sync_id":"%s","n":%d} %s`, at, id(), rng.IntN(9), pick("", "@0", "@3")),
			"array_del "+at+"["+id()+"]",
			fmt.Sprintf("array_move %s[%s] @%d", at, id(), rng.IntN(5)),
			fmt.Sprintf("array_move %s[%s] ~%s", at, id(), id()),
			fmt.Sprintf("array_move %s[%s] ->%s %s", at, id(), pick("list", "deep.list", "list["+id()+"].sub"), pick("", "@1", "~"+id())),
			`init "" {"list":[]}`,
		))
	}
	p := batch(t, "ann", core.NoClientSeq, ops...)
	p.Key = pick("default", "other")
	return p
}

func BenchmarkDecideAndFold(b *testing.B) {
	for _, items := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			var doc strings.Builder
			doc.WriteString(`{"list":[`)
			for i := range items {
				if i > 0 {
					doc.WriteByte(',')
				}
				fmt.Fprintf(&doc, `{"_sync_id":"i%d","n":0}`, i)
			}
			doc.WriteString(`]}`)
			s, err := core.NewState("room", 1, []core.Document{{Room: "room", Key: "default", ServerSeq: 1, State: doc.String()}}, core.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			p := []*core.Proposal{batch(b, "ann", core.NoClientSeq, "set list[i7].n 1")}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Fold(s.Decide(p, 0)[0].Batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSubmit(b *testing.B) {
	h := core.NewHub(core.Config{Store: memstore.New(), Listen: func(string, string, int64) core.Listener { return new(recorder) }})
	r, _, err := h.Room(b.Context(), "room")
	if err != nil {
		b.Fatal(err)
	}
	p := batch(b, "ann", core.NoClientSeq, "set n 1")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Submit(b.Context(), p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
