// Package metrics measures a server for Prometheus. The packages that do the work declare what they report, and know
// nothing of it: a Metrics is the Recorder of core, of sse and of httpapi at once.
//
//	m := metrics.New()
//	feeds := httpapi.NewFeeds(httpapi.FeedsConfig{Recorder: m, …})
//	hub := core.NewHub(core.Config{Recorder: m, …})
//	m.Watch(hub, feeds)
//	http.Handle("/metrics", m.Handler())
//
// docs/operations.md says what each metric means and when to worry. What is counted is counted as it happens; how things are,
// such as how many streams there are, is looked up when somebody asks.
package metrics
