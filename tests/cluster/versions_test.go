package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// edit is a change of a source file.
type edit struct{ file, from, to string }

// buildWith builds the program with changed source files. The files themselves do not change.
func buildWith(t *testing.T, build func(dir string, flags ...string) (string, error), edits ...edit) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for i, e := range edits {
		text, err := os.ReadFile(e.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), e.from); n != 1 {
			t.Fatalf("%s has %q %d times", e.file, e.from, n)
		}
		file := filepath.Join(dir, fmt.Sprint(i, ".go"))
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), e.from, e.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[e.file] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := build(dir, "-overlay", file)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// source returns the absolute path of a source file of this repository.
func source(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// buildNewer builds a program of the next version, which reads messages from a protocol version on. No release exists that could be
// the older one, so PATHSYNC_CLUSTER_OTHER may name another program, such as one that was built from an earlier commit.
func buildNewer(t *testing.T, oldest int) string {
	t.Helper()
	messages := source(t, "core/messages.go")
	return buildWith(t, program.BuildWith,
		edit{source(t, "version.go"), `Version = "`, `Version = "99.`},
		edit{messages, "Protocol       = 1\n	OldestProtocol = 1\n", fmt.Sprintf("Protocol       = 2\n	OldestProtocol = %d\n", oldest)})
}

// Servers are replaced by those of another version, one after the other, while clients write and read. In between, both versions use
// the bus.
func TestServersAreReplacedByThoseOfAnotherVersion(t *testing.T) {
	long(t)
	t.Parallel()
	other := os.Getenv("PATHSYNC_CLUSTER_OTHER")
	if other == "" {
		other = buildNewer(t, 1)
	}
	c := startCluster(t, 3)
	c.balance()
	began := time.Now()
	writing, stop := context.WithCancel(t.Context())
	defer stop()
	r := newRoom(t, c.front, "upgraded", began)
	r.run(writing, 4*patience)
	for i, s := range c.servers {
		s.terminate()
		if code := s.waitEnded(); code != 0 {
			t.Errorf("%s ended with code %d", s.place.name, code)
		}
		s.program = other
		s.start()
		c.waitTogether()
		t.Logf("%d of %d servers were replaced after %v", i+1, len(c.servers), time.Since(began))
		wait(writing, 2*time.Second)
	}
	stop()
	r.writers.Wait()
	r.end()
	c.judge(r)
}

// judge reports violations in the history of a room.
func (c *cluster) judge(r *room) {
	c.t.Helper()
	c.wantSameLog(r, c.servers)
	for _, violation := range judge(r.history) {
		c.t.Errorf("room %s: %s", r.name, violation)
	}
	c.t.Logf("%d batches, %d reads", len(r.log), len(r.reads))
}

// Two servers that do not read each other's messages log it, and what each commits reaches the readers of the other from the log.
func TestServersOfVersionsThatDoNotUnderstandEachOtherUseTheLog(t *testing.T) {
	long(t)
	t.Parallel()
	c := newCluster(t, 2)
	older, newer := c.servers[0], c.servers[1]
	newer.program = buildNewer(t, 2)
	older.start()
	newer.start()
	for _, s := range c.servers {
		s.wait("logs the other version", func() bool {
			return strings.Contains(s.process.Said(), "a server of another version is not used")
		})
	}
	for _, pair := range [][2]*server{{older, newer}, {newer, older}} {
		l := latencies(t, pair[0], pair[1], 20)
		t.Logf("from %s to %s: p50 %v, the longest %v", pair[0].place.name, pair[1].place.name, l[10], l[19])
	}
}

// A server does not start with tables of a version that it cannot use, and says so.
func TestServerRefusesTablesOfNewerVersion(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	one, two := c.servers[0], c.servers[1]
	one.start()
	if _, err := c.openDatabase().ExecContext(t.Context(), "UPDATE sync_meta SET value = '999' WHERE name IN ('schema_version', 'schema_oldest')"); err != nil {
		t.Fatal(err)
	}
	two.launch()
	if code := two.waitEnded(); code == 0 {
		t.Error("the server ended with code 0")
	}
	if said := two.process.Said(); !strings.Contains(said, "999") {
		t.Errorf("the server said: %s", said)
	}
	submit(t, one, "room", batchOf("ann", 1, 0)) // which runs already
}

// The clock of one server is an hour ahead. Only the times of the batches that it commits are.
func TestClockOfOneServerIsAnHourAhead(t *testing.T) {
	long(t)
	t.Parallel()
	c := newCluster(t, 3)
	ahead := c.servers[0]
	ahead.program = buildWith(t, func(dir string, flags ...string) (string, error) {
		return program.BuildWith(dir, append(flags, "-race=false")...) // with the race detector, everything would be compiled again
	}, edit{filepath.Join(goRoot(t), "src/time/time.go"), "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {", "	sec, nsec, mono := runtimeNow()\n	sec += 3600\n	if mono == 0 {"})
	for _, s := range c.servers {
		s.start()
	}
	c.balance()
	c.waitTogether()
	began := time.Now()
	writing, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var rooms []*room
	for i := range 6 {
		r := newRoom(t, c.front, fmt.Sprint("clock-", i), began)
		r.run(writing, 2*patience)
		rooms = append(rooms, r)
	}
	<-writing.Done()
	early, late := 0, 0
	for _, r := range rooms {
		r.writers.Wait()
		r.end()
		c.judge(r)
		for _, at := range c.times(r.name) {
			if time.Until(at) > 50*time.Minute {
				late++
			} else {
				early++
			}
		}
	}
	t.Logf("%d batches have the right time, %d one of the server that is ahead", early, late)
	if early == 0 || late == 0 {
		t.Error("not both clocks were used")
	}
	c.wantNobodyPresent(rooms, c.servers, time.Now())
}

// goRoot returns the directory of the Go distribution.
func goRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// times returns the times of the batches of a room.
func (c *cluster) times(room string) (all []time.Time) {
	c.t.Helper()
	rows, err := c.openDatabase().QueryContext(c.t.Context(), "SELECT server_ts FROM sync_change_log WHERE room = $1", room)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var at time.Time
		if err := rows.Scan(&at); err != nil {
			c.t.Fatal(err)
		}
		all = append(all, at)
	}
	if err := rows.Err(); err != nil {
		c.t.Fatal(err)
	}
	return all
}
