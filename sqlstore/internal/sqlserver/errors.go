package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

func isDuplicate(err error) bool {
	var reported mssql.Error
	return errors.As(err, &reported) && (reported.Number == 2601 || reported.Number == 2627) && !inTrigger(reported)
}

// inTrigger reports whether an error comes from a trigger or a procedure, in which it may depend on the data.
func inTrigger(reported mssql.Error) bool { return reported.ProcName != "" }

// Explain implements dialect.Dialect. The server's numbers and the driver's errors are known to this file only.
func (d *Dialect) Explain(err error) error {
	var (
		reported mssql.Error
		login    *loginError
	)
	switch {
	case isDuplicate(err): // of the log's unique index; other writes handle duplicates themselves
		return core.ErrConflict
	case errors.As(err, &reported):
		return explainNumber(reported, errors.As(err, &login), err)
	case errors.As(err, &login):
		return &dialect.Error{Text: "the database server cannot be used: " + networkCause(err), Cause: err}
	case isNetwork(err):
		return &dialect.Error{Text: "the connection to the database failed: " + networkCause(err), Cause: err}
	}
	return err
}

// explainNumber wraps an error that the server has reported. The server's own text may contain data or parts of a statement;
// see dialect.Error.
func explainNumber(reported mssql.Error, connecting bool, err error) error {
	if reported.Number == verdictNumber && !inTrigger(reported) {
		return dialect.Verdict(reported.Message).Err()
	}
	known, listed := errorNumbers[reported.Number]
	if known.text == "" {
		known.text = "the database reports an error: see its log"
	}
	text := &dialect.Error{Text: fmt.Sprintf("%s (SQL Server error %d)", known.text, reported.Number), Cause: err, ServerText: reported.Message}
	meaning := known.is
	if !listed || meaning == nil && inTrigger(reported) {
		meaning = meaningBySeverity(reported)
	}
	if meaning != nil && !connecting {
		return fmt.Errorf("%w: %w", meaning, text)
	}
	return text
}

// meaningBySeverity returns the error of core for an unlisted error; nil for an outage. From severity 17 on, the server lacks
// a resource or has failed; from 20 on, it ends the connection. Less severe errors may come from the data, and so do
// user-defined errors, from number 50000 on.
func meaningBySeverity(reported mssql.Error) error {
	if reported.Class >= 17 {
		return nil
	}
	if reported.Number >= 50000 {
		return core.ErrRejected
	}
	return core.ErrUnexplained
}

// verdictNumber is the number of the error that the checks of writes raise.
const verdictNumber = 50731

type errorMeaning struct {
	text string
	is   error // core.ErrRejected, core.ErrTooSlow or dialect.ErrRolledBack; nil for an outage
}

