package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// adminTimeout limits the wait for running admin requests at shutdown. It is shorter than a usual profile.
const adminTimeout = 500 * time.Millisecond

// admin serves metrics, profiles and health checks on AdminListen. It closes last, so that operators can watch a shutdown.
type admin struct {
	server *http.Server
	done   chan struct{} // closed when Serve has returned
}

// adminHandler serves the API's health checks, lists of rooms, the metrics and the profiles. It omits pprof's command line, which
// can contain the token secret or the database password. With localOnly, lists of rooms require a local host name.
func (s *Server) adminHandler(localOnly bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /admin/", s.front.Admin(localOnly))
	mux.Handle("GET /healthz", s.front)
	mux.Handle("GET /readyz", s.front)
	mux.Handle("GET /metrics", s.metrics.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func (c Config) startAdmin(ctx context.Context, handler http.Handler) (*admin, error) {
	listener, err := c.listen(ctx, "AdminListen", c.AdminListen)
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		c.Log.Warn("metrics and profiles are open to everybody who can reach this address", "address", address)
	}
	c.Log.Info("admin listener is ready", "url", "http://"+address+"/")
	a := &admin{done: make(chan struct{}), server: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: pace.Patience,
		WriteTimeout:      2 * time.Minute, // of a profile
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(a.done)
		if err := a.server.Serve(pace.Listen(listener)); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("the admin listener failed", "error", err)
		}
	}()
	return a, nil
}

// close closes the listener and waits up to adminTimeout for running requests.
func (a *admin) close() {
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close()
	}
	<-a.done
}
