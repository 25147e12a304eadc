// Package initialstate loads the initial documents of a new room from the application.
package initialstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/internal/callout"
)

// Config configures a Loader.
type Config struct {
	URL    string       // of the application's endpoint; https, or http to this machine; required
	Client *http.Client // its Transport sends the requests; default: a transport of its own
}

// maxAnswerBytes limits the initial documents of one room.
const maxAnswerBytes = 16 << 20

// Loader implements core.InitialStateLoader by a GET request to the application, with the room's name as the parameter
// `room`. The request does not name the user, because the initial documents are the same for everybody. The answer is one
// of
//
//	200 with {"stores": {KEY: STATE, …}}
//	204 for a room without initial documents
//
// Anything else is an error. So is 404, which a wrong URL or a restarting server returns too: a room that began empty
// because of that could not be repaired. A Loader is safe for concurrent use.
type Loader struct{ endpoint *callout.Endpoint }

var _ core.InitialStateLoader = (*Loader)(nil)

// New returns a Loader. It sends nothing.
func New(cfg Config) (*Loader, error) {
	endpoint, err := callout.New(cfg.URL, cfg.Client)
	if err != nil {
		return nil, err
	}
	return &Loader{endpoint}, nil
}

// LoadInitialState implements core.InitialStateLoader.
func (l *Loader) LoadInitialState(ctx context.Context, room string) (map[string]json.RawMessage, error) {
	status, text, err := l.endpoint.Get(ctx, callout.Request{
		Accept: "application/json", Query: url.Values{"room": {room}}, MaxBytes: maxAnswerBytes,
		Progress: func() { core.Progress(ctx) },
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("asking the application: %w", err)
	case status == http.StatusNoContent:
		return nil, nil //nolint:nilnil // the room is empty
	case status != http.StatusOK:
		return nil, callout.StatusError(status)
	}
	return parse(text)
}

// parse reads an answer strictly: a misspelt member must not make a room empty. The core checks the documents.
func parse(text []byte) (map[string]json.RawMessage, error) {
	v, err := tree.Parse(text, tree.MaxValueDepth+2)
	if err != nil {
		return nil, fmt.Errorf("the answer is not acceptable JSON: %w", err)
	}
	answer, _ := v.(*tree.Object)
	if answer == nil {
		return nil, errNoStores
	}
	stores, _ := answer.Get("stores").(*tree.Object)
	if stores == nil {
		return nil, errNoStores
	}
	for name := range answer.All() {
		if name != "stores" {
			return nil, fmt.Errorf("the answer has an unknown member: %s", strconv.Quote(name))
		}
	}
	documents := make(map[string]json.RawMessage, stores.Len())
	for key, state := range stores.All() {
		documents[key] = tree.AppendJSON(make([]byte, 0, state.Size()), state)
	}
	return documents, nil
}

var errNoStores = errors.New(`the answer has no object "stores"`)
