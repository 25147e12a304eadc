package wire

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePositions(t *testing.T) {
	for text, want := range map[string][]int64{
		"e-7":       {7},
		"e-_":       {Nowhere},
		"e-12.7":    {12, 7},
		"e-_.0._":   {Nowhere, 0, Nowhere},
		"e-9.9.9.9": {9, 9, 9, 9},
		strings.Repeat("e", 44) + "-" + strings.Repeat("9223372036854775807.", 31) + "0": append(slices.Repeat([]int64{1<<63 - 1}, 31), 0),
	} {
		got, err := ParsePositions(text, len(want))
		if err != nil || !slices.Equal(got.Seqs, want) || string(got.Append(nil)) != text {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestOnlyCanonicalPositionsOfAllRoomsAreAccepted(t *testing.T) {
	for _, text := range []string{
		"", "-", "e", "e-", "e-1", "e-1.", "e-.1", "e-1.2.3", "e-1,2", "e-1.2.", "e-01.2", "e-1.+2", "e-1.-1", "e-1.__", "e-1. 2", "e_-1.2",
		"e.f-1.2", "-1.2", "e-1-2", "e-1.9223372036854775808", "e-\u0661.1", "e-1.2\n", strings.Repeat("e", 90) + "-1.2",
	} {
		if p, err := ParsePositions(text, 2); err == nil {
			t.Errorf("%.100q is read as %s", text, p.Append(nil))
		}
	}
}

func TestEventAdvancesThePositionInItsRoomOnly(t *testing.T) {
	p := NewPositions("e", 3)
	for _, step := range []struct {
		room     int
		id, want string
	}{{1, "e-4", "e-_.4._"}, {2, "e-0", "e-_.4.0"}, {1, "e-5", "e-_.5.0"}, {0, "e-9223372036854775807", "e-9223372036854775807.5.0"}} {
		if got := string(p.Advance([]byte("id: "), step.room, []byte(step.id))); got != "id: "+step.want {
			t.Errorf("behind %s in room %d it is %q, want %s", step.id, step.room, got, step.want)
		}
	}
}

func TestAdvanceDoesNotAllocate(t *testing.T) {
	p, dst, id := NewPositions("history1", MaxRooms), make([]byte, 0, 1<<10), []byte("history1-1234567")
	if n := testing.AllocsPerRun(100, func() { p.Advance(dst, 7, id) }); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}
