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
	return errors.As(err, &reported) && (reported.Number == 2601 || reported.Number == 2627)
}

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
		return explainSQLServerNumber(reported, err)
	case errors.As(err, &login):
		return &reworded{"the database server cannot be used: " + whyNoLogin(err), err}
	case isSQLServerNetwork(err):
		return &reworded{"the connection to the database broke: " + whyNoLogin(err), err}
	}
	return err
}

// explainSQLServerNumber gives what the server reports a meaning for the core, and a person a hint. The server's own
// text may hold data or parts of a statement, so it is left out.
func explainSQLServerNumber(reported mssql.Error, err error) error {
	meaning := sqlServerNumbers[reported.Number]
	if meaning.text == "" {
		meaning.text = "the database reports an error: look at its log"
	}
	text := &reworded{fmt.Sprintf("%s (SQL Server error %d)", meaning.text, reported.Number), err}
	if meaning.is != nil {
		return fmt.Errorf("%w: %w", meaning.is, text)
	}
	return text
}

type sqlServerMeaning struct {
	text string
	is   error // core.ErrRejected or errUndone, where it is one of them
}

var sqlServerNumbers = map[int32]sqlServerMeaning{
	1205: {"it was chosen to end a deadlock", errUndone},
	3960: {"a snapshot was overtaken", errUndone},
	1222: {text: "another transaction holds a lock for too long"},

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
	13609: {"a text is not what the database takes for JSON", core.ErrRejected},
	50000: {"a trigger of the tables refuses it", core.ErrRejected},

	// What a person has to do something about.
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

	// What passes, in the cloud above all.
	4221:  {text: "the database is busy with a failover"},
	10928: {text: "the database has reached a limit of its service tier"},
	10929: {text: "the server is too busy for the database's service tier"},
	40197: {text: "the service is busy with a failover"},
	40501: {text: "the service is busy"},
	40613: {text: "the database is not available now"},
	49918: {text: "the service is short of resources"},
	49919: {text: "the service is short of resources"},
	49920: {text: "the service is short of resources"},
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
