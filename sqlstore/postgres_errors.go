package sqlstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pathsync/pathsync/core"
)

var errPostgresEncoding = errors.New("the database is not encoded in UTF8: make another with ENCODING 'UTF8'")

// postgresFence is the index that a number which is taken violates.
const postgresFence = "sync_change_log_order"

// explain implements dialect. This is the only place that knows the server's codes and the driver's errors.
func (d *postgres) explain(err error) error {
	var (
		reported *pgconn.PgError
		connect  *pgconn.ConnectError
	)
	switch {
	case errors.Is(err, errPostgresEncoding):
		return errPostgresEncoding
	case errors.As(err, &reported):
		return explainPostgresCode(reported, errors.As(err, &connect), err)
	case errors.As(err, &connect):
		return &reworded{"the database server cannot be reached: " + whyNotReached(err), err, ""}
	case isNetwork(err):
		return &reworded{"the connection to the database broke: " + whyNotReached(err), err, ""}
	}
	return err
}

// explainPostgresCode gives what the server reports a meaning for the core, and a person a hint. The server's own text
// may hold data or parts of a statement: only the log gets it (see reworded).
func explainPostgresCode(reported *pgconn.PgError, connecting bool, err error) error {
	if reported.Code == "23505" && reported.ConstraintName == postgresFence {
		return core.ErrConflict
	}
	if reported.Code == "22P02" {
		for _, v := range []verdict{otherEpoch, movedOn, hasGap} {
			if strings.Contains(reported.Message, `"`+string(v)+`"`) {
				return v.error()
			}
		}
	}
	text := &reworded{fmt.Sprintf("%s (SQLSTATE %s)", whatPostgresMeans(reported.Code), reported.Code), err, reported.Message}
	if meaning := postgresMeaning(reported); meaning != nil && !connecting {
		return fmt.Errorf("%w: %w", meaning, text)
	}
	return text
}

// postgresOutages are the codes, and the classes of codes, of errors that have nothing to do with the data of a statement.
// Whatever is not listed here or in postgresRejections may come from the data.
var postgresOutages = []string{
	"08", "0A", "0B", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0",
}

// postgresRejections are the codes, and the classes, of data that the tables or their triggers do not take.
var postgresRejections = []string{
	"09", "21", "22", "23", "27", "38", "39", "44", "54", "P0",
}

// postgresMeaning is what an error means to the core; nil: it is an outage.
func postgresMeaning(reported *pgconn.PgError) error {
	code := reported.Code
	listed := func(codes []string) bool { return slices.Contains(codes, code) || slices.Contains(codes, code[:2]) }
	switch {
	case code == "40001" || code == "40P01": // serialization, deadlock
		return errUndone
	case code == "57014" || code == "55P03" || code == "25P04": // the server's own limits of a statement, a lock, a transaction
		return core.ErrTooSlow
	case code == "42501" && reported.Routine == "ExecWithCheckOptions": // a row-level security policy
		return core.ErrRejected
	case listed(postgresRejections):
		return core.ErrRejected
	case code[:2] == "42" || code[:2] == "0A":
		// The tables are missing, or the user lacks a right. In a trigger, which may do that for some data only, there is a
		// context.
		if reported.Where != "" {
			return core.ErrUnexplained
		}
		return nil
	case listed(postgresOutages):
		return nil
	default:
		return core.ErrUnexplained
	}
}

// whatPostgresMeans looks for a code, and then for its class, which is its first two characters.
func whatPostgresMeans(code string) string {
	for _, known := range []string{code, code[:2]} {
		if text, ok := postgresCodes[known]; ok {
			return text
		}
	}
	return "the database reports an error: look at its log"
}

var postgresCodes = map[string]string{
	"08":    "the connection to the database broke",
	"09":    "a trigger of the tables refuses it",
	"0A":    "the database cannot do this: if its tables were changed, restart the server",
	"22":    "it does not fit its column",
	"22021": "it has characters that the database cannot store",
	"22P05": "it has characters that the database cannot store",
	"23":    "it violates a constraint of the tables",
	"25":    "the transaction was ended",
	"25006": "the database takes no writes now: it is a standby, or was made read-only",
	"26":    "the connection has lost a prepared statement: look at what is between, such as a pooler",
	"27":    "a trigger of the tables refuses it",
	"28":    "the database refuses this user: check the name and the password, and the server's pg_hba.conf",
	"38":    "a trigger of the tables refuses it",
	"39":    "a trigger of the tables refuses it",
	"3D":    "the database does not exist: make it, or name another",
	"3F":    "the schema does not exist: make it, or name another in search_path",
	"40":    "another transaction was in the way",
	"42":    "the tables are not as this program left them: look at the database's log",
	"42501": "the user lacks a right: grant it CREATE on the schema, or the ownership of the tables",
	"44":    "it violates a view of the tables",
	"53":    "the database has run out of a resource: look at its log",
	"53100": "the database's disk is full: make room on it",
	"53200": "the database has run out of memory: look at its log",
	"53300": "the database has too many connections: raise its max_connections",
	"54":    "it is beyond a limit of the database",
	"55":    "the database is busy with something else",
	"57":    "the database has ended the call",
	"57P03": "the database is starting or stopping",
	"57014": "the database has given the statement up: look at its statement_timeout",
	"55P03": "another transaction holds a lock for too long",
	"58":    "the database's disk does not work: look at its log",
	"P0":    "a trigger of the tables refuses it",
	"XX":    "the database is damaged: look at its log",
}

// isNetwork reports whether an error comes from the way to the server, or from the end of a call's context.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, context.Canceled)
}

// whyNotReached finds the cause in an error whose text has hosts and users in it.
func whyNotReached(err error) string {
	var (
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		number    syscall.Errno
		network   net.Error
	)
	switch {
	case errors.As(err, &name):
		return "its host name is not known"
	case errors.As(err, &authority):
		return "its certificate is of an unknown authority: name that one's in sslrootcert"
	case errors.As(err, &hostname):
		return "its certificate is another host's"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	case strings.Contains(err.Error(), "server refused TLS connection"): // the driver has no type for it
		return "it does no encryption: set it up there, or allow its lack with sslmode"
	case errors.As(err, &alert):
		return "encryption could not be agreed on"
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.Canceled):
		return "the call was cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "it does not answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, pgconn.ErrConnClosed):
		return "the connection was closed"
	}
	return "look at its log"
}
