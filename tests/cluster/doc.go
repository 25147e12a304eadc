// Package cluster tests several servers as real processes: 3 or 4 servers, their PostgreSQL and HAProxy, which sends consecutive
// requests to different servers. Each process has its own network namespace, so that links can be cut by direction.
//
// Clients record what they send and receive (history_test.go). judge_test.go checks that against the guarantees, among others
// with github.com/anishathalye/porcupine, and judge_planted_test.go checks that it finds violations. faults_test.go has the
// faults. PATHSYNC_CLUSTER_SECONDS sets how long they last, and PATHSYNC_CLUSTER_SEED repeats their order, but not the order of
// events in the processes.
//
// Namespaces need root, or a system that permits user namespaces, and iproute2. Without them, all processes use the loopback
// interface, and no link is cut.
package cluster
