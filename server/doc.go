// Package server assembles a pathsync server: store, rooms, streams, HTTP API, TLS, metrics and shutdown.
//
//	cfg := server.DefaultConfig()
//	cfg.Database = "sqlite:rooms.db"
//	s, err := server.New(cfg)
//	if err != nil {
//		log.Fatal(err)
//	}
//	err = s.Serve(ctx) // until ctx ends
//
// A program with an HTTP server of its own calls Open, mounts Handler, and calls Shutdown at the end. docs/build/embedding.md
// shows such a program.
package server
