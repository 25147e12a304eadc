package core

import (
	"errors"
	"fmt"
)

// Errors of a Hub and its rooms. The errors of the Store are in store.go.
var (
	// ErrUnavailable: the database cannot be used now. The caller may retry.
	ErrUnavailable = errors.New("database unavailable")
	// ErrBehind: the client has a batch of another server that this one cannot read now. It wraps ErrUnavailable.
	ErrBehind = fmt.Errorf("%w: this server does not have the client's position yet", ErrUnavailable)
	// ErrOverloaded: a queue or table is full, or the memory budget is used up. The caller may retry later.
	ErrOverloaded = errors.New("server overloaded")
	// ErrTooManyRooms: an account has reached its limit of open rooms.
	ErrTooManyRooms = errors.New("too many open rooms")
	// ErrNoInitialState: the initial state of a room cannot be loaded now. The caller may retry.
	ErrNoInitialState = errors.New("the initial state of this room cannot be loaded")
	// ErrClosing: the server is shutting down.
	ErrClosing = errors.New("server shutting down")
	// ErrClientSeqReused: the client has used this clientSeq for another batch.
	ErrClientSeqReused = errors.New("this clientSeq was used for another batch")
	// ErrClientSeqPassed: the room's log has a higher clientSeq of this client, and does not have this one. The batch was not
	// applied. Its content may be sent under a new number.
	ErrClientSeqPassed = errors.New("a later batch of this client is already committed")
	// ErrForeignClient: the clientId belongs to another user.
	ErrForeignClient = errors.New("this clientId belongs to another user")
)

// unavailable wraps a store error in ErrUnavailable, unless it is ErrCorrupt.
func unavailable(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCorrupt):
		return err
	default:
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err)
	}
}
