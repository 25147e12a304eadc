package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

// room is one room with its clients, which use the balancer.
type room struct {
	*history
	t     *testing.T
	front string // URL of the balancer
	name  string
	began time.Time // of the test
	epoch atomic.Pointer[string]
	moved atomic.Bool  // it has changed
	seen  atomic.Int64 // the highest number that a client has seen

	writers, readers sync.WaitGroup
}

func newRoom(t *testing.T, front, name string, began time.Time) *room {
	return &room{history: &history{}, t: t, front: front, name: name, began: began}
}

func (r *room) now() time.Duration { return time.Since(r.began) }

// saw records that a client has seen a number.
func (r *room) saw(epoch string, seq int64) {
	if !r.epoch.CompareAndSwap(nil, &epoch) && *r.epoch.Load() != epoch && !r.moved.Swap(true) {
		r.t.Errorf("room %s has the epochs %s and %s", r.name, *r.epoch.Load(), epoch)
	}
	for old := r.seen.Load(); old < seq && !r.seen.CompareAndSwap(old, seq); old = r.seen.Load() {
	}
}

// run starts the clients. Writers and requests end with ctx, and readers with a batch of lastWriter or at the limit.
func (r *room) run(ctx context.Context, limit time.Duration) {
	for i := range 2 {
		r.writers.Go(func() { r.write(ctx, fmt.Sprint("patient-", i)) })
	}
	r.writers.Go(func() { r.writeOnce(ctx, "impatient") })
	r.writers.Go(func() { r.get(ctx) })
	for i := range 2 {
		r.readers.Go(func() {
			ctx, cancel := context.WithTimeout(r.t.Context(), limit)
			defer cancel()
			r.follow(ctx, fmt.Sprint("reader-", i))
		})
	}
}

const writePause = 40 * time.Millisecond

func batchOf(clientID string, seq, previous int64) client.Batch {
	name := batchName(clientID, seq)
	return client.Batch{ClientID: clientID, ClientSeq: seq, PreviousClientSeq: previous, Key: "k", Ops: []client.Op{
		{Path: "counts." + clientID, Op: "set", Value: json.RawMessage(fmt.Sprint(seq))},
		{Path: "last", Op: "set", Value: json.RawMessage(strconv.Quote(name))},
		{Path: "items", Op: "array_add", Value: json.RawMessage(fmt.Sprintf(`{"_sync_id":"%s"}`, itemOf(clientID, seq)))},
	}}
}

// itemOf is the id of the array item that a batch adds, or that is there already.
func itemOf(clientID string, seq int64) string { return fmt.Sprint(clientID, "-", seq%20) }

// write submits batches one after the other until ctx ends, and submits each one until it is acknowledged.
func (r *room) write(ctx context.Context, clientID string) {
	c := r.client()
	for seq := int64(1); ctx.Err() == nil; seq++ {
		r.submit(c, batchOf(clientID, seq, seq-1))
		wait(ctx, writePause)
	}
}

// end ends the readers. A reader that connects after a last batch has it in its first state, and ends with the next one.
func (r *room) end() {
	ended := make(chan struct{})
	go func() { r.readers.Wait(); close(ended) }()
	c := r.client()
	for seq := int64(1); ; seq++ {
		r.submit(c, batchOf(lastWriter, seq, seq-1))
		select {
		case <-ended:
			return
		case <-time.After(time.Second):
		}
	}
}

func (r *room) client() *client.Client {
	c, err := client.New(client.Config{Server: r.front, Heartbeat: heartbeat})
	if err != nil {
		r.t.Error(err)
	}
	return c
}

func (r *room) submit(c *client.Client, b client.Batch) {
	w := write{client: b.ClientID, seq: b.ClientSeq, call: r.now()}
	defer func() {
		w.end = r.now()
		r.addWrite(w)
	}()
	for {
		a, err := c.Submit(r.t.Context(), r.name, b)
		if err == nil {
			w.outcome, w.serverSeq, w.repeated = acknowledged, a.ServerSeq, a.Duplicate
			r.saw(a.Epoch, a.ServerSeq)
			return
		}
		var p *client.Problem
		if r.now()-w.call > patience || errors.As(err, &p) && !p.Retryable {
			r.t.Errorf("room %s: batch %d of %s: %v", r.name, b.ClientSeq, b.ClientID, err)
			return
		}
	}
}

