package server_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/pathsync/pathsync/server"
)

// A program that leaves listening, TLS and shutdown to the server.
func ExampleServer_Serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a program usually sets Listen instead
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := server.DefaultConfig()
	cfg.Database = "memory:"
	cfg.Listener = listener
	s, err := server.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()

	resp, err := http.Get("http://" + listener.Addr().String() + "/readyz")
	if err == nil {
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	stop()
	fmt.Println(err, <-served)
	// Output:
	// 200 OK
	// <nil> <nil>
}

// A program with an HTTP server of its own.
func ExampleServer_Handler() {
	ctx := context.Background()
	cfg := server.DefaultConfig()
	cfg.Database = "memory:"
	s, err := server.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Open(ctx); err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", s.Handler())
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })

	web := httptest.NewServer(mux)
	defer web.Close()
	for _, path := range []string{"/hello", "/v1/rooms/board-7"} {
		resp, err := http.Get(web.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(path, resp.Status)
	}
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// /hello 200 OK
	// /v1/rooms/board-7 200 OK
	// <nil>
}

// An error names every field that has to change.
func ExampleConfig_Validate() {
	cfg := server.DefaultConfig()
	cfg.Listen = "0.0.0.0:8080"
	cfg.MaxDepth = 100
	fmt.Println(cfg.Validate())
	// Output:
	// MaxDepth must be at most 64
	// Listen 0.0.0.0:8080 is open to the network: require tokens with Auth jwt or app, or allow all access with InsecureNoAuth
}
