package feed

import (
	"crypto/rand"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// presenceHistory is the latest `presence-change` events of a room with many clients. A reader that resumes gets those that it
// has missed instead of the list. Each event and each list has a version: that of the history and the number of the last
// event. The history is guarded by the room's lock.
type presenceHistory struct {
	id     string // of this history: another server has another one, and so has the room when it is opened again
	last   int64  // number of the last event
	frames []byte // of the latest events, oldest first. The bytes do not change, because readers share them
	ends   []int  // offsets in frames, of the end of each event
}

const (
	// manyClients is the number of clients in a room from which on lists have versions. It is cheap to send a shorter list.
	manyClients = 128
	// maxPresenceHistory is the maximum size of the events in bytes: twice the size of the list of manyClients.
	maxPresenceHistory = 16 << 10
)

func newPresenceHistory() presenceHistory { return presenceHistory{id: rand.Text()[:10]} }

// next numbers the next event.
func (h *presenceHistory) next() { h.last++ }

// keep adds the frame of the event that was numbered last. When there are too many bytes it drops events, more than
// necessary, so that this is rare.
func (h *presenceHistory) keep(frame []byte) {
	h.frames = append(h.frames, frame...)
	h.ends = append(h.ends, len(h.frames))
	if len(h.frames) <= maxPresenceHistory {
		return
	}
	n := sort.SearchInts(h.ends, len(h.frames)-maxPresenceHistory/2)
	begin := h.ends[n]
	h.frames, h.ends = slices.Clone(h.frames[begin:]), slices.Clone(h.ends[n+1:])
	for i := range h.ends {
		h.ends[i] -= begin
	}
}

// forget drops all events.
func (h *presenceHistory) forget() { h.frames, h.ends = nil, nil }

// since returns the events after a version. ok is false when the version is of another history, or an event is dropped.
func (h *presenceHistory) since(version string) (frames []byte, ok bool) {
	id, digits, _ := strings.Cut(version, "-")
	number, err := strconv.ParseInt(digits, 10, 64)
	missed := h.last - number
	if id != h.id || err != nil || missed < 0 || missed > int64(len(h.ends)) {
		return nil, false
	}
	if missed == 0 {
		return nil, true
	}
	begin := 0
	if first := len(h.ends) - int(missed); first > 0 {
		begin = h.ends[first-1]
	}
	return h.frames[begin:len(h.frames):len(h.frames)], true
}

// version returns the version of the list as of the last event.
func (h *presenceHistory) version() string { return h.id + "-" + strconv.FormatInt(h.last, 10) }

func (h *presenceHistory) bytes() int { return cap(h.frames) + 8*cap(h.ends) }
