package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/pathsync/pathsync/internal/testkit"
)

// documents reads a room from a server that answers with handle.
func documents(t *testing.T, handle http.HandlerFunc, each func(RoomDocument)) error {
	t.Helper()
	serve := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		handle(w, r)
	}
	c := newClient(t, Config{Server: "http://server", Transport: testkit.Serve(t, http.HandlerFunc(serve)), Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	for d, err := range c.Documents(t.Context(), "r") {
		if err != nil {
			return err
		}
		each(d)
	}
	return nil
}

func TestDocumentIsReturnedBeforeTheNextOneArrives(t *testing.T) {
	next := make(chan struct{})
	var got []string
	err := documents(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"e-7"`)
		io.WriteString(w, `{"room":"r","epoch":"e","serverSeq":7,"stores":{"a":{"serverSeq":3,"state":{"x":[1.50]}}`)
		http.NewResponseController(w).Flush()
		select {
		case <-next:
		case <-time.After(10 * time.Second):
			t.Error("the first document was not returned")
		}
		io.WriteString(w, `,"b":{"serverSeq":7,"state":null}},"new":{"member":[]}}`)
	}, func(d RoomDocument) {
		if got = append(got, fmt.Sprintf("%s %s %d %s", d.EventID, d.Key, d.ServerSeq, d.State)); len(got) == 1 {
			close(next)
		}
	})
	if err != nil || fmt.Sprint(got) != `[e-7 a 3 {"x":[1.50]} e-7 b 7 null]` {
		t.Errorf("%q, %v", got, err)
	}
}

func TestIncompleteRoomIsAnError(t *testing.T) {
	for _, body := range []string{
		``, `{`, `{"room":"r"`, `{"stores":{"a":{"serverSeq":1,"state":1}`, `{"stores":{"a":{"serverSeq":1,"state":1}}`, `{"stores":{"a":{"serverSeq":1,`, `{"stores":{"a"`,
	} {
		err := documents(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }, func(RoomDocument) {})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, body := range []string{`[]`, `{}`, `"x"`, `{"stores":[]}`, `<html>`} {
		err := documents(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }, func(RoomDocument) {})
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRoomIsAskedForAgainWhileTheServerIsUnavailable(t *testing.T) {
	asked := 0
	err := documents(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, `{"stores":{}}`)
	}, func(RoomDocument) {})
	if err != nil || asked != 3 {
		t.Errorf("%v after %d requests", err, asked)
	}
	asked = 0
	err = documents(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusForbidden)
	}, func(RoomDocument) {})
	if err == nil || asked != 1 {
		t.Errorf("%v after %d requests, want the refusal at once", err, asked)
	}
}
