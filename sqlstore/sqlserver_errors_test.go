package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
)

func TestWhatSQLServerReportsHasAMeaningForTheCore(t *testing.T) {
	d := new(sqlServer)
	for _, test := range []struct {
		number int32
		want   error // nil: worth repeating
		says   string
	}{
		{2601, core.ErrConflict, ""},
		{2627, core.ErrConflict, ""},
		{8152, core.ErrRejected, "does not fit"},
		{2628, core.ErrRejected, "does not fit"},
		{515, core.ErrRejected, "missing"},
		{547, core.ErrRejected, "constraint"},
		{50000, core.ErrRejected, "trigger"},
		{1205, errUndone, "deadlock"},
		{3960, errUndone, "snapshot"},
		{1222, core.ErrTooSlow, "lock"},
		{51000, core.ErrRejected, ""},
		{33504, core.ErrRejected, "security policy"},
		{208, nil, "not as this program left them"},
		{40552, core.ErrTooSlow, "too large"},
		{1105, nil, "make room"},
		{9002, nil, "make room"},
		{18456, nil, "check the user and the password"},
		{4060, nil, "make it"},
		{40613, nil, "not available now"},
		{12345, core.ErrUnexplained, "look at its log"},
	} {
		t.Run(fmt.Sprint(test.number), func(t *testing.T) {
			reported := mssql.Error{Number: test.number, Message: "near 'SELECT secret': scott@db.example.com"}
			err := d.explain(fmt.Errorf("wrapped: %w", reported))
			for _, meaning := range []error{core.ErrConflict, core.ErrRejected, core.ErrUnexplained, core.ErrTooSlow, errUndone} {
				if got, want := errors.Is(err, meaning), meaning == test.want; got != want {
					t.Errorf("%v: that it means %q is %v, want %v", err, meaning, got, want)
				}
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "example.com") {
				t.Errorf("%q shows the server's text", err)
			}
		})
	}
}

func TestSQLServerErrorsOfTriggersAndOfSeverityAreToldApart(t *testing.T) {
	for _, test := range []struct {
		reported mssql.Error
		want     error
	}{
		{mssql.Error{Number: 208, ProcName: "audit"}, core.ErrUnexplained},
		{mssql.Error{Number: 2627, ProcName: "audit"}, core.ErrUnexplained},
		{mssql.Error{Number: 1105, Class: 17, ProcName: "audit"}, nil},
		{mssql.Error{Number: 12345, Class: 17}, nil},
		{mssql.Error{Number: 12345, Class: 20}, nil},
	} {
		err := new(sqlServer).explain(test.reported)
		if test.want == nil {
			wantRepeatable(t, err)
		} else if !errors.Is(err, test.want) {
			t.Errorf("%+v: got %v, want %v", test.reported, err, test.want)
		}
	}
	wantRepeatable(t, new(sqlServer).explain(&loginError{mssql.Error{Number: 12345}}))
}

func TestTroubleOnTheWayToSQLServerIsToldWithoutItsAddress(t *testing.T) {
	d := new(sqlServer)
	refused := &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(10, 9, 8, 7)}, Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&loginError{refused}, "cannot be used: connection refused"},
		{&loginError{&net.DNSError{Err: "no such host", Name: "db.example.com"}}, "its host name is not known"},
		{&loginError{context.DeadlineExceeded}, "it does not answer in time"},
		{&loginError{errors.New("TLS Handshake failed: x509: certificate signed by unknown authority for db.example.com")}, "name that one's with certificate=FILE"},
		{&loginError{errors.New("TLS Handshake failed: x509: certificate is valid for a, not db.example.com")}, "hostNameInCertificate"},
		{&loginError{errors.New("TLS Handshake failed: cannot read handshake packet: EOF from db.example.com")}, "encryption could not be agreed on"},
		{&loginError{mssql.Error{Number: 18456, Message: "Login failed for user 'scott'"}}, "check the user and the password"},
		{&loginError{errors.New("db.example.com says something new")}, "look at its log"},
		{refused, "the connection to the database broke: connection refused"},
		{io.EOF, "the connection was closed"},
		{mssql.StreamError{InnerError: io.ErrUnexpectedEOF}, "the connection to the database broke"},
	} {
		err := d.explain(test.err)
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v becomes %q, which does not say %q", test.err, err, test.want)
		}
		for _, secret := range []string{"example.com", "10.9.8.7", "scott"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q says %q", err, secret)
			}
		}
		if !errors.Is(err, test.err) && !errors.As(err, new(*loginError)) {
			t.Errorf("the cause of %q is lost", err)
		}
	}
}

