package sqlserver

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestSilentSQLServerTimesOutAtDeadline(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, encrypt := range []string{"true", "disable", "strict"} {
		target, err := parseDSN("sqlserver://scott:tiger@" + silent.Addr().String() + "?database=d&encrypt=" + encrypt)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		started := time.Now()
		_, err = newConnector(target.connector).Connect(ctx)
		if took := time.Since(started); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
			t.Errorf("encrypt=%s: got error %v after %v, want the deadline", encrypt, err, took)
		}
	}
}

func TestBlockedWriteTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		started := time.Now()
		_, err := deadlineConn{ours}.Write([]byte("x"))
		if took := time.Since(started); !errors.Is(err, os.ErrDeadlineExceeded) || took != writeTimeout {
			t.Errorf("got error %v after %v", err, took)
		}
	})
}

func TestConnectionDialledAfterCutIsClosed(t *testing.T) {
	var l login
	early, _ := net.Pipe()
	late, _ := net.Pipe()
	l.add(early)
	l.cut()
	l.add(late)
	for _, conn := range []net.Conn{early, late} {
		if _, err := conn.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got error %v, want a closed connection", err)
		}
	}
}
