package bus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pathsync/pathsync/core"
)

// requestTimeout limits requests whose context has no deadline.
const requestTimeout = 30 * time.Second

// Request sends a message to one server and returns its response. The error is core.ErrNoAnswer when the server does not receive
// messages of the topic or the bus is not connected, the error of ctx, or context.DeadlineExceeded after 30 s.
func (b *Bus) Request(ctx context.Context, server, topic string, data []byte) ([]byte, error) {
	if limit := b.MaxMessage(); len(data) > limit {
		return nil, fmt.Errorf("the message has %d bytes; the bus sends at most %d", len(data), limit)
	}
	if server == b.name || !validSender([]byte(server)) {
		return nil, core.ErrNoAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	id, response := b.requests.open(server)
	defer b.requests.remove(id)
	to := address{subject: b.subjectOf(server, topic), reply: b.prefix + ".re." + b.name + "." + id}
	if b.enqueue(to, data, func() { b.requests.finish(id, server, nil) }) != "" {
		return nil, core.ErrNoAnswer
	}
	b.counters.requests.Add(1)
	select {
	case data := <-response:
		if data == nil {
			return nil, core.ErrNoAnswer
		}
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *Bus) receiveResponse(m *nats.Msg) {
	id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" { // NATS: no server has subscribed to the subject of the request
		b.requests.finish(id, "", nil)
		return
	}
	sender, data, why := b.codec.decode(address{m.Subject, m.Reply}, m.Data)
	if why != "" {
		b.refuse(sender, why)
		return
	}
	if data == nil {
		data = []byte{}
	}
	b.requests.finish(id, sender, data)
}

// requests are the requests that wait for a response. It is safe for concurrent use.
type requests struct {
	mu      sync.Mutex
	last    uint64
	pending map[string]request
}

type request struct {
	server   string
	response chan []byte // gets one element: nil if there is no response
}

func newRequests() *requests { return &requests{pending: map[string]request{}} }

func (r *requests) open(server string) (id string, response <-chan []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	id = strconv.FormatUint(r.last, 36)
	c := make(chan []byte, 1)
	r.pending[id] = request{server: server, response: c}
	return id, c
}

func (r *requests) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, id)
}

// finish ends a request with a response of a server, or without one if data is nil. A response of another server is ignored.
func (r *requests) finish(id, server string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q, ok := r.pending[id]; ok && (data == nil || q.server == server) {
		delete(r.pending, id)
		q.response <- data
	}
}

// failAll ends all requests without a response.
func (r *requests) failAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, q := range r.pending {
		delete(r.pending, id)
		q.response <- nil
	}
}
