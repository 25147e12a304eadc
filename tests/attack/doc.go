// Package attack tests how much memory clients can make a server use. Each test measures the growth of the process, compares it
// with the server's estimate (pathsync_memory_bytes), and measures the latency of a writer in another room.
//
// Each attack runs against a separate process, built as released. `go test` runs small attacks. `make attack` sets
// PATHSYNC_ATTACK=long, for full size. PATHSYNC_ATTACK_BINARY names another binary to measure.
package attack
