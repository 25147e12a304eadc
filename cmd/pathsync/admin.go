package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/pathsync/pathsync/pace"
)

// adminTimeout is for requests that are under way when the server ends: a profile of half a minute is not waited for.
const adminTimeout = 500 * time.Millisecond

// admin is the listener for operators alone: metrics, profiles, and whether the server is well. It is there until all
// else has ended, so that the end can be watched.
type admin struct {
	server *http.Server
	done   chan struct{} // closed when nobody is answered any more
}

// adminHandler answers what operators ask. The health checks are the API's own. Of the profiles, the command line is not
// among them: it can have the secret of the tokens or the password of the database in it.
func adminHandler(api, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", api)
	mux.Handle("GET /readyz", api)
	mux.Handle("GET /metrics", metrics)
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

func startAdmin(ctx context.Context, log *slog.Logger, address string, handler http.Handler) (*admin, error) {
	listener, err := listen(ctx, "--admin-listen", address)
	if err != nil {
		return nil, err
	}
	if a, ok := listener.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		log.Warn("metrics and profiles are open to everybody who can reach this address", "address", listener.Addr().String())
	}
	log.Info("operators are answered", "url", "http://"+listener.Addr().String()+"/")
	a := &admin{done: make(chan struct{}), server: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: pace.Patience,
		WriteTimeout:      2 * time.Minute, // of a profile
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(a.done)
		if err := a.server.Serve(pace.Listen(listener)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("operators are not answered any more", "error", err)
		}
	}()
	return a, nil
}

// close ends the listener, and waits for it.
func (a *admin) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminTimeout)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close()
	}
	<-a.done
}

// listen opens a port that a flag names.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w; choose another address with %s", address, errors.Unwrap(err), flag)
	}
	return listener, nil
}
