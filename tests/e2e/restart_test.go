package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// startOnSocket starts a server on a socket that outlives it.
func startOnSocket(t *testing.T, flags ...string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	file := filepath.Join(t.TempDir(), "rooms.db")
	s := &server{t: t, address: listener.Addr().String(), database: "sqlite:" + file, file: file, flags: flags, socket: socket}
	s.api = api{url: "http://" + s.address, http: newHTTPClient(t)}
	s.start()
	return s
}

func TestRequestsWaitWhileAServerIsReplaced(t *testing.T) {
	t.Parallel()
	s := startOnSocket(t)
	s.set("board", "n", "1")
	s.stop()
	answered := make(chan error, 1)
	go func() {
		_, err := s.api.snapshot(t.Context(), "board")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("got a response without a server: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s.start()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// Servers replace each other on one socket, under load. No connection is refused or cut, and every response is 200. During a
// restart, responses take longer, and streams end with a `reconnect`.
func TestNoClientSeesAnErrorWhileServersReplaceEachOther(t *testing.T) {
	t.Parallel()
	clients, restarts := setting(t, "PATHSYNC_RESTART_CLIENTS", 30), setting(t, "PATHSYNC_RESTARTS", 3)
	const inRoom = 5
	s := startOnSocket(t, "--drain-spread", "300ms")
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	var (
		posted, returned, slowest atomic.Int64
		writing, reading          sync.WaitGroup
		enough                    = make(chan struct{})
		all                       []*referenceClient
	)
	for i := range clients {
		c := &referenceClient{api: s.api, id: fmt.Sprint("client-", i), replica: newReplica(fmt.Sprint("room-", i/inRoom)),
			posted: &posted, returned: &returned, slowest: &slowest}
		all = append(all, c)
		writing.Go(func() {
			if err := c.write(ctx, enough, time.Duration(clients)*2*time.Second/300); err != nil {
				fail(fmt.Errorf("%s writes: %w", c.id, err))
			}
		})
		reading.Go(func() {
			if err := c.read(ctx); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("%s reads: %w", c.id, err))
			}
		})
	}
	reaches := func(counter *atomic.Int64, goal int64) {
		eventually(t, func() error {
			if ctx.Err() != nil {
				t.Fatal(context.Cause(ctx))
			}
			if now := counter.Load(); now < goal {
				return fmt.Errorf("%d of %d", now, goal)
			}
			return nil
		})
	}
	n := int64(clients)
	reaches(&posted, 2*n)
	for range restarts {
		back := returned.Load() + n // read before any reader can reconnect
		s.stop()
		s.start()
		reaches(&returned, back) // every reader has reconnected
		reaches(&posted, posted.Load()+n)
	}
	close(enough)
	writing.Wait()
	for _, c := range all {
		last := s.snapshot(c.replica.room).ServerSeq
		eventually(t, func() error {
			if at := c.at.Load(); at < last && ctx.Err() == nil {
				return fmt.Errorf("%s is at %d of %d", c.id, at, last)
			}
			return nil
		})
	}
	if err := context.Cause(ctx); err != nil {
		t.Fatal(err)
	}
	fail(nil)
	reading.Wait()

	logged := 0
	for i := range (clients + inRoom - 1) / inRoom {
		logged += int(s.snapshot(fmt.Sprint("room-", i)).ServerSeq)
	}
	if logged != int(posted.Load()) {
		t.Errorf("%d batches were posted, and %d are logged", posted.Load(), logged)
	}
	for _, c := range all {
		s.sameState(c.replica)
		if c.replica.starts > 1 {
			t.Errorf("%s received whole state %d times", c.id, c.replica.starts)
		}
	}
	t.Logf("%d clients, %d restarts: %d batches, %d streams reconnected; the slowest response took %s", clients, restarts,
		posted.Load(), returned.Load(), time.Duration(slowest.Load()))
}

// referenceClient is a client that behaves like the published clients: it writes, follows its room, and reconnects after a
// `reconnect` event.
type referenceClient struct {
	api
	id      string
	replica *replica
	at      atomic.Int64 // the replica's serverSeq; other goroutines read it

	posted, returned, slowest *atomic.Int64 // of all clients
}

// write posts batches until the test stops it. As in browsers, the transport repeats a request whose connection closes
// before the response: the Idempotency-Key permits it, and the clientSeq makes the server apply the batch once.
func (c *referenceClient) write(ctx context.Context, enough <-chan struct{}, pace time.Duration) error {
	for n := int64(1); ; n++ {
		if !pause(ctx, pace/2+rand.N(pace)) {
			return nil
		}
		select {
		case <-enough:
			return nil
		default:
		}
		b := batch{ClientID: c.id, ClientSeq: n, Key: "default", Ops: []op{{Path: c.id, Op: "set", Value: []byte(fmt.Sprint(n))}}}
		began := time.Now()
		r, err := c.do(ctx, http.MethodPost, "/v1/rooms/"+c.replica.room+"/ops",
			http.Header{"Idempotency-Key": {fmt.Sprintf("%s-%d", c.id, n)}, "Content-Type": {"application/json"}}, b.encode())
		if err != nil {
			return err
		}
		if r.status != http.StatusOK {
			return r.problem()
		}
		c.posted.Add(1)
		took := int64(time.Since(began))
		for slowest := c.slowest.Load(); took > slowest && !c.slowest.CompareAndSwap(slowest, took); slowest = c.slowest.Load() {
		}
	}
}

// read follows the room. Each stream must end with a goodbye, the event `reconnect`.
func (c *referenceClient) read(ctx context.Context) error {
	for first := true; ; first = false {
		position := c.replica.position()
		s, err := c.open(ctx, c.replica.room, "clientId="+c.id, position)
		if err != nil {
			return err
		}
		c.replica.connect(position)
		after, err := c.follow(s, !first)
		s.close()
		if err != nil {
			return err
		}
		if !pause(ctx, after) {
			return nil
		}
	}
}

var errNoGoodbye = errors.New("the stream ended without a goodbye")

// follow reads one stream to its end, and returns the reconnect delay.
func (c *referenceClient) follow(s *stream, again bool) (after time.Duration, err error) {
	goodbye := false
	for {
		e, err := s.next()
		if err == io.EOF && goodbye {
			return after, nil
		}
		if err == io.EOF {
			return 0, errNoGoodbye
		}
		if err != nil {
			return 0, err
		}
		if err := c.replica.take(e); err != nil {
			return 0, err
		}
		c.at.Store(max(c.replica.seq, 0))
		switch e.name {
		case "up-to-date":
			if again {
				c.returned.Add(1)
			}
		case "reconnect":
			var told struct{ AfterMs int64 }
			if err := json.Unmarshal(e.data, &told); err != nil {
				return 0, err
			}
			goodbye, after = true, time.Duration(told.AfterMs)*time.Millisecond
		}
	}
}
