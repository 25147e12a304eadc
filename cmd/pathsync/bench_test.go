package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
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
	s := call(t.Context(), "", "bench", "durable", "--duration", "1h")
	if s.code != exitFailed || strings.Count(s.stderr, "429") != 1 || !strings.Contains(s.stderr, "0 for --client-batches") || !strings.Contains(s.stderr, "(rate_limited)") {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(s.stderr, "Rooms whose names begin with bench- remain") {
		t.Errorf("it does not say what remains: %+v", s)
	}
	for says, args := range map[string][]string{
		"no load": {"nonsense"}, "--duration must": {"--duration", "0s"}, "--scale must": {"--scale", "NaN"},
	} {
		if s := call(t.Context(), "", append([]string{"bench"}, args...)...); s.code != exitUsage || !strings.Contains(s.stderr, says) {
			t.Errorf("%v: %+v", args, s)
		}
	}
	if s := call(t.Context(), "", "bench", "rooms", "--server", scripted(t, refusal(http.StatusUnauthorized, "unauthorized", false)).url); s.code != exitFailed ||
		!strings.Contains(s.stderr, "status 401: No: because unauthorized (unauthorized)") {
		t.Errorf("a refused stream: %+v", s)
	}
	away := scripted(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if s := call(t.Context(), "", "bench", "rooms", "--duration", "1s", "--scale", ".02", "--server", away.url); s.code != exitFailed {
		t.Errorf("%+v", s)
	}
}

func TestInterruptedBenchPrintsTheLoadsThatAreComplete(t *testing.T) {
	target, err := url.Parse(live(t, func(c *server.Config) { c.ClientBatches = 0 }))
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") { // the second load has begun: the first has no readers
			interrupt()
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	var out, errs bytes.Buffer
	p := &program{stdout: newConsole(&out), stderr: newConsole(&errs)}
	code := p.run(ctx, []string{"bench", "durable", "rooms", "--duration", "1s", "--scale", ".02", "--json", "--server", proxy.URL})
	var results []measured
	if err := json.Unmarshal(out.Bytes(), &results); err != nil || code != exitInterrupted || len(results) != 1 || results[0].Load != "durable" {
		t.Errorf("exit %d, %s, %s", code, out.String(), errs.String())
	}
	if !strings.Contains(errs.String(), "remain") {
		t.Errorf("%s", errs.String())
	}
}
