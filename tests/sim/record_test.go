package sim

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// records are what has happened in a run, by actor: the commits of a room, the answers of a client, the batches of a reader, the
// faults. Actors that act at the same moment have no order. They are safe for concurrent use.
type records struct {
	began time.Time

	mu sync.Mutex
	of map[string][]string
}

func (r *records) add(actor, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[actor] = append(r.of[actor], fmt.Sprintf("%d "+format, append([]any{time.Since(r.began).Nanoseconds()}, args...)...))
}

// lines returns all records with their actors, in the order of time and then of actors.
func (r *records) lines() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for actor, lines := range r.of {
		for i, line := range lines {
			at, what, _ := strings.Cut(line, " ")
			all = append(all, fmt.Sprintf("%15s %s %d %s", at, actor, i, what))
		}
	}
	slices.Sort(all)
	return all
}
