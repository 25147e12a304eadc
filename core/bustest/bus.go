package bustest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pathsync/pathsync/core"
)

// MaxMessage is the largest size of a message in bytes.
const MaxMessage = 1 << 20

// Bus is one server's part of a Network. It is safe for concurrent use.
type Bus struct {
	network *Network
	name    string

	// network.mu guards the rest.
	closed  bool
	running sync.WaitGroup // handlers
	topics  map[string]*topic
	last    uint64 // number of the last request
	pending map[uint64]pending
}

var _ core.Bus = (*Bus)(nil)

// topic has the messages that wait for a handler.
type topic struct {
	receive func(from string, data []byte, respond func([]byte))
	queue   []message
	running bool // a goroutine calls receive
}

type pending struct {
	server   *Bus
	response chan []byte // gets one element, or is closed if there is no response
}

// Server returns the name of the server.
func (b *Bus) Server() string { return b.name }

// Handle sets the function that receives the messages of a topic.
func (b *Bus) Handle(name string, receive func(from string, data []byte, respond func([]byte))) {
	b.network.mu.Lock()
	defer b.network.mu.Unlock()
	if b.topics[name] != nil {
		panic("the topic " + name + " has a handler")
	}
	b.topics[name] = &topic{receive: receive}
}

// Publish sends a message to all other servers.
func (b *Bus) Publish(topic string, data []byte) {
	n := b.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if b.closed || len(data) > MaxMessage {
		n.lost++
		return
	}
	for _, other := range n.buses {
		if other != b {
			n.send(message{from: b, to: other, topic: topic, data: data})
		}
	}
}

// Request sends a message to one server and returns its response. The error is core.ErrNoAnswer when the server is closed or has
// no handler for the topic, or the error of ctx.
func (b *Bus) Request(ctx context.Context, server, topic string, data []byte) ([]byte, error) {
	if len(data) > MaxMessage {
		return nil, errors.New("the message is too large")
	}
	id, response := b.request(server, topic, data)
	if response == nil {
		return nil, core.ErrNoAnswer
	}
	select {
	case data, ok := <-response:
		if !ok {
			return nil, core.ErrNoAnswer
		}
		return data, nil
	case <-ctx.Done():
		b.network.mu.Lock()
		defer b.network.mu.Unlock()
		delete(b.pending, id)
		return nil, ctx.Err()
	}
}

func (b *Bus) request(server, topic string, data []byte) (id uint64, response <-chan []byte) {
	n := b.network
	n.mu.Lock()
	defer n.mu.Unlock()
	to := n.find(server)
	if b.closed || to == nil || to == b || to.topics[topic] == nil {
		return 0, nil
	}
	b.last++
	c := make(chan []byte, 1)
	b.pending[b.last] = pending{server: to, response: c}
	n.send(message{from: b, to: to, topic: topic, request: b.last, data: data})
	return b.last, c
}

// Healthy reports whether the bus is open and no connection of it has been cut for 3 s or more, in either direction.
func (b *Bus) Healthy() bool {
	b.network.mu.Lock()
	defer b.network.mu.Unlock()
	return b.network.healthy(b)
}

// MaxMessage returns the constant.
func (b *Bus) MaxMessage() int { return MaxMessage }

// Close removes the server from the network, as if it had crashed: messages that it has sent still arrive. Requests to it and from it
// end with core.ErrNoAnswer. Close waits for running handlers, and must not be called by one.
func (b *Bus) Close() {
	n := b.network
	n.mu.Lock()
	b.closed = true
	n.buses = slices.DeleteFunc(n.buses, func(other *Bus) bool { return other == b })
	b.failPending(nil)
	for _, other := range n.buses {
		other.failPending(b)
	}
	n.mu.Unlock()
	b.running.Wait()
}

// failPending ends the requests to a server, or all if it is nil. network.mu is held here and below.
func (b *Bus) failPending(server *Bus) {
	for _, id := range slices.Sorted(maps.Keys(b.pending)) {
		p := b.pending[id]
		if server == nil || p.server == server {
			delete(b.pending, id)
			close(p.response)
		}
	}
}

// accept takes a message that has arrived. run, if not nil, calls the handler and is called without the lock.
func (b *Bus) accept(m message) (run func()) {
	if b.closed {
		b.network.lost++
		return nil
	}
	if m.topic == "" {
		if p, ok := b.pending[m.request]; ok {
			delete(b.pending, m.request)
			p.response <- m.data
		}
		return nil
	}
	t := b.topics[m.topic]
	if t == nil {
		return nil
	}
	if len(t.queue) >= maxQueued {
		b.network.lost++
		return nil
	}
	t.queue = append(t.queue, m)
	if t.running {
		return nil
	}
	t.running = true
	b.running.Add(1)
	return func() { b.run(t) }
}

// run calls a handler for all messages that wait.
func (b *Bus) run(t *topic) {
	defer b.running.Done()
	for {
		b.network.mu.Lock()
		if len(t.queue) == 0 || b.closed {
			t.running = false
			b.network.mu.Unlock()
			return
		}
		m := t.queue[0]
		t.queue = t.queue[1:]
		b.network.mu.Unlock()
		t.receive(m.from.name, m.data, b.responder(m))
	}
}

// responder returns the function that responds to a message once. It does nothing for a published one.
func (b *Bus) responder(m message) func([]byte) {
	var responded atomic.Bool
	return func(data []byte) {
		if m.request == 0 || responded.Swap(true) {
			return
		}
		b.network.mu.Lock()
		defer b.network.mu.Unlock()
		if !b.closed {
			b.network.send(message{from: b, to: m.from, request: m.request, data: data})
		}
	}
}
