package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// events answers with a stream that the server ends.
func events(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, text)
	}
}

// cut answers with a stream that breaks off.
func cut(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		events(text)(w, r)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// final is a stream that ends the program.
var final = events("event: problem\ndata: {\"title\":\"Enough\",\"code\":\"stream_replaced\",\"retryable\":false}\n\n")

const finalLine = "problem\t%s\t{\"title\":\"Enough\",\"code\":\"stream_replaced\",\"retryable\":false}\n"

func TestTailPrintsOneLinePerEvent(t *testing.T) {
	server := scripted(t, events(""+
		": hello\n\nretry: 1500\n\n"+
		"event: state\ndata: {\"room\":\"r\", \"state\":{}}\n\n"+
		"id: e-12\nevent: up-to-date\ndata: {\"serverSeq\":12}\n\n"+
		": heartbeat\n\n"+
		"id: e-13\nevent: delta\ndata: {\"serverSeq\":\ndata: 13}\n\n"+
		"event: presence-change\ndata: {\"left\":[]}\n\n"), final)
	s := call(t.Context(), "", "tail", "--server", server.url, "r")
	want := "state\t-\t{\"room\":\"r\",\"state\":{}}\n" +
		"up-to-date\te-12\t{\"serverSeq\":12}\n" +
		"delta\te-13\t{\"serverSeq\":13}\n" +
		"presence-change\te-13\t{\"left\":[]}\n" +
		fmt.Sprintf(finalLine, "e-13")
	if s.stdout != want {
		t.Errorf("got\n%s\nwant\n%s", s.stdout, want)
	}
	if len(s.waits) != 1 || s.waits[0] != 1500*time.Millisecond {
		t.Errorf("waited %v before the second stream, want what retry: says", s.waits)
	}
}

func TestTailResumesAfterAnyEndOfAStream(t *testing.T) {
	const first = "id: e-1\nevent: delta\ndata: {\"n\":1}\n\n"
	tests := map[string]http.HandlerFunc{
		"a clean end":                   events(first),
		"a break between two events":    cut(first),
		"a break inside the data":       cut(first + "id: e-2\nevent: delta\ndata: {\"n\":2"),
		"a break before the data":       cut(first + "id: e-2\nevent: delta\n"),
		"a break inside the id":         cut(first + "id: e-"),
		"an end inside an event":        events(first + "id: e-2\nevent: delta\ndata: {\"n\""),
		"a reconnect":                   events(first + "event: reconnect\ndata: {\"afterMs\":700}\n\n"),
		"a problem that may pass":       events(first + "event: problem\ndata: {\"title\":\"Busy\",\"retryable\":true}\n\n"),
		"an event as large as they get": events("id: e-1\nevent: delta\ndata: \"" + strings.Repeat("x", 1<<20) + "\"\n\n"),
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			server := scripted(t, answer, final)
			s := call(t.Context(), "", "tail", "--server", server.url, "r")
			if asked := server.asked(); len(asked) != 2 || asked[0].position != "" || asked[1].position != "e-1" {
				t.Errorf("asked %q, want to resume behind e-1", asked)
			}
			if strings.Count(s.stdout, "delta") != 1 {
				t.Errorf("printed\n%.300s", s.stdout)
			}
		})
	}
}

func TestTailFollowsSeveralRoomsOverOneStream(t *testing.T) {
	server := scripted(t, events("id: e-1.2\nevent: delta\ndata: {\"room\":\"a/b\"}\n\n"), final)
	s := call(t.Context(), "", "tail", "--server", server.url, "--client-id", "ada", "a/b", "ü&")
	if want := "delta\te-1.2\t{\"room\":\"a/b\"}\n" + fmt.Sprintf(finalLine, "e-1.2"); s.stdout != want {
		t.Errorf("got\n%s\nwant\n%s", s.stdout, want)
	}
	asked := server.asked()
	if len(asked) != 2 || asked[1].position != "e-1.2" || asked[1].uri != "/v1/events?clientId=ada&room=a%2Fb&room=%C3%BC%26" {
		t.Errorf("asked %+v", asked)
	}
}

func TestTailReconnectsAtTheTimeOfTheServer(t *testing.T) {
	server := scripted(t, events("retry: 1500\n\nevent: reconnect\ndata: {\"afterMs\":730}\n\n"), final)
	s := call(t.Context(), "", "tail", "--server", server.url, "r")
	if len(s.waits) != 1 || s.waits[0] != 730*time.Millisecond {
		t.Errorf("waited %v", s.waits)
	}
}

func TestTailReconnectsWhileServerIsUnavailable(t *testing.T) {
	unavailable := refusal(http.StatusServiceUnavailable, "shutting_down", true)
	gone := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	server := scripted(t, gone, unavailable, unavailable, unavailable, final)
	s := call(t.Context(), "", "tail", "--server", server.url, "r")
	if len(s.waits) != 4 || s.waits[3] < s.waits[0] || s.waits[3] > 15*time.Second {
		t.Errorf("waited %v, want longer each time", s.waits)
	}
	if !strings.Contains(s.stdout, "problem") {
		t.Errorf("did not come back: %+v", s)
	}
}

func TestTailEndsWhenServerRefuses(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"because invalid_name (invalid_name)": refusal(http.StatusUnprocessableEntity, "invalid_name", false),
		"Enough (stream_replaced)":            final,
	}
	for says, answer := range tests {
		s := call(t.Context(), "", "tail", "--server", scripted(t, answer).url, "r")
		if s.code != exitFailed || len(s.waits) > 0 || !strings.Contains(s.stderr, says) {
			t.Errorf("%+v, want %q", s, says)
		}
	}
}

func TestTailSendsClientIDAndPosition(t *testing.T) {
	server := scripted(t, final)
	call(t.Context(), "", "tail", "--server", server.url, "a/b", "--client-id", "ada&co", "--after", "e-7")
	if asked := server.last(); asked.uri != "/v1/rooms/a%2Fb/events?clientId=ada%26co" || asked.position != "e-7" {
		t.Errorf("asked %q", asked)
	}
}

func TestTailEndsAtOnceWhenInterrupted(t *testing.T) {
	t.Run("on a quiet stream", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		server := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			events("event: state\ndata: {}\n\n")(w, r)
			http.NewResponseController(w).Flush()
			interrupt()
			<-r.Context().Done()
		})
		if s := call(ctx, "", "tail", "--server", server.url, "r"); s.code != exitOK || s.stderr != "" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("while it waits to come back", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		var out bytes.Buffer
		p := &program{stdout: newConsole(&out), stderr: newConsole(io.Discard)}
		p.wait = func(ctx context.Context, _ time.Duration) error {
			interrupt()
			<-ctx.Done()
			return ctx.Err()
		}
		server := scripted(t, refusal(http.StatusServiceUnavailable, "overloaded", true))
		if code := p.run(ctx, []string{"tail", "--server", server.url, "r"}); code != exitOK {
			t.Errorf("exit %d", code)
		}
	})
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestTailEndsWhenItsOutputIsClosed(t *testing.T) {
	p := &program{stdout: newConsole(full{}), stderr: newConsole(io.Discard)}
	server := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		events("event: state\ndata: {}\n\n")(w, r)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	if code := p.run(t.Context(), []string{"tail", "--server", server.url, "r"}); code != exitFailed {
		t.Errorf("exit %d", code)
	}
}
