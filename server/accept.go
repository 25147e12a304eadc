package server

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// acceptLogInterval limits how often the log says that connections cannot be accepted. http.Server retries every second.
const acceptLogInterval = time.Minute

// loggedListener logs why connections cannot be accepted, such as too many open files.
type loggedListener struct {
	net.Listener
	log    *slog.Logger
	logged time.Time // used by the goroutine that accepts
}

func (l *loggedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) && time.Since(l.logged) >= acceptLogInterval {
		l.logged = time.Now()
		l.log.Error("connections cannot be accepted; each stream needs an open file: see LimitNOFILE and ulimit -n", "error", err)
	}
	return conn, err
}
