package dialect

import "errors"

// ErrRolledBack is wrapped by an error when the database has rolled back a transaction because of a concurrent one. The
// transaction can be retried at once.
var ErrRolledBack = errors.New("the transaction was rolled back because of a concurrent one")

// Permanent is an error that remains until the program is started with another configuration or another version.
type Permanent struct{ Err error }

func (e Permanent) Error() string { return e.Err.Error() }
func (e Permanent) Unwrap() error { return e.Err }

// Error replaces the text of a driver's error, which may contain hosts, users, data and parts of statements. The
// original error is unwrapped but not shown.
type Error struct {
	Text  string
	Cause error
	// ServerText is the database's own message, such as that of a trigger. It may contain data.
	ServerText string
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.Cause }

// Reported returns the database's own message. The core logs it when the database rejects a batch.
func (e *Error) Reported() string { return e.ServerText }
