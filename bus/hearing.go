package bus

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	beatInterval = time.Second
	// hearingTimeout: a server without a heartbeat for this long is not heard.
	hearingTimeout = 3 * time.Second
	// minBeatInterval limits the heartbeats that are sent early because a server has appeared.
	minBeatInterval = 100 * time.Millisecond
)

// hearing knows which servers this one hears, and which of them hear it. It has no clock: callers pass the time. It is safe
// for concurrent use.
type hearing struct {
	self string

	mu       sync.Mutex
	expected []string // the other servers, by SetServers
	heard    map[string]beat
}

// beat is the last heartbeat of a server.
type beat struct {
	at      time.Time
	hearsUs bool
}

func newHearing(self string) *hearing { return &hearing{self: self, heard: map[string]beat{}} }

func (h *hearing) expect(servers []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expected = servers
}

// record records a heartbeat. It returns whether the sender should get one at once, because it is new or does not hear us.
func (h *hearing) record(now time.Time, sender string, hears []string) (respond bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, known := h.heard[sender]
	hearsUs := slices.Contains(hears, h.self)
	h.heard[sender] = beat{at: now, hearsUs: hearsUs}
	return !hearsUs || !known || now.Sub(last.at) >= hearingTimeout
}

// list returns the servers that are heard, and forgets the others.
func (h *hearing) list(now time.Time) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]string, 0, len(h.heard))
	for server, b := range h.heard {
		if now.Sub(b.at) >= hearingTimeout {
			delete(h.heard, server)
		} else {
			list = append(list, server)
		}
	}
	slices.Sort(list)
	return list
}

// count returns how many servers are expected, and with how many of them messages go both ways.
func (h *hearing) count(now time.Time) (expected, reached int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, server := range h.expected {
		if b, ok := h.heard[server]; ok && b.hearsUs && now.Sub(b.at) < hearingTimeout {
			reached++
		}
	}
	return len(h.expected), reached
}

// A heartbeat's data is the list of servers, separated by blanks.
func encodeBeat(servers []string) []byte { return []byte(strings.Join(servers, " ")) }

func decodeBeat(data []byte) []string { return strings.Fields(string(data)) }
