package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/access"
	"github.com/pathsync/pathsync/core"
)

// Authenticator finds out who sends a request.
type Authenticator interface {
	// Authenticate returns whose token it is, and what that user may do. Its error wraps access.ErrUnauthenticated when the
	// token proves nothing, and then its text is shown to the sender; it wraps access.ErrUnavailable when that cannot be
	// found out now.
	Authenticate(ctx context.Context, token string) (access.Identity, error)
}

// CookieName is the cookie that a token may come in. Browsers take one of this name only over TLS, for this host alone
// and for all of its paths, so that no neighbour can set it.
const CookieName = "__Host-pathsync"

// caller is who sends a request. It is part of the request's context from the beginning, and is filled in when that is
// known, so that whoever logs the request at its end can see it.
type caller struct{ identity access.Identity }

type callerKey struct{}

func withCaller(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, new(caller)))
}

func callerOf(r *http.Request) *caller {
	who, _ := r.Context().Value(callerKey{}).(*caller)
	if who == nil {
		return new(caller)
	}
	return who
}

// UserOf returns the user who has proved to be the sender of a request, and "" when nobody has, or not yet.
func UserOf(r *http.Request) string { return callerOf(r).identity.User }

// identify notes who has proved to be the sender, and counts the request for that user.
func (s *Server) identify(c echo.Context, identity access.Identity) error {
	callerOf(c.Request()).identity = identity
	exchangeOf(c.Response()).user = identity.User
	if s.cfg.Auth == nil {
		return nil
	}
	return s.limits.byUser(c.Request())
}

func identityOf(c echo.Context) access.Identity { return callerOf(c.Request()).identity }

// known is a handler for senders who have proved who they are.
func (s *Server) known(handle echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		identity, err := s.authenticate(c)
		if err != nil {
			return err
		}
		if err := s.identify(c, identity); err != nil {
			return err
		}
		return handle(c)
	}
}

// inRoom is a handler for known senders who may do something in the room that the address names.
func (s *Server) inRoom(action access.Action, handle echo.HandlerFunc) echo.HandlerFunc {
	return s.known(func(c echo.Context) error {
		if err := allowed(c, action); err != nil {
			return err
		}
		return handle(c)
	})
}

// inReadableRoom is inRoom for reading documents and batches. In a public room everybody may, whatever the token grants.
// Yet a token that is not accepted is refused there too: its sender is never taken for nobody in particular.
func (s *Server) inReadableRoom(handle echo.HandlerFunc) echo.HandlerFunc {
	granted, known := s.inRoom(access.Read, handle), s.known(handle)
	return func(c echo.Context) error {
		room, err := pathName(c, "room", core.MaxRoomLength)
		switch {
		case err != nil || !s.isPublic(room):
			return granted(c)
		case s.cfg.Auth == nil || showsToken(c.Request()):
			return known(c)
		default:
			return handle(c)
		}
	}
}

// byTicket is a handler for senders who may read all the rooms that they ask for, and who may have nothing to show but a
// ticket.
func (s *Server) byTicket(roomsOf func(echo.Context) ([]string, error), handle echo.HandlerFunc) echo.HandlerFunc {
	readable := func(c echo.Context) error {
		rooms, err := roomsOf(c)
		if err != nil {
			return err
		}
		if err := allowedIn(c, access.Read, rooms...); err != nil {
			return err
		}
		return handle(c)
	}
	byToken := s.known(readable)
	return func(c echo.Context) error {
		ticket := c.QueryParam("ticket")
		if s.cfg.Auth == nil || ticket == "" || c.Request().Header.Get("Authorization") != "" {
			return byToken(c)
		}
		rooms, err := roomsOf(c)
		if err != nil {
			return err
		}
		identity, ok := s.tickets.redeem(ticket, rooms)
		if !ok {
			return unauthenticated("the ticket has been used, has expired, or is for another room", true)
		}
		if err := s.identify(c, identity); err != nil {
			return err
		}
		return readable(c)
	}
}

