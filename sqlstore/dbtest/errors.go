package dbtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/pathsync/pathsync/core"
)

// WantOutage fails the test unless the core takes err for an outage, which it retries. err must be one line that contains
// the texts and no SQL.
func WantOutage(t testing.TB, err error, texts ...string) {
	t.Helper()
	if err == nil || errors.Is(err, core.ErrConflict) || errors.Is(err, core.ErrRejected) ||
		errors.Is(err, core.ErrUnexplained) || errors.Is(err, core.ErrTooSlow) {
		t.Fatalf("got error %v, want an outage of the database", err)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not contain %q", err, text)
		}
	}
	if strings.Contains(err.Error(), "INSERT") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q contains SQL, or several lines", err)
	}
}

// WantNoSecret fails the test unless err is one line without any part of a URL or a statement.
func WantNoSecret(t testing.TB, err error, dsn string) {
	t.Helper()
	u, parseErr := url.Parse(dsn)
	if parseErr != nil {
		t.Fatal(parseErr)
	}
	password, _ := u.User.Password()
	text := strings.ToUpper(fmt.Sprint(err))
	for _, secret := range []string{password, "INSERT", "SELECT", "VALUES", "UNNEST", "\n", u.Hostname(), u.Port(), u.User.Username() + "@", "USER="} {
		if secret != "" && strings.Contains(text, strings.ToUpper(secret)) {
			t.Errorf("%q contains %q", err, secret)
		}
	}
}

// UnusedAddress returns a loopback address that refuses connections.
func UnusedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
