package feed

import (
	"fmt"
	"strings"
	"testing"
)

// The history has the events since a version, or reports that one of them is dropped, and keeps within its bound.
func TestHistoryReturnsAllEventsSinceAVersionOrNone(t *testing.T) {
	h := newPresenceHistory()
	versions := []string{h.version()}
	var all []string
	for i := range 500 {
		frame := fmt.Sprintf("[%d %s]", i, strings.Repeat("x", i*37%900))
		if i == 300 {
			frame = strings.Repeat("y", maxPresenceHistory+1)
		}
		all = append(all, frame)
		h.next()
		h.keep([]byte(frame))
		versions = append(versions, h.version())
		oldest := len(versions)
		for n, version := range versions {
			frames, ok := h.since(version)
			if !ok {
				if n > oldest {
					t.Fatalf("event %d: version %d is not known, and an older one is", i, n)
				}
				continue
			}
			oldest = min(oldest, n)
			if want := strings.Join(all[n:], ""); string(frames) != want {
				t.Fatalf("event %d: %d bytes since version %d, want %d", i, len(frames), n, len(want))
			}
		}
		if oldest > len(versions)-1 || len(h.frames) > maxPresenceHistory {
			t.Fatalf("event %d: the current version is not known, or the history has %d bytes", i, len(h.frames))
		}
	}
	h.forget()
	if _, ok := h.since(versions[len(versions)-2]); ok {
		t.Error("an event is known after forget")
	}
}
