package bus

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/bustest"
)

const (
	testEpoch  = "epoch-1"
	testSecret = "0123456789abcdef0123456789abcdef"
)

// logs collects what a bus logs.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// newBus opens a bus with the options that a test does not set.
func newBus(t *testing.T, o Options) *Bus {
	t.Helper()
	if o.URL == "" && o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Database == "" {
		o.Database = "database"
	}
	if o.Epoch == "" {
		o.Epoch = testEpoch
	}
	if o.Secret == nil {
		o.Secret = []byte(testSecret)
	}
	if o.Log == nil {
		var all logs
		o.Log = all.logger()
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(all.String())
			}
		})
	}
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func nodes(buses ...*Bus) (all []core.Node) {
	for _, b := range buses {
		all = append(all, core.Node{ID: b.Server(), Address: b.Address(), Epoch: *b.codec.epoch.Load()})
	}
	return all
}

func introduce(buses ...*Bus) {
	for _, b := range buses {
		b.SetServers(nodes(buses...))
	}
}

func openEmbedded(t *testing.T, servers int) []*Bus {
	t.Helper()
	var buses []*Bus
	for range servers {
		buses = append(buses, newBus(t, Options{}))
	}
	introduce(buses...)
	return buses
}

func asCore(buses []*Bus) (all []core.Bus) {
	for _, b := range buses {
		all = append(all, b)
	}
	return all
}

func eventuallyHealthy(t *testing.T, want bool, buses ...*Bus) {
	t.Helper()
	for _, b := range buses {
		bustest.Eventually(t, "the health of a server changes", func() bool { return b.Healthy() == want })
	}
}

// startNATS returns the URL of a NATS server of this process.
func startNATS(t *testing.T, change func(*natsserver.Options)) string {
	t.Helper()
	o := &natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true}
	change(o)
	s, err := natsserver.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(startTimeout) {
		t.Fatal("NATS does not start")
	}
	t.Cleanup(s.Shutdown)
	return s.ClientURL()
}

// debianNATS runs the nats-server of this machine, and skips the test if there is none.
func debianNATS(t *testing.T) (url string) {
	t.Helper()
	program := os.Getenv("PATHSYNC_TEST_NATS")
	if program == "" {
		var err error
		if program, err = exec.LookPath("nats-server"); err != nil {
			if program, err = exec.LookPath("/usr/sbin/nats-server"); err != nil {
				t.Skip("nats-server is not installed, and PATHSYNC_TEST_NATS does not name it")
			}
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "--addr", "127.0.0.1", "--port", port)
	command.Dir = t.TempDir()
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		command.Wait()
	})
	return "nats://127.0.0.1:" + port
}

// TestMain fails if goroutines of a bus or of NATS remain after all tests.
func TestMain(m *testing.M) {
	code := m.Run()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	for code == 0 && busGoroutines() != "" {
		select {
		case <-tick.C:
		case <-limit:
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", busGoroutines())
			code = 1
		}
	}
	os.Exit(code)
}

func busGoroutines() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for _, g := range strings.Split(string(stacks), "\n\n") {
		if (strings.Contains(g, "nats-io") || strings.Contains(g, "pathsync/bus.")) && !strings.Contains(g, "bus.TestMain") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}
