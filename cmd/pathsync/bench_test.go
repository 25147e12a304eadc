package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/server"
)

func TestBenchMeasuresAServerThatRequiresTokens(t *testing.T) {
	live(t, func(c *server.Config) { c.Auth, c.JWTSecret = "jwt", testSecret })
	t.Setenv("PATHSYNC_TOKEN", strings.TrimSpace(must(t, "", "token", "make", "--sub", "ada", "--match", "bench-*", "--jwt-secret", testSecret)))
	var results []measured
	if err := json.Unmarshal([]byte(must(t, "", "bench", "fanout", "--json", "--duration", "1s", "--scale", ".005")), &results); err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || results[0].Wrong != 0 || results[0].Values["batches/s"] < 1 || results[0].Values["deliveries/s"] < 5 || results[0].Values["POST to answer p50"] <= 0 {
		t.Errorf("%+v", results)
	}
}

func TestBenchTableHasWhatEachLoadMeasures(t *testing.T) {
	rows := benchTable([]measured{
		{Load: "fanout", Values: map[string]float64{"batches/s": 50.2, "deliveries/s": 50000, "POST to answer p50": 1.26, "POST to answer p99": 20, "POST to last reader p50": 8.9, "POST to last reader p99": 15.4}},
		{Load: "join", Wrong: 3, Values: map[string]float64{"seconds until all are up to date": 1.456}},
	})
	want := `LOAD BATCHES/S DELIVERIES/S POST p50 p99 READERS p50 p99 UP TO DATE WRONG
fanout 50 50000 1.3 20.0 8.9 15.4 – 0
join – – – – – – 1.46 s 3`
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = strings.Join(row, " ")
	}
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBenchSaysWhichLimitIsInTheWay(t *testing.T) {
	live(t, func(c *server.Config) { c.ClientBatches = 1 })
	s := call(t.Context(), "", "bench", "durable", "--duration", "2s")
	if s.code != exitFailed || !strings.Contains(s.stderr, "429") || !strings.Contains(s.stderr, "--client-batches 0") {
		t.Errorf("%+v", s)
	}
	for says, args := range map[string][]string{
		"no load": {"nonsense"}, "--duration must": {"--duration", "0s"}, "--scale must": {"--scale", "NaN"},
	} {
		if s := call(t.Context(), "", append([]string{"bench"}, args...)...); s.code != exitUsage || !strings.Contains(s.stderr, says) {
			t.Errorf("%v: %+v", args, s)
		}
	}
	away := scripted(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if s := call(t.Context(), "", "bench", "rooms", "--duration", "1s", "--scale", ".02", "--server", away.url); s.code != exitFailed {
		t.Errorf("%+v", s)
	}
}
