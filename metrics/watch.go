package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi"
	"github.com/pathsync/pathsync/httpapi/feed"
)

// Watch registers gauges of an API and its hub. They are read at each scrape. Watch is called at most once.
func (m *Metrics) Watch(api *httpapi.Server) { m.registry.MustRegister(watcher{api}) }

// watcher is a prometheus.Collector that reads the gauges.
type watcher struct{ api *httpapi.Server }

// gauge is one series that a watcher reads.
type gauge struct {
	desc  *prometheus.Desc
	value func(core.Stats, feed.Stats) float64
}

var gauges = []gauge{
	newGauge("rooms", "Rooms in memory.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.Rooms) }),
	newGauge("memory_bytes", "Memory in use, estimated.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.MemoryBytes) }),
	newGauge("streams", "Streams open.", func(_ core.Stats, f feed.Stats) float64 { return float64(f.Streams) }),
	newGauge("feed_bytes", "Memory for framed events.", func(_ core.Stats, f feed.Stats) float64 { return float64(f.Bytes) }),
	newGauge("queued_bytes", "Memory of batches that wait for a commit.", func(h core.Stats, _ feed.Stats) float64 { return float64(h.QueuedBytes) }),
	newGauge("checkpoint_lag_seconds", "Age of the oldest change that is not in its document row, minus the planned delay of large documents.", func(h core.Stats, _ feed.Stats) float64 { return h.Unsaved.Seconds() }),
	newGauge("database_up", "0 while batches wait for a database that does not answer.", func(h core.Stats, _ feed.Stats) float64 {
		if h.Outage {
			return 0
		}
		return 1
	}),
}

func newGauge(name, help string, value func(core.Stats, feed.Stats) float64) gauge {
	return gauge{prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil), value}
}

// Describe implements prometheus.Collector.
func (w watcher) Describe(to chan<- *prometheus.Desc) {
	for _, g := range gauges {
		to <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (w watcher) Collect(to chan<- prometheus.Metric) {
	hub, feeds := w.api.Hub().Stats(), w.api.FeedStats()
	for _, g := range gauges {
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(hub, feeds))
	}
}
