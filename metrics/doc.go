// Package metrics exports the metrics of a server to Prometheus. The packages core, sse and httpapi declare what they
// report, as interfaces; a Metrics implements all of them.
//
//	m := metrics.New()
//	api := httpapi.New(httpapi.Config{
//		Hub:      core.Config{Recorder: m, …},
//		Feeds:    httpapi.FeedsConfig{Recorder: m},
//		Recorder: m,
//	})
//	m.Watch(api)
//	http.Handle("/metrics", m.Handler())
package metrics
