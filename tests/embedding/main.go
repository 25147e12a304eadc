// Command embedding is the example of docs/embedding.md: pathsync below a path of another server, which knows by itself
// who its users are.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/sqlstore"
)

// sessions is how this application knows its users: by the ids of their sessions.
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

// LoadInitialState implements core.InitialStateLoader: what a room begins with.
func (sessions) LoadInitialState(_ context.Context, room string) (map[string]json.RawMessage, error) {
	title, err := json.Marshal(room)
	return map[string]json.RawMessage{"default": json.RawMessage(`{"tasks":[],"title":` + string(title) + `}`)}, err
}

func main() {
	ctx := context.Background()
	store, err := sqlstore.Open(ctx, "sqlite:rooms.db")
	if err != nil {
		log.Fatal(err)
	}
	feeds := httpapi.NewFeeds(httpapi.FeedsConfig{})
	app := sessions{"8c1f": "ann"}
	hub := core.NewHub(core.Config{Store: store, Listen: feeds.Listen, InitialState: app})
	api := httpapi.New(httpapi.Config{Hub: hub, Feeds: feeds, Auth: app})

	mux := http.NewServeMux()
	mux.Handle("/v1/", api)
	mux.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello\n")) })
	log.Print(http.ListenAndServe("127.0.0.1:8080", mux))
	api.Drain()
	log.Print(api.Wait(ctx), hub.Close(ctx), store.Close())
}
