package httpapi

import (
	"context"
	"errors"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/token"
)

// Authenticator verifies tokens. It must be safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the identity of a token. Its error wraps access.ErrUnauthenticated when the token is not valid;
	// the client then sees its text. It wraps access.ErrUnavailable when the token cannot be verified at the moment.
	Authenticate(ctx context.Context, token string) (access.Identity, error)
}

// identify sets the identity of a request, and counts the request for its user.
func (s *Server) identify(w *response, r *request, identity access.Identity) error {
	r.identity = identity
	w.entry.user = identity.User
	if s.cfg.Auth == nil {
		return nil // admit has counted it
	}
	s.limits.Identify(&r.sender, identity.User)
	return s.limits.CountUser(&r.sender)
}

// authenticated returns a handler that requires a valid token.
func (s *Server) authenticated(handle handler) handler {
	return func(w *response, r *request) error {
		identity, err := s.authenticate(r)
		if err != nil {
			return err
		}
		if err := s.identify(w, r, identity); err != nil {
			return err
		}
		return handle(w, r)
	}
}

// inRoom returns a handler that requires a permission in the room of the path.
func (s *Server) inRoom(action access.Action, handle handler) handler {
	return s.authenticated(func(w *response, r *request) error {
		room, err := r.roomName()
		if err != nil {
			return err
		}
		if err := requirePermission(r, action, []string{room}); err != nil {
			return err
		}
		return handle(w, r)
	})
}

// inReadableRoom returns a handler that requires read permission, except in public rooms. A public room needs no token, but
// a token that is not valid is refused: it never makes a request anonymous.
func (s *Server) inReadableRoom(handle handler) handler {
	permitted, authenticated := s.inRoom(access.Read, handle), s.authenticated(handle)
	return func(w *response, r *request) error {
		room, err := r.roomName()
		switch {
		case err != nil || !s.isPublic(room):
			return permitted(w, r)
		case s.cfg.Auth == nil || token.Present(r.Request):
			return authenticated(w, r)
		default:
			return handle(w, r)
		}
	}
}

// byTicket returns a handler that requires read permission in all rooms of a request, which may have a ticket in place of a
// token.
func (s *Server) byTicket(roomsOf func(*request) ([]string, error), handle handler) handler {
	permitted := func(w *response, r *request) error {
		rooms, err := roomsOf(r)
		if err != nil {
			return err
		}
		if err := requirePermission(r, access.Read, rooms); err != nil {
			return err
		}
		return handle(w, r)
	}
	byToken := s.authenticated(permitted)
	return func(w *response, r *request) error {
		ticket := r.query.Get("ticket")
		if s.cfg.Auth == nil || ticket == "" || r.Header.Get("Authorization") != "" {
			return byToken(w, r)
		}
		rooms, err := roomsOf(r)
		if err != nil {
			return err
		}
		identity, err := s.redeem(r.Context(), ticket, rooms)
		if err != nil {
			return err
		}
		if err := s.identify(w, r, identity); err != nil {
			return err
		}
		return permitted(w, r)
	}
}

// requirePermission fails with problem.Forbidden unless the sender may do something in all of some rooms.
func requirePermission(r *request, action access.Action, rooms []string) error {
	denied := r.identity.Denied(action, rooms)
	if len(denied) == 0 {
		return nil
	}
	permission := [...]string{access.Read: "read", access.Write: "write", access.Presence: "presence"}[action]
	if len(rooms) == 1 {
		return problem.New(problem.Forbidden, permission+" permission is not granted in this room")
	}
	return problem.InRooms(problem.New(problem.Forbidden, permission+" permission is not granted in all of these rooms"), denied...)
}

// isReadOnly reports whether the sender has no write permission in a room.
func isReadOnly(r *request, room string) bool { return !r.identity.Allows(access.Write, room) }

// authenticate returns the identity of a request. A token that is not valid is always an error.
func (s *Server) authenticate(r *request) (access.Identity, error) {
	if s.cfg.Auth == nil {
		return s.anonymous, nil
	}
	text, err := token.FromRequest(r.Request)
	if err != nil {
		return access.Identity{}, err
	}
	return s.verify(r.Context(), text)
}

// verify returns the identity of a token.
func (s *Server) verify(ctx context.Context, text string) (access.Identity, error) {
	identity, err := s.cfg.Auth.Authenticate(ctx, text)
	switch {
	case err == nil:
		return identity, nil
	case errors.Is(err, access.ErrUnauthenticated):
		return access.Identity{}, problem.Challenge(err.Error(), true)
	default:
		return access.Identity{}, err
	}
}
