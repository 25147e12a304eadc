package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// event is one event of a stream.
type event struct {
	name, id string
	data     []byte
}

// stream is a strict reader of a stream: it rejects lines that are not in the format, incomplete events, and data that is
// not JSON.
type stream struct {
	body  io.ReadCloser
	lines *bufio.Reader
	head  []string // the lines before the first event
}

// errCut: the connection ended in the middle of an event.
var errCut = errors.New("the stream is cut")

// open opens the stream of a room. query is as in a URL, position is the event id to resume from; either may be "".
func (a api) open(ctx context.Context, room, query, position string) (*stream, error) {
	return a.openAt(ctx, "/v1/rooms/"+room+"/events?"+query, position)
}

// openAt opens the stream at a URL.
func (a api) openAt(ctx context.Context, path, position string) (*stream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, nil)
	if err != nil {
		return nil, err
	}
	if position != "" {
		req.Header.Set("Last-Event-ID", position)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return nil, reply{resp.StatusCode, resp.Header, body}.problem()
	}
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		resp.Body.Close()
		return nil, fmt.Errorf("the stream is %q", kind)
	}
	return &stream{body: resp.Body, lines: bufio.NewReaderSize(resp.Body, 64<<10)}, nil
}

func (s *stream) close() { s.body.Close() }

// next returns the next event. The error is io.EOF if the stream ends between two events, and wraps errCut if it ends
// within an event: the incomplete event is discarded.
func (s *stream) next() (event, error) {
	var e event
	begun := false
	for {
		line, err := s.lines.ReadBytes('\n')
		switch {
		case err == io.EOF && len(line) == 0 && !begun:
			return event{}, io.EOF
		case err != nil:
			return event{}, fmt.Errorf("%w: %w", errCut, err)
		}
		line = line[:len(line)-1]
		if len(line) == 0 {
			if e.name != "" {
				return e, e.check()
			}
			begun = false // it was a comment or a `retry`
			continue
		}
		begun = true
		if err := s.field(&e, line); err != nil {
			return event{}, err
		}
	}
}

// field parses one line.
func (s *stream) field(e *event, line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(": "))
	switch {
	case bytes.ContainsAny(value, "\r\x00"):
		return fmt.Errorf("%q has a control character", line)
	case string(name) == "id" && e.id == "" && e.name == "":
		e.id = string(value)
	case string(name) == "event" && e.name == "":
		e.name = string(value)
	case string(name) == "data" && e.name != "" && e.data == nil:
		e.data = value
	case string(name) == "retry" || len(name) == 0:
		s.head = append(s.head, string(line))
		if ms, err := strconv.Atoi(string(value)); len(name) > 0 && (err != nil || ms < 1000 || ms > 3000) {
			return fmt.Errorf("%q is out of bounds", line)
		}
	default:
		return fmt.Errorf("%q is not expected in %+v", line, *e)
	}
	return nil
}

func (e event) check() error {
	if !json.Valid(e.data) {
		return fmt.Errorf("%s has the data %q", e.name, e.data)
	}
	if resumable := e.name == "delta" || e.name == "up-to-date"; resumable != (e.id != "") {
		return fmt.Errorf("%s has the id %q", e.name, e.id)
	}
	return nil
}
