package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/tests/program"
)

// As in Kubernetes, where everything starts at once.
func TestAServerThatStartsBeforeItsDatabaseWaitsForIt(t *testing.T) {
	relay, database := dbtest.Relayed(t, dbtest.Postgres(t))
	relay.Cut()
	s := &server{t: t, address: program.FreeAddress(t), database: database}
	s.api = api{url: "http://" + s.address, http: newHTTPClient(t)}
	s.launch()
	s.process.Line(t, s.process.Stderr, "the database is unavailable")
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/v1/rooms/r": http.StatusServiceUnavailable,
		"/v1/rooms/r/events": http.StatusServiceUnavailable, "/absent": http.StatusServiceUnavailable,
	} {
		r := s.ask(http.MethodGet, path, nil, "")
		if r.status != want {
			t.Errorf("GET %s: %d %s, want %d", path, r.status, r.body, want)
		}
		if want == http.StatusServiceUnavailable && (!strings.Contains(string(r.body), `"database_unavailable"`) || r.header.Get("Retry-After") == "") {
			t.Errorf("GET %s: %s %v", path, r.body, r.header)
		}
	}
	relay.Heal()
	s.process.Line(t, s.process.Stderr, `msg="pathsync is ready"`)
	s.set("r", "a", "1")
	s.get("/readyz")
	s.stop()
}

func TestAServerStopsWaitingForItsDatabaseAtTheLimit(t *testing.T) {
	for _, wait := range []string{"0s", "400ms"} {
		s := &server{t: t, address: program.FreeAddress(t), database: "postgres://user@" + program.FreeAddress(t) + "/x", flags: []string{"--database-wait", wait}}
		s.launch()
		if code := s.process.Wait(t, 10*time.Second); code != 1 {
			t.Errorf("--database-wait %s: exit code %d: %s", wait, code, s.process.Stderr)
		}
	}
}

func TestAWaitingServerEndsOnASignal(t *testing.T) {
	s := &server{t: t, address: program.FreeAddress(t), database: "postgres://user@" + program.FreeAddress(t) + "/x"}
	s.launch()
	s.process.Line(t, s.process.Stderr, "the database is unavailable")
	s.stop()
}

func TestAWrongDatabaseURLIsNotWaitedFor(t *testing.T) {
	for _, url := range []string{"sqlserver://user@host", "postgres://%zz", "oracle://host/x", "sqlite:/absent/directory/x.db"} {
		s := &server{t: t, address: program.FreeAddress(t), database: url}
		s.launch()
		if code := s.process.Wait(t, 10*time.Second); code == 0 || strings.Contains(s.process.Stderr.String(), "the database is unavailable") {
			t.Errorf("%s: exit code %d: %s", url, code, s.process.Stderr)
		}
	}
}

// SQL Server generates certificates with negative serial numbers, which Go rejects by default.
func TestACertificateWithANegativeSerialNumberCanBeTrusted(t *testing.T) {
	address, handshakes := dbtest.TDSHandshakes(t, dbtest.NegativeSerial(t))
	s := &server{t: t, address: program.FreeAddress(t), flags: []string{"--database-wait", "0s"}}
	s.database = "sqlserver://sa:secret@" + address + "?database=mydb&TrustServerCertificate=true"
	s.launch()
	s.process.Wait(t, 30*time.Second)
	if err := <-handshakes; err != nil {
		t.Errorf("the certificate is refused: %v\n%s", err, s.process.Stderr)
	}
	s.database = "sqlserver://sa:secret@" + address + "?database=mydb"
	s.launch()
	s.process.Wait(t, 30*time.Second)
	if err := <-handshakes; err == nil {
		t.Error("a self-signed certificate is accepted without TrustServerCertificate")
	}
}
