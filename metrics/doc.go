// Package metrics exports the metrics of a server to Prometheus. The packages core, sse and httpapi declare what they
// report, as interfaces; a Metrics implements all of them.
//
//	m := metrics.New()
//	api := httpapi.New(httpapi.Config{
//		Hub:     core.Config{Metrics: m, …},
//		Feeds:   feed.Config{Metrics: m},
//		Metrics: m,
//	})
//	m.Watch(api)
//	http.Handle("/metrics", m.Handler())
package metrics
