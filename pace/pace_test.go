package pace_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pathsync/pathsync/pace"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(d time.Duration) time.Time { return began.Add(d) }

func TestTransferAtMinRateContinues(t *testing.T) {
	var m pace.Meter
	now, deadline := began, m.Next(0, began)
	for range 1000 { // a step of Piece takes 8 s
		now = now.Add(pace.Piece * time.Second / pace.MinRate)
		if !now.Before(deadline) {
			t.Fatalf("the transfer is cut after %v", now.Sub(began))
		}
		deadline = m.Next(pace.Piece, now)
	}
}

func TestStalledTransferIsCutAfterPatience(t *testing.T) {
	var m pace.Meter
	m.Next(0, began)
	if got := m.Next(100<<20, at(time.Second)); got != at(11*time.Second) {
		t.Errorf("the deadline is %v", got.Sub(began))
	}
}

func TestTransferBelowMinRateIsCut(t *testing.T) {
	var m pace.Meter
	deadline := m.Next(0, began)
	for second := 1; ; second++ {
		now := at(time.Duration(second) * time.Second)
		if !now.Before(deadline) {
			if second > 11 {
				t.Errorf("the transfer is cut after %d s", second)
			}
			return
		}
		deadline = m.Next(1, now)
	}
}

func TestSkippedTimeExtendsTheDeadline(t *testing.T) {
	m := pace.Meter{Patience: time.Second}
	m.Next(0, began)
	m.Skip(time.Hour)
	if got := m.Next(0, at(time.Hour)); got != at(time.Hour+time.Second) {
		t.Errorf("the deadline is %v", got.Sub(began))
	}
	m.Rest()
	if got := m.Next(0, at(2*time.Hour)); got != at(2*time.Hour+time.Second) {
		t.Errorf("after a rest it is %v", got.Sub(began))
	}
}

func TestRenewKeepsADeadlineForATenthOfPatience(t *testing.T) {
	m := pace.Meter{Patience: 10 * time.Second}
	for _, c := range []struct {
		now   time.Duration
		want  time.Duration
		again bool
	}{{0, 10 * time.Second, true}, {time.Second, 10 * time.Second, false}, {1100 * time.Millisecond, 11100 * time.Millisecond, true}} {
		if got, again := m.Renew(1<<20, at(c.now)); got != at(c.want) || again != c.again {
			t.Errorf("at %v: %v, %v", c.now, got.Sub(began), again)
		}
	}
}

// pipes is a listener with one connection.
type pipes struct{ conn chan net.Conn }

func (p pipes) Accept() (net.Conn, error) { return <-p.conn, nil }
func (p pipes) Close() error              { return nil }
func (p pipes) Addr() net.Addr            { return &net.UnixAddr{} }

func accepted(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	a, b := net.Pipe()
	ours = accept(t, a)
	t.Cleanup(func() { ours.Close(); b.Close() })
	return ours, b
}

func accept(t *testing.T, c net.Conn) net.Conn {
	t.Helper()
	l := pipes{make(chan net.Conn, 1)}
	l.conn <- c
	ours, err := pace.Listen(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	return ours
}

// tcp returns both ends of a TCP connection.
func tcp(t *testing.T) (ours net.Conn, theirs *net.TCPConn) {
	t.Helper()
	base, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	c, err := net.Dial("tcp", base.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if ours, err = pace.Listen(base).Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); c.Close() })
	return ours, c.(*net.TCPConn)
}

// readAll reads under one deadline, as http.Server reads a header.
func readAll(conn net.Conn, patience time.Duration) (n int64, took time.Duration, err error) {
	start := time.Now()
	_ = conn.SetReadDeadline(start.Add(patience))
	n, err = io.Copy(io.Discard, conn)
	return n, time.Since(start), err
}

func send(conn net.Conn, size, step int, pause time.Duration) {
	for ; size > 0; size -= step {
		if _, err := conn.Write(make([]byte, min(step, size))); err != nil {
			return
		}
		time.Sleep(pause)
	}
	conn.Close()
}

