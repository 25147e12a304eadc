package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pathsync/pathsync/client"
)

// A server's machine loses its network after the database has inserted a batch, and before it has the rest of the transaction. The
// database does not notice that by itself for two hours. Until then the rows block the room for all servers.
func TestServerThatVanishesInTransactionDoesNotBlockRoom(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	if !c.network.canCut() {
		t.Skip("skipped: no network namespaces")
	}
	vanishing, other := c.servers[0], c.servers[1]
	gateway := c.network.gatewayOf(c.storage)
	relay := newHalfRelay(t, c.database.Addr, "half of it", func() { c.network.drop(t, direction{gateway, c.storage}) })
	vanishing.database = strings.Replace(vanishing.database, c.database.Addr, relay.address(c.network.gatewayOf(vanishing.place)), 1)
	vanishing.start()
	submit(t, vanishing, "room", batchOf("ann", 1, 0))
	ctx, cancel := context.WithCancel(t.Context())
	var posting sync.WaitGroup
	posting.Go(func() { // it is never answered
		b := batchOf("ann", 2, 1)
		b.Ops = append(b.Ops, client.Op{Path: "text", Op: "set", Value: []byte(`"half of it"`)})
		_, _ = newClient(t, vanishing).Submit(ctx, "room", b)
	})
	vanishing.wait("has sent a part of its transaction", relay.cut.Load)
	vanishing.kill()
	cancel()
	posting.Wait()

	other.start()
	began := time.Now()
	submit(t, other, "room", batchOf("bob", 1, 0))
	t.Logf("a batch at another server took %v", time.Since(began))
}

// halfRelay forwards connections to PostgreSQL, until a transaction has a text. Of that, it forwards all except the end.
type halfRelay struct {
	listener net.Listener
	target   string
	text     []byte
	onCut    func()
	cut      atomic.Bool
	accepted chan struct{} // closed when no connection is accepted any more
	conns    []net.Conn    // only the goroutine that accepts them uses these until then
	running  sync.WaitGroup
}

// newHalfRelay starts a relay. It stops after the test.
func newHalfRelay(t *testing.T, target, text string, onCut func()) *halfRelay {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	r := &halfRelay{listener: l, target: target, text: []byte(text), onCut: onCut, accepted: make(chan struct{})}
	go r.accept()
	t.Cleanup(r.close)
	return r
}

func (r *halfRelay) accept() {
	defer close(r.accepted)
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.DialTimeout("tcp", r.target, time.Second)
		if err != nil {
			_ = from.Close()
			continue
		}
		r.conns = append(r.conns, from, to)
		r.running.Go(func() { _, _ = io.Copy(from, to) })
		r.running.Go(func() { r.forward(from, to) })
	}
}

func (r *halfRelay) close() {
	_ = r.listener.Close()
	<-r.accepted
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.running.Wait()
}

func (r *halfRelay) address(host *place) string {
	return net.JoinHostPort(host.host, strings.TrimPrefix(r.listener.Addr().String(), "[::]:"))
}

// forward forwards the messages of a client one after the other. Sync ends a transaction.
func (r *halfRelay) forward(from io.Reader, to net.Conn) {
	found := false
	for typed := 0; ; typed = 1 { // the first message has no type
		message := make([]byte, typed+4)
		if _, err := io.ReadFull(from, message); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(message[typed:])-4)
		if _, err := io.ReadFull(from, rest); err != nil {
			return
		}
		found = found || bytes.Contains(rest, r.text)
		if found && message[0] == 'S' && typed == 1 {
			// The database gets the messages before this one when it is asked to flush.
			_, _ = to.Write([]byte{'H', 0, 0, 0, 4})
			time.Sleep(100 * time.Millisecond)
			r.onCut()
			r.cut.Store(true)
			return
		}
		if _, err := to.Write(append(message, rest...)); err != nil {
			return
		}
	}
}
