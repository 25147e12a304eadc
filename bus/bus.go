package bus

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/pathsync/pathsync/core"
)

// Bus is one server's part of the bus. All methods are safe for concurrent use.
type Bus struct {
	name     string
	prefix   string // of all subjects
	log      *limitedLog
	codec    *codec
	hearing  *hearing
	outbox   *outbox
	requests *requests
	counters counters
	conn     *nats.Conn
	embedded *embedded // nil with an existing NATS

	// state of the connection, because the connection's own methods wait while it writes.
	stateMu    sync.Mutex // held while the state is read from the connection
	connected  atomic.Bool
	maxPayload atomic.Int64

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	beatSoon  chan struct{}  // has a token when a heartbeat should be sent before the next second
	running   sync.WaitGroup // goroutines of this bus, subscriptions, and the connection
	closeOnce sync.Once

	mu            sync.Mutex
	topics        map[string]bool
	subscriptions []*nats.Subscription
}

var _ core.Bus = (*Bus)(nil)

const (
	// closeTimeout limits how long Close waits for each of handlers, the connection and the embedded NATS.
	closeTimeout = 5 * time.Second
	// connectionTimeout limits connecting to NATS, and how long a connection may accept or send nothing.
	connectionTimeout = 2 * time.Second
	// defaultPayload is NATS' limit of a message until the connection tells it.
	defaultPayload = 1 << 20
	// Received messages of a topic that wait for the handler; further ones are dropped. There is one queue for published
	// messages and one for requests.
	maxWaiting      = 1 << 16
	maxWaitingBytes = 16 << 20

	topicHeartbeat = "heartbeat"
)

// Open starts a bus. It returns when the embedded NATS accepts connections of other servers, or after the first attempt to
// connect to an existing NATS, whether or not that has succeeded. ctx limits this.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	name := newName()
	hash := sha256.Sum256([]byte("pathsync bus of " + o.Database))
	b := &Bus{
		name: name, prefix: "pathsync." + hex.EncodeToString(hash[:8]),
		log:     newLimitedLog(o.Log),
		codec:   newCodec(o.Secret, o.Database, name, o.Epoch),
		hearing: newHearing(name), outbox: newOutbox(), requests: newRequests(),
		beatSoon: make(chan struct{}, 1), topics: map[string]bool{},
	}
	b.maxPayload.Store(defaultPayload)
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if o.URL == "" {
		var err error
		if b.embedded, err = startEmbedded(ctx, o, name, strings.ReplaceAll(b.prefix, ".", "-"), b.log); err != nil {
			b.cancel()
			return nil, fmt.Errorf("starting the embedded NATS: %w", err)
		}
	}
	if err := b.connect(o); err != nil {
		b.cancel()
		b.stopEmbedded()
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	b.running.Go(b.send)
	b.subscribe(b.subjectRe(name, "*", "*"), b.receiveResponse)
	b.handle(topicHeartbeat, b.receiveBeat)
	b.running.Go(b.sendBeats)
	return b, nil
}

// newName returns a random name. Keys and nonces depend on it, so it must never repeat.
func newName() string { return strings.ToLower(rand.Text()) }

// Server returns the name of this server: 26 letters and digits. It is new at each start.
func (b *Bus) Server() string { return b.name }

// Address returns the HOST:PORT at which other servers reach this one, and "" with an existing NATS.
func (b *Bus) Address() string {
	if b.embedded == nil {
		return ""
	}
	return b.embedded.address
}

// SetServers sets which servers the bus should reach, and their addresses. nodes are the descriptions of all servers, as
// core.Config.Servers receives them. This server's own description sets the epoch of its messages. It does not block.
func (b *Bus) SetServers(nodes []core.Node) {
	var servers, addresses []string
	for _, n := range nodes {
		if n.ID == b.name {
			if len(n.Epoch) <= maxEpoch {
				b.codec.epoch.Store(&n.Epoch)
			}
			continue
		}
		if n.Age < liveAge {
			servers = append(servers, n.ID)
		}
		if n.Address != "" {
			addresses = append(addresses, n.Address)
		}
	}
	b.hearing.expect(servers)
	if b.embedded != nil {
		b.embedded.setRoutes(addresses)
	}
}

// liveAge: the bus need not reach a server whose last heartbeat in the database is older. Its batches are in the log tail.
const liveAge = 5 * time.Second

