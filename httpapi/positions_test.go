package httpapi

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePositions(t *testing.T) {
	for text, want := range map[string][]int64{
		"e-7":       {7},
		"e-_":       {nowhere},
		"e-12.7":    {12, 7},
		"e-_.0._":   {nowhere, 0, nowhere},
		"e-9.9.9.9": {9, 9, 9, 9},
		strings.Repeat("e", 44) + "-" + strings.Repeat("9223372036854775807.", 31) + "0": append(slices.Repeat([]int64{1<<63 - 1}, 31), 0),
	} {
		got, err := parsePositions(text, len(want))
		if err != nil || !slices.Equal(got.seqs, want) || string(got.append(nil)) != text {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestPositionsHaveOneTextAndOneForEachRoom(t *testing.T) {
	for _, text := range []string{
		"", "-", "e", "e-", "e-1", "e-1.", "e-.1", "e-1.2.3", "e-1,2", "e-1.2.", "e-01.2", "e-1.+2", "e-1.-1", "e-1.__", "e-1. 2", "e_-1.2",
		"e.f-1.2", "-1.2", "e-1-2", "e-1.9223372036854775808", "e-\u0661.1", "e-1.2\n", strings.Repeat("e", 90) + "-1.2",
	} {
		if p, err := parsePositions(text, 2); err == nil {
			t.Errorf("%.100q is read as %s", text, p.append(nil))
		}
	}
}

func TestAnEventMovesThePositionInItsRoomOnly(t *testing.T) {
	p := startAnew("e", 3)
	for _, step := range []struct {
		room     int
		id, want string
	}{{1, "e-4", "e-_.4._"}, {2, "e-0", "e-_.4.0"}, {1, "e-5", "e-_.5.0"}, {0, "e-9223372036854775807", "e-9223372036854775807.5.0"}} {
		if got := string(p.reach([]byte("id: "), step.room, []byte(step.id))); got != "id: "+step.want {
			t.Errorf("behind %s in room %d it is %q, want %s", step.id, step.room, got, step.want)
		}
	}
}

func TestNamingAPositionAllocatesNothing(t *testing.T) {
	p, dst, id := startAnew("history1", maxRooms), make([]byte, 0, 1<<10), []byte("history1-1234567")
	if n := testing.AllocsPerRun(100, func() { p.reach(dst, 7, id) }); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}
