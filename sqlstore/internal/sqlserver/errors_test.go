package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/dbtest"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

func TestSQLServerErrorsHaveCoreMeaning(t *testing.T) {
	d := new(Dialect)
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
		{1205, dialect.ErrRolledBack, "deadlock"},
		{3960, dialect.ErrRolledBack, "snapshot"},
		{1222, core.ErrTooSlow, "lock"},
		{51000, core.ErrRejected, ""},
		{33504, core.ErrRejected, "security policy"},
		{208, nil, "the tables were changed"},
		{40552, core.ErrTooSlow, "too large"},
		{1105, nil, "free space"},
		{9002, nil, "free space"},
		{18456, nil, "check the user and the password"},
		{4060, nil, "create it"},
		{40613, nil, "not available now"},
		{12345, core.ErrUnexplained, "see its log"},
	} {
		t.Run(fmt.Sprint(test.number), func(t *testing.T) {
			reported := mssql.Error{Number: test.number, Message: "near 'SELECT secret': scott@db.example.com"}
			err := d.Explain(fmt.Errorf("wrapped: %w", reported))
			for _, meaning := range []error{core.ErrConflict, core.ErrRejected, core.ErrUnexplained, core.ErrTooSlow, dialect.ErrRolledBack} {
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

func TestSQLServerErrorsDistinguishTriggersAndSeverity(t *testing.T) {
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
		err := new(Dialect).Explain(test.reported)
		if test.want == nil {
			dbtest.WantOutage(t, err)
		} else if !errors.Is(err, test.want) {
			t.Errorf("%+v: got %v, want %v", test.reported, err, test.want)
		}
	}
	dbtest.WantOutage(t, new(Dialect).Explain(&loginError{mssql.Error{Number: 12345}}))
}

func TestSQLServerNetworkErrorsContainNoAddress(t *testing.T) {
	d := new(Dialect)
	refused := &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(10, 9, 8, 7)}, Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&loginError{refused}, "cannot be used: connection refused"},
		{&loginError{&net.DNSError{Err: "no such host", Name: "db.example.com"}}, "its host name is not known"},
		{&loginError{context.DeadlineExceeded}, "it does not respond in time"},
		{&loginError{errors.New("TLS Handshake failed: x509: certificate signed by unknown authority for db.example.com")}, "name a file with that authority in certificate=FILE"},
		{&loginError{errors.New("TLS Handshake failed: x509: certificate is valid for a, not db.example.com")}, "hostNameInCertificate"},
		{&loginError{errors.New("TLS Handshake failed: cannot read handshake packet: EOF from db.example.com")}, "the TLS handshake failed"},
		{&loginError{mssql.Error{Number: 18456, Message: "Login failed for user 'scott'"}}, "check the user and the password"},
		{&loginError{errors.New("db.example.com says something new")}, "see its log"},
		{refused, "the connection to the database failed: connection refused"},
		{io.EOF, "the connection was closed"},
		{mssql.StreamError{InnerError: io.ErrUnexpectedEOF}, "the connection to the database failed"},
	} {
		err := d.Explain(test.err)
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

func TestEndOfCallIsNotReplaced(t *testing.T) {
	d := new(Dialect)
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if err := d.Explain(fmt.Errorf("x: %w", end)); !errors.Is(err, end) {
			t.Errorf("%v has become %v", end, err)
		}
	}
}

// What Microsoft publishes as transient: "Troubleshoot transient connection errors in SQL Database and SQL Managed Instance",
// and the list of Microsoft.Data.SqlClient's SqlConfigurableRetryFactory, without its numbers of the client's network.
var publishedTransient = map[string][]int32{
	"troubleshooting":  {926, 4060, 4221, 615, 10928, 10929, 10936, 18401, 40197, 40501, 40613, 42108, 42109, 49918, 49919, 49920},
	"SqlClient":        {1204, 1205, 1222, 4060, 4221, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109, 49918, 49919, 49920},
	"versions of rows": {3960, 3966},
}

func TestTransientSQLServerErrorsAreRetried(t *testing.T) {
	d := new(Dialect)
	for list, numbers := range publishedTransient {
		for _, number := range numbers {
			err := d.Explain(fmt.Errorf("wrapped: %w", mssql.Error{Number: number}))
			if errors.Is(err, core.ErrRejected) || errors.Is(err, core.ErrConflict) {
				t.Errorf("%s: error %d is not repeated: %v", list, number, err)
			}
			if errorNumbers[number].text == "" {
				t.Errorf("%s: error %d has no text", list, number)
			}
			if errors.As(err, new(dialect.Permanent)) {
				t.Errorf("%s: a start does not wait for %d to pass", list, number)
			}
		}
	}
}
