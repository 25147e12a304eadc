// Command go is a pathsync client in Go's standard library: it follows the document `default` of a room and changes it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	random "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	silence = 40 * time.Second // after which a connection is dead: a stream has a heartbeat every 15 s
	maxLine = 64 << 20         // bytes
)

// message has what the client uses of events and answers. An answer without a code and a serverSeq is not the server's.
type message struct {
	Code, Epoch, Key           string
	Status, ServerSeq, AfterMs int // AfterMs: until the next attempt
	Retryable                  bool
	Errors                     []any
	State                      any
	Ops                        []operation
}

type position struct {
	epoch     string // "": there is no position
	serverSeq int
}

// client has a goroutine that follows the room, and another one that changes it.
type client struct {
	room, clientID    string
	documents, states map[string]any // by key; states are those at the beginning of a stream
	last              position       // of the documents
	live              bool           // the stream is up to date
	retryMs           int            // until the next stream
	positions         chan position  // from the first goroutine to the other: the last one
	reached           position       // the last one that the other has taken
	clientSeq         int
}

// httpClient takes a redirect for an answer: a proxy redirects, and the server does not.
var httpClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func token() string { // another program renews it
	text, _ := os.ReadFile(os.Getenv("PATHSYNC_TOKEN_FILE"))
	return strings.TrimSpace(string(text))
}

