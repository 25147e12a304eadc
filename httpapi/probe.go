package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/origin"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/sse"
)

// A probe shows what proxies between a client and the server do to requests and streams. It uses the code of rooms, so its
// results apply to them. It needs no authentication: proxies are examined before tokens work, and a probe returns only
// what its own request contains.

// Limits of probes.
const (
	maxProbes        = 64 // at the same time, of all clients
	maxProbeBytes    = 1 << 20
	maxProbeSeconds  = 300 // longer than the usual timeouts of proxies
	maxProbeEvents   = 100
	minProbeInterval = 50 // milliseconds
	maxProbeInterval = 10_000
)

// beginProbe counts a probe until release is called.
func (s *Server) beginProbe() (release func(), err error) {
	select {
	case s.probes <- struct{}{}:
		return func() { <-s.probes }, nil
	default:
		return nil, problem.New(problem.Overloaded, "too many probes are running")
	}
}

// receivedRequest describes a request as the server received it.
type receivedRequest struct {
	ID        string   `json:"id"` // of this response; a repeated id shows that a cache answered
	Protocol  string   `json:"protocol"`
	Host      string   `json:"host"`
	Forwarded []string `json:"forwarded"` // names of headers that proxies add, without their values, which show the network
}

// proxyHeaders are headers that proxies add.
var proxyHeaders = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func describe(r *http.Request) receivedRequest {
	d := receivedRequest{ID: uuid.NewString(), Protocol: r.Proto, Host: origin.Host(r), Forwarded: []string{}}
	for _, name := range proxyHeaders {
		if len(r.Header.Values(name)) > 0 {
			d.Forwarded = append(d.Forwarded, name)
		}
	}
	return d
}

// postProbe describes a request that has a name in its path, and a body.
func (s *Server) postProbe(w *response, r *request) error {
	if strings.Contains(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/probe/"), "/") { // the last parameter of a route may contain slashes
		return problem.New(problem.RouteNotFound, "")
	}
	release, err := s.beginProbe()
	if err != nil {
		return err
	}
	defer release()
	name, err := r.pathName("name", core.MaxRoomLength)
	if err != nil {
		return err
	}
	body, err := s.readBody(w, r, min(maxProbeBytes, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	if !json.Valid(body) {
		return problem.New(problem.InvalidJSON, "")
	}
	return w.encode(struct {
		receivedRequest
		Name  string `json:"name"`
		Bytes int    `json:"bytes"`
	}{describe(r.Request), name, len(body)})
}

// probePlan is the plan of a stream of timed events.
type probePlan struct {
	Seconds    int `json:"seconds"`    // until the stream ends
	Events     int `json:"events"`     // at most; heartbeats follow
	IntervalMs int `json:"intervalMs"` // before each event
}

func parseProbePlan(r *request) (p probePlan, err error) {
	if err := r.checkQuery(problem.InvalidParameter); err != nil {
		return p, err
	}
	if p.Seconds, err = r.queryInt("seconds", 10, 1, maxProbeSeconds); err != nil {
		return p, err
	}
	if p.Events, err = r.queryInt("events", 10, 0, maxProbeEvents); err != nil {
		return p, err
	}
	p.IntervalMs, err = r.queryInt("intervalMs", 1000, minProbeInterval, maxProbeInterval)
	return p, err
}

// getProbe opens a stream of timed events.
func (s *Server) getProbe(w *response, r *request) error {
	plan, err := parseProbePlan(r)
	if err != nil {
		return err
	}
	releaseProbe, err := s.beginProbe()
	if err != nil {
		return err
	}
	releaseStream, err := s.limits.OpenStream(&r.sender)
	if err != nil {
		releaseProbe()
		return err
	}
	r.Header.Del("Accept-Encoding") // so that a compressed stream was compressed by a proxy
	stream, err := s.feeds.Open(w, r.Request)
	if err != nil {
		releaseStream()
		releaseProbe()
		return err
	}
	ended := w.becomes(stream)
	start := feed.Frame("probe-start", struct {
		receivedRequest
		probePlan
		LastEventID string `json:"lastEventId"`
	}{describe(r.Request), plan, lastEventID(r)})
	events := s.feeds.NewFeed(probeFeedBytes, 0)
	beginning := events.End()
	ticker := startProbeTicker(events, plan)
	stream.Start(sse.Plain(preamble(), start), events, beginning, func(cause error) {
		ticker.stop()
		s.feeds.Forget(events)
		releaseStream()
		releaseProbe()
		ended(cause)
	})
	return nil
}

// probeFeedBytes suffices for all events of a probe.
const probeFeedBytes = 64 << 10

// lastEventID returns the header of that name as it was received, if it is an event id.
func lastEventID(r *request) string {
	text := r.Header.Get("Last-Event-ID")
	if _, err := wire.ParseEventID(text); err != nil {
		return ""
	}
	return text
}

// probeTicker appends the events of a probe to its feed, each at its time.
type probeTicker struct {
	feed   *sse.Feed
	began  time.Time
	cancel context.CancelFunc
	done   chan struct{}
}

func startProbeTicker(feed *sse.Feed, plan probePlan) *probeTicker {
	ctx, cancel := context.WithCancel(context.Background())
	t := &probeTicker{feed: feed, began: time.Now(), cancel: cancel, done: make(chan struct{})}
	go t.run(ctx, plan)
	return t
}

// stop waits until the goroutine has ended.
func (t *probeTicker) stop() {
	t.cancel()
	<-t.done
}

// run ends with the last event, or with the stream. At shutdown the feed is closed before; then the appends have no effect.
func (t *probeTicker) run(ctx context.Context, plan probePlan) {
	defer close(t.done)
	length, interval := time.Duration(plan.Seconds)*time.Second, time.Duration(plan.IntervalMs)*time.Millisecond
	for n := 1; n <= plan.Events && time.Duration(n)*interval < length; n++ {
		if !t.wait(ctx, time.Duration(n)*interval) {
			return
		}
		_ = t.feed.Append(0, t.event("probe", n))
		t.feed.Wake()
	}
	if t.wait(ctx, length) {
		t.feed.Close(func(int) []byte { return t.event("probe-end", 0) })
	}
}

// wait waits until a time after the beginning. It reports false when ctx ends before.
func (t *probeTicker) wait(ctx context.Context, after time.Duration) bool {
	timer := time.NewTimer(after - time.Since(t.began))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// event returns an event with its number, if it has one, and its time.
func (t *probeTicker) event(name string, n int) []byte {
	return feed.Frame(name, struct {
		N  int   `json:"n,omitempty"`
		Ms int64 `json:"ms"` // since the beginning
	}{n, time.Since(t.began).Milliseconds()})
}
