package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

const room = "cluster"

// history records what writers and readers of one room see.
type history struct {
	t       *testing.T
	address string // of the balancer

	mu           sync.Mutex
	acknowledged map[string]int64 // serverSeq, by client and number
	repeated     int              // batches whose answer said that the log had them
}

func batchName(clientID string, clientSeq int64) string { return fmt.Sprint(clientID, "/", clientSeq) }

// write submits batches one after the other until ctx ends, and submits each one until it is acknowledged.
func (h *history) write(ctx context.Context, clientID string, pause time.Duration) {
	c, err := client.New(client.Config{Server: h.address})
	if err != nil {
		h.t.Error(err)
		return
	}
	for seq := int64(1); ctx.Err() == nil; seq++ {
		b := client.Batch{ClientID: clientID, ClientSeq: seq, Key: "k", Ops: []client.Op{
			{Path: clientID, Op: "set", Value: json.RawMessage(fmt.Sprint(seq))},
			{Path: "items", Op: "array_add", Value: json.RawMessage(fmt.Sprintf(`{"_sync_id":"%s-%d"}`, clientID, seq%20))},
		}}
		if seq > 1 {
			b.PreviousClientSeq = seq - 1
		}
		h.submit(c, b)
		time.Sleep(pause)
	}
}

// writeLast submits the batch that ends the readers.
func (h *history) writeLast() {
	c, err := client.New(client.Config{Server: h.address})
	if err != nil {
		h.t.Fatal(err)
	}
	h.submit(c, client.Batch{ClientID: lastWriter, ClientSeq: 1, Key: "k", Ops: []client.Op{{Path: lastWriter, Op: "set", Value: json.RawMessage("1")}}})
}

func (h *history) submit(c *client.Client, b client.Batch) {
	for began := time.Now(); ; {
		r, err := c.Submit(h.t.Context(), room, b)
		if err == nil {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.acknowledged[batchName(b.ClientID, b.ClientSeq)] = r.ServerSeq
			if r.Duplicate {
				h.repeated++
			}
			return
		}
		var p *client.Problem
		if time.Since(began) > patience || errors.As(err, &p) && !p.Retryable {
			h.t.Errorf("batch %d of %s: %v", b.ClientSeq, b.ClientID, err)
			return
		}
	}
}

// delta is a batch of the stream or of the log.
type delta struct {
	ServerSeq int64  `json:"serverSeq"`
	ClientID  string `json:"clientId"`
	ClientSeq int64  `json:"clientSeq"`
}

// lastWriter is the client whose batch ends the readers.
const lastWriter = "last"

// read follows the room until it has the batch of lastWriter. Every batch must follow on the one before.
func (h *history) read(ctx context.Context, clientID string) {
	c, err := client.New(client.Config{Server: h.address})
	if err != nil {
		h.t.Error(err)
		return
	}
	last := int64(0)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for e, err := range c.Tail(ctx, client.Subscription{Rooms: []string{room}, ClientID: clientID}) {
		switch {
		case err != nil:
			if ctx.Err() == nil {
				h.t.Errorf("reader %s: %v", clientID, err)
			}
			return
		case e.Name == "state" && last > 0:
			h.t.Errorf("reader %s starts again after batch %d", clientID, last)
			return
		case e.Name == "up-to-date" && last == 0:
			var d delta
			if err := json.Unmarshal(e.Data, &d); err != nil {
				h.t.Error(err)
				return
			}
			last = d.ServerSeq
		case e.Name == "delta":
			var d delta
			if err := json.Unmarshal(e.Data, &d); err != nil {
				h.t.Error(err)
				return
			}
			if d.ServerSeq != last+1 {
				h.t.Errorf("reader %s got batch %d after %d", clientID, d.ServerSeq, last)
				return
			}
			if last = d.ServerSeq; d.ClientID == lastWriter {
				return
			}
		}
	}
}
