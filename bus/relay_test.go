package bus

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/pathsync/pathsync/core/bustest"
)

// relay forwards connections to an address. Each direction can be stalled: bytes are then read and discarded.
type relay struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu             sync.Mutex
	toTarget, back bool // not stalled
	connections    []net.Conn
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, target: target, toTarget: true, back: true}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		listener.Close()
		r.mu.Lock()
		for _, c := range r.connections {
			c.Close()
		}
		r.mu.Unlock()
		r.running.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

// set says which directions transport bytes.
func (r *relay) set(toTarget, back bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.toTarget, r.back = toTarget, back
}

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", r.target)
		if err != nil {
			in.Close()
			continue
		}
		r.mu.Lock()
		r.connections = append(r.connections, in, out)
		r.mu.Unlock()
		r.running.Go(func() { r.copy(out, in, &r.toTarget) })
		r.running.Go(func() { r.copy(in, out, &r.back) })
	}
}

func (r *relay) copy(to, from net.Conn, open *bool) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		r.mu.Lock()
		forward := *open
		r.mu.Unlock()
		if !forward {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil && err != io.EOF {
			return
		}
	}
}

func TestCutConnectionIsNoticedByBothAndHeals(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]struct{ toTarget, back bool }{
		"one direction":       {false, true},
		"the other direction": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newBus(t, Options{}), newBus(t, Options{})
			r := newRelay(t, a.Address())
			// b connects to a through the relay, and a does not connect to b.
			described := nodes(a, b)
			described[0].Address, described[1].Address = r.address(), ""
			a.SetServers(described)
			b.SetServers(described)
			eventuallyHealthy(t, true, a, b)
			r.set(open.toTarget, open.back)
			eventuallyHealthy(t, false, a, b)
			r.set(true, true)
			eventuallyHealthy(t, true, a, b)
			var box received
			a.Handle("news", box.handle)
			bustest.Connect(t, a, b)
			b.Publish("news", nil)
			bustest.Eventually(t, "messages arrive again", func() bool { return box.count() == 1 })
		})
	}
}

// While the connection accepts nothing, the rest of the server continues.
func TestPublishDropsMessagesThatTheConnectionDoesNotAccept(t *testing.T) {
	t.Parallel()
	url := startNATS(t, func(*natsserver.Options) {})
	r := newRelay(t, strings.TrimPrefix(url, "nats://"))
	a, b := newBus(t, Options{URL: "nats://" + r.address()}), newBus(t, Options{URL: url})
	introduce(a, b)
	eventuallyHealthy(t, true, a, b)

	r.mu.Lock() // nothing is read
	large := make([]byte, a.MaxMessage())
	for range 4 * maxOutboxBytes / len(large) {
		a.Publish("news", large)
	}
	dropped := a.Stats().Dropped
	r.mu.Unlock()
	if dropped["buffer_full"] == 0 {
		t.Errorf("dropped: %v", dropped)
	}
	eventuallyHealthy(t, true, a, b)
}
