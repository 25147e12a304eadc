package postgres

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
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

var errEncoding = errors.New("the encoding of the database is not UTF8: create a database with ENCODING 'UTF8'")

// fenceIndex is the unique index of the log's order.
const fenceIndex = "sync_change_log_order"

// Explain implements dialect.Dialect. The server's codes and the driver's errors are known to this file only.
func (d *Dialect) Explain(err error) error {
	var (
		reported *pgconn.PgError
		connect  *pgconn.ConnectError
	)
	switch {
	case errors.Is(err, errEncoding):
		return errEncoding
	case errors.As(err, &reported):
		return explainCode(reported, errors.As(err, &connect), err)
	case errors.As(err, &connect):
		return &dialect.Error{Text: "the database server cannot be reached: " + networkCause(err), Cause: err}
	case isNetwork(err):
		return &dialect.Error{Text: "the connection to the database failed: " + networkCause(err), Cause: err}
	}
	return err
}

// explainCode wraps an error that the server has reported. The server's own text may contain data or parts of a statement;
// see dialect.Error.
func explainCode(reported *pgconn.PgError, connecting bool, err error) error {
	if reported.Code == "23505" && reported.ConstraintName == fenceIndex {
		return core.ErrConflict
	}
	if reported.Code == "22P02" {
		for _, v := range []dialect.Verdict{dialect.OtherEpoch, dialect.Conflict, dialect.Gap} {
			if strings.Contains(reported.Message, `"`+string(v)+`"`) {
				return v.Err()
			}
		}
	}
	text := &dialect.Error{Text: fmt.Sprintf("%s (SQLSTATE %s)", hintFor(reported.Code), reported.Code), Cause: err, ServerText: reported.Message}
	if meaning := meaningOf(reported); meaning != nil && !connecting {
		return fmt.Errorf("%w: %w", meaning, text)
	}
	return text
}

// outages lists codes, and classes of codes, of errors that do not depend on a statement's data. Errors that are neither
// here nor in rejections may depend on the data.
var outages = []string{
	"08", "0A", "0B", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0",
}

// rejections lists codes, and classes of codes, of data that the tables or their triggers reject.
var rejections = []string{
	"09", "21", "22", "23", "27", "38", "39", "44", "54", "P0",
}

// meaningOf returns the error of core for a reported error; nil for an outage.
func meaningOf(reported *pgconn.PgError) error {
	code := reported.Code
	listed := func(codes []string) bool { return slices.Contains(codes, code) || slices.Contains(codes, code[:2]) }
	switch {
	case code == "40001" || code == "40P01": // serialization, deadlock
		return dialect.ErrRolledBack
	case code == "57014" || code == "55P03" || code == "25P04": // timeouts of the server for statements, locks, transactions
		return core.ErrTooSlow
	case code == "42501" && reported.Routine == "ExecWithCheckOptions": // a row-level security policy
		return core.ErrRejected
	case listed(rejections):
		return core.ErrRejected
	case code[:2] == "42" || code[:2] == "0A":
		// The tables are missing, or the user lacks a permission. An error with a context comes from a trigger, in which it
		// may depend on the data.
		if reported.Where != "" {
			return core.ErrUnexplained
		}
		return nil
	case listed(outages):
		return nil
	default:
		return core.ErrUnexplained
	}
}

// hintFor looks up a code, and then its class, which is its first two characters.
func hintFor(code string) string {
	for _, known := range []string{code, code[:2]} {
		if text, ok := hints[known]; ok {
			return text
		}
	}
	return "the database reports an error: see its log"
}

var hints = map[string]string{
	"08":    "the connection to the database failed",
	"09":    "a trigger rejects it",
	"0A":    "the database cannot do this: if its tables were changed, restart the server",
	"22":    "it does not fit its column",
	"22021": "it has characters that the database cannot store",
	"22P05": "it has characters that the database cannot store",
	"23":    "it violates a constraint of the tables",
	"25":    "the transaction was ended",
	"25006": "the database takes no writes now: it is a standby, or was made read-only",
	"26":    "the connection has lost a prepared statement: check the pooler between server and database",
	"27":    "a trigger rejects it",
	"28":    "the database refuses this user: check the name and the password, and the server's pg_hba.conf",
	"38":    "a trigger rejects it",
	"39":    "a trigger rejects it",
	"3D":    "the database does not exist: create it, or choose another",
	"3F":    "the schema does not exist: create it, or choose another with search_path",
	"40":    "serialization failure or deadlock",
	"42":    "the tables were changed: see the database's log",
	"42501": "the user lacks a permission: grant it CREATE on the schema, or make it the owner of the tables",
	"44":    "it violates the check option of a view",
	"53":    "the database has run out of a resource: see its log",
	"53100": "the database's disk is full: free space on it",
	"53200": "the database has run out of memory: see its log",
	"53300": "the database has too many connections: raise its max_connections",
	"54":    "it exceeds a limit of the database",
	"55":    "the object is in use or not ready",
	"57":    "the database has ended the call",
	"57P03": "the database is starting or stopping",
	"57014": "the statement was cancelled: check the database's statement_timeout",
	"55P03": "another transaction holds a lock for too long",
	"58":    "the database's disk fails: see its log",
	"P0":    "a trigger rejects it",
	"XX":    "the database reports damage: see its log",
}

// isNetwork reports whether an error comes from the network, or from the end of a call's context.
func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, context.Canceled)
}

// networkCause returns the cause of an error without its text, which contains hosts and users.
func networkCause(err error) string {
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
		return "its certificate is signed by an unknown authority: name a file with that authority in sslrootcert"
	case errors.As(err, &hostname):
		return "its certificate is for another host"
	case errors.As(err, &invalid):
		return "its certificate is not valid"
	case strings.Contains(err.Error(), "server refused TLS connection"): // the driver has no type for this error
		return "it does not support TLS: enable it there, or allow unencrypted connections with sslmode"
	case errors.As(err, &alert):
		return "the TLS handshake failed"
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.Canceled):
		return "the call was cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "it does not respond in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, pgconn.ErrConnClosed):
		return "the connection was closed"
	}
	return "see its log"
}

// LacksPermission implements dialect.Dialect.
func (d *Dialect) LacksPermission(err error) bool {
	var reported *pgconn.PgError
	return errors.As(err, &reported) && reported.Code == "42501"
}
