// Package proxies puts the real server behind the real programs that people run in front of it, and writes down what
// works: the table in docs/proxies.md.
//
// Each proxy runs twice: as it comes, with the few lines without which it is no proxy at all (testdata), and with the
// recipe in deploy/proxies, which is the very file that operators copy. The recipes have to pass every check. What the
// others do is compared with the table, which the variable PATHSYNC_WRITE_DOCS=1 writes anew.
//
// Time is shortened thirtyfold: a heartbeat comes every half second instead of every 15 s, a proxy's limit of 60 s is one of
// 2 s, and ten minutes of silence last 20 s. What has to be quick, has to be so once in several attempts: a busy machine
// delays some of them, and a proxy that holds events back delays all.
package proxies
