package cluster

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// The network itself: a cut of one direction drops its packets and no others, and sends no error.
func TestOneDirectionOfALinkIsCut(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	if !n.canCut() {
		t.Skip("skipped: no network namespaces")
	}
	a, b := n.place(t, "a"), n.place(t, "b")
	ends := [2]net.PacketConn{listenAt(t, a), listenAt(t, b)}
	arrives := func(from, to int, want bool) {
		t.Helper()
		if _, err := ends[from].WriteTo([]byte{1}, ends[to].LocalAddr()); err != nil {
			t.Errorf("sending: %v", err)
		}
		limit := 10 * time.Second
		if !want {
			limit = 100 * time.Millisecond
		}
		_ = ends[to].SetReadDeadline(time.Now().Add(limit))
		_, _, err := ends[to].ReadFrom(make([]byte, 10))
		if got := err == nil; got != want || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("from %d to %d: %v", from, to, err)
		}
	}
	arrives(0, 1, true)
	n.drop(t, direction{a, b})
	arrives(0, 1, false)
	arrives(1, 0, true)
	n.heal(t, direction{a, b})
	arrives(0, 1, true)
	arrives(1, 0, true)
}

func listenAt(t *testing.T, p *place) (conn net.PacketConn) {
	t.Helper()
	err := p.ns.run(func() (err error) {
		conn, err = net.ListenPacket("udp", p.host+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A killed test leaves no namespace behind: this process is in a namespace that has no name.
func TestNamespacesHaveNoNames(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	if !n.canCut() {
		t.Skip("skipped: no network namespaces")
	}
	n.place(t, "a")
	out, err := exec.Command("ip", "netns", "identify", strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil || len(out) > 1 {
		t.Errorf("the namespace of the tests has the name %q, %v", out, err)
	}
}
