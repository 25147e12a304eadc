// Package caching puts real caches in front of a server, and a crowd in front of them: what docs/caching.md says is meant
// for this. The caches run with the configurations in deploy/proxies.
package caching
