package bus

import (
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// Publish sends a message to all other servers. Messages that cannot be sent are dropped and counted.
func (b *Bus) Publish(topic string, data []byte) {
	if b.enqueue(outgoing{address: address{subject: b.subjectAll(topic)}, data: data}) == "" {
		b.counters.published.Add(1)
	}
}

// enqueue appends a message to the outbox. It returns why it is dropped.
func (b *Bus) enqueue(m outgoing) (why reason) {
	switch {
	case !b.connected.Load():
		why = disconnected
	case len(m.data) > b.MaxMessage():
		why = tooLarge
	default:
		why = b.outbox.put(m)
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
		for _, bundle := range bundlesOf(queue, int(b.maxPayload.Load())-maxHead) {
			b.sendBundle(bundle)
		}
	}
	if b.conn.IsConnected() {
		_ = b.conn.FlushTimeout(time.Second) // what is lost is in the log
	}
	b.conn.Close()
	b.readState(b.conn)
}

func (b *Bus) sendBundle(m *bundle) {
	err := b.conn.PublishMsg(&nats.Msg{Subject: m.to.subject, Reply: m.to.reply, Data: b.codec.encode(m.to, m.data)})
	if err == nil {
		return
	}
	why := disconnected
	if errors.Is(err, nats.ErrMaxPayload) {
		why = tooLarge
	}
	for _, id := range m.ids {
		b.counters.drop(why)
		if m.to.reply != "" {
			b.requests.fail(id)
		}
	}
}
