package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// typed returns a body as an editor sends it: a few fields of a few items.
func typed(ops int) []byte {
	op := `{"op":"set","path":"todos[8f14e45f].title","value":"Buy milk, bread and two dozen eggs"}`
	return []byte(`{"clientId":"ada","key":"default","ops":[` + op + strings.Repeat(","+op, ops-1) + `]}`)
}

func BenchmarkDecodeBatch(b *testing.B) {
	limits := Limits{MaxBytes: 1 << 20, MaxOps: 1000, MaxDepth: 64}
	for _, ops := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("ops=%d", ops), func(b *testing.B) {
			body := typed(ops)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeBatch(body, limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendDelta(b *testing.B) {
	batch := &core.Batch{Room: "r", Key: "default", ClientID: "ada", ClientSeq: 12345, ServerSeq: 12345, ServerTs: 1_700_000_000_000,
		Ops: []core.LoggedOp{{Kind: tree.Set, Path: "todos[8f14e45f].title", Value: `"Buy milk, bread and two dozen eggs"`, Index: tree.NoIndex}}}
	dst := AppendDelta(nil, batch)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendDelta(dst[:0], batch)
	}
}
