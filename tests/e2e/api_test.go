package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/pathsync/pathsync/core/tree"
)

// api speaks HTTP to a server. Its methods return errors, so that any goroutine can use them.
type api struct {
	url  string
	http *http.Client
}

// op is an operation in its wire format.
type op struct {
	Path       string          `json:"path"`
	Op         tree.Kind       `json:"op"`
	Value      json.RawMessage `json:"value,omitempty"`
	ArrayIndex *int            `json:"arrayIndex,omitempty"`
}

// batch is the body of a POST.
type batch struct {
	ClientID  string `json:"clientId"`
	ClientSeq int64  `json:"clientSeq,omitempty"` // 0: absent
	Key       string `json:"key"`
	Ops       []op   `json:"ops"`
}

func (b batch) encode() []byte { return encode(b) }

// encode is for values that can be encoded.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// answer is the response to a batch.
type answer struct {
	Room      string   `json:"room"`
	Key       string   `json:"key"`
	Epoch     string   `json:"epoch"`
	ServerSeq int64    `json:"serverSeq"`
	Duplicate bool     `json:"duplicate"`
	Results   []result `json:"results"`
	Ops       []op     `json:"ops"`

	raw []byte
}

type result struct {
	Status     string      `json:"status"`
	Reason     tree.Reason `json:"reason"`
	ArrayIndex *int        `json:"arrayIndex"`
}

// repeated returns the answer to a repetition of the same batch.
func (a answer) repeated() string {
	return strings.Replace(string(a.raw), `"duplicate":false`, `"duplicate":true`, 1)
}

// snapshot is a room as GET returns it.
type snapshot struct {
	Room      string           `json:"room"`
	Epoch     string           `json:"epoch"`
	ServerSeq int64            `json:"serverSeq"`
	Stores    map[string]store `json:"stores"`
}

type store struct {
	ServerSeq int64           `json:"serverSeq"`
	State     json.RawMessage `json:"state"`
}

// states returns the documents as text.
func (s snapshot) states() map[string]string {
	states := make(map[string]string, len(s.Stores))
	for key, store := range s.Stores {
		states[key] = string(store.State)
	}
	return states
}

// changes is a page of the log.
type changes struct {
	Room     string            `json:"room"`
	Epoch    string            `json:"epoch"`
	Changes  []json.RawMessage `json:"changes"`
	Next     string            `json:"next"`
	UpToDate bool              `json:"upToDate"`
	Pages    json.RawMessage   `json:"pages"` // the boundaries of complete pages
}

// problem is an error response.
type problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Retryable bool   `json:"retryable"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// reply is any response, unchanged.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// problem decodes an error response.
func (r reply) problem() *problem {
	p := new(problem)
	if err := json.Unmarshal(r.body, p); err != nil {
		return &problem{Status: r.status, Detail: string(r.body)}
	}
	return p
}

// into decodes a success.
func (r reply) into(v any) error {
	if r.status != http.StatusOK {
		return r.problem()
	}
	return decodeStrictly(r.body, v)
}

// decodeStrictly decodes JSON and rejects members that v does not have.
func decodeStrictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("reading %s: %w", text, err)
	}
	return nil
}

// do sends a request and reads the whole answer, which must not be a stream.
func (a api) do(ctx context.Context, method, path string, header http.Header, body []byte) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, got}, err
}

func (a api) post(ctx context.Context, room string, body []byte) (answer, error) {
	r, err := a.do(ctx, http.MethodPost, "/v1/rooms/"+room+"/ops", nil, body)
	if err != nil {
		return answer{}, err
	}
	got := answer{raw: r.body}
	return got, r.into(&got)
}

func (a api) snapshot(ctx context.Context, room string) (got snapshot, err error) {
	r, err := a.do(ctx, http.MethodGet, "/v1/rooms/"+room, nil, nil)
	if err != nil {
		return got, err
	}
	return got, r.into(&got)
}

// changes requests the batches after a position and waits up to that many seconds for a new one. "" is the beginning.
func (a api) changes(ctx context.Context, room, after string, wait int) (got changes, err error) {
	path := "/v1/rooms/" + room + "/changes?limit=1000&wait=" + strconv.Itoa(wait)
	if after != "" {
		path += "&after=" + after
	}
	r, err := a.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return got, err
	}
	return got, r.into(&got)
}

// history returns all deltas of a room, from the beginning.
func (a api) history(ctx context.Context, room string) (deltas []json.RawMessage, err error) {
	for after := ""; ; {
		page, err := a.changes(ctx, room, after, 0)
		if err != nil {
			return nil, err
		}
		deltas = append(deltas, page.Changes...)
		if page.UpToDate {
			return deltas, nil
		}
		after = page.Next
	}
}
