// Command go is a pathsync client in Go's standard library: it follows the document `default` of a room and changes it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
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
	silence  = 40 * time.Second // after which a connection is dead: a stream has a heartbeat every 15 s
	maxEvent = 64 << 20         // bytes
)

// temporary has the statuses after which a request is repeated. After a 401, another program renews the token.
var temporary = []int{401, 408, 429, 502, 503, 504}

// problem is an answer other than 200, or an event `problem`. Without a code, a proxy has sent it, and not the server.
type problem struct {
	Code      string
	Status    int
	Retryable bool
	Errors    []any
	delay     time.Duration // before the next request
}

func (p *problem) Error() string { return fmt.Sprint(p.Status, " ", p.Code, " ", p.Errors) }

// request passes the body of an answer to read. The request ends after 40 s, or 40 s after the last call of alive.
func request(method, url string, body []byte, read func(body io.Reader, alive func()) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(silence, cancel)
	defer timer.Stop()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if token, err := os.ReadFile(os.Getenv("PATHSYNC_TOKEN_FILE")); err == nil { // again each time: the token changes
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return read(resp.Body, func() { timer.Reset(silence) })
	}
	var p problem
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		_ = json.NewDecoder(resp.Body).Decode(&p) // without a code if it is cut short
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	p.Status, p.delay = resp.StatusCode, time.Duration(seconds)*time.Second
	p.Retryable = p.Retryable || slices.Contains(temporary, p.Status)
	return &p
}

func backoff(failures int) time.Duration {
	return random.N(min(30*time.Second, 250*time.Millisecond<<min(failures, 7)))
}

// reader follows a room.
type reader struct {
	url               string
	documents, states map[string]any // by key; states are of the beginning of the stream
	position          string         // the last `id:`; "": the next stream starts again
	live              bool           // the stream is up to date
	delay, retry      time.Duration  // until the next stream, and usually
}

// follow reads one stream after the other: every end means "open another one", except after a final problem.
func (r *reader) follow() error {
	for failures := 1; ; failures++ {
		r.live, r.delay, r.states = false, 0, map[string]any{}
		url := r.url
		if r.position != "" {
			url += "&last_event_id=" + r.position
		}
		var p *problem
		if err := request(http.MethodGet, url, nil, r.read); errors.As(err, &p) {
			if p.Code != "" && !p.Retryable {
				return p
			}
			r.delay = p.delay
		}
		if r.live {
			failures = 0
		}
		time.Sleep(r.delay + backoff(failures))
	}
}

func (r *reader) read(stream io.Reader, alive func()) error {
	event, lines := map[string]string{}, bufio.NewScanner(stream)
	for lines.Buffer(nil, maxEvent); lines.Scan(); alive() {
		if line := lines.Text(); line != "" {
			name, value, _ := strings.Cut(line, ":") // without a name it is a comment
			event[name] = strings.TrimSpace(value)
			continue
		}
		if ms, err := strconv.Atoi(event["retry"]); err == nil {
			r.retry = time.Duration(ms) * time.Millisecond
		}
		if event["data"] != "" {
			if err := r.handle(event["event"], event["id"], event["data"]); err != nil {
				return err
			}
		}
		clear(event)
	}
	return lines.Err()
}

// eventData has the members of all events.
type eventData struct {
	problem
	Key       string
	State     any
	ServerSeq int
	Ops       []operation
	AfterMs   int
}

// handle processes an event. After an error, the next stream is opened.
func (r *reader) handle(event, id, text string) error {
	var data eventData
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // keeps the text of numbers
	if err := decoder.Decode(&data); err != nil {
		return err
	}
	switch event {
	case "state":
		r.states[data.Key] = data.State
	case "reconnect":
		r.delay = time.Duration(data.AfterMs) * time.Millisecond
	case "problem":
		data.delay = r.retry
		return &data.problem
	case "delta", "up-to-date":
		return r.advance(event, id, data)
	}
	return nil
}

// advance processes an event with a position.
func (r *reader) advance(event, id string, data eventData) error {
	epoch, _, _ := strings.Cut(id, "-")
	before := id
	if event == "delta" {
		before = fmt.Sprintf("%s-%d", epoch, data.ServerSeq-1)
	}
	if r.position != "" && !strings.HasPrefix(r.position, epoch+"-") {
		log.Print("the history was replaced: acknowledged batches may be lost")
	}
	if len(r.states) > 0 || r.position == "" {
		r.documents, r.states = r.states, map[string]any{} // all documents of the room, maybe none
	} else if r.position != before {
		r.position = ""
		return errors.New("a gap: the next stream starts again")
	}
	r.position = id
	for _, op := range data.Ops {
		r.documents[data.Key] = apply(r.documents[data.Key], op)
	}
	if event == "up-to-date" {
		r.live, r.delay = true, r.retry
	}
	if r.live {
		document, _ := json.Marshal(r.documents["default"])
		fmt.Printf("%s %s\n", id, document)
	}
	return nil
}

// writer changes a room, one batch at a time.
type writer struct {
	url, clientID string
	clientSeq     int
}

// send repeats a batch until it is acknowledged or refused.
func (w *writer) send(ops []json.RawMessage) {
	w.clientSeq++
	body, _ := json.Marshal(map[string]any{"clientId": w.clientID, "clientSeq": w.clientSeq, "key": "default", "ops": ops})
	for attempt := 1; ; attempt++ { // a retry has the same bytes
		err := request(http.MethodPost, w.url, body, acknowledgement)
		if err == nil {
			return
		}
		delay := backoff(attempt)
		var p *problem
		if errors.As(err, &p) {
			decided := p.Code != "" && p.Status != http.StatusInternalServerError
			if !p.Retryable && (decided || attempt == 10) {
				w.refused(ops, p)
				return
			}
			delay += p.delay
		}
		time.Sleep(delay)
	}
}

func acknowledgement(body io.Reader, _ func()) error {
	var result struct{ ServerSeq int }
	if err := json.NewDecoder(body).Decode(&result); err != nil || result.ServerSeq == 0 {
		return errors.New("a proxy has answered")
	}
	return nil
}

func (w *writer) refused(ops []json.RawMessage, p *problem) {
	if p.Code == "client_seq_reused" { // another program has this clientId
		w.clientID = rand.Text()
	}
	switch {
	case p.Code == "client_seq_reused", p.Code == "client_seq_passed": // nothing was applied
		w.send(ops)
	case len(ops) > 1 && (p.Status == http.StatusRequestEntityTooLarge || p.Errors != nil): // only a part is wrong
		w.send(ops[:len(ops)/2])
		w.send(ops[len(ops)/2:])
	default:
		log.Printf("refused: %v: %s", p, ops)
	}
}

func main() {
	room, clientID := os.Args[1]+"/v1/rooms/"+url.PathEscape(os.Args[2]), rand.Text()
	r := &reader{url: room + "/events?clientId=" + clientID, retry: 2 * time.Second}
	go func() { log.Fatal("the stream has ended: ", r.follow()) }()
	w := &writer{url: room + "/ops", clientID: clientID}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Buffer(nil, maxEvent); lines.Scan(); { // the next line waits until this batch is acknowledged
		var ops []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &ops); err != nil {
			log.Fatal("reading a list of operations: ", err)
		}
		w.send(ops)
	}
}
