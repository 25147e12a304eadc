package bus

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// topic calls a handler for the messages of a topic.
type topic struct {
	name    string
	bus     *Bus
	mu      sync.Mutex // held while the handler runs: published messages and requests arrive in two goroutines
	receive func(from string, data []byte, respond func([]byte))
}

// Handle sets the function that receives the messages of a topic: lower-case letters, digits and "-". A topic has one
// function. Published messages and requests have a queue each, of 16 MiB; further messages are dropped. A panic of the function
// is logged.
func (b *Bus) Handle(name string, receive func(from string, data []byte, respond func([]byte))) {
	if name == topicHeartbeat {
		panic("the topic " + name + " is the bus' own")
	}
	b.handle(name, receive)
}

func (b *Bus) handle(name string, receive func(from string, data []byte, respond func([]byte))) {
	b.mu.Lock()
	if b.topics[name] || !validTopic(name) {
		b.mu.Unlock()
		panic(fmt.Sprintf("the topic %q has a handler, or is not lower-case letters, digits and '-'", name))
	}
	b.topics[name] = true
	b.mu.Unlock()
	t := &topic{name: name, bus: b, receive: receive}
	b.subscribe(b.subjectAll(name), t.serve)
	b.subscribe(b.subjectOf(b.name, name), t.serve)
}

func (b *Bus) subjectAll(topic string) string        { return b.prefix + ".all." + topic }
func (b *Bus) subjectOf(server, topic string) string { return b.prefix + ".to." + server + "." + topic }

// subjectRe is the subject of responses to asker.
func (b *Bus) subjectRe(asker, server, topic string) string {
	return b.prefix + ".re." + asker + "." + server + "." + topic
}

func validTopic(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != ""
}

func (t *topic) serve(m *nats.Msg) {
	sender, data, why := t.bus.codec.decode(address{m.Subject, m.Reply}, m.Data)
	if sender == t.bus.name && why == "" {
		return // an own message that came back
	}
	if why == "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		why = unbundle(data, func(id uint64, data []byte) { t.take(sender, data, t.bus.responder(m.Reply, id)) })
	}
	if why != "" {
		t.bus.refuse(sender, why)
	}
}

func (t *topic) take(sender string, data []byte, respond func([]byte)) {
	if t.name != topicHeartbeat {
		t.bus.counters.received.Add(1)
	}
	defer func() {
		if r := recover(); r != nil {
			t.bus.counters.panics.Add(1)
			t.bus.log.to.Error("the handler of a message panicked", "topic", t.name, "server", sender, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	t.receive(sender, data, respond)
}

// responder returns the function that responds to a request once. It does nothing if the message is not a request.
func (b *Bus) responder(reply string, id uint64) func([]byte) {
	var responded atomic.Bool
	return func(data []byte) {
		if reply != "" && !responded.Swap(true) {
			b.enqueue(outgoing{address: address{subject: reply}, id: id, data: data})
		}
	}
}
