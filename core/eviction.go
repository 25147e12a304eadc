package core

import "time"

const (
	// clearEvery limits how often canOpenLocked looks for unused rooms while the hub is full.
	clearEvery = 100 * time.Millisecond
	// maxLooks limits the rooms that one pass looks at under the hub's lock.
	maxLooks = 1000
)

// canOpenLocked reports whether another room fits. It closes unused rooms early if necessary.
func (h *Hub) canOpenLocked(now time.Time) bool {
	if h.fullLocked() && now.Sub(h.cleared) >= clearEvery {
		h.cleared = now
		h.closeUnusedLocked(now)
	}
	if !h.fullLocked() {
		return true
	}
	if now.Sub(h.warned) >= time.Minute {
		h.warned = now
		h.cfg.Log.Warn("no further room can be opened: all open rooms are in use", "rooms", len(h.rooms), "bytes", h.used())
	}
	return false
}

// fullLocked reports whether the hub has reached MaxRooms or MemoryBudget.
func (h *Hub) fullLocked() bool { return len(h.rooms) >= h.cfg.MaxRooms || h.overBudget() }

// closeIdle closes the rooms that have been unused for a time and have no work left. Over the memory budget it closes all
// unused rooms.
func (h *Hub) closeIdle(now time.Time, idle time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.overBudget() {
		idle = 0
	}
	h.closeUnusedLocked(now.Add(-idle))
}

// closeUnusedLocked closes the rooms unused since a time or longer, the longest unused first. A room with work left, such as
// presence or a document row, counts as used now.
func (h *Hub) closeUnusedLocked(since time.Time) {
	now := time.Now()
	for range min(h.unused.Len(), maxLooks) {
		s := h.unused.Front().Value.(*slot)
		if s.unused.After(since) {
			return
		}
		if s.err != nil || s.room.closeIfIdle() {
			h.dropLocked(s)
			continue
		}
		h.unlistLocked(s)
		h.listUnusedLocked(s, now)
	}
}
