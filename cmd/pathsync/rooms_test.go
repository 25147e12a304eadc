package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/client"
)

func TestRoomsListsEveryRoom(t *testing.T) {
	live(t)
	must(t, "", "set", "b/ü", "default", "n", "12")
	must(t, "", "set", "a", "default", "n", "1")
	for _, args := range [][]string{{"rooms"}, {"rooms", "--open"}} {
		lines := strings.Split(strings.TrimSpace(must(t, "", args...)), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "READERS") {
			t.Fatalf("%q", lines)
		}
		if all := strings.Join(lines, "\n"); !strings.Contains(all, "b/ü") || !strings.Contains(all, "8 B") {
			t.Errorf("%s", all)
		}
	}
	if out := must(t, "", "rooms", "--limit", "1"); strings.Count(out, "\n") != 2 {
		t.Errorf("%q", out)
	}
	var room client.RoomInfo
	first, _, _ := strings.Cut(must(t, "", "rooms", "--json"), "\n")
	if err := json.Unmarshal([]byte(first), &room); err != nil || room.Room != "a" || room.ServerSeq != 1 || room.Documents != 1 {
		t.Errorf("%s: %+v, %v", first, room, err)
	}
}

func TestSizesHaveTheRightUnit(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KiB", 1536: "1.5 KiB", 100 << 10: "100 KiB", 1000 << 10: "1.0 MiB", 8 << 20: "8.0 MiB", 3 << 40: "3.0 TiB", 5 << 50: "5120 TiB",
	} {
		if got := formatBytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestStatsDescribesTheServer(t *testing.T) {
	live(t)
	must(t, "", "set", "a", "default", "n", "12")
	text := must(t, "", "stats")
	for _, want := range []string{"database    available", "rooms       1 open", "epoch "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	var stats client.Stats
	if err := json.Unmarshal([]byte(must(t, "", "stats", "--json")), &stats); err != nil || stats.Rooms != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	lines := fmt.Sprint(describeStats(client.Stats{Servers: 3}))
	if !strings.Contains(lines, "unavailable") || !strings.Contains(lines, "3 live servers; messages do not reach") {
		t.Error(lines)
	}
}