// allowed refuses what the sender may not do in the room that the address names.
func allowed(c echo.Context, action access.Action) error {
	rooms, err := roomInPath(c)
	if err != nil {
		return err
	}
	return allowedIn(c, action, rooms...)
}

// allowedIn refuses what the sender may not do in all of some rooms.
func allowedIn(c echo.Context, action access.Action, rooms ...string) error {
	refused := notGranted(identityOf(c), action, rooms)
	if len(refused) == 0 {
		return nil
	}
	what := [...]string{access.Read: "reading", access.Write: "writing", access.Presence: "being present"}[action]
	if len(rooms) == 1 {
		return problem(Forbidden, what+" is not granted in this room")
	}
	return &roomsError{problem(Forbidden, what+" is not granted in all of these rooms"), refused}
}

// readOnly reports whether the sender may not write in a room at all.
func readOnly(c echo.Context, room string) bool { return !identityOf(c).Allows(access.Write, room) }

// notGranted are those of some rooms in which a user may not do something.
func notGranted(identity access.Identity, action access.Action, rooms []string) (refused []string) {
	for _, room := range rooms {
		if !identity.Allows(action, room) {
			refused = append(refused, room)
		}
	}
	return refused
}

// authenticate finds out who sends a request. There is no way from a token that is not accepted to a sender who is
// nobody in particular.
func (s *Server) authenticate(c echo.Context) (access.Identity, error) {
	if s.cfg.Auth == nil {
		return access.Unrestricted(), nil
	}
	r := c.Request()
	if hasTokenInQuery(r.URL) {
		return access.Identity{}, unauthenticated(
			"a token must not stand in an address, where it is logged: send it as `Authorization: Bearer`, or get a ticket", true)
	}
	token, err := tokenOf(r)
	if err != nil {
		return access.Identity{}, err
	}
	identity, err := s.cfg.Auth.Authenticate(r.Context(), token)
	switch {
	case err == nil:
		return identity, nil
	case errors.Is(err, access.ErrUnauthenticated):
		return access.Identity{}, unauthenticated(err.Error(), true)
	default:
		return access.Identity{}, err
	}
}

// tokenOf returns the token that a request comes with, from the header or else from the cookie.
func tokenOf(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	cookies := r.CookiesNamed(CookieName)
	switch {
	case len(headers) > 1 || len(cookies) > 1:
		return "", unauthenticated("there is more than one token", true)
	case len(headers) == 1:
		scheme, token, _ := strings.Cut(headers[0], " ")
		if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
			return "", unauthenticated("the header Authorization has to be `Bearer` and a token", true)
		}
		return token, nil
	case len(cookies) == 1:
		return cookies[0].Value, nil
	default:
		return "", unauthenticated("there is no token", false)
	}
}

// showsToken reports whether a request comes with something that is, or should be, a token.
func showsToken(r *http.Request) bool {
	return len(r.Header.Values("Authorization")) > 0 || len(r.CookiesNamed(CookieName)) > 0 || hasTokenInQuery(r.URL)
}

// tokenParameters are the names under which tokens come in queries elsewhere.
var tokenParameters = []string{"token", "access_token", "id_token", "jwt", "bearer", "authorization"}

// hasTokenInQuery reports whether an address has a token in it, by its name or by its looks.
func hasTokenInQuery(u *url.URL) bool {
	for name, values := range u.Query() {
		if slices.ContainsFunc(values, looksLikeToken) || slices.Contains(tokenParameters, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

// looksLikeToken reports whether a text can be a JSON Web Token: their first part is an object in base64url.
func looksLikeToken(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
}

// unauthenticated is the problem of who has not proved who he is. given says whether there was something to prove it.
func unauthenticated(detail string, given bool) *Problem {
	p := problem(Unauthenticated, detail)
	p.challenge = `Bearer realm="pathsync"`
	if given {
		p.challenge += `, error="invalid_token"`
	}
	return p
}
