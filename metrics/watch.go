package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
)

// Watch registers the metrics of an API and its hub that they count themselves. They are read at each scrape. Watch is called at most once.
func (m *Metrics) Watch(api *httpapi.Server) { m.registry.MustRegister(watcher{api}) }

// watcher is a prometheus.Collector that reads the series.
type watcher struct{ api *httpapi.Server }

// series is one series that a watcher reads.
type series struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(core.Stats, feed.Stats) float64
}

var watched = []series{
	newGauge("rooms", "Rooms in memory.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.Rooms) }),
	newGauge("memory_bytes", "Memory of the process, estimated.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.MemoryBytes) }),
	newGauge("streams", "Streams open.", func(_ core.Stats, f feed.Stats) float64 { return float64(f.Streams) }),
	newGauge("feed_bytes", "Memory of events from which streams resume.", func(_ core.Stats, f feed.Stats) float64 { return float64(f.Bytes) }),
	newGauge("queued_bytes", "Memory of batches that wait for a commit.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.QueuedBytes) }),
	newGauge("checkpoint_lag_seconds", "Age of the oldest change that is not in its document row, minus the planned delay of large documents.", func(h core.Stats, _ feed.Stats) float64 { return h.Unsaved.Seconds() }),
	newGauge("cluster_servers", "Live servers of the database, with this one; 0 without --cluster or --nats.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.Servers) }),
	newGauge("bus_healthy", "1 while messages reach all other servers and theirs this one, as far as is known.", func(h core.Stats, _ feed.Stats) float64 {
		if h.BusHealthy {
			return 1
		}
		return 0
	}),
	newGauge("tail_lag_seconds", "Time since what other servers commit was last read, beyond the usual interval.", func(h core.Stats, _ feed.Stats) float64 { return h.TailLag.Seconds() }),
	newGauge("tail_held_seconds", "Age of the oldest transaction that may still add batches to the log; 0: there is none.", func(h core.Stats, _ feed.Stats) float64 { return h.TailHeld.Seconds() }),
	newGauge("database_up", "0 while the database is unavailable or being reopened.", func(h core.Stats, _ feed.Stats) float64 {
		if h.Outage {
			return 0
		}
		return 1
	}),
	newSeries("log_page_reads_total", "Pages of the log read for readers that are further behind than --feed-bytes, or whose server was restarted; readers share them.", prometheus.CounterValue,
		func(_ core.Stats, f feed.Stats) float64 { return float64(f.LogReads) }),
}

func newGauge(name, help string, value func(core.Stats, feed.Stats) float64) series {
	return newSeries(name, help, prometheus.GaugeValue, value)
}

func newSeries(name, help string, kind prometheus.ValueType, value func(core.Stats, feed.Stats) float64) series {
	return series{prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil), kind, value}
}

// Describe implements prometheus.Collector.
func (w watcher) Describe(to chan<- *prometheus.Desc) {
	for _, s := range watched {
		to <- s.desc
	}
}

// Collect implements prometheus.Collector.
func (w watcher) Collect(to chan<- prometheus.Metric) {
	hub, feeds := w.api.Hub().Stats(), w.api.FeedStats()
	for _, s := range watched {
		to <- prometheus.MustNewConstMetric(s.desc, s.kind, s.value(hub, feeds))
	}
}
