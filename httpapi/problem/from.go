package problem

import (
	"context"
	"errors"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
)

// InRooms wraps an error that concerns some rooms of a request for several. The problem then names these rooms.
func InRooms(err error, rooms ...string) error { return &roomsError{err, rooms} }

type roomsError struct {
	error
	rooms []string
}

func (e *roomsError) Unwrap() error { return e.error }

// roomRetry is the Retry-After of a client with too many open rooms.
const roomRetry = 10 * time.Second

// From returns the problem that an error wraps, or the problem for an error of core or access. Unknown errors are Internal.
func From(err error) *Problem {
	var p *Problem
	var in *roomsError
	switch {
	case errors.As(err, &in):
		named := *From(in.error)
		named.Rooms = in.rooms
		return &named
	case errors.As(err, &p):
		return p
	case errors.Is(err, core.ErrClientSeqReused):
		return New(ClientSeqReused, "")
	case errors.Is(err, core.ErrClientSeqPassed):
		return New(ClientSeqPassed, "no operation of this batch was applied; send its operations under a new clientSeq")
	case errors.Is(err, core.ErrForeignClient):
		return New(Forbidden, err.Error())
	case errors.Is(err, access.ErrUnavailable):
		return New(AuthUnavailable, "")
	case errors.Is(err, core.ErrNoInitialState):
		return New(NoInitialState, "")
	case errors.Is(err, core.ErrCorrupt):
		return New(RoomUnavailable, "its data in the database is damaged")
	case errors.Is(err, core.ErrHistoryChanged):
		return New(HistoryChanged, "")
	case errors.Is(err, core.ErrClosing):
		return New(ShuttingDown, "")
	case errors.Is(err, core.ErrTooManyRooms):
		return Limited("too many rooms are open on one account", roomRetry)
	case errors.Is(err, core.ErrOverloaded):
		return New(Overloaded, "")
	case errors.Is(err, core.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return New(DatabaseUnavailable, "")
	case errors.Is(err, core.ErrRejected):
		return New(Rejected, "a constraint or a trigger rejects it, or it takes too long")
	default:
		return New(Internal, "")
	}
}
