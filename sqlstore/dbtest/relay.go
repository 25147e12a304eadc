package dbtest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Relay is a TCP proxy that simulates network failures. Its methods may be called at any time, from several goroutines. A
// failure lasts until Heal.
type Relay struct {
	Addr string // where it listens, host:port

	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	target string // of new connections
	cut    bool
	delay  time.Duration // of what passes, in each direction
	links  map[*link]bool
	flow   [2]chan struct{} // by direction; closed while bytes pass
	held   [2]int           // by direction; the connections on which bytes are kept back
	trips  int
}

type direction int

const (
	questions direction = iota // to the server
	answers                    // from it
)

// link is one connection through a relay.
type link struct {
	client, server *net.TCPConn
	gone           chan struct{} // closed when the connection is
	once           sync.Once
	asked          bool // the last bytes were to the server; the relay's lock guards it
}

// NewRelay starts a relay to the server at an address. It stops after the test.
func NewRelay(t testing.TB, addr string) *Relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{Addr: l.Addr().String(), target: addr, listener: l, links: map[*link]bool{}}
	for d := range r.flow {
		r.flow[d] = make(chan struct{})
		close(r.flow[d])
	}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		_ = l.Close()
		r.Cut()
		r.running.Wait()
	})
	return r
}

// Relayed starts a relay to the server of a URL, and returns it with the URL through the relay.
func Relayed(t testing.TB, dsn string) (*Relay, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the database's name is not a URL")
	}
	r := NewRelay(t, u.Host)
	u.Host = r.Addr
	return r, u.String()
}

// Cut closes all connections and refuses new ones.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	r.dropLocked()
}

// Reset resets all connections. It accepts new ones.
func (r *Relay) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked()
}

// Redirect connects new connections to the server at another address. Existing connections do not change.
func (r *Relay) Redirect(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = addr
}

// Stall keeps all connections open, and accepts new ones, but forwards nothing.
func (r *Relay) Stall() { r.stall(questions, answers) }

// StallAnswers forwards requests to the server, and holds its responses back.
func (r *Relay) StallAnswers() { r.stall(answers) }

// HoldsQuestions reports whether bytes to the server are held back.
func (r *Relay) HoldsQuestions() bool { return r.holds(questions) }

// HoldsAnswers reports whether bytes from the server are held back.
func (r *Relay) HoldsAnswers() bool { return r.holds(answers) }

func (r *Relay) holds(d direction) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[d] > 0
}

// RoundTrips returns how often a client has sent bytes since the server's last response, summed over all connections.
func (r *Relay) RoundTrips() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.trips
}

// count counts a round trip when the bytes that passed last on a connection had the other direction. It is called before bytes
// are forwarded, so a response is counted after its request.
func (r *Relay) count(l *link, d direction) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d == questions && !l.asked {
		r.trips++
	}
	l.asked = d == questions
}

// Delay delays everything by a duration in each direction; 0 for no delay.
func (r *Relay) Delay(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = d
}

// Heal ends all failures, and forwards what was held back.
func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = false
	for _, passing := range r.flow {
		select {
		case <-passing:
		default:
			close(passing)
		}
	}
}

func (r *Relay) stall(directions ...direction) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range directions {
		select {
		case <-r.flow[d]:
			r.flow[d] = make(chan struct{})
		default: // it is stalled already
		}
	}
}

// dropLocked resets all connections.
func (r *Relay) dropLocked() {
	for l := range r.links {
		l.drop()
		delete(r.links, l)
	}
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.serve(client.(*net.TCPConn)) })
	}
}

func (r *Relay) serve(client *net.TCPConn) {
	r.mu.Lock()
	target := r.target
	r.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = client.SetLinger(0)
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server.(*net.TCPConn), gone: make(chan struct{})}
	r.mu.Lock()
	if r.cut {
		l.drop()
	} else {
		r.links[l] = true
	}
	r.mu.Unlock()
	r.running.Go(func() { r.pump(l, l.client, l.server, questions) })
	r.pump(l, l.server, l.client, answers)
	r.mu.Lock()
	delete(r.links, l)
	r.mu.Unlock()
}

// pump forwards bytes until one side is closed, and closes the other.
func (r *Relay) pump(l *link, from io.Reader, to io.Writer, d direction) {
	type piece struct {
		bytes []byte
		due   time.Time
		err   error
	}
	pieces := make(chan piece, 256) // on their way
	r.running.Go(func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 64<<10)
			n, err := from.Read(buffer)
			r.mu.Lock()
			p := piece{buffer[:n], time.Now().Add(r.delay), err}
			r.mu.Unlock()
			select {
			case pieces <- p:
			case <-l.gone:
				return
			}
			if err != nil {
				return
			}
		}
	})
	defer l.drop()
	for p := range pieces {
		if wait := time.Until(p.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-l.gone:
				return
			}
		}
		if !r.pass(l, d) {
			return
		}
		if len(p.bytes) > 0 {
			r.count(l, d)
		}
		if _, failed := to.Write(p.bytes); failed != nil || p.err != nil {
			return
		}
	}
}

// pass returns true when bytes may be forwarded, and false when the connection is closed.
func (r *Relay) pass(l *link, d direction) bool {
	r.mu.Lock()
	passing := r.flow[d]
	select {
	case <-passing:
		r.mu.Unlock()
		return true
	default:
		r.held[d]++
		r.mu.Unlock()
	}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held[d]--
	}()
	select {
	case <-passing:
		return true
	case <-l.gone:
		return false
	}
}

// drop resets a connection.
func (l *link) drop() {
	l.once.Do(func() {
		close(l.gone)
		for _, side := range []*net.TCPConn{l.client, l.server} {
			_ = side.SetLinger(0)
			_ = side.Close()
		}
	})
}
