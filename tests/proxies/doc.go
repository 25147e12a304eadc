// Package proxies puts the real server behind the real programs that people run in front of it, and writes down what
// works: the table in docs/proxies.md.
//
// Each proxy runs twice: as it comes, with the few lines without which it is no proxy at all (testdata), and with the
// recipe in deploy/proxies, which is the very file that operators copy. The recipes have to pass every check. What the
// others do is compared with the table, which the variable PATHSYNC_WRITE_DOCS=1 writes anew.
//
// What has to be quick is tried with the server's ordinary heartbeat of 15 s. For what takes long, time goes by thirty times
// faster: a heartbeat comes every half second, a proxy's limit of 60 s is one of 2 s, and ten minutes of silence last 20 s.
// On a busy machine anything may come late, so a check that does not pass is made three times, and a proxy of which
// something unexpected was found is looked at once more. What a proxy does wrong, it does wrong every time.
package proxies
