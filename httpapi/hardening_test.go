package httpapi_test

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// The tests in the files hardening_*_test.go are attacks, one each. The server answers each with a
// problem, its memory does not grow, and no room changes.

// harmless runs an attack, and expects that the rooms `target` and `neighbour` are unchanged and work.
func (s *server) harmless(t *testing.T, attack func()) {
	t.Helper()
	rooms := []string{"target", "neighbour"}
	before := make([]string, len(rooms))
	for i, room := range rooms {
		s.set(room, "treasure", `{"gold":1}`)
		before[i] = s.state(room)
	}
	attack()
	for i, room := range rooms {
		if after := s.state(room); after != before[i] {
			t.Errorf("the attack changed %s\nfrom %.500s\nto   %.500s", room, before[i], after)
		}
		s.set(room, "treasure.gold", "2")
		if after := s.state(room); !strings.Contains(after, `"gold":2`) {
			t.Errorf("%s takes no more changes: %.500s", room, after)
		}
	}
}

// flat expects that an attack leaves no memory behind, and that attack and test allocate at most a number of bytes,
// including garbage.
func flat(t *testing.T, bytes uint64, attack func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	attack()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > bytes {
		t.Errorf("the attack took %d bytes of memory, want at most %d", used, bytes)
	}
	const slack = 1 << 20
	eventually(t, "the memory is as before", func() bool {
		runtime.GC()
		runtime.ReadMemStats(&after)
		return after.HeapAlloc <= before.HeapAlloc+slack
	})
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(30 * time.Second); !is(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}
