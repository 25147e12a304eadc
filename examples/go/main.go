// Command go is a pathsync client in Go's standard library: it follows one document of a room and changes it. See README.md.
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
	random "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// silence is the time without a byte after which a stream is dead: there is a heartbeat every 15 s.
const silence = 40 * time.Second

// client follows one room. Two goroutines use it: follow and send.
type client struct {
	room string // URL
	key  string

	documents map[string]any
	epoch     string // of the last `id:` that was processed, also of a delta; "": none
	seq       int64
	states    map[string]any // of the beginning of the stream; nil: none yet
	live      bool           // the stream is up to date
	retry     time.Duration  // before the next stream

	mu       sync.Mutex
	outbox   [][]json.RawMessage // batches; the first one may be in flight
	added    chan struct{}       // has a value when the outbox may have a batch
	clientID string
	lastSeq  int // clientSeq
}

// refusal is an answer other than 200. Without a code, a proxy has sent it, and not the server.
type refusal struct {
	Code      string `json:"code"`
	Retryable bool   `json:"retryable"`
	status    int
	after     time.Duration
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.Code) }

func (c *client) request(ctx context.Context, method, path, lastEventID string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.room+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	if file := os.Getenv("PATHSYNC_TOKEN_FILE"); file != "" { // read again for each request: somebody renews the token
		token, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	r := &refusal{status: resp.StatusCode}
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(r) != nil || r.Code == "" {
		*r = refusal{status: resp.StatusCode, Retryable: isTemporary(resp.StatusCode)}
	}
	r.Retryable = r.Retryable || r.status == http.StatusUnauthorized // with another token
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	r.after = time.Duration(seconds) * time.Second
	return nil, r
}

func isTemporary(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
}

// backOff returns a random delay that grows with the number of failures.
func backOff(failures int) time.Duration {
	return random.N(min(30*time.Second, 200*time.Millisecond<<min(failures, 8)))
}

// follow reads one stream after the other: every end means "reconnect", except a problem that is not retryable.
func (c *client) follow() error {
	for failures := 0; ; {
		c.live = false
		delay, err := c.readStream()
		var r *refusal
		if errors.As(err, &r) {
			if r.Code != "" && !r.Retryable {
				return r
			}
			delay = r.after
		}
		if failures++; c.live {
			failures = 0
		} else {
			delay += backOff(failures)
		}
		time.Sleep(delay)
	}
}

// readStream reads a stream to its end and returns the delay before the next one.
func (c *client) readStream() (delay time.Duration, err error) {
	last := ""
	if c.epoch != "" {
		last = fmt.Sprintf("%s-%d", c.epoch, c.seq)
	}
	c.mu.Lock()
	path := "/events?clientId=" + c.clientID
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dead := time.AfterFunc(silence, cancel)
	defer dead.Stop()
	resp, err := c.request(ctx, http.MethodGet, path, last, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	c.states = nil
	event := map[string]string{}
	for lines := bufio.NewReader(resp.Body); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return c.retry, err
		}
		dead.Reset(silence)
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			name, value, _ := strings.Cut(line, ":") // without a name it is a comment
			event[name] = strings.TrimPrefix(value, " ")
			continue
		}
		if ms, err := strconv.Atoi(event["retry"]); err == nil {
			c.retry = time.Duration(ms) * time.Millisecond
		}
		if event["data"] != "" {
			if delay, err := c.handle(event["event"], event["id"], event["data"]); err != nil {
				return delay, err
			}
		}
		clear(event)
	}
}

// eventData is the members of all events that this client reads.
type eventData struct {
	Key     string      `json:"key"`
	State   any         `json:"state"`
	Ops     []operation `json:"ops"`
	AfterMs int64       `json:"afterMs"`
	refusal
}

var errStreamOver = errors.New("the stream is over")

