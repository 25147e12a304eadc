package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestHistoryPrintsEveryBatchOnce(t *testing.T) {
	live(t)
	const batches = historyPage + 30
	var ops strings.Builder
	for i := range batches {
		fmt.Fprintf(&ops, `[{"op":"set","path":"n","value":%d}]`, i)
	}
	must(t, ops.String(), "apply", "r", "default")
	must(t, "", "set", "r", "other", "x", `"y"`)
	lines := strings.Split(strings.TrimSpace(must(t, "", "history", "r")), "\n")
	if len(lines) != batches+1 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines[:batches] {
		if fields := strings.Fields(line); fields[0] != fmt.Sprint(i+1) || !strings.HasSuffix(line, fmt.Sprintf("default  n = %d", i)) {
			t.Errorf("line %d: %s", i, line)
		}
	}
	last := must(t, "", "history", "r", "--last", "2", "--key", "other")
	if !regexp.MustCompile(`^ +131  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  [0-9a-f-]+  other  x = "y"\n$`).MatchString(last) {
		t.Errorf("%q", last)
	}
	if all := must(t, "", "history", "r", "--last", "1000", "--json"); strings.Count(all, "\n") != batches+1 || !json.Valid([]byte(strings.Split(all, "\n")[0])) {
		t.Errorf("%.300s", all)
	}
	if none := must(t, "", "history", "another", "--last", "3"); none != "" {
		t.Errorf("of an empty room: %q", none)
	}
}

func TestHistorySaysWhatToDoWhenTheLogWasPruned(t *testing.T) {
	server := scripted(t, refusal(http.StatusGone, "position_gone", false))
	s := call(t.Context(), "", "history", "r", "--server", server.url)
	if s.code != exitFailed || !strings.Contains(s.stderr, "--last") {
		t.Errorf("%+v", s)
	}
}
