package examples

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// stream is an answer to the request for a stream, and what a client makes of it.
type stream struct {
	name   string
	resume string // the position that the client asks for; "" for none
	answer http.HandlerFunc
	shows  []string // the lines of output
}

// script is a server that gives one answer after the other.
type script struct {
	mu      sync.Mutex
	streams []stream
	given   int
	errors  []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if is, ok := s.take(r.URL.Query().Get("last_event_id")); ok {
		is.answer(w, r)
	}
}

func (s *script) take(resume string) (is stream, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == len(s.streams) {
		s.errors = append(s.errors, "there is another request after the last stream")
		return stream{}, false
	}
	is = s.streams[s.given]
	s.given++
	if resume != is.resume {
		s.errors = append(s.errors, fmt.Sprintf("%s: the client asks for %q, want %q", is.name, resume, is.resume))
	}
	return is, true
}

// sends is a stream that ends after its text.
func sends(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, "retry: 1\n\n"+strings.Join(parts, ""))
	}
}

// sendsBytes is the same with a byte order mark before the first field and with line ends of two characters. It sends each byte
// on its own.
func sendsBytes(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, b := range []byte("\ufeff" + strings.ReplaceAll(strings.Join(parts, ""), "\n", "\r\n")) {
			_, _ = w.Write([]byte{b})
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// aborts ends a stream without the end that HTTP has for it, as a server does that is killed.
func aborts(parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sends(parts...)(w, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func refuses(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.Header().Set("Location", "/login")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func event(id, name, data string) string {
	text := "event: " + name + "\ndata: " + data + "\n\n"
	if id != "" {
		text = "id: " + id + "\n" + text
	}
	return text
}

func state(key, document string) string {
	return event("", "state", fmt.Sprintf(`{"room":"r","key":%q,"serverSeq":1,"state":%s}`, key, document))
}

// upToDate and delta have the position epoch-seq. The batch sets the member n of the document `default` to its number.
func upToDate(epoch string, seq int) string {
	return event(fmt.Sprintf("%s-%d", epoch, seq), "up-to-date", fmt.Sprintf(`{"room":"r","epoch":%q,"serverSeq":%d}`, epoch, seq))
}

func delta(epoch string, seq int) string {
	return deltaOf(epoch, seq, fmt.Sprintf(`{"path":"n","op":"set","value":%d}`, seq))
}

func deltaOf(epoch string, seq int, ops string) string {
	data := fmt.Sprintf(`{"room":"r","key":"default","serverSeq":%d,"clientId":"c","serverTs":1,"ops":[%s]}`, seq, ops)
	return event(fmt.Sprintf("%s-%d", epoch, seq), "delta", data)
}

func lines(lines ...string) []string { return lines }

// middleboxes have answers in place of the server's that mean nothing.
var middleboxes = map[string]http.HandlerFunc{
	"an empty answer":              refuses(204, "", ""),
	"a page":                       refuses(200, "text/html", "<h1>Please sign in</h1>\n\n"+upToDate("f", 9)),
	"a stream without a type":      refuses(200, "", delta("e", 9)),
	"an answer in JSON":            refuses(200, "application/json", `{"code":"LOGIN","retryable":false}`),
	"a list in JSON":               refuses(200, "application/json", `[1]`),
	"deep JSON":                    refuses(200, "application/json", strings.Repeat("[", 200_000)),
	"a page with 403":              refuses(403, "text/html", "<h1>Blocked</h1>"),
	"JSON with 403":                refuses(403, "application/json", `{"code":"forbidden","retryable":false}`),
	"a problem without a code":     refuses(403, "application/problem+json", `{"title":"Forbidden","status":403}`),
	"a problem that is cut short":  refuses(403, "application/problem+json", `{"code":"forbidden","retryable":fal`),
	"a redirect to a page":         refuses(302, "text/html", "<h1>Please sign in</h1>"),
	"a page with 502":              refuses(502, "text/html", "<h1>Bad Gateway</h1>"),
	"a problem that is retryable":  refuses(503, "application/problem+json; charset=utf-8", `{"status":503,"code":"overloaded","retryable":true}`),
	"a connection that is cut":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"a stream that is not UTF-8":   sends("data: \xff\xfe\n\n: \xff\n\n"),
	"data that is not JSON":        sends("id: e-9\nevent: delta\ndata: {\"serverSeq\":9,\n\n", upToDate("e", 9)),
	"an operation without a place": sends(deltaOf("e", 10, `{"path":"list[x].y","op":"set","value":1}`)),
}

func unusualStreams() []stream {
	big := strings.Repeat("x", 3<<20)
	streams := []stream{
		{"comments, unknown events and fields, several lines of data", "", sends(
			": hello\n\n:\n\ncolour: red\ndata\n\n", "data:\n\n", "event: colour\ndata: not JSON\n\n",
			event("", "presence", `{"room":"r","users":[]}`), event("e-7", "colour", `{"key":5,"serverSeq":"x"}`),
			"event: state\n: a comment\ndata: {\"room\":\"r\",\"key\":\"default\",\ndata:\"serverSeq\":1,\ndata:  \"state\":{\"n\":1}}\n\n",
			state("other", `{"n":5}`), upToDate("e", 1)),
			lines(`e-1 {"n":1}`)},
		{"a byte order mark, two characters at each line end, each byte alone, repeated deltas", "e-1", sendsBytes(
			upToDate("e", 1), delta("e", 2), delta("e", 1), delta("e", 2), delta("e", 3)),
			lines(`e-1 {"n":1}`, `e-2 {"n":2}`, `e-3 {"n":3}`)},
		{"events without data, and all kinds of retry", "e-3", sends(
			"id: e-9\n\n", "id: e-4\nevent: delta\n\n", "event: up-to-date\n\n", "retry: soon\n\n", "retry:\n\nretry: -5\n\n", "retry: 1.5\n\n",
			"retry: 99999999999999999999999\n\n", "retry: 4294967297000\n\n", "retry: 0\n\n", upToDate("e", 3), delta("e", 4)),
			lines(`e-3 {"n":3}`, `e-4 {"n":4}`)},
		{"an end before the empty line", "e-4", sends(delta("e", 5), strings.TrimSuffix(delta("e", 6), "\n")), nil},
		{"a server that is killed inside an event", "e-5", aborts(upToDate("e", 5), delta("e", 6)[:60]), lines(`e-5 {"n":5}`)},
		{"the same, with a clean end", "e-5", sends(upToDate("e", 5), delta("e", 6)[:60]), lines(`e-5 {"n":5}`)},
		{"deltas before up-to-date", "e-5", sends(delta("e", 6), delta("e", 7), upToDate("e", 7)), lines(`e-7 {"n":7}`)},
		{"a gap", "e-7", sends(upToDate("e", 7), delta("e", 9), delta("e", 8)), lines(`e-7 {"n":7}`)},
		{"an end after a state, without a position", "", sends(state("default", `{"n":0}`)), nil},
		{"whole state after a gap", "", sends(state("default", `{"n":9,"list":[]}`), upToDate("e", 9)), lines(`e-9 {"list":[],"n":9}`)},
		{"an end after a state, with a position", "e-9", sends(state("default", `{"n":0}`)), nil},
		{"a reconnect event", "e-9", sends(upToDate("e", 9), event("", "reconnect", `{"afterMs":1}`)), lines(`e-9 {"list":[],"n":9}`)},
		{"a problem that is retryable", "e-9", sends(upToDate("e", 9), event("", "problem", `{"status":401,"code":"token_expired","retryable":true}`)), lines(`e-9 {"list":[],"n":9}`)},
	}
	resume := "e-9"
	for _, name := range slices.Sorted(maps.Keys(middleboxes)) {
		streams = append(streams, stream{name, resume, middleboxes[name], nil})
		again := stream{"after " + name, resume, sends(upToDate("e", 9)), lines(`e-9 {"list":[],"n":9}`)}
		if name == "an operation without a place" {
			again.resume, again.answer = "", sends(state("default", `{"n":9,"list":[]}`), upToDate("e", 9))
		}
		streams = append(streams, again)
	}
	return append(streams, []stream{
		{"long lines", "e-9", sends(upToDate("e", 9), ":"+big+"\n\n", big+": "+big+"\n\n", deltaOf("e", 10, fmt.Sprintf(`{"path":"n","op":"set","value":%q}`, big)), delta("e", 11)),
			lines(`e-9 {"list":[],"n":9}`, fmt.Sprintf(`e-10 {"list":[],"n":%q}`, big), `e-11 {"list":[],"n":11}`)},
		{"an empty room in a new history", "e-11", sends(upToDate("f", 0)), nil},
		{"the same again", "", sends(upToDate("f", 0)), lines("f-0 null")},
		{"a delta of a new history", "f-0", sends(upToDate("f", 0), delta("g", 1)), lines("f-0 null")},
		{"a delta after whole state", "", sends(state("default", `{"n":1}`), delta("g", 2), upToDate("g", 2)), lines(`g-2 {"n":2}`)},
		{"a lower position", "g-2", sends(upToDate("g", 1)), nil},
		{"whole state of a new history", "", sends(state("default", `{"n":1}`), upToDate("h", 1)), lines(`h-1 {"n":1}`)},
		{"whole state of another one", "h-1", sends(state("default", `{"n":0}`), upToDate("i", 1)), lines(`i-1 {"n":0}`)},
		{"a problem that is final", "i-1", sends(upToDate("i", 1), event("", "problem", `{"status":409,"code":"stream_replaced","retryable":false}`)), lines(`i-1 {"n":0}`)},
	}...)
}

func TestExampleClientsReadUnusualStreams(t *testing.T) {
	t.Parallel()
	eachClient(t, func(t *testing.T, command []string) {
		s := &script{streams: unusualStreams()}
		server := httptest.NewServer(s)
		server.Config.ErrorLog = quiet
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
		c := startClient(t, server.URL, command...)
		if code := c.process.Wait(t, 4*patience); code != 1 || !strings.Contains(c.process.Stderr.String(), "stream_replaced") {
			t.Errorf("the client ended with %d:\n%s", code, c.process.Stderr.String())
		}
		var want []string
		for _, is := range s.streams[:s.given] {
			want = append(want, is.shows...)
		}
		got := shown(t, c.process.Stdout.String())
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("line %d of the output: %.300q, want %.300q", i, got[min(i, len(got)):], want[min(i, len(want)):])
			}
		}
		for _, problem := range s.errors {
			t.Error(problem)
		}
	})
}

// shown returns the lines of a client's output, with its documents in Go's encoding.
func shown(t *testing.T, output string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(output) {
		id, text, _ := strings.Cut(line, " ")
		var document any
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("%.300q: %v", line, err)
		}
		canonical, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, id+" "+string(canonical))
	}
	return lines
}
