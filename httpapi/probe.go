package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sse"
)

// A probe finds out what the way between a client and the server does to requests and streams. It goes through the same
// means as those of rooms, so that what it finds is true of them. It asks nobody who he is: what is wrong on the way is
// looked for before tokens work, and a probe tells its sender only what that very request has brought.

// Bounds of probes.
const (
	maxProbes        = 64 // under way at a time, whoever they are from
	maxProbeBytes    = 1 << 20
	maxProbeSeconds  = 300 // longer than the proxies' usual limits
	maxProbeEvents   = 100
	minProbeInterval = 50 // milliseconds
	maxProbeInterval = 10_000
)

// enterProbe counts a probe in, and returns a function that counts it out.
func (s *Server) enterProbe() (leave func(), err error) {
	select {
	case s.probes <- struct{}{}:
		return func() { <-s.probes }, nil
	default:
		return nil, problem(Overloaded, "too many probes are under way")
	}
}

// arrival is what has come of a request through whatever lies between.
type arrival struct {
	ID        string   `json:"id"` // another one for each answer: one that comes twice came from a cache
	Protocol  string   `json:"protocol"`
	Host      string   `json:"host"`
	Forwarded []string `json:"forwarded"` // names of header fields that proxies write, but not what they say of the network
}

// proxyFields are the header fields by which proxies say that they are there.
var proxyFields = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func arrivalOf(r *http.Request) arrival {
	a := arrival{ID: uuid.NewString(), Protocol: r.Proto, Host: hostOf(r), Forwarded: []string{}}
	for _, name := range proxyFields {
		if len(r.Header.Values(name)) > 0 {
			a.Forwarded = append(a.Forwarded, name)
		}
	}
	return a
}

// postProbe says what has come of a request with a name in its address and a body.
func (s *Server) postProbe(c echo.Context) error {
	if strings.Contains(c.Param("name"), "/") { // the last parameter takes all that is left, which those of rooms do not
		return echo.ErrNotFound
	}
	leave, err := s.enterProbe()
	if err != nil {
		return err
	}
	defer leave()
	name, err := pathName(c, "name", core.MaxRoomLength)
	if err != nil {
		return err
	}
	body, err := s.readBody(c, min(maxProbeBytes, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	if !json.Valid(body) {
		return problem(InvalidJSON, "")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, struct {
		arrival
		Name  string `json:"name"`
		Bytes int    `json:"bytes"`
	}{arrivalOf(c.Request()), name, len(body)})
}

// probePlan is how a stream of timed events goes.
type probePlan struct {
	Seconds    int `json:"seconds"`    // after which it ends
	Events     int `json:"events"`     // at most; after them come heartbeats alone
	IntervalMs int `json:"intervalMs"` // before each
}

func probePlanOf(c echo.Context) (p probePlan, err error) {
	if err := checkQuery(c, InvalidParameter); err != nil {
		return p, err
	}
	if p.Seconds, err = queryInt(c, "seconds", 10, 1, maxProbeSeconds); err != nil {
		return p, err
	}
	if p.Events, err = queryInt(c, "events", 10, 0, maxProbeEvents); err != nil {
		return p, err
	}
	p.IntervalMs, err = queryInt(c, "intervalMs", 1000, minProbeInterval, maxProbeInterval)
	return p, err
}

// getProbe starts a stream of timed events.
func (s *Server) getProbe(c echo.Context) error {
	plan, err := probePlanOf(c)
	if err != nil {
		return err
	}
	exit, err := s.enterProbe()
	if err != nil {
		return err
	}
	leave, err := s.limits.stream(c.Request())
	if err != nil {
		exit()
		return err
	}
	c.Request().Header.Del("Accept-Encoding") // what arrives compressed has been compressed on the way
	stream, err := s.feeds.streams.Open(c.Response().Writer, c.Request())
	if err != nil {
		leave()
		exit()
		return err
	}
	// The answer is the stream's business from here on.
	c.Response().Committed = true
	ended := exchangeOf(c.Response()).streaming(stream)
	start := frame("probe-start", asJSON(struct {
		arrival
		probePlan
		LastEventID string `json:"lastEventId"`
	}{arrivalOf(c.Request()), plan, lastEventID(c.Request())}))
	feed := s.feeds.feed(probeFeedBytes, 0)
	beginning := feed.End()
	ticker := newProbeTicker(feed, plan)
	stream.Start(sse.Plain(hello(), start), feed, beginning, func(cause error) {
		ticker.stop()
		s.feeds.forget(feed)
		leave()
		exit()
		ended(cause)
	})
	return nil
}

// probeFeedBytes is room for all events of a probe.
const probeFeedBytes = 64 << 10

// lastEventID is the header field of that name as it has arrived, when it is an event id.
func lastEventID(r *http.Request) string {
	text := r.Header.Get("Last-Event-ID")
	if _, err := parseEventID(text); err != nil {
		return ""
	}
	return text
}

// probeTicker fills the feed of a probe, each event at its time.
type probeTicker struct {
	feed   *sse.Feed
	began  time.Time
	cancel context.CancelFunc
	done   chan struct{}
}

func newProbeTicker(feed *sse.Feed, plan probePlan) *probeTicker {
	ctx, cancel := context.WithCancel(context.Background())
	t := &probeTicker{feed: feed, began: time.Now(), cancel: cancel, done: make(chan struct{})}
	go t.run(ctx, plan)
	return t
}

// stop returns when nothing is sent any more.
func (t *probeTicker) stop() {
	t.cancel()
	<-t.done
}

// run ends with the last event, or with the stream. That the feed may be closed before, because the server goes away, is
// seen by nobody but the reader.
func (t *probeTicker) run(ctx context.Context, plan probePlan) {
	defer close(t.done)
	length, interval := time.Duration(plan.Seconds)*time.Second, time.Duration(plan.IntervalMs)*time.Millisecond
	for n := 1; n <= plan.Events && time.Duration(n)*interval < length; n++ {
		if !t.until(ctx, time.Duration(n)*interval) {
			return
		}
		_ = t.feed.Append(0, t.event("probe", n))
		t.feed.Wake()
	}
	if t.until(ctx, length) {
		t.feed.Close(func(int) []byte { return t.event("probe-end", 0) })
	}
}

// until waits for a moment after the beginning, and reports false when the stream has ended before it.
func (t *probeTicker) until(ctx context.Context, after time.Duration) bool {
	timer := time.NewTimer(after - time.Since(t.began))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// event is one of a probe: its number, if it has one, and when it was sent.
func (t *probeTicker) event(name string, n int) []byte {
	return frame(name, asJSON(struct {
		N  int   `json:"n,omitempty"`
		Ms int64 `json:"ms"` // since the beginning
	}{n, time.Since(t.began).Milliseconds()}))
}