// request returns an answer, or why a stream has ended. If the server refuses the token, it waits for another token.
func (c *client) request(method, path string, body []byte) (answer message) {
	req, err := http.NewRequest(method, c.room+path, bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	used := token()
	if used != "" {
		req.Header.Set("Authorization", "Bearer "+used)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(silence+time.Duration(len(body))*time.Millisecond, cancel) // for slow connections: 1 KB/s
	defer timer.Stop()
	resp, err := httpClient.Do(req.WithContext(ctx))
	if err != nil {
		return message{}
	}
	defer resp.Body.Close()
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch isOK := resp.StatusCode == http.StatusOK; {
	case isOK && mediaType == "text/event-stream" && method == http.MethodGet:
		return c.read(resp.Body, timer)
	case isOK && mediaType == "application/json":
		_ = json.NewDecoder(resp.Body).Decode(&answer) // nothing is set if it is cut short
		answer.Code = ""
	case mediaType == "application/problem+json":
		_ = json.NewDecoder(resp.Body).Decode(&answer)
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	answer.Status, answer.AfterMs = resp.StatusCode, 1000*seconds
	for answer.Code == "unauthenticated" && token() == used {
		time.Sleep(time.Second)
	}
	return answer
}

// wait waits as long as the server has asked for, and for a backoff.
func wait(afterMs, failures int) {
	backoff := min(30*time.Second, time.Second/2*(1<<min(failures, 7)>>1))
	time.Sleep(time.Duration(min(max(afterMs, 100), 600_000))*time.Millisecond + random.N(backoff+1))
}

// follow reads one stream after the other: every end means "open another one", except after a final problem.
func (c *client) follow(events string) {
	for failures := 1; ; failures++ {
		c.live, c.states = false, map[string]any{}
		path := events
		if c.last.epoch != "" {
			path += fmt.Sprintf("&last_event_id=%s-%d", c.last.epoch, c.last.serverSeq)
		}
		end := c.request(http.MethodGet, path, nil)
		if end.Code != "" && !end.Retryable && end.Status != http.StatusUnauthorized {
			log.Fatal("the stream has ended: ", end.Code)
		}
		if c.live {
			failures = 0
		}
		wait(end.AfterMs, failures)
	}
}

// read reads a stream, and returns why it has ended.
func (c *client) read(stream io.Reader, timer *time.Timer) message {
	event, lines := map[string]string{}, bufio.NewScanner(stream)
	lines.Buffer(nil, maxLine)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) { // after each part of a line
		timer.Reset(silence)
		return bufio.ScanLines(data, atEOF)
	})
	for lines.Scan() {
		if line := strings.TrimPrefix(lines.Text(), "\ufeff"); line != "" {
			name, value, _ := strings.Cut(line, ":") // without a name it is a comment
			value = strings.TrimPrefix(value, " ")
			if name == "data" {
				value = event["data"] + "\n" + value
			}
			event[name] = value
			continue
		}
		if ms, err := strconv.Atoi(event["retry"]); err == nil {
			c.retryMs = ms
		}
		if end := c.handle(event["event"], event["id"], event["data"]); end != nil {
			return *end
		}
		clear(event)
	}
	return message{AfterMs: c.retryMs}
}

// handle processes an event. If the stream has ended, it returns why.
func (c *client) handle(name, id, data string) (end *message) {
	if data == "" || !slices.Contains([]string{"state", "delta", "up-to-date", "reconnect", "problem"}, name) {
		return nil
	}
	event, decoder := message{AfterMs: c.retryMs}, json.NewDecoder(strings.NewReader(data))
	decoder.UseNumber() // keeps the text of numbers
	if err := decoder.Decode(&event); err != nil {
		return &message{AfterMs: c.retryMs}
	}
	switch name {
	case "state":
		c.states[event.Key] = event.State
		return nil
	case "reconnect", "problem":
		return &event
	}
	epoch, _, _ := strings.Cut(id, "-")
	at, next := position{epoch, event.ServerSeq}, c.last
	if name == "delta" {
		next.serverSeq++
	}
	if c.last.epoch != "" && c.last.epoch != epoch {
		log.Print("the history was replaced")
	}
	switch {
	case len(c.states) > 0 || c.last.epoch == "":
		c.documents, c.states = c.states, map[string]any{} // all documents of the room, maybe none
	case name == "delta" && epoch == c.last.epoch && event.ServerSeq <= c.last.serverSeq:
		return nil // it is repeated
	case at != next:
		c.last = position{} // a gap: the next stream starts again
		return &event
	}
	defer func() {
		if recover() != nil {
			c.last, end = position{}, &event // an operation does not fit: the same
		}
	}()
	for _, op := range event.Ops {
		c.documents[event.Key] = apply(c.documents[event.Key], op)
	}
	c.last, c.live = at, c.live || name == "up-to-date"
	select {
	case <-c.positions: // the writer has not taken the last one
	default:
	}
	c.positions <- at
	if c.live {
		document, _ := json.Marshal(c.documents["default"])
		fmt.Printf("%s %s\n", id, document)
	}
	return nil
}

// send repeats a batch until it is in the documents, or is refused.
func (c *client) send(ops []json.RawMessage) {
	var body []byte
	for attempt := 1; ; attempt++ {
		if body == nil { // a retry has the same bytes
			c.clientSeq++
			body, _ = json.Marshal(map[string]any{"clientId": c.clientID, "clientSeq": c.clientSeq, "key": "default", "ops": ops})
		}
		answer := c.request(http.MethodPost, "/ops", body)
		isPart := len(ops) > 1 && (answer.Status == http.StatusRequestEntityTooLarge || answer.Errors != nil)
		switch {
		case answer.Status == http.StatusOK && answer.ServerSeq > 0:
			if c.reach(position{answer.Epoch, answer.ServerSeq}) {
				return
			}
		case answer.Retryable, slices.Contains([]int{0, 401, 408, 429, 502, 503, 504}, answer.Status): // repeat it
		case answer.Code == "client_seq_passed": // not applied
			body = nil
		case answer.Code == "client_seq_reused": // not applied: another program has this clientId
			body, c.clientID = nil, rand.Text()
		case isPart:
			c.send(ops[:len(ops)/2])
			c.send(ops[len(ops)/2:])
			return
		case attempt < 10 && (answer.Code == "" || answer.Status == http.StatusInternalServerError): // may be applied
		default:
			log.Printf("refused: %d %s %v: %s", answer.Status, answer.Code, answer.Errors, ops)
			return
		}
		wait(answer.AfterMs, attempt)
	}
}

// reach waits until the documents have a batch. It returns false if a new history has begun instead: it may lack the batch.
func (c *client) reach(batch position) bool {
	for before := c.reached.epoch; ; c.reached = <-c.positions {
		if epoch := c.reached.epoch; epoch == batch.epoch && c.reached.serverSeq >= batch.serverSeq {
			return true
		} else if epoch != before && epoch != batch.epoch {
			return false
		}
	}
}

func main() {
	c := &client{room: os.Args[1] + "/v1/rooms/" + url.PathEscape(os.Args[2]), clientID: rand.Text(), retryMs: 2000, positions: make(chan position, 1)}
	go c.follow("/events?clientId=" + c.clientID)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Buffer(nil, maxLine); lines.Scan(); { // the next line waits until this batch has arrived
		var ops []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &ops); err != nil {
			log.Fatal("reading a list of operations: ", err)
		}
		c.send(ops)
	}
}
