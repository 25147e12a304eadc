package httpapi

import (
	"context"
	"strconv"
	"time"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/ticket"
	"github.com/pathsync/pathsync/httpapi/token"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// maxTicketBody is the maximum size of a request for a ticket in bytes.
const maxTicketBody = 4 << 10

// postTicket issues a ticket for one or several rooms.
func (s *Server) postTicket(w *response, r *request) error {
	body, err := s.readBody(w, r, min(maxTicketBody, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	rooms, err := wire.DecodeRooms(body, s.cfg.MaxDepth)
	if err != nil {
		return err
	}
	if err := requirePermission(r, access.Read, rooms); err != nil {
		return err
	}
	text, _ := token.FromRequest(r.Request) // "" without authentication
	t, ok := s.tickets.Issue(r.identity, text, rooms)
	if !ok {
		return problem.New(problem.Overloaded, "too many tickets were issued in the last "+ticket.Life.String())
	}
	dst := tree.AppendString([]byte(`{"ticket":`), t.Text)
	dst = append(dst, `,"expiresAt":`...)
	dst = strconv.AppendInt(dst, t.Expires.UnixMilli(), 10)
	return w.json(append(dst, '}'))
}

// postToken renews the identity of an open stream with the token of this request.
func (s *Server) postToken(w *response, r *request) error {
	name, err := r.roomName()
	if err != nil {
		return err
	}
	clientID, err := r.pathName("clientId", core.MaxClientIDLength)
	if err != nil {
		return err
	}
	identity := r.identity
	if identity.Expired(time.Now()) {
		return errExpired()
	}
	found, err := s.renewHere(name, clientID, func() (access.Identity, error) { return identity, nil })
	if text, _ := token.FromRequest(r.Request); !found && text != "" {
		found, err = s.renewElsewhere(r.Context(), name, clientID, text)
	}
	switch {
	case err != nil:
		return err
	case !found:
		return problem.New(problem.StreamNotFound, "")
	}
	return w.noContent()
}

// errExpired refuses an expired identity for a stream. Other requests accept it for a moment, because clocks differ.
func errExpired() error { return problem.Challenge("the token has expired", true) }

// redeem returns the identity of a ticket, which this server or another one has issued.
func (s *Server) redeem(ctx context.Context, text string, rooms []string) (access.Identity, error) {
	if t, ok := s.tickets.Redeem(text, rooms); ok {
		return t.Identity, nil
	}
	if original, ok := s.redeemElsewhere(ctx, text, rooms); ok {
		return s.verify(ctx, original)
	}
	return access.Identity{}, problem.Challenge("the ticket was used, has expired, or is for another room", true)
}
