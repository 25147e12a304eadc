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

// writerAddress names the server that the test's own binary writes to, instead of running tests.
const writerAddress = "PATHSYNC_ATTACK_WRITER"

// writer is a process that sends small batches to a room one after the other, and says how each is answered and how long
// that took. It is a process of its own so that its requests do not wait behind the attackers in the tests' scheduler.
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

// end ends the writer.
func (w *writer) end() (p99, most time.Duration) {
	w.t.Helper()
	w.process.Signal(w.t, syscall.SIGTERM)
	w.process.Wait(w.t, 10*time.Second)
	var took []time.Duration
	for line := range strings.Lines(w.process.Stdout.String()) {
		var status int
		var nanoseconds int64
		if n, err := fmt.Sscan(line, &status, &nanoseconds); n != 2 || status != http.StatusOK {
			w.t.Errorf("a writer elsewhere says %q, %v", line, err)
		}
		took = append(took, time.Duration(nanoseconds))
	}
	slices.Sort(took)
	return took[len(took)*99/100], took[len(took)-1]
}

// write is the writer's process. It ends with a signal.
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
