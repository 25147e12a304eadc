package caching

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/tests/program"
)

// server is a pathsync server that counts its requests.
type server struct {
	api      *httpapi.Server
	epoch    string
	address  string
	requests atomic.Int64 // below /v1
}

func startServer(t *testing.T) *server {
	t.Helper()
	store := memstore.New()
	s := &server{
		api: httpapi.New(httpapi.Config{Hub: core.Config{Store: store}}), epoch: store.Epoch(), address: program.FreeAddress(t),
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	listening := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- listening.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.api.Drain()
		if err := errors.Join(s.api.Wait(ctx), listening.Shutdown(ctx), s.api.Hub().Close(ctx)); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
		<-served
	})
	return s
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		s.requests.Add(1)
	}
	s.api.ServeHTTP(w, r)
}

// fill sends batches to the room without the cache.
func (s *server) fill(ctx context.Context, batches int) error {
	for range batches {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/rooms/"+room+"/ops",
			strings.NewReader(`{"clientId":"ada","key":"default","ops":[{"path":"x","op":"set","value":"`+strings.Repeat("x", 50)+`"}]}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			return fmt.Errorf("posting a batch: status %d: %s", w.Code, w.Body)
		}
	}
	return nil
}
