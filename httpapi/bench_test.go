package httpapi

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
)

// BenchmarkPost measures a request with one batch, with a store in memory. Parallel requests share commits.
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
		a := newAudience(b, feed.Config{})
		b.ReportAllocs()
		for b.Loop() {
			post(b, a.server)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		a := newAudience(b, feed.Config{})
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				post(b, a.server)
			}
		})
	})
}

// BenchmarkCommitted measures framing a thousand batches of one room and appending them to its feed.
func BenchmarkCommitted(b *testing.B) {
	a := newAudience(b, feed.Config{})
	batches := make([]*core.Batch, 1000)
	for i := range batches {
		batches[i] = setBatch(0, `"Buy milk, bread and two dozen eggs"`)
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
