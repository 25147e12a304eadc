package metrics

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/sse"
)

var (
	_ core.Metrics    = (*Metrics)(nil)
	_ sse.Metrics     = (*Metrics)(nil)
	_ httpapi.Metrics = (*Metrics)(nil)
)

// Metrics counts and times what a server does. Its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	committed, repeated prometheus.Counter
	ops                 *prometheus.CounterVec
	applied             prometheus.Counter // a series of ops; the usual case needs no lookup
	commitSeconds       prometheus.Histogram
	commitBatches       prometheus.Histogram
	checkpointSeconds   prometheus.Histogram
	checkpointRows      prometheus.Counter
	retries             prometheus.Counter
	rejected            prometheus.Counter
	contradictions      prometheus.Counter
	received, read      prometheus.Counter // batches of other servers

	deliverySeconds prometheus.Histogram

	requestSeconds *prometheus.HistogramVec
	problems       *prometheus.CounterVec
	streamsStarted prometheus.Counter
	streamsEnded   *prometheus.CounterVec
}

// Buckets of the histograms, in seconds. The fast path takes far less than a millisecond. Waits for the
// database end after 10 s by default, long polls after 60 s; slow bodies may take longer.
var (
	fast  = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	waits = append(fast[:len(fast):len(fast)], 30, 60)
)

// New returns metrics that are all zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	batches := m.counters("batches_total", "Batches answered, by result: committed, or repeated an earlier one.", "result")
	m.committed, m.repeated = batches.WithLabelValues("committed"), batches.WithLabelValues("repeated")
	m.ops = m.counters("ops_total", "Operations committed, by result: applied, or the reason why an operation was discarded.", "result")
	m.applied = m.ops.WithLabelValues("applied")
	m.commitSeconds = m.histogram("commit_seconds", "Time for one transaction of batches, retries included.", fast)
	m.commitBatches = m.histogram("commit_batches", "Batches in one transaction.", prometheus.ExponentialBuckets(1, 4, 7))
	m.checkpointSeconds = m.histogram("checkpoint_seconds", "Time for one transaction of document rows.", fast)
	m.checkpointRows = m.counter("checkpoint_rows_total", "Document rows written.")
	m.retries = m.counter("database_retries_total", "Writes that the database did not answer and that were retried.")
	m.rejected = m.counter("batches_rejected_total", "Batches that the database refused, such as by a trigger, or could not write in time.")
	m.contradictions = m.counter("database_contradictions_total", "Conflicts that the log does not explain. Each needs an operator.")

	others := m.counters("other_batches_total", "Batches of other servers that open rooms got, by source: the bus, or the log.", "source")
	m.received, m.read = others.WithLabelValues("bus"), others.WithLabelValues("log")

	m.deliverySeconds = m.histogram("delivery_seconds", "Time from a commit to a reader's socket, sampled on one reader per wake-up of a room, in rotation.", fast)

	m.requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "request_seconds", Help: "Time for one request, by route and status. A long poll includes its wait; streams are not included.", Buckets: waits,
	}, []string{"route", "status"})
	m.registry.MustRegister(m.requestSeconds)
	m.problems = m.counters("problems_total", "Requests refused, by the code of the problem.", "code")
	m.streamsStarted = m.counter("streams_started_total", "Streams opened.")
	m.streamsEnded = m.counters("streams_ended_total", "Streams ended, by cause: gone (the reader left), lagged (it fell behind --feed-bytes), stalled (it read nothing for 10 s, or too slowly), unexpected_data (it sent data after its request), ended (a newer stream of the same client), closed (by the server or the room).", "cause")
	m.expect()
	return m
}

// expect creates the series that alerts may use, so that they start at zero and not with the first incident.
func (m *Metrics) expect() {
	for _, reason := range []tree.Reason{tree.ItemDeleted, tree.TypeMismatch, tree.Exists, tree.NotFound, tree.TooLarge} {
		m.ops.WithLabelValues(string(reason))
	}
	for _, code := range problem.Codes() {
		m.problems.WithLabelValues(string(code))
	}
	for _, c := range causes {
		m.streamsEnded.WithLabelValues(c.name)
	}
}

const namespace = "pathsync"

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help, label string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

// maxScrapes limits concurrent scrapes.
const maxScrapes = 4

// Handler serves all metrics in Prometheus's text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}

// Committed implements core.Metrics.
func (m *Metrics) Committed(batches []*core.Batch, took time.Duration) {
	m.committed.Add(float64(len(batches)))
	m.commitSeconds.Observe(took.Seconds())
	m.commitBatches.Observe(float64(len(batches)))
	applied := 0
	for _, b := range batches {
		for i := range b.Ops {
			if reason := b.Ops[i].Discarded; reason != tree.Applied {
				m.ops.WithLabelValues(string(reason)).Inc()
			} else {
				applied++
			}
		}
	}
	m.applied.Add(float64(applied))
}

// Repeated implements core.Metrics.
func (m *Metrics) Repeated() { m.repeated.Inc() }

// Checkpointed implements core.Metrics.
func (m *Metrics) Checkpointed(rows int, took time.Duration) {
	m.checkpointRows.Add(float64(rows))
	m.checkpointSeconds.Observe(took.Seconds())
}

// Retried implements core.Metrics.
func (m *Metrics) Retried() { m.retries.Inc() }

// Rejected implements core.Metrics.
func (m *Metrics) Rejected() { m.rejected.Inc() }

// Contradicted implements core.Metrics.
func (m *Metrics) Contradicted() { m.contradictions.Inc() }

// CaughtUp implements core.Metrics.
func (m *Metrics) CaughtUp(batches int, fromLog bool) {
	if fromLog {
		m.read.Add(float64(batches))
	} else {
		m.received.Add(float64(batches))
	}
}

// Delivered implements sse.Metrics.
func (m *Metrics) Delivered(took time.Duration) { m.deliverySeconds.Observe(took.Seconds()) }

// Answered implements httpapi.Metrics.
func (m *Metrics) Answered(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requestSeconds.WithLabelValues(route, class(status)).Observe(took.Seconds())
}

// class returns the class of a status, such as 2xx.
func class(status int) string {
	classes := [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}
	return classes[min(max(status/100-1, 0), len(classes)-1)]
}

// Refused implements httpapi.Metrics.
func (m *Metrics) Refused(code problem.Code) { m.problems.WithLabelValues(string(code)).Inc() }

// StreamStarted implements httpapi.Metrics.
func (m *Metrics) StreamStarted() { m.streamsStarted.Inc() }

// StreamEnded implements httpapi.Metrics.
func (m *Metrics) StreamEnded(cause error) {
	for _, c := range causes {
		if errors.Is(cause, c.err) {
			m.streamsEnded.WithLabelValues(c.name).Inc()
			return
		}
	}
}

// causes are the values of the label cause of streams_ended_total.
var causes = []struct {
	err  error
	name string
}{
	{sse.ErrGone, "gone"},
	{sse.ErrLagged, "lagged"},
	{sse.ErrStalled, "stalled"},
	{sse.ErrUnexpectedData, "unexpected_data"},
	{sse.ErrEnded, "ended"},
	{sse.ErrClosed, "closed"},
}
