// Package caching tests the statements of docs/run/caching.md: thousands of readers request batches through a real cache in front
// of a server. The caches run with the configurations in deploy/proxies.
package caching
