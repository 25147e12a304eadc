package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/memstore"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/metrics"
	"github.com/pathsync/pathsync/sse"
)

// scrape sends a request as Prometheus does.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// wantSeries expects series with their values.
func wantSeries(t *testing.T, m *metrics.Metrics, want map[string]float64) {
	t.Helper()
	got := map[string]float64{}
	for line := range strings.Lines(scrape(t, m)) {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			got[line[:at]], _ = strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		}
	}
	for series, value := range want {
		if have, ok := got[series]; !ok || have != value {
			t.Errorf("%s is %v, want %v", series, have, value)
		}
	}
}

// watched returns the metrics of a new hub.
func watched(t *testing.T) (*metrics.Metrics, *core.Hub) {
	t.Helper()
	m := metrics.New()
	store := memstore.New()
	api := httpapi.New(httpapi.Config{
		Hub: core.Config{Store: store, Metrics: m}, Feeds: feed.Config{Metrics: m},
	})
	hub := api.Hub()
	t.Cleanup(func() {
		if err := hub.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	m.Watch(api)
	m.WatchBus(testBus{})
	return m, hub
}

type testBus struct{}

func (testBus) Messages() (sent, received uint64, dropped map[string]uint64) {
	return 3, 4, map[string]uint64{"other_secret": 5}
}

func TestMessagesOfTheBusAreCounted(t *testing.T) {
	m, _ := watched(t)
	wantSeries(t, m, map[string]float64{
		`pathsync_bus_messages_total{direction="sent"}`:     3,
		`pathsync_bus_messages_total{direction="received"}`: 4,
		`pathsync_bus_dropped_total{reason="other_secret"}`: 5,
	})
}

func TestBatchesAndOpsAreCountedByResult(t *testing.T) {
	m := metrics.New()
	op := core.LoggedOp{Kind: tree.Set, Path: "x", Value: "1"}
	late := core.LoggedOp{Kind: tree.Delete, Path: "x", Discarded: tree.NotFound}
	m.Committed([]*core.Batch{{Ops: []core.LoggedOp{op, op, late}}, {Ops: []core.LoggedOp{op}}}, 3*time.Millisecond)
	m.Repeated()
	m.Checkpointed(7, time.Millisecond)
	m.Retried()
	m.Rejected()
	m.Contradicted()
	m.CaughtUp(3, false)
	m.CaughtUp(2, true)
	m.Delivered(4 * time.Millisecond)
	wantSeries(t, m, map[string]float64{
		`pathsync_batches_total{result="committed"}`:    2,
		`pathsync_batches_total{result="repeated"}`:     1,
		`pathsync_ops_total{result="applied"}`:          3,
		`pathsync_ops_total{result="not_found"}`:        1,
		`pathsync_ops_total{result="too_large"}`:        0,
		`pathsync_commit_seconds_count`:                 1,
		`pathsync_commit_seconds_sum`:                   0.003,
		`pathsync_commit_batches_bucket{le="1"}`:        0,
		`pathsync_commit_batches_bucket{le="4"}`:        1,
		`pathsync_checkpoint_rows_total`:                7,
		`pathsync_checkpoint_seconds_count`:             1,
		`pathsync_database_retries_total`:               1,
		`pathsync_batches_rejected_total`:               1,
		`pathsync_database_contradictions_total`:        1,
		`pathsync_other_batches_total{source="bus"}`:    3,
		`pathsync_other_batches_total{source="log"}`:    2,
		`pathsync_delivery_seconds_bucket{le="0.0025"}`: 0,
		`pathsync_delivery_seconds_bucket{le="0.005"}`:  1,
	})
}

func TestAnswersAreCountedByRouteAndProblemsByCode(t *testing.T) {
	m := metrics.New()
	m.Answered("GET /v1/rooms/{room}", 200, time.Second)
	m.Answered("GET /v1/rooms/{room}", 304, time.Second)
	m.Answered("", 404, time.Second)
	m.Refused(problem.RouteNotFound)
	wantSeries(t, m, map[string]float64{
		`pathsync_request_seconds_count{route="GET /v1/rooms/{room}",status="2xx"}`: 1,
		`pathsync_request_seconds_count{route="GET /v1/rooms/{room}",status="3xx"}`: 1,
		`pathsync_request_seconds_count{route="none",status="4xx"}`:                 1,
		`pathsync_problems_total{code="not_found"}`:                                 1,
		`pathsync_problems_total{code="internal"}`:                                  0,
	})
}

func TestStreamsAreCountedByCause(t *testing.T) {
	m := metrics.New()
	want := map[string]float64{"pathsync_streams_started_total": 6}
	for name, cause := range map[string]error{"gone": sse.ErrGone, "lagged": sse.ErrLagged, "stalled": sse.ErrStalled,
		"unexpected_data": sse.ErrUnexpectedData, "ended": sse.ErrEnded, "closed": sse.ErrClosed} {
		m.StreamStarted()
		m.StreamEnded(fmt.Errorf("%w: some detail", cause))
		want[`pathsync_streams_ended_total{cause="`+name+`"}`] = 1
	}
	wantSeries(t, m, want)
}

func TestGaugesAreReadAtEachScrape(t *testing.T) {
	m, hub := watched(t)
	wantSeries(t, m, map[string]float64{"pathsync_rooms": 0, "pathsync_streams": 0, "pathsync_feed_bytes": 0,
		"pathsync_memory_bytes": 0, "pathsync_queued_bytes": 0, "pathsync_checkpoint_lag_seconds": 0, "pathsync_database_up": 1,
		"pathsync_log_page_reads_total": 0})
	_, release, err := hub.Room(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	wantSeries(t, m, map[string]float64{"pathsync_rooms": 1, "pathsync_memory_bytes": float64(hub.Stats().MemoryBytes)})
	if hub.Stats().MemoryBytes == 0 {
		t.Error("a room takes no memory")
	}
}

func TestNamesFollowTheConventionsOfPrometheus(t *testing.T) {
	m, _ := watched(t)
	m.Answered("GET /", 200, time.Second)
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "pathsync_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// Metrics on hot paths must not allocate.
func TestMeasuringAllocatesNothing(t *testing.T) {
	m := metrics.New()
	batches := []*core.Batch{{Ops: []core.LoggedOp{{Kind: tree.Set, Path: "x", Value: "1"}, {Discarded: tree.NotFound}}}}
	if n := testing.AllocsPerRun(100, func() {
		m.Committed(batches, time.Millisecond)
		m.Delivered(time.Millisecond)
		m.Answered("POST /v1/rooms/{room}/ops", 200, time.Millisecond)
		m.Refused(problem.InvalidName)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
