package proxies

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/tests/program"
)

// node is one of several servers on one database, in this process.
type node struct {
	api     *httpapi.Server
	http    *http.Server
	address string
	streams atomic.Int64 // requests for streams
	posts   atomic.Int64
	unready atomic.Bool // /readyz is 503
	drops   atomic.Bool // batches are received and their connections closed
}

func startNodes(t *testing.T, names ...string) (nodes map[string]*node) {
	store, network := memstore.New(), bustest.NewNetwork(bustest.Options{})
	nodes = map[string]*node{}
	for _, name := range names {
		n := &node{api: httpapi.New(httpapi.Config{Hub: core.Config{Store: store.Connect(), Bus: network.Join(name)}})}
		n.http = &http.Server{Handler: n.counts(name), ConnState: n.api.ConnState, ReadHeaderTimeout: patience}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n.address = listener.Addr().String()
		go func() { _ = n.http.Serve(listener) }()
		t.Cleanup(func() {
			n.stop()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := n.api.Hub().Close(ctx); err != nil {
				t.Error(err)
			}
		})
		nodes[name] = n
	}
	return nodes
}

// counts names the server in its responses.
func (n *node) counts(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server-Name", name)
		switch {
		case r.URL.Path == "/readyz" && n.unready.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case strings.HasSuffix(r.URL.Path, "/events"):
			n.streams.Add(1)
		case r.Method == http.MethodPost:
			n.posts.Add(1)
			if n.drops.Load() {
				_, _ = io.Copy(io.Discard, r.Body)
				panic(http.ErrAbortHandler)
			}
		}
		n.api.ServeHTTP(w, r)
	})
}

// stop ends the server: its streams end, and its address refuses connections.
func (n *node) stop() {
	n.api.Drain()
	_ = n.http.Close()
}

// balancer is a proxy in front of several servers.
type balancer struct {
	t   *testing.T
	url string
}

// startBalancer starts a proxy with the recipe for several servers.
func startBalancer(t *testing.T, p *proxy, recipe string, nodes map[string]*node) balancer {
	t.Helper()
	s := &site{proxy: p, dir: t.TempDir()}
	_, file := certify(t, s.dir)
	plain, secure := program.FreeAddress(t), program.FreeAddress(t)
	places := strings.NewReplacer("127.0.0.1:8081", nodes["two"].address, serverAt, nodes["one"].address, certificateAt, file, secureAt, secure,
		plainAt, plain, directoryAt, s.dir)
	write(t, s.path(p.file), places.Replace(read(t, "../../deploy/proxies/"+recipe)))
	if p.around != "" {
		write(t, s.path(p.around), places.Replace(read(t, "testdata/"+p.around)))
	}
	environment, args := p.start(t, s)
	ready(t, program.Start(t, s.dir, environment, p.programPath(), args...), plain)
	return balancer{t, "http://" + plain}
}

// request sends a request on a connection of its own.
func (b balancer) request(method, path, body string, header ...string) *http.Response {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	b.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Close = true
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// reached returns the servers that six requests reach. All of them must succeed.
func (b balancer) reached() map[string]int {
	b.t.Helper()
	names := map[string]int{}
	for range 6 {
		resp := b.request(http.MethodGet, "/v1/rooms/board", "")
		if resp.StatusCode != http.StatusOK {
			b.t.Fatalf("a request receives %s from %q", resp.Status, resp.Header.Get("Server-Name"))
		}
		names[resp.Header.Get("Server-Name")]++
	}
	return names
}

const room = "/v1/rooms/board"

func (b balancer) post(n int) int {
	b.t.Helper()
	body := fmt.Sprintf(`{"clientId":"ann","key":"default","ops":[{"op":"set","path":"n","value":%d}]}`, n)
	return b.request(http.MethodPost, room+"/ops", body).StatusCode
}

// events reads a stream until an event, and returns the names of all events with their ids.
func events(t *testing.T, stream *bufio.Scanner, until string) (names []string, id string) {
	t.Helper()
	for stream.Scan() {
		field, value, _ := strings.Cut(stream.Text(), ": ")
		switch field {
		case "event":
			names = append(names, value)
		case "id":
			id = value
		case "":
			if len(names) > 0 && names[len(names)-1] == until {
				return names, id
			}
		}
	}
	t.Fatalf("the stream ends after %q: %v", names, stream.Err())
	return nil, ""
}

func TestBalancersUseEveryServerThatIsReadyAndPostNoBatchTwice(t *testing.T) {
	for i, recipe := range []string{"nginx-cluster.conf", "haproxy-cluster.cfg"} {
		t.Run(recipe, func(t *testing.T) {
			t.Parallel()
			if !proxies[i].installed() {
				t.Skip("it is not installed")
			}
			nodes := startNodes(t, "one", "two")
			b := startBalancer(t, proxies[i], recipe, nodes)
			eventually(t, "requests reach both servers", func() bool { return len(b.reached()) == 2 })

			stream := bufio.NewScanner(b.request(http.MethodGet, room+"/events", "").Body)
			events(t, stream, "up-to-date")
			if status := b.post(1); status != http.StatusOK {
				t.Fatalf("a batch receives %d", status)
			}
			_, id := events(t, stream, "delta")

			used, other := "one", "two"
			if nodes["two"].streams.Load() > 0 {
				used, other = other, used
			}
			if proxies[i].name == "HAProxy" { // nginx has no active health checks
				nodes[used].unready.Store(true)
				eventually(t, "a server that is not ready gets no requests", func() bool { return b.reached()[other] == 6 })
			}
			nodes[used].stop()
			if n := b.reached()[other]; n != 6 {
				t.Errorf("%d of 6 requests reach the server that runs", n)
			}
			if status := b.post(2); status != http.StatusOK {
				t.Errorf("a batch receives %d after a server has ended", status)
			}
			resumed := bufio.NewScanner(b.request(http.MethodGet, room+"/events", "", "Last-Event-ID", id).Body)
			if names, _ := events(t, resumed, "up-to-date"); len(names) < 2 || names[0] != "delta" {
				t.Errorf("the resumed stream begins with %q", names)
			}
		})
		t.Run(recipe+", lost response", func(t *testing.T) {
			t.Parallel()
			if !proxies[i].installed() {
				t.Skip("it is not installed")
			}
			nodes := startNodes(t, "one", "two")
			b := startBalancer(t, proxies[i], recipe, nodes)
			for _, n := range nodes {
				n.drops.Store(true)
			}
			status := b.post(1)
			if posts := nodes["one"].posts.Load() + nodes["two"].posts.Load(); posts != 1 || status != http.StatusBadGateway {
				t.Errorf("the batch is posted %d times, and receives %d", posts, status)
			}
		})
	}
}
