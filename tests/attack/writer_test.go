package attack

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pathsync/pathsync/tests/program"
)

// writerAddress is the environment variable with the address of a server. If it is set, the test's binary is a writer.
const writerAddress = "PATHSYNC_ATTACK_WRITER"

// writer is a process that sends small batches to a room, one after the other, and prints the status and the latency of each.
// It is a separate process, so that its requests do not wait for attackers in the scheduler of the tests.
type writer struct {
	t       *testing.T
	process *program.Process
}

func startWriter(t *testing.T, address string) *writer {
	t.Helper()
	w := &writer{t, program.Start(t, "", []string{writerAddress + "=" + address}, os.Args[0])}
	w.process.Line(t, w.process.Stdout, "200 ") // the room is open
	return w
}

// end ends the writer and returns the latencies of its requests.
func (w *writer) end() (p99, longest time.Duration) {
	w.t.Helper()
	w.process.Signal(w.t, syscall.SIGTERM)
	w.process.Wait(w.t, 10*time.Second)
	var took []time.Duration
	for line := range strings.Lines(w.process.Stdout.String()) {
		var status int
		var nanoseconds int64
		if n, err := fmt.Sscan(line, &status, &nanoseconds); n != 2 || status != http.StatusOK {
			w.t.Errorf("the writer in another room printed %q, %v", line, err)
		}
		took = append(took, time.Duration(nanoseconds))
	}
	slices.Sort(took)
	return took[len(took)*99/100], took[len(took)-1]
}

// write is the main function of the writer's process. A signal ends it.
func write(address string) {
	client := &http.Client{Timeout: time.Minute}
	for n := 0; ; n++ {
		began, status := time.Now(), 0
		answer, err := client.Post("http://"+address+"/v1/rooms/elsewhere/ops", "application/json", strings.NewReader(set("k", "n", strconv.Itoa(n))))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		} else {
			status = answer.StatusCode
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		fmt.Println(status, time.Since(began).Nanoseconds())
		time.Sleep(10 * time.Millisecond)
	}
}