var errorNumbers = map[int32]errorMeaning{
	1205: {"deadlock victim", dialect.ErrRolledBack},
	3960: {"snapshot update conflict", dialect.ErrRolledBack},
	3966: {"snapshot transaction aborted", dialect.ErrRolledBack},
	1222: {"another transaction holds a lock for too long", core.ErrTooSlow},

	// Data that the tables reject, and errors that triggers raise.
	220:   {"a number does not fit its column", core.ErrRejected},
	241:   {"a time does not fit its column", core.ErrRejected},
	242:   {"a time does not fit its column", core.ErrRejected},
	245:   {"a value does not fit its column", core.ErrRejected},
	515:   {"a value is missing", core.ErrRejected},
	547:   {"it violates a constraint of the tables", core.ErrRejected},
	1946:  {"an index entry would be too long", core.ErrRejected},
	2628:  {"a text does not fit its column", core.ErrRejected},
	3609:  {"a trigger rejects it", core.ErrRejected},
	8114:  {"a value does not fit its column", core.ErrRejected},
	8115:  {"a number does not fit its column", core.ErrRejected},
	8152:  {"a text does not fit its column", core.ErrRejected},
	33504: {"a security policy rejects it", core.ErrRejected},
	13609: {"a text is not valid JSON to the database", core.ErrRejected},
	50000: {"a trigger rejects it", core.ErrRejected},

	// Errors that an administrator has to resolve.
	208:   {text: "the tables were changed: check the database"},
	229:   {text: "the login lacks a permission: make it a member of db_datareader and db_datawriter"},
	262:   {text: "the login lacks a permission: make it a member of db_ddladmin, or create the tables with another login"},
	911:   {text: "the database does not exist: create it, or choose another"},
	1105:  {text: "the database is full: free space in its files"},
	2760:  {text: "the schema cannot be used: create it, or grant the login ALTER on it"},
	3906:  {text: "the database takes no writes now: it was made read-only"},
	4060:  {text: "the database does not exist, or the login may not use it: create it, or make the login a user of it"},
	9002:  {text: "the database's transaction log is full: back it up, or free space"},
	18452: {text: "the login is from an untrusted domain: check the user"},
	18456: {text: "the login is refused: check the user and the password"},
	18470: {text: "the login is disabled"},
	18487: {text: "the password has expired: change it"},
	18488: {text: "the password has to be changed"},

	// Outages with the severity of errors that come from the data.
	596:   {text: "the database has ended the connection"},
	701:   {text: "the database has run out of memory: see its log"},
	916:   {text: "the login may not use the database: make it a user of it"},
	922:   {text: "the database is being recovered"},
	923:   {text: "the database is in restricted mode"},
	924:   {text: "the database is in single-user mode"},
	927:   {text: "the database is being restored"},
	942:   {text: "the database is offline"},
	945:   {text: "the database is out of memory or disk space: see its log"},
	952:   {text: "the database is changing its state"},
	976:   {text: "the database is a secondary replica that takes no connections"},
	978:   {text: "the database is a read-only secondary replica"},
	979:   {text: "the database is a secondary replica that takes no connections"},
	983:   {text: "the database is not available in its availability group now"},
	1204:  {text: "the database has no locks left"},
	3908:  {text: "the database takes no writes now: it is in emergency mode, or being recovered"},
	4064:  {text: "the login's default database cannot be opened"},
	8645:  {text: "the database has no memory for the statement now"},
	8651:  {text: "the database has no memory for the statement now"},
	40544: {text: "the database is full: raise its size"},

	// The service ends a transaction that is too long or too large. A smaller one may succeed.
	40549: {"the service ended a transaction that was too long", core.ErrTooSlow},
	40550: {"the service ended a transaction that had too many locks", core.ErrTooSlow},
	40551: {"the service ended a transaction that was too large for tempdb", core.ErrTooSlow},
	40552: {"the service ended a transaction that was too large for the log", core.ErrTooSlow},
	40553: {"the service ended a transaction that took too much memory", core.ErrTooSlow},

	// Transient errors, mainly of cloud services.
	615:   {text: "the database is busy with a failover"},
	921:   {text: "the database is being recovered"},
	926:   {text: "the database is being recovered, or is damaged: see the server's log"},
	4221:  {text: "the database is busy with a failover"},
	10928: {text: "the database has reached a limit of its service tier"},
	10929: {text: "the server is too busy for the database's service tier"},
	10936: {text: "the elastic pool has reached its limit"},
	17197: {text: "the server is too slow to log in"},
	18401: {text: "the server is starting or stopping"},
	40143: {text: "the service has failed to process a request"},
	40197: {text: "the service is busy with a failover"},
	40501: {text: "the service is busy"},
	40540: {text: "the service has ended the transaction"},
	40613: {text: "the database is not available now"},
	42108: {text: "the pool is paused or starting"},
	42109: {text: "the pool is starting"},
	49918: {text: "the service is short of resources"},
	49919: {text: "the service is short of resources"},
	49920: {text: "the service is short of resources"},
	49977: {text: "the elastic pool is busy"},
	49983: {text: "an operation of the service has to be repeated"},
}

// isNetwork reports whether an error comes from the network.
func isNetwork(err error) bool {
	var (
		network net.Error
		stream  mssql.StreamError
		broken  mssql.ServerError
	)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &network) {
		return false
	}
	return errors.As(err, &network) || errors.As(err, &stream) || errors.As(err, &broken) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// networkCause returns the cause of an error without its text, which contains hosts and users. For some errors, the driver
// has no type but a text.
func networkCause(err error) string {
	var (
		name    *net.DNSError
		number  syscall.Errno
		network net.Error
	)
	text := err.Error()
	switch {
	case errors.As(err, &name):
		return "its host name is not known"
	case strings.Contains(text, "server does not support encryption"):
		return "it offers no encryption: enable TLS there; for tests only, encrypt=disable in the URL connects without it"
	case strings.Contains(text, "x509: negative serial number"):
		return "its certificate has a negative serial number, which Go refuses: set GODEBUG=x509negativeserial=1 in the environment"
	case strings.Contains(text, "x509: certificate signed by unknown authority"):
		return "its certificate is signed by an unknown authority: name a file with that authority in certificate=FILE"
	case strings.Contains(text, "x509: certificate is valid for"), strings.Contains(text, "x509: cannot validate certificate for"):
		return "its certificate is for another host: set hostNameInCertificate to that host"
	case strings.Contains(text, "x509: "), strings.Contains(text, "TLS Handshake failed"):
		return "the TLS handshake failed: check its certificate"
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "it does not respond in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection was closed"
	}
	return "see its log"
}

// LacksPermission implements dialect.Dialect.
func (d *Dialect) LacksPermission(err error) bool {
	var reported mssql.Error
	if errors.As(err, &reported) {
		switch reported.Number {
		case 229, 230, 262, 297, 300, 916, 1088, 2760, 3701, 4902, 15151, 15247, 15517, 27222:
			return true
		}
	}
	return false
}
