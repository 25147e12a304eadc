package sqlstore

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
)

func isSQLServerDuplicate(err error) bool {
	var reported mssql.Error
	return errors.As(err, &reported) && (reported.Number == 2601 || reported.Number == 2627) && !inSQLServerTrigger(reported)
}

// inSQLServerTrigger reports whether an error comes from a trigger or a procedure, which may fail for some data only.
func inSQLServerTrigger(reported mssql.Error) bool { return reported.ProcName != "" }

// explain implements dialect. This is the only place that knows the server's numbers and the driver's errors.
func (d *sqlServer) explain(err error) error {
	var (
		reported mssql.Error
		login    *loginError
	)
	switch {
	case isSQLServerDuplicate(err): // the log's order: whoever writes anything else looks out for duplicates
		return core.ErrConflict
	case errors.As(err, &reported):
		return explainSQLServerNumber(reported, errors.As(err, &login), err)
	case errors.As(err, &login):
		return &reworded{"the database server cannot be used: " + whyNoLogin(err), err, ""}
	case isSQLServerNetwork(err):
		return &reworded{"the connection to the database broke: " + whyNoLogin(err), err, ""}
	}
	return err
}

// explainSQLServerNumber gives what the server reports a meaning for the core, and a person a hint. The server's own
// text may hold data or parts of a statement: only the log gets it (see reworded).
func explainSQLServerNumber(reported mssql.Error, connecting bool, err error) error {
	if reported.Number == sqlServerVerdictNumber && !inSQLServerTrigger(reported) {
		return verdict(reported.Message).error()
	}
	known, listed := sqlServerNumbers[reported.Number]
	if known.text == "" {
		known.text = "the database reports an error: look at its log"
	}
	text := &reworded{fmt.Sprintf("%s (SQL Server error %d)", known.text, reported.Number), err, reported.Message}
	meaning := known.is
	if !listed || meaning == nil && inSQLServerTrigger(reported) {
		meaning = sqlServerSeverity(reported)
	}
	if meaning != nil && !connecting {
		return fmt.Errorf("%w: %w", meaning, text)
	}
	return text
}

// sqlServerSeverity is what an error means to the core that is not listed. From severity 17 on, the server lacks a
// resource or has failed, and from 20 on it ends the connection. What is below may come from the data, as do the errors
// that people raise, from 50000 on.
func sqlServerSeverity(reported mssql.Error) error {
	if reported.Class >= 17 {
		return nil
	}
	if reported.Number >= 50000 {
		return core.ErrRejected
	}
	return core.ErrUnexplained
}

// sqlServerVerdictNumber is the error that the checks of writes raise.
const sqlServerVerdictNumber = 50731

type sqlServerMeaning struct {
	text string
	is   error // core.ErrRejected, core.ErrTooSlow or errUndone; nil: it has nothing to do with the data
}

var sqlServerNumbers = map[int32]sqlServerMeaning{
	1205: {"it was chosen to end a deadlock", errUndone},
	3960: {"a snapshot was overtaken", errUndone},
	3966: {"a snapshot was given up", errUndone},
	1222: {"another transaction holds a lock for too long", core.ErrTooSlow},

	// Data that the tables do not take, and what triggers raise.
	220:   {"a number does not fit its column", core.ErrRejected},
	241:   {"a time does not fit its column", core.ErrRejected},
	242:   {"a time does not fit its column", core.ErrRejected},
	245:   {"a value does not fit its column", core.ErrRejected},
	515:   {"a value is missing", core.ErrRejected},
	547:   {"it violates a constraint of the tables", core.ErrRejected},
	1946:  {"an index entry would be too long", core.ErrRejected},
	2628:  {"a text does not fit its column", core.ErrRejected},
	3609:  {"a trigger of the tables refuses it", core.ErrRejected},
	8114:  {"a value does not fit its column", core.ErrRejected},
	8115:  {"a number does not fit its column", core.ErrRejected},
	8152:  {"a text does not fit its column", core.ErrRejected},
	33504: {"a security policy of the tables refuses it", core.ErrRejected},
	13609: {"a text is not what the database takes for JSON", core.ErrRejected},
	50000: {"a trigger of the tables refuses it", core.ErrRejected},

	// What a person has to do something about.
	208:   {text: "the tables are not as this program left them: look at the database"},
	229:   {text: "the login lacks a right: make it a member of db_datareader and db_datawriter"},
	262:   {text: "the login lacks a right: make it a member of db_ddladmin, or make the tables with another"},
	911:   {text: "the database does not exist: make it, or name another"},
	1105:  {text: "the database is full: make room in its files"},
	2760:  {text: "the schema cannot be used: make it, or grant the login ALTER on it"},
	3906:  {text: "the database takes no writes now: it was made read-only"},
	4060:  {text: "the database does not exist, or the login may not use it: make it, or make the login a user of it"},
	9002:  {text: "the database's transaction log is full: back it up, or make room"},
	18452: {text: "the login is of a domain that the server does not trust: check the user"},
	18456: {text: "the login is refused: check the user and the password"},
	18470: {text: "the login is disabled"},
	18487: {text: "the password has expired: change it"},
	18488: {text: "the password has to be changed"},

	// What has nothing to do with the data, although its severity is that of such errors.
	596:   {text: "the database has ended the connection"},
	701:   {text: "the database has run out of memory: look at its log"},
	916:   {text: "the login may not use the database: make it a user of it"},
	922:   {text: "the database is being recovered"},
	923:   {text: "the database is in restricted mode"},
	924:   {text: "the database is in single-user mode"},
	927:   {text: "the database is being restored"},
	942:   {text: "the database is offline"},
	945:   {text: "the database is out of memory or disk: look at its log"},
	952:   {text: "the database is changing its state"},
	976:   {text: "the database is a secondary replica that takes no connections"},
	978:   {text: "the database is a secondary replica that takes no writes"},
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

	// What passes, in the cloud above all.
	615:   {text: "the database is busy with a failover"},
	921:   {text: "the database is being recovered"},
	926:   {text: "the database is being recovered, or is damaged: look at the server's log"},
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

// isSQLServerNetwork reports whether an error comes from the way to the server.
func isSQLServerNetwork(err error) bool {
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

// whyNoLogin finds the cause in an error whose text has hosts and users in it. The driver hands some on as text alone.
func whyNoLogin(err error) string {
	var (
		name    *net.DNSError
		number  syscall.Errno
		network net.Error
	)
	text := err.Error()
	switch {
	case errors.As(err, &name):
		return "its host name is not known"
	case strings.Contains(text, "x509: negative serial number"):
		return "its certificate has a negative serial number, which Go refuses: set GODEBUG=x509negativeserial=1 in the environment"
	case strings.Contains(text, "x509: certificate signed by unknown authority"):
		return "its certificate is of an unknown authority: name that one's with certificate=FILE"
	case strings.Contains(text, "x509: certificate is valid for"), strings.Contains(text, "x509: cannot validate certificate for"):
		return "its certificate is another host's: name that one with hostNameInCertificate"
	case strings.Contains(text, "x509: "), strings.Contains(text, "TLS Handshake failed"):
		return "encryption could not be agreed on: look at its certificate"
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "it does not answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection was closed"
	}
	return "look at its log"
}
