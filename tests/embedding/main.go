// Command embedding is the example of docs/build/embedding.md: pathsync below a path of another server, with that server's own
// users.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/server"
)

// sessions maps the session ids of this application to its users.
type sessions map[string]string

// Authenticate implements httpapi.Authenticator.
func (s sessions) Authenticate(_ context.Context, token string) (access.Identity, error) {
	user, ok := s[token]
	if !ok {
		return access.Identity{}, access.ErrUnauthenticated
	}
	return access.Identity{User: user, Grants: []access.Grant{
		{Rooms: access.Exact("home of " + user), Read: true, Write: true, Presence: true},
		{Rooms: access.Glob("public-*"), Read: true},
	}}, nil
}

// LoadInitialState implements core.InitialStateLoader.
func (sessions) LoadInitialState(_ context.Context, room string) (map[string]json.RawMessage, error) {
	title, err := json.Marshal(room)
	return map[string]json.RawMessage{"default": json.RawMessage(`{"tasks":[],"title":` + string(title) + `}`)}, err
}

func main() {
	ctx := context.Background()
	app := sessions{"8c1f": "ann"}
	cfg := server.DefaultConfig()
	cfg.Database, cfg.Authenticator, cfg.InitialState = "sqlite:rooms.db", app, app
	s, err := server.New(cfg)
	if err == nil {
		err = s.Open(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", s.Handler())
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello\n")) })
	log.Print(http.ListenAndServe("127.0.0.1:8080", mux))
	log.Print(s.Shutdown(ctx))
}
