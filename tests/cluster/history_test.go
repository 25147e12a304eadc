package cluster

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// history is what clients and readers of one room have seen. Times are since the begin of the test.
type history struct {
	mu      sync.Mutex
	writes  []write
	reads   []read
	streams []stream
	log     []delta // at the end
}

// write is one batch, with all its repetitions.
type write struct {
	client    string
	seq       int64 // the client's number
	call, end time.Duration
	outcome   outcome
	serverSeq int64 // if it was acknowledged
	repeated  bool  // the answer said that the log had it
}

type outcome int

const (
	unknown      outcome = iota // it may be in the log or not
	acknowledged                // it is in the log
	refused                     // it is not in the log and never will be
)

// read is one GET of the room.
type read struct {
	call, end time.Duration
	by        string // the server that answered
	// after is the highest number that any client had seen at the time of the call, and that the request named. It is 0 if the
	// request named none: then a server may answer from what it has.
	after    int64
	seq      int64     // the number of the answer
	document *document // nil if the client has this version
}

// document is what the batches of the tests make.
type document struct {
	Last  string `json:"last"` // name of the last batch
	Items []struct {
		ID string `json:"_sync_id"`
	} `json:"items"`
	Counts map[string]int64 `json:"counts"` // highest number of each client
}

// stream is what one reader received: the documents up to a number, and the batches after it.
type stream struct {
	reader string
	start  int64
	deltas []delta
}

// delta is a batch of a stream or of the log.
type delta struct {
	ServerSeq int64           `json:"serverSeq"`
	ClientID  string          `json:"clientId"`
	ClientSeq int64           `json:"clientSeq"`
	Ops       json.RawMessage `json:"ops"`
}

func (d *delta) name() string { return batchName(d.ClientID, d.ClientSeq) }

func batchName(clientID string, clientSeq int64) string { return fmt.Sprint(clientID, "/", clientSeq) }

// lastWriter is the client whose batches end the readers.
const lastWriter = "last"

func (h *history) addWrite(w write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, w)
}

func (h *history) addRead(r read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, r)
}

func (h *history) addStream(s stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams = append(h.streams, s)
}
