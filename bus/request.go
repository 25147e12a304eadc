package bus

import (
	"context"
	"fmt"
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
	id, response := b.requests.open(server, topic)
	defer b.requests.fail(id)
	to := address{subject: b.subjectOf(server, topic), reply: b.subjectRe(b.name, server, topic)}
	if b.enqueue(outgoing{address: to, id: id, data: data}) != "" {
		return nil, core.ErrNoAnswer
	}
	b.counters.requests.Add(1)
	select {
	case data, ok := <-response:
		if !ok {
			return nil, core.ErrNoAnswer
		}
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *Bus) receiveResponse(m *nats.Msg) {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" { // NATS: no server has subscribed to the subject of the request
		if names := strings.Split(m.Subject, "."); len(names) > 2 {
			b.requests.failServer(names[len(names)-2], names[len(names)-1])
		}
		return
	}
	sender, data, why := b.codec.decode(address{m.Subject, m.Reply}, m.Data)
	if why == "" {
		why = unbundle(data, func(id uint64, data []byte) { b.requests.finish(id, sender, data) })
	}
	if why != "" {
		b.refuse(sender, why)
	}
}

// requests are the requests that wait for a response. It is safe for concurrent use.
type requests struct {
	mu      sync.Mutex
	last    uint64
	pending map[uint64]request
}

type request struct {
	server, topic string
	response      chan []byte // gets one element, or is closed if there is no response
}

func newRequests() *requests { return &requests{pending: map[uint64]request{}} }

func (r *requests) open(server, topic string) (id uint64, response <-chan []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	c := make(chan []byte, 1)
	r.pending[r.last] = request{server, topic, c}
	return r.last, c
}

// finish ends a request with a response of a server. A response of another server is ignored.
func (r *requests) finish(id uint64, server string, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q, ok := r.pending[id]; ok && q.server == server {
		delete(r.pending, id)
		q.response <- data
	}
}

// fail ends a request without a response.
func (r *requests) fail(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failLocked(id)
}

func (r *requests) failLocked(id uint64) {
	if q, ok := r.pending[id]; ok {
		delete(r.pending, id)
		close(q.response)
	}
}

// failServer ends the requests of a topic to a server without a response.
func (r *requests) failServer(server, topic string) {
	r.failIf(func(q request) bool { return q.server == server && q.topic == topic })
}

// failAll ends all requests without a response.
func (r *requests) failAll() { r.failIf(func(request) bool { return true }) }

func (r *requests) failIf(does func(request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, q := range r.pending {
		if does(q) {
			r.failLocked(id)
		}
	}
}