// writeOnce submits batches until ctx ends, each once and with a short time limit. So the outcome of some is unknown.
func (r *room) writeOnce(ctx context.Context, clientID string) {
	once := &http.Client{Transport: &http.Transport{}, Timeout: time.Second}
	defer once.CloseIdleConnections()
	known := int64(0)
	for seq := int64(1); ctx.Err() == nil; seq++ {
		body, err := json.Marshal(batchOf(clientID, seq, known))
		if err != nil {
			r.t.Error(err)
			return
		}
		w := write{client: clientID, seq: seq, call: r.now()}
		if resp, err := once.Post(r.url("/ops"), "application/json", bytes.NewReader(body)); err == nil {
			r.readOutcome(resp, &w)
		}
		w.end = r.now()
		if w.outcome == acknowledged {
			known = seq
		}
		r.addWrite(w)
		wait(ctx, writePause)
	}
}

func (r *room) readOutcome(resp *http.Response, w *write) {
	defer resp.Body.Close()
	var a struct {
		Epoch     string `json:"epoch"`
		ServerSeq int64  `json:"serverSeq"`
		Duplicate bool   `json:"duplicate"`
		Code      string `json:"code"`
		Retryable bool   `json:"retryable"`
	}
	err := json.NewDecoder(resp.Body).Decode(&a)
	switch {
	case err != nil || a.Retryable:
	case resp.StatusCode == http.StatusOK:
		w.outcome, w.serverSeq, w.repeated = acknowledged, a.ServerSeq, a.Duplicate
		r.saw(a.Epoch, a.ServerSeq)
	case a.Code != "":
		w.outcome = refused
	}
}

func (r *room) url(path string) string { return r.front + "/v1/rooms/" + r.name + path }

// get requests the room until ctx ends. Every other request names the highest number that a client has seen.
func (r *room) get(ctx context.Context) {
	once := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer once.CloseIdleConnections()
	for i := 0; ctx.Err() == nil; i++ {
		req, err := http.NewRequest(http.MethodGet, r.url(""), nil)
		if err != nil {
			r.t.Error(err)
			return
		}
		got := read{call: r.now()}
		if got.after = r.seen.Load(); i%2 == 0 || got.after == 0 {
			got.after = 0
		} else {
			req.Header.Set("If-None-Match", fmt.Sprintf(`"%s-%d"`, *r.epoch.Load(), got.after))
		}
		if resp, err := once.Do(req); err == nil && r.readState(resp, &got) {
			r.addRead(got)
		}
		wait(ctx, 2*writePause)
	}
}

// readState reads the answer to a GET, and reports whether it is a state of the room.
func (r *room) readState(resp *http.Response, got *read) bool {
	defer resp.Body.Close()
	tag := strings.Trim(strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), `"`)
	epoch, number, _ := strings.Cut(tag, "-")
	seq, err := strconv.ParseInt(number, 10, 64)
	switch resp.StatusCode {
	case http.StatusNotModified:
	case http.StatusOK:
		var body struct {
			ServerSeq int64
			Stores    map[string]struct{ State document }
		}
		if decodeErr := json.NewDecoder(resp.Body).Decode(&body); decodeErr != nil {
			return false // the connection has ended
		}
		if body.ServerSeq != seq {
			r.t.Errorf("room %s: the state is of batch %d, and its ETag %q", r.name, body.ServerSeq, tag)
		}
		state := body.Stores["k"].State
		got.document = &state
	default:
		return false
	}
	if err != nil {
		r.t.Errorf("room %s: ETag %q", r.name, tag)
	}
	got.end, got.seq, got.by = r.now(), seq, resp.Header.Get(serverHeader)
	r.saw(epoch, seq)
	return true
}

// follow follows the room until it gets a batch of lastWriter.
func (r *room) follow(ctx context.Context, clientID string) {
	s, begun := stream{reader: clientID}, false
	defer func() { r.addStream(s) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for e, err := range r.client().Tail(ctx, client.Subscription{Rooms: []string{r.name}, ClientID: clientID}) {
		if err != nil {
			r.t.Errorf("room %s: %s: %v", r.name, clientID, err)
			return
		}
		var d delta
		if e.Name == "delta" || e.Name == "up-to-date" || e.Name == "state" {
			if err := json.Unmarshal(e.Data, &d); err != nil {
				r.t.Error(err)
				return
			}
		}
		switch {
		case e.Name == "state" && begun:
			r.t.Errorf("room %s: %s starts again after batch %d", r.name, clientID, s.start+int64(len(s.deltas)))
			return
		case e.Name == "state": // of the only document, which every batch changes; batches may follow before up-to-date
			s.start, s.deltas = d.ServerSeq, nil
		case e.Name == "up-to-date":
			if has := s.start + int64(len(s.deltas)); has != d.ServerSeq {
				r.t.Errorf("room %s: %s is up to date at batch %d and has %d", r.name, clientID, d.ServerSeq, has)
			}
			begun = true
		case e.Name == "delta":
			s.deltas = append(s.deltas, d)
			if d.ClientID == lastWriter {
				return
			}
		}
	}
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
