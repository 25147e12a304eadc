// Package proxies tests the server behind real proxies. The results are the table in docs/run/proxies.md.
//
// Each proxy runs twice: with its default configuration and the few lines that make it a proxy (testdata), and with the recipe in
// deploy/proxies, the file that operators copy. A recipe has to pass every check. The results of default configurations are
// compared with the table; PATHSYNC_WRITE_DOCS=1 rewrites it.
//
// Checks of latency run with the server's default heartbeat of 15 s. For checks of timeouts, all times are thirty times shorter:
// the heartbeat is 0.5 s, a proxy's timeout of 60 s is 2 s, and ten idle minutes are 20 s.
//
// On a busy machine, results may be late. So a check that does not pass runs up to three times, and a proxy with an unexpected
// result runs once more at the end. A fault of a proxy appears every time.
package proxies
