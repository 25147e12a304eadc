package server

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fullListener is the listener of a process that cannot open more files, until it is closed.
type fullListener struct {
	net.Listener
	closed bool
}

func (l *fullListener) Accept() (net.Conn, error) {
	if l.closed {
		return nil, net.ErrClosed
	}
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func TestFailureToAcceptIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		full := &fullListener{}
		l := &loggedListener{Listener: full, log: slog.New(slog.NewTextHandler(&log, nil))}
		for _, want := range []int{1, 1, 2} {
			if _, err := l.Accept(); err == nil {
				t.Fatal("there is no error")
			}
			if got := strings.Count(log.String(), "too many open files"); got != want {
				t.Fatalf("%d lines instead of %d: %s", got, want, log.String())
			}
			time.Sleep(acceptLogInterval / 2)
		}
		full.closed = true
		time.Sleep(acceptLogInterval)
		if _, _ = l.Accept(); strings.Count(log.String(), "\n") != 2 {
			t.Errorf("the end of the listener is logged: %s", log.String())
		}
	})
}