// Healthy reports whether the bus is connected and reaches all servers of SetServers in both directions.
func (b *Bus) Healthy() bool {
	expected, reached := b.hearing.count(time.Now())
	return b.connected.Load() && expected == reached
}

// MaxMessage returns the largest size of the data of a message in bytes.
func (b *Bus) MaxMessage() int { return max(int(b.maxPayload.Load())-maxHead-maxPartHead, 0) }

// Close sends what is queued, ends the connection and the embedded NATS, and waits for running handlers, with a limit of a few
// seconds. Pending requests end with core.ErrNoAnswer. Handlers must not call it.
func (b *Bus) Close() {
	b.closeOnce.Do(func() {
		b.cancel()
		b.outbox.close()
		if !within(closeTimeout, b.running.Wait) {
			b.log.to.Error("the bus has not ended in time; its goroutines are left behind")
		}
		b.stopEmbedded()
	})
}

func (b *Bus) stopEmbedded() {
	if b.embedded != nil && !within(closeTimeout, b.embedded.close) {
		b.log.to.Error("the embedded NATS has not ended in time; its goroutines are left behind")
	}
}

// within runs wait and returns whether it has ended within a time.
func within(limit time.Duration, wait func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// connect opens the connection to NATS. It ends after everything that is queued has been sent.
func (b *Bus) connect(o Options) error {
	closed := make(chan struct{})
	options := []nats.Option{
		nats.Name("pathsync " + b.name), nats.NoEcho(), nats.SkipSubjectValidation(),
		nats.Timeout(connectionTimeout), nats.FlusherTimeout(connectionTimeout),
		nats.PingInterval(connectionTimeout), nats.MaxPingsOutstanding(2),
		// The bus reconnects forever. In the meantime messages are dropped, because other servers read them in the log.
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(500 * time.Millisecond), nats.ReconnectJitter(500*time.Millisecond, 500*time.Millisecond),
		nats.ConnectHandler(b.connectionOpened),
		nats.ReconnectHandler(b.connectionOpened),
		nats.DisconnectErrHandler(b.connectionLost),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.log.warn("nats: "+err.Error(), "NATS reports an error", "error", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }),
	}
	if b.embedded != nil {
		options = append(options, nats.InProcessServer(b.embedded.server))
	}
	conn, err := nats.Connect(o.URL, append(options, o.Connect...)...)
	if err != nil {
		return withoutURL(err)
	}
	b.conn = conn
	b.readState(conn)
	if !b.connected.Load() {
		b.log.to.Warn("NATS cannot be reached; retrying", "error", conn.LastError())
	}
	b.running.Go(func() { <-closed })
	return nil
}

// readState is called after each change of the connection's state.
func (b *Bus) readState(conn *nats.Conn) {
	b.stateMu.Lock()
	defer b.stateMu.Unlock()
	b.connected.Store(conn.IsConnected())
	if limit := conn.MaxPayload(); limit > 0 {
		b.maxPayload.Store(limit)
	}
}

func (b *Bus) connectionOpened(conn *nats.Conn) {
	b.readState(conn)
	b.log.to.Info("connected to NATS", "server", b.name)
	b.hurryBeat()
}

func (b *Bus) connectionLost(conn *nats.Conn, err error) {
	b.readState(conn)
	b.requests.failAll()
	if b.ctx.Err() == nil {
		b.log.to.Warn("the connection to NATS is lost; reconnecting", "error", err)
	}
}

// withoutURL removes URLs from an error, which may contain passwords.
func withoutURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil && strings.Contains(err.Error(), "://") {
		return inner
	}
	return err
}

// subscribe calls receive for each message of a subject, one after the other.
func (b *Bus) subscribe(subject string, receive func(*nats.Msg)) {
	b.running.Add(1)
	subscription, err := b.conn.Subscribe(subject, receive)
	if err != nil { // the connection is closed
		b.running.Done()
		return
	}
	subscription.SetClosedHandler(func(string) { b.running.Done() })
	if err := subscription.SetPendingLimits(maxWaiting, maxWaitingBytes); err != nil {
		b.log.to.Error("the queue of the bus has no limit", "subject", subject, slog.Any("error", err))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subscriptions = append(b.subscriptions, subscription)
}
