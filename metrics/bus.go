package metrics

import "github.com/prometheus/client_golang/prometheus"

// Bus is the bus between servers.
type Bus interface {
	// Messages returns the numbers of messages since the start: sent, received, and dropped by reason.
	Messages() (sent, received uint64, dropped map[string]uint64)
}

// WatchBus adds metrics of the bus. It must be called once at most.
func (m *Metrics) WatchBus(b Bus) { m.registry.MustRegister(busWatcher{b}) }

var (
	busMessages = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "bus_messages_total"),
		"Messages between servers, by direction: sent or received.", []string{"direction"}, nil)
	busDropped = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "bus_dropped_total"),
		"Messages between servers that were dropped, by reason.", []string{"reason"}, nil)
)

// busWatcher is a prometheus.Collector.
type busWatcher struct{ bus Bus }

// Describe implements prometheus.Collector.
func (busWatcher) Describe(to chan<- *prometheus.Desc) {
	to <- busMessages
	to <- busDropped
}

// Collect implements prometheus.Collector.
func (w busWatcher) Collect(to chan<- prometheus.Metric) {
	sent, received, dropped := w.bus.Messages()
	to <- prometheus.MustNewConstMetric(busMessages, prometheus.CounterValue, float64(sent), "sent")
	to <- prometheus.MustNewConstMetric(busMessages, prometheus.CounterValue, float64(received), "received")
	for reason, n := range dropped {
		to <- prometheus.MustNewConstMetric(busDropped, prometheus.CounterValue, float64(n), reason)
	}
}
