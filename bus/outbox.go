package bus

import "sync"

// Messages that wait for the connection. Beyond these bounds, messages are dropped.
const (
	maxOutboxMessages = 1 << 16
	maxOutboxBytes    = 16 << 20
)

// outgoing is a message that waits for the connection.
type outgoing struct {
	address
	id   uint64 // of the request, in requests and responses
	data []byte
}

// outbox keeps messages in order for the one goroutine that sends them, because sending may wait for the connection. It is
// safe for concurrent use.
type outbox struct {
	mu     sync.Mutex
	queue  []outgoing
	bytes  int
	closed bool
	wake   chan struct{} // has a token when there may be something to take
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put appends a message, and returns why it cannot.
func (o *outbox) put(m outgoing) reason {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return disconnected
	}
	if len(o.queue) >= maxOutboxMessages || o.bytes+len(m.data) > maxOutboxBytes {
		return bufferFull
	}
	o.queue = append(o.queue, m)
	o.bytes += len(m.data)
	o.signal()
	return ""
}

// take returns all messages, and whether there may be more later.
func (o *outbox) take() (queue []outgoing, open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue, o.queue, o.bytes = o.queue, nil, 0
	return queue, !o.closed
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
