// Package initialstate asks the application what a new room begins with.
package initialstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/trust"
)

// Config is what a Loader needs.
type Config struct {
	URL    string       // of the application's endpoint; https, or http to this machine; required
	Client *http.Client // default: one of its own
}

// maxAnswerBytes bounds the initial state of one room.
const maxAnswerBytes = 16 << 20

// Loader is a core.InitialStateLoader. The endpoint gets a GET request with the room's name as its parameter `room`, and
// nothing of whoever wants the room: what a room begins with is the same for everybody. The answer is one of
//
//	200 with {"stores": {KEY: STATE, …}}
//	204 when there is nothing that the room begins with
//
// Whatever else happens is no answer. Neither is 404, which is what a wrong address or a server that is being replaced says
// too: rooms that have begun empty because of it could not be mended.
type Loader struct {
	url    url.URL
	client *http.Client
}

var _ core.InitialStateLoader = (*Loader)(nil)

// New makes a Loader. It asks nothing yet.
func New(cfg Config) (*Loader, error) {
	if !trust.Trustworthy(cfg.URL) {
		return nil, errors.New("the URL that is asked what rooms begin with has to begin with https://")
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	return &Loader{url: *u, client: trust.Client(cfg.Client)}, nil
}

// LoadInitialState implements core.InitialStateLoader.
func (l *Loader) LoadInitialState(ctx context.Context, room string) (map[string]json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.about(room), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := trust.Ask(l.client, req)
	if err != nil {
		return nil, fmt.Errorf("asking the application: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent:
		return nil, nil //nolint:nilnil // no documents are an answer
	default:
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	resp.Body = &progress{resp.Body, ctx}
	text, err := trust.Body(resp, maxAnswerBytes)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

// progress has the hub know that an answer goes on coming.
type progress struct {
	io.ReadCloser
	ctx context.Context
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if n > 0 {
		core.Progress(p.ctx)
	}
	return n, err
}

// about is the address of a question. The parameters that the operator gave are kept.
func (l *Loader) about(room string) string {
	u := l.url
	query := u.Query()
	query.Set("room", room)
	u.RawQuery = query.Encode()
	return u.String()
}

// parse reads an answer. Its form is checked to the last member: from a misspelt one must not follow that a room begins
// empty. The documents are for the core to check.
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
			return nil, fmt.Errorf("the answer has a member that means nothing here: %s", strconv.Quote(name))
		}
	}
	documents := make(map[string]json.RawMessage, stores.Len())
	for key, state := range stores.All() {
		documents[key] = tree.AppendJSON(make([]byte, 0, state.Size()), state)
	}
	return documents, nil
}

var errNoStores = errors.New(`the answer has no object "stores"`)
