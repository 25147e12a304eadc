package cluster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The secret of the cluster changes in the database between the starts of two servers. Both log the refusal, and what each commits
// reaches the readers of the other from the log.
func TestServerWithAnotherSecretIsRefusedAndUsesTheLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	one, two := c.servers[0], c.servers[1]
	one.start()
	result, err := c.openDatabase().ExecContext(t.Context(), "UPDATE sync_meta SET value = 'quite another secret' WHERE name = 'setting_cluster_secret'")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); n != 1 {
		t.Fatalf("%d secrets were changed, %v", n, err)
	}
	two.start()
	for _, s := range c.servers {
		s.wait("logs that the secrets differ", func() bool { return strings.Contains(s.process.Said(), "their secrets differ") })
		s.wait("reports that its bus does not reach the other", func() bool { return s.metric("pathsync_bus_healthy") == 0 })
	}
	for _, pair := range [][2]*server{{one, two}, {two, one}} {
		l := latencies(t, pair[0], pair[1], 20)
		t.Logf("from %s to %s: p50 %v, the longest %v", pair[0].place.name, pair[1].place.name, l[10], l[19])
	}
}

// wantOnlyPorts checks that a server listens where it was told to, and nowhere else.
func wantOnlyPorts(t *testing.T, s *server) {
	t.Helper()
	if _, err := os.Stat("/proc/self/net/tcp"); err != nil {
		t.Skip("skipped: no /proc/net/tcp")
	}
	got := listening(t, s.process.Cmd.Process.Pid)
	want := []string{s.address, s.peers}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s listens on %v, want %v", s.place.name, got, want)
	}
}

// listening returns the addresses on which a process listens for TCP connections.
func listening(t *testing.T, pid int) (addresses []string) {
	t.Helper()
	own := map[string]bool{}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if to, err := os.Readlink(file); err == nil {
			own[to] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			const listens, inode = "0A", 9
			if f := strings.Fields(lines.Text()); len(f) > inode && f[3] == listens && own["socket:["+f[inode]+"]"] {
				addresses = append(addresses, readAddress(t, f[1]))
			}
		}
	}
	return addresses
}

// readAddress reads an address as /proc/net/tcp has it: words in the byte order of the machine, and the port.
func readAddress(t *testing.T, text string) string {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	ip, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(ip, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	number, err := hex.DecodeString(port)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(net.IP(ip).String(), fmt.Sprint(binary.BigEndian.Uint16(number)))
}

// A batch that is larger than a message of the bus reaches the readers of other servers from the log.
func wantLargeBatchThroughLog(t *testing.T, from, to *server) {
	t.Helper()
	const fromLog = `pathsync_other_batches_total{source="log"}`
	events := followAt(t, to, "large")
	before := to.metric(fromLog)
	b := batchOf("ann", 1, 0)
	b.Ops = b.Ops[:2]
	b.Ops[1].Path, b.Ops[1].Value = "text", fmt.Appendf(nil, "%q", strings.Repeat("x", 2<<20))
	began := time.Now()
	submit(t, from, "large", b)
	t.Logf("a batch of 2 MiB was acknowledged after %v", time.Since(began))
	waitForBatch(t, events, 1)
	t.Logf("the reader had it after %v", time.Since(began))
	if got := to.metric(fromLog); got != before+1 {
		t.Errorf("%v batches were read from the log, want 1", got-before)
	}
}
