package bus

import (
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// Publish sends a message to all other servers. Messages that cannot be sent are dropped and counted.
func (b *Bus) Publish(topic string, data []byte) {
	if b.enqueue(address{subject: b.subjectAll(topic)}, data, nil) == "" {
		b.counters.published.Add(1)
	}
}

// enqueue encodes a message and appends it to the outbox. It returns why it is dropped. failed, if not nil, is called when the
// message is dropped later.
func (b *Bus) enqueue(to address, data []byte, failed func()) (why reason) {
	switch {
	case !b.connected.Load():
		why = disconnected
	case len(data) > b.MaxMessage():
		why = tooLarge
	default:
		why = b.outbox.put(outgoing{address: to, message: b.codec.encode(to, data), failed: failed})
	}
	if why != "" {
		b.counters.drop(why)
	}
	return why
}

// send is the goroutine that gives messages to the connection. After Close it sends the rest and closes the connection.
func (b *Bus) send() {
	for open := true; open; {
		<-b.outbox.wake
		var queue []outgoing
		queue, open = b.outbox.take()
		for _, m := range queue {
			b.sendOne(m)
		}
	}
	if b.conn.IsConnected() {
		_ = b.conn.FlushTimeout(time.Second) // what is lost is in the log
	}
	b.conn.Close()
	b.readState(b.conn)
	b.requests.failAll()
}

func (b *Bus) sendOne(m outgoing) {
	err := b.conn.PublishMsg(&nats.Msg{Subject: m.subject, Reply: m.reply, Data: m.message})
	if err == nil {
		return
	}
	if errors.Is(err, nats.ErrMaxPayload) {
		b.counters.drop(tooLarge)
	} else {
		b.counters.drop(disconnected)
	}
	if m.failed != nil {
		m.failed()
	}
}
