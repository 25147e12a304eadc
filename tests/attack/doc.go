// Package attack takes as much memory of a server as its clients can, and measures what that is: how much its process
// grows, whether its estimate (pathsync_memory_bytes) knows of it, and how long a writer in another room waits meanwhile.
//
// Each attack runs against a process of its own, built as released. `go test` runs them small; `make attack`, which sets
// PATHSYNC_ATTACK=long, at full size. PATHSYNC_ATTACK_BINARY names another build to measure, which need not pass.
package attack
