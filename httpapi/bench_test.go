package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// typed is a body as an editor sends them: a few fields of a few items.
func typed(ops int) []byte {
	op := `{"op":"set","path":"todos[8f14e45f].title","value":"Buy milk, bread and two dozen eggs"}`
	return []byte(`{"clientId":"ada","key":"default","ops":[` + op + strings.Repeat(","+op, ops-1) + `]}`)
}

func BenchmarkDecodeBatch(b *testing.B) {
	s := &Server{cfg: Config{MaxBodyBytes: 1 << 20, MaxOps: 1000, MaxDepth: 64}}
	for _, ops := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("ops=%d", ops), func(b *testing.B) {
			body := typed(ops)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.decodeBatch(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendDelta(b *testing.B) {
	batch := said(12345, `"Buy milk, bread and two dozen eggs"`)
	dst := appendDelta(nil, batch)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = appendDelta(dst[:0], batch)
	}
}

// A batch from the request to the answer, on a store in memory; in parallel, commits are grouped.
func BenchmarkPost(b *testing.B) {
	body := []byte(`{"clientId":"ada","key":"default","ops":[{"op":"set","path":"title","value":"Buy milk"}]}`)
	post := func(b *testing.B, s *Server) {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/rooms/r/ops", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Errorf("%d %s", w.Code, w.Body)
		}
	}
	b.Run("alone", func(b *testing.B) {
		a := newAudience(b, FeedsConfig{})
		b.ReportAllocs()
		for b.Loop() {
			post(b, a.server)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		a := newAudience(b, FeedsConfig{})
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				post(b, a.server)
			}
		})
	})
}

// A thousand batches of one room in one commit, framed and put into its feed.
func BenchmarkCommitted(b *testing.B) {
	a := newAudience(b, FeedsConfig{})
	batches := make([]*core.Batch, 1000)
	for i := range batches {
		batches[i] = said(0, `"Buy milk, bread and two dozen eggs"`)
	}
	seq := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for _, batch := range batches {
			seq++
			batch.ServerSeq = seq
		}
		a.feed.Committed(batches)
	}
}
