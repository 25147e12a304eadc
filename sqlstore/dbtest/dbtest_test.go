package dbtest

import (
	"database/sql"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func TestServerKeepsDataAfterRestart(t *testing.T) {
	server := NewPostgres(t)
	execPostgres(t, server.DSN, "CREATE TABLE kept (n INT)")
	server.Stop()
	db, err := sql.Open("pgx", server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil {
		t.Fatal("a server that is stopped answers")
	}
	server.Start(t)
	execPostgres(t, server.DSN, "INSERT INTO kept VALUES (1)")
}

func TestEachTestHasItsOwnSchema(t *testing.T) {
	one, two := Postgres(t), Postgres(t)
	execPostgres(t, one, "CREATE TABLE mine (n INT)")
	execPostgres(t, two, "CREATE TABLE mine (n INT)")
}

func TestRelayForwardsHeldBytesAfterHeal(t *testing.T) {
	relay, heard := newEcho(t)
	conn := dial(t, relay)
	say(t, conn, "one")
	hear(t, conn, "one")
	wantHeard(t, heard, "one")

	relay.Stall()
	say(t, conn, "two")
	hearNothing(t, conn)
	select {
	case text := <-heard:
		t.Errorf("the server has heard %q through a relay that stalls", text)
	default:
	}
	relay.Heal()
	hear(t, conn, "two")
	wantHeard(t, heard, "two")

	relay.StallAnswers()
	say(t, conn, "three")
	hearNothing(t, conn)
	wantHeard(t, heard, "three")
	relay.Heal()
	hear(t, conn, "three")
}

func TestCutRelayRefusesConnectionsUntilHeal(t *testing.T) {
	relay, _ := newEcho(t)
	conn := dial(t, relay)
	say(t, conn, "one")
	hear(t, conn, "one")
	relay.Reset()
	hearEnd(t, conn)
	conn = dial(t, relay)
	say(t, conn, "two")
	hear(t, conn, "two")

	relay.Cut()
	hearEnd(t, conn)
	if refused, err := net.Dial("tcp", relay.Addr); err == nil { // the reset may come while dialling or after it
		defer refused.Close()
		hearEnd(t, refused)
	}
	relay.Heal()
	conn = dial(t, relay)
	say(t, conn, "three")
	hear(t, conn, "three")
}

// newEcho is a server that answers with what it hears, behind a relay, and says what that was.
func newEcho(t *testing.T) (*Relay, <-chan string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard := make(chan string, 10)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 100)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					heard <- string(buffer[:n])
					conn.Write(buffer[:n])
				}
			}()
		}
	}()
	return NewRelay(t, l.Addr().String()), heard
}

func dial(t *testing.T, r *Relay) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("heard %q, %v, want %q", got, err, want)
	}
}

func hearNothing(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %d bytes, %v", n, err)
	}
}

func hearEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %d bytes, %v, want the end", n, err)
	}
}

func wantHeard(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Errorf("the server has heard %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("the server has not heard %q", want)
	}
}
