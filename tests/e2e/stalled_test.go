package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAStalledReaderDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--feed-bytes", "262144", "--presence-timeout-ms", "100")
	watcher := s.watch("board")
	others := []*reader{s.watch("board"), s.watch("board"), s.watch("attic")}
	const stalled = 10
	for i := range stalled {
		id := fmt.Sprintf("stalled-%d", i)
		s.stall("board", "clientId="+id)
		watcher.joins(id)
	}

	// The events for each of them are far larger than the kernel's buffers. The server would have to keep the rest, were
	// its queues not bounded.
	const size, count = 64 << 10, 320
	before, known := s.memory()
	value := strings.Repeat("x", size)
	for i := range count {
		began := time.Now()
		s.set("board", "big", fmt.Sprintf(`"%d %s"`, i, value))
		for _, r := range others[:2] {
			r.reaches(int64(i) + 1)
		}
		if took := time.Since(began); took > patience/6 {
			t.Fatalf("batch %d took %s to the other readers", i+1, took)
		}
	}
	s.set("attic", "n", "1")
	others[2].reaches(1)
	if after, _ := s.memory(); known && after-before > stalled*size*count/2 {
		t.Errorf("the server has grown from %d to %d MiB", before>>20, after>>20)
	}

	// The server ends their streams, and with them their presence.
	for left := 0; left < stalled; {
		left += len(watcher.change().Left)
	}
	for _, r := range others {
		s.sameState(r.replica)
	}
	watcher.reaches(count)
	s.sameState(watcher.replica)
}

// memory returns the resident memory of the server in bytes. It needs /proc.
func (s *server) memory() (bytes int64, known bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Cmd.Process.Pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(size)[0], 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
