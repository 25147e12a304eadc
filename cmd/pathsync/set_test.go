package main

import (
	"encoding/json"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

const applied = `{"serverSeq":12,"results":[{"status":"applied"}]}`

func TestSetSendsOneNumberedChange(t *testing.T) {
	server := scripted(t, text(applied))
	s := call(t.Context(), "", "set", "--server", server.url, "board-7", "default", "tasks[t1].n", `{"a": 1.50, "b": "<&>"}`)
	if s.code != exitOK || s.stdout != "12 applied\n" {
		t.Fatalf("%+v", s)
	}
	body := server.last().body
	var got struct {
		ClientID  string
		ClientSeq int
		Key       string
		Ops       []map[string]any
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"path": "tasks[t1].n", "op": "set", "value": map[string]any{"a": 1.5, "b": "<&>"}}}
	if len(got.ClientID) != 36 || got.ClientSeq != 1 || got.Key != "default" || !reflect.DeepEqual(got.Ops, want) {
		t.Errorf("sent %s", body)
	}
	if !strings.Contains(body, "1.50") {
		t.Errorf("the number's text is lost: %s", body)
	}
}

func TestSetReadsTheValueFromStandardInput(t *testing.T) {
	server := scripted(t, text(applied))
	s := call(t.Context(), "[1,\n2]", "set", "--server", server.url, "board-7", "default", "", "-")
	if body := server.last().body; s.code != exitOK || !strings.Contains(body, `"path":"","op":"set","value":[1,2]`) {
		t.Errorf("%+v sent %s", s, body)
	}
}

func TestSetAcceptsNegativeNumberAfterFlags(t *testing.T) {
	server := scripted(t, text(applied))
	s := call(t.Context(), "", "set", "--server", server.url, "board-7", "default", "balance", "--", "-5")
	if body := server.last().body; s.code != exitOK || !strings.Contains(body, `"value":-5`) {
		t.Errorf("%+v sent %s", s, body)
	}
}

func TestSetRetriesIdenticalBatchUntilAccepted(t *testing.T) {
	unavailable := refusal(http.StatusServiceUnavailable, "database_unavailable", true)
	server := scripted(t,
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "4")
			unavailable(w, r)
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		text(`{"serverSeq":3,"duplicate":true,"results":[{"status":"applied"}]}`),
	)
	s := call(t.Context(), "", "set", "--server", server.url, "board-7", "default", "a", "1")
	if s.code != exitOK || s.stdout != "3 applied\n" {
		t.Fatalf("%+v", s)
	}
	if asked := server.asked(); len(asked) != 3 || asked[0] != asked[1] || asked[1] != asked[2] {
		t.Errorf("the requests differ: %q", asked)
	}
	if len(s.waits) != 2 || s.waits[0] != 4*time.Second {
		t.Errorf("waited %v, want what Retry-After says first", s.waits)
	}
}

func TestSetPrintsADiscardedChangeAsJSON(t *testing.T) {
	server := scripted(t, text(`{"epoch":"e","serverSeq":13,"results":[{"status":"discarded","reason":"exists"}]}`))
	s := call(t.Context(), "", "set", "--server", server.url, "r", "k", "a", "1", "--json")
	var got struct{ Status, Reason string }
	if err := json.Unmarshal([]byte(s.stdout), &got); err != nil || got.Status != "discarded" || got.Reason != "exists" || s.code != exitFailed {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSetRefusesNamesThatAreNotUTF8(t *testing.T) {
	server := scripted(t, text(`{"serverSeq":1,"results":[{"status":"applied"}]}`))
	for _, args := range [][]string{{"r", "k", "a\xff"}, {"r", "k\xff", "a"}, {"r\xff", "k", "a"}} {
		s := call(t.Context(), "", append(append([]string{"set", "--server", server.url}, args...), "1")...)
		if s.code != exitUsage || !strings.Contains(s.stderr, "UTF-8") || len(server.asked()) > 0 {
			t.Errorf("%q: %+v", args, s)
		}
	}
}

func TestSetGivesUpAfterSomeSeconds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	s := call(t.Context(), "", "set", "--server", "http://"+listener.Addr().String(), "board-7", "default", "a", "1")
	if s.code != exitFailed || !strings.Contains(s.stderr, "refused") {
		t.Errorf("%+v", s)
	}
	var total time.Duration
	for _, w := range s.waits {
		total += w
	}
	if total < 3*time.Second || total > 20*time.Second {
		t.Errorf("gave up after %v", total)
	}
}

func TestChangeThatAProxyAnswersIsRepeatedAndThenAnError(t *testing.T) {
	for says, answer := range map[string]string{"reading the answer": `<html>`, "0 results": `{}`} {
		s := call(t.Context(), "", "set", "--server", scripted(t, text(answer)).url, "board-7", "default", "tasks[t9].a", "1")
		if s.code != exitFailed || len(s.waits) != 6 || !strings.Contains(s.stderr, says) {
			t.Errorf("%+v, want %q", s, says)
		}
	}
}

func TestRefusedOrDiscardedChangeIsAnError(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"because invalid_request": refusal(http.StatusUnprocessableEntity, "invalid_request", false),
		"13 discarded: item_deleted": text(
			`{"serverSeq":13,"results":[{"status":"discarded","reason":"item_deleted"}]}`),
	}
	for says, answer := range tests {
		s := call(t.Context(), "", "set", "--server", scripted(t, answer).url, "board-7", "default", "tasks[t9].a", "1")
		if s.code != exitFailed || len(s.waits) > 0 || !strings.Contains(s.stderr, says) {
			t.Errorf("%+v, want %q", s, says)
		}
	}
}