func TestReadDeadlineIsExtendedWhileBytesArrive(t *testing.T) {
	for name, c := range map[string]struct {
		step  int
		pause time.Duration
		whole bool
		until time.Duration
	}{
		"2 KiB per second":        {2 << 10, time.Second, true, 33 * time.Second},
		"8 KiB every 7 seconds":   {8 << 10, 7 * time.Second, true, 60 * time.Second},
		"1 byte per second":       {1, time.Second, false, 11 * time.Second},
		"512 bytes per second":    {1 << 9, time.Second, false, 21 * time.Second},
		"32 KiB and then nothing": {32 << 10, time.Hour, false, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := accepted(t)
				go send(theirs, 64<<10, c.step, c.pause)
				n, took, err := readAll(ours, pace.Patience)
				if c.whole != (err == nil && n == 64<<10) || !c.whole && !errors.Is(err, os.ErrDeadlineExceeded) || took > c.until {
					t.Errorf("%d bytes after %v: %v", n, took, err)
				}
				theirs.Close()
				time.Sleep(time.Hour) // the sender ends
			})
		})
	}
}

func TestPastAndZeroDeadlinesAreNotExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := accepted(t)
		if _, _, err := readAll(ours, -time.Hour); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("with a past deadline: %v", err)
		}
		_ = ours.SetReadDeadline(time.Time{})
		go func() {
			theirs.Write([]byte("x"))
			time.Sleep(time.Hour)
			theirs.Write([]byte("y"))
		}()
		if _, err := io.ReadFull(ours, make([]byte, 2)); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
	})
}

// counted counts the deadlines that reach a connection.
type counted struct {
	net.Conn
	deadlines int
}

func (c *counted) SetReadDeadline(t time.Time) error {
	c.deadlines++
	return c.Conn.SetReadDeadline(t)
}

func TestOnlyTheLastDeadlineBeforeAReadReachesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		socket := &counted{Conn: a}
		ours := accept(t, socket)
		defer ours.Close()
		for _, d := range []time.Duration{time.Minute, -time.Hour, time.Second} {
			_ = ours.SetReadDeadline(time.Now().Add(d))
		}
		began := time.Now()
		if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("the read ended after %v: %v", time.Since(began), err)
		}
		if socket.deadlines != 1 {
			t.Errorf("%d deadlines have reached the connection", socket.deadlines)
		}
	})
}

func TestDeadlineSetDuringAReadEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, _ := accepted(t)
		read := make(chan error)
		go func() { _, err := ours.Read(make([]byte, 1)); read <- err }()
		synctest.Wait()
		_ = ours.SetReadDeadline(time.Unix(1, 0))
		if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	})
}

// A stream reads from the socket itself, after http.Server has removed its deadlines.
func TestRawSocketHasTheLastDeadline(t *testing.T) {
	ours, _ := tcp(t)
	_ = ours.SetReadDeadline(time.Now().Add(time.Hour))
	_ = ours.SetReadDeadline(time.Unix(1, 0))
	if _, err := pace.Raw(ours).Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// A writer notices that the peer reads, in steps that take less than Patience, independent of the buffers.
func TestWriterSeesSmallStepsOfReader(t *testing.T) {
	ours, theirs := tcp(t)
	if err := theirs.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, ok := pace.Raw(ours).(*net.TCPConn); !ok {
		t.Error("Raw does not return the TCP connection")
	}
	_ = ours.SetWriteDeadline(time.Now().Add(time.Second))
	stalled, err := ours.Write(make([]byte, 8<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || stalled > 1<<20 {
		t.Fatalf("the system accepted %d bytes that were not read, %v", stalled, err)
	}
	_ = theirs.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(theirs, make([]byte, stalled*3/4)); err != nil {
		t.Fatal(err)
	}
	_ = ours.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if n, err := ours.Write(make([]byte, pace.Piece)); err != nil {
		t.Errorf("after three quarters of %d bytes were read, a write stopped after %d: %v", stalled, n, err)
	}
}