func TestWhatEndsACallOfSQLServerStaysWhatItIs(t *testing.T) {
	d := new(sqlServer)
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if err := d.explain(fmt.Errorf("x: %w", end)); !errors.Is(err, end) {
			t.Errorf("%v has become %v", end, err)
		}
	}
}

func TestWhatTheDatabaseHasUndoneIsDoneAgain(t *testing.T) {
	store := &Store{dialect: new(sqlServer)}
	for _, test := range []struct {
		name          string
		undone, wants int
		err           error
	}{
		{"never", 0, 1, nil},
		{"twice", 2, 3, nil},
		{"always", 1000, attempts, errUndone},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := 0
			err := store.call("writing", func() error {
				if done++; done <= test.undone {
					return mssql.Error{Number: 1205}
				}
				return nil
			})
			if !errors.Is(err, test.err) || done != test.wants {
				t.Errorf("got error %v after %d attempts, want %v after %d", err, done, test.err, test.wants)
			}
		})
	}
	done := 0
	if err := store.call("writing", func() error { done++; return mssql.Error{Number: 8152} }); err == nil || done != 1 {
		t.Errorf("got error %v after %d attempts of what cannot be done", err, done)
	}
}

func TestASQLServerThatIsNotThereSaysWhy(t *testing.T) {
	for _, test := range []struct{ name, host, want string }{
		{"no server", unusedAddress(t), "connection refused"},
		{"no host", "absent.invalid", "its host name is not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantNotOpened(t, "sqlserver://scott:a-secret-of-tests@"+test.host+"?database=d", test.want)
		})
	}
}

func TestASQLServerThatCannotBeOpenedSaysWhyAndWhatToDo(t *testing.T) {
	dsn := dbtest.SQLServer(t)
	for _, test := range []struct {
		name   string
		change func(u *url.URL, parameters url.Values)
		want   string
	}{
		{"another password", func(u *url.URL, _ url.Values) { u.User = url.UserPassword("sa", "a-wrong-secret") }, "check the user and the password"},
		{"no database", func(_ *url.URL, p url.Values) { p.Set("database", "absent") }, "the database does not exist"},
		{"an unknown certificate", func(_ *url.URL, p url.Values) { p.Set("encrypt", "true"); p.Del("TrustServerCertificate") }, "its certificate is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal(err)
			}
			parameters := u.Query()
			test.change(u, parameters)
			u.RawQuery = parameters.Encode()
			wantNotOpened(t, u.String(), test.want)
		})
	}
}

func wantNotOpened(t *testing.T, dsn, want string) {
	t.Helper()
	store, err := Open(t.Context(), dsn)
	if err == nil {
		store.Close()
		t.Fatal("it was opened")
	}
	if !strings.Contains(err.Error(), "opening database sqlserver: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
	wantNoSecret(t, err, dsn)
}

// What Microsoft publishes as transient: "Troubleshoot transient connection errors in SQL Database and SQL Managed Instance",
// and the list of Microsoft.Data.SqlClient's SqlConfigurableRetryFactory, without its numbers of the client's network.
var publishedTransient = map[string][]int32{
	"troubleshooting":  {926, 4060, 4221, 615, 10928, 10929, 10936, 18401, 40197, 40501, 40613, 42108, 42109, 49918, 49919, 49920},
	"SqlClient":        {1204, 1205, 1222, 4060, 4221, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920},
	"versions of rows": {3960, 3966},
}

func TestWhatMicrosoftCallsTransientIsRepeated(t *testing.T) {
	d := new(sqlServer)
	for list, numbers := range publishedTransient {
		for _, number := range numbers {
			err := d.explain(fmt.Errorf("wrapped: %w", mssql.Error{Number: number}))
			if errors.Is(err, core.ErrRejected) || errors.Is(err, core.ErrConflict) {
				t.Errorf("%s: error %d is not repeated: %v", list, number, err)
			}
			if sqlServerNumbers[number].text == "" {
				t.Errorf("%s: error %d has no text", list, number)
			}
			if !WaitingHelps(err) {
				t.Errorf("%s: a start does not wait for %d to pass", list, number)
			}
		}
	}
}