// handle processes an event. After an error the stream is over.
func (c *client) handle(name, id, text string) (delay time.Duration, err error) {
	var data eventData
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&data); err != nil {
		return c.retry, err
	}
	switch name {
	case "state":
		if c.states == nil {
			c.states = map[string]any{}
		}
		c.states[data.Key] = data.State
	case "reconnect":
		return time.Duration(data.AfterMs) * time.Millisecond, errStreamOver
	case "problem":
		return c.retry, &data.refusal
	}
	if id == "" {
		return 0, nil
	}
	cut := strings.LastIndex(id, "-")
	epoch := id[:max(cut, 0)]
	seq, err := strconv.ParseInt(id[cut+1:], 10, 64)
	if err != nil {
		return c.retry, err
	}
	switch {
	case c.states != nil, c.epoch == "", name == "up-to-date" && (epoch != c.epoch || seq != c.seq):
		if c.epoch != "" && c.epoch != epoch {
			fmt.Fprintln(os.Stderr, "the history was replaced: acknowledged batches may be lost")
		}
		c.documents, c.states = c.states, nil // all documents of the room, maybe none
		if c.documents == nil {
			c.documents = map[string]any{}
		}
	case name == "delta" && (epoch != c.epoch || seq != c.seq+1):
		c.epoch = "" // a gap: start again from the whole state
		return 0, errStreamOver
	}
	c.epoch, c.seq = epoch, seq
	document := c.documents[data.Key]
	for _, op := range data.Ops {
		apply(&document, op)
		c.documents[data.Key] = document
	}
	if c.live = c.live || name == "up-to-date"; c.live {
		c.show()
	}
	return 0, nil
}

func (c *client) show() {
	c.mu.Lock()
	pending := len(c.outbox)
	c.mu.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(struct {
		Epoch     string `json:"epoch"`
		ServerSeq int64  `json:"serverSeq"`
		Pending   int    `json:"pending"`
		State     any    `json:"state"`
	}{c.epoch, c.seq, pending, c.documents[c.key]})
}

// send sends the batches of the outbox, one at a time.
func (c *client) send() {
	for range c.added {
		for ops := c.first(); ops != nil; ops = c.first() {
			c.lastSeq++
			body, _ := json.Marshal(map[string]any{"clientId": c.clientID, "clientSeq": c.lastSeq, "key": c.key, "ops": ops})
			c.settle(ops, c.deliver(body))
		}
	}
}

func (c *client) first() []json.RawMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.outbox) == 0 {
		return nil
	}
	return c.outbox[0]
}

// deliver repeats a batch, the same bytes each time, until it is acknowledged or refused for good. It returns the refusal.
func (c *client) deliver(body []byte) *refusal {
	for failures := 1; ; failures++ {
		err := c.post(body)
		if err == nil {
			return nil
		}
		delay := backOff(failures)
		var r *refusal
		if errors.As(err, &r) {
			if !r.Retryable && (r.Code != "" || failures > 10) { // a proxy that refuses may change its mind
				return r
			}
			delay += r.after
		}
		time.Sleep(delay)
	}
}

func (c *client) post(body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	resp, err := c.request(ctx, http.MethodPost, "/ops", "", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var result struct {
		ServerSeq int64 `json:"serverSeq"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&result); err != nil || result.ServerSeq == 0 {
		return fmt.Errorf("a proxy has answered: %w", err)
	}
	return nil
}

// settle decides what becomes of the first batch of the outbox.
func (c *client) settle(ops []json.RawMessage, r *refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r != nil && r.Code == "client_seq_reused" { // another program has this clientId
		c.clientID, c.lastSeq = rand.Text(), 0
	}
	if r != nil && (r.Code == "client_seq_reused" || r.Code == "client_seq_passed") {
		return // nothing of it was applied: it gets a new number
	}
	c.outbox = c.outbox[1:]
	switch {
	case r == nil:
	case r.status == http.StatusRequestEntityTooLarge && len(ops) > 1:
		var single [][]json.RawMessage
		for _, op := range ops {
			single = append(single, []json.RawMessage{op})
		}
		c.outbox = append(single, c.outbox...)
	default:
		fmt.Fprintf(os.Stderr, "refused: %v: %s\n", r, ops)
	}
}

func main() {
	c := &client{room: os.Args[1] + "/v1/rooms/" + url.PathEscape(os.Args[2]), key: "default", retry: 2 * time.Second,
		clientID: rand.Text(), added: make(chan struct{}, 1)}
	go func() {
		fmt.Fprintln(os.Stderr, "the stream has ended:", c.follow())
		os.Exit(1)
	}()
	sent := make(chan struct{})
	go func() {
		c.send()
		close(sent)
	}()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var ops []json.RawMessage
		if json.Unmarshal(lines.Bytes(), &ops) != nil {
			ops = []json.RawMessage{bytes.Clone(lines.Bytes())}
		}
		c.mu.Lock()
		c.outbox = append(c.outbox, ops)
		c.mu.Unlock()
		select {
		case c.added <- struct{}{}:
		default:
		}
	}
	close(c.added)
	<-sent
}
