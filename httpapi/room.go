package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// room returns the room in the path. Call release when it is not used any more. claims are the positions that the request
// has: if they prove that the database has lost batches, the room is one of the new history.
func (s *Server) room(r *request, claims ...wire.EventID) (room *core.Room, release func(), err error) {
	name, err := r.roomName()
	if err != nil {
		return nil, nil, err
	}
	if len(claims) == 0 {
		return s.roomNamed(r, name)
	}
	err = s.inOneHistory(r.Context(), func() error {
		if room, release, err = s.roomNamed(r, name); err != nil {
			return err
		}
		for _, id := range claims {
			if err = checkHistory(r.Context(), room, id); err != nil {
				release()
				return err
			}
		}
		return nil
	})
	return room, release, err
}

func (s *Server) roomNamed(r *request, name string) (*core.Room, func(), error) {
	return s.hub.Room(r.Context(), name, s.limits.Accounts(&r.sender)...)
}

// checkHistory fails with core.ErrHistoryChanged when a position proves that the database has lost batches, and with
// core.ErrBehind when another server has committed it and this one cannot read it now: the reader would go back in time. Any
// other outage of the database is not an error: readers are then answered from memory.
func checkHistory(ctx context.Context, room *core.Room, id wire.EventID) error {
	if id.Epoch != room.Epoch() {
		return nil
	}
	err := room.CheckPosition(ctx, id.Seq)
	if errors.Is(err, core.ErrHistoryChanged) || errors.Is(err, core.ErrBehind) {
		return err
	}
	return nil
}

// reopenTimeout is how long a reader waits for the store to be reopened after the history has changed.
const reopenTimeout = 3 * time.Second

// inOneHistory calls connect, and calls it again if the history has changed during the first call.
func (s *Server) inOneHistory(ctx context.Context, connect func() error) error {
	err := connect()
	if !errors.Is(err, core.ErrHistoryChanged) {
		return err
	}
	ctx, cancel := s.waitContext(ctx, reopenTimeout)
	defer cancel()
	s.hub.WaitReopened(ctx)
	return connect()
}

// waitContext returns a context that ends after d, with the parent, or with Drain.
func (s *Server) waitContext(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(parent, d)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}
