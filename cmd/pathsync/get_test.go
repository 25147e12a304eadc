package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestGetRequestsRoomOrDocument(t *testing.T) {
	server := scripted(t, text(`{"stores":{},"state":1.0}`))
	tests := map[string][]string{
		"/v1/rooms/board-7":                     {"board-7"},
		"/v1/rooms/board-7/stores/default":      {"board-7", "default"},
		"/v1/rooms/a%2Fb%20c/stores/%C3%A4%3Fx": {"a/b c", "ä?x"},
	}
	for want, args := range tests {
		s := call(t.Context(), "", append([]string{"get", "--server", server.url}, args...)...)
		if s.code != exitOK || s.stdout != "{\"stores\":{},\"state\":1.0}\n" {
			t.Errorf("%v: %+v", args, s)
		}
		if asked := server.last().uri; asked != want {
			t.Errorf("%v: asked for %s, want %s", args, asked, want)
		}
	}
}

func TestServerIsReadFromEnvironment(t *testing.T) {
	t.Setenv("PATHSYNC_SERVER", scripted(t, text(`{"stores":{}}`)).url)
	if s := call(t.Context(), "", "get", "board-7"); s.code != exitOK {
		t.Errorf("%+v", s)
	}
}

func TestGetIndentsOnATerminal(t *testing.T) {
	server := scripted(t, text("{\"stores\":{\"\u009b31m\":{}}}"))
	var out bytes.Buffer
	p := &program{stdout: &console{Writer: &out, terminal: true}, stderr: newConsole(io.Discard)}
	if code := p.run(t.Context(), []string{"get", "--server", server.url, "board-7"}); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	if want := "{\n  \"stores\": {\n    \"\\u009b31m\": {}\n  }\n}\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestGetPrintsTheProblem(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"No: because store_not_found (store_not_found)": refusal(http.StatusNotFound, "store_not_found", false),
		"the server answers 502 Bad Gateway": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusBadGateway)
		},
	}
	for says, answer := range tests {
		s := call(t.Context(), "", "get", "--server", scripted(t, answer).url, "board-7", "default")
		if s.code != exitFailed || s.stdout != "" || !strings.Contains(s.stderr, says) {
			t.Errorf("%+v, want %q", s, says)
		}
	}
}
