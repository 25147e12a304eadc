package cluster

import (
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/pathsync/pathsync/tests/program"
)

// network connects the parts of a test: servers, database and balancer. Each part has a place of its own. In a network of
// namespaces, a place is a network namespace, and packets from one place to another pass the namespace of the tests, which can
// drop them by direction. Without namespaces, every place is the loopback interface, and nothing can be cut.
type network struct {
	router *router // nil without namespaces

	mu  sync.Mutex
	cut map[direction]bool
}

// place is where a part of a test runs.
type place struct {
	name string
	host string // its address
	ns   *namespace
}

// direction is what passes from one place to another.
type direction struct{ from, to *place }

func newNetwork(t *testing.T) *network {
	t.Helper()
	return &network{router: newRouter(t), cut: map[direction]bool{}}
}

// gatewayOf returns the router's address in the network of a place.
func (n *network) gatewayOf(p *place) *place {
	return &place{name: "the gateway of " + p.name, host: strings.TrimSuffix(p.host, "2") + "1"}
}

// canCut reports whether links between places can be cut.
func (n *network) canCut() bool { return n.router != nil }

// place returns a new place.
func (n *network) place(t *testing.T, name string) *place {
	t.Helper()
	if n.router == nil {
		return &place{name: name, host: "127.0.0.1"}
	}
	p := &place{name: name}
	p.ns, p.host = n.router.connect(t)
	return p
}

// drop drops all packets of some directions, until heal.
func (n *network) drop(t *testing.T, directions ...direction) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range directions {
		if !n.cut[d] {
			n.cut[d] = true
			n.router.drop(t, d)
		}
	}
}

// heal ends drop for some directions.
func (n *network) heal(t *testing.T, directions ...direction) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range directions {
		if n.cut[d] {
			delete(n.cut, d)
			n.router.heal(t, d)
		}
	}
}

// both returns both directions of a link.
func both(a, b *place) []direction { return []direction{{a, b}, {b, a}} }

// address returns a HOST:PORT of the place that is free.
func (p *place) address(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(program.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(p.host, port)
}

// start starts a program in the place. It ends with the test.
func (p *place) start(t *testing.T, environment []string, name string, args ...string) *program.Process {
	t.Helper()
	process := program.Prepare(name, args...)
	process.Cmd.Env = append(process.Cmd.Env, environment...)
	if p.ns != nil {
		process.Enter = p.ns.enter
	}
	return process.Start(t)
}

// launch starts a command in the place.
func (p *place) launch(cmd *exec.Cmd) error {
	if p.ns == nil {
		return cmd.Start()
	}
	return p.ns.run(cmd.Start)
}
