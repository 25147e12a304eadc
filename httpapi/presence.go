package httpapi

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/presence"
	"github.com/pathsync/pathsync/core/tree"
)

// Longest texts of a presence update, in bytes.
const (
	maxPresenceBody = 16 << 10
	maxMeta         = 4 << 10
)

// getPresence answers with the clients that are present in a room.
func (s *Server) getPresence(c echo.Context) error {
	room, release, err := s.room(c)
	if err != nil {
		return err
	}
	defer release()
	var users *core.UserList
	room.View(func(v core.View) { users = v.Users(appendUser) })
	w := c.Response()
	w.Header().Set("Cache-Control", noStore)
	w.Header().Set("Content-Type", "application/json")
	head := presenceHead(nil, room.Name(), readOnly(c, room.Name()))
	parts := listParts{head: head, text: users.Next(), users: users, tail: []byte(presenceTail)}
	for part := parts.next(); part != nil; part = parts.next() {
		if _, err := w.Write(part); err != nil {
			return nil // the client is gone
		}
	}
	return nil
}

// listParts is a list of users with what is around it, in parts that are read one after the other. The users are shared by
// all readers.
type listParts struct {
	head, tail []byte // nil once they are returned
	text       []byte // the first users, if they have been read; each user is behind a comma
	users      *core.UserList
	begun      bool // users have been returned
}

// next returns the next part, and nil at the end.
func (l *listParts) next() (part []byte) {
	if part, l.head = l.head, nil; part != nil {
		return part
	}
	if part, l.text = l.text, nil; part == nil {
		part = l.users.Next()
	}
	switch {
	case part == nil:
		part, l.tail = l.tail, nil
	case !l.begun:
		part, l.begun = part[1:], true
	}
	return part
}

// putPresence takes in what a client says of itself. It serves PUT, and POST for clients behind a proxy that blocks PUT.
func (s *Server) putPresence(c echo.Context) error {
	clientID, err := pathName(c, "clientId", core.MaxClientIDLength)
	if err != nil {
		return err
	}
	body, err := s.readBody(c, min(maxPresenceBody, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	update, err := decodePresence(clientID, body, s.cfg.MaxDepth)
	if err != nil {
		return err
	}
	room, release, err := s.room(c)
	if err != nil {
		return err
	}
	defer release()
	user, err := room.UpdatePresence(c.Request().Context(), clientID, identityOf(c).User, update)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", noStore)
	return c.JSONBlob(http.StatusOK, appendPresent(nil, &user, s.cfg.Hub.PresenceTimeout))
}

// leave takes a client out of a room's presence at once. The body of the POST, which browsers' sendBeacon may make up,
// means nothing.
func (s *Server) leave(c echo.Context) error {
	clientID, err := pathName(c, "clientId", core.MaxClientIDLength)
	if err != nil {
		return err
	}
	room, release, err := s.room(c)
	if err != nil {
		return err
	}
	defer release()
	if err := room.Leave(clientID, identityOf(c).User); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// decodePresence reads `{displayName?, via?, field?, meta?}`, which a client says of itself.
func decodePresence(clientID string, body []byte, maxDepth int) (u presence.Update, err error) {
	v, err := tree.Parse(body, maxDepth+1)
	if err != nil {
		return u, problem(InvalidJSON, err.Error())
	}
	d := decoder{}
	obj, ok := v.(*tree.Object)
	if !ok {
		d.fault("", "must be an object")
		return u, problem(InvalidRequest, "", d.faults...)
	}
	for name, v := range obj.All() {
		switch name {
		case "displayName":
			text := d.optionalText("/displayName", v, core.MaxDisplayNameLength)
			u.DisplayName = &text
		case "via":
			via := d.carrier("/via", v, clientID)
			u.Via = &via
		case "field":
			u.Field = d.optionalText("/field", v, core.MaxFieldLength)
		case "meta":
			if _, null := v.(tree.Null); !null {
				u.Meta = string(tree.AppendJSON(nil, v))
			}
			if len(u.Meta) > maxMeta {
				d.fault("/meta", fmt.Sprintf("must not take more than %d bytes", maxMeta))
			}
		default:
			d.unknown("", name)
		}
	}
	if len(d.faults) > 0 {
		return u, problem(InvalidRequest, "", d.faults...)
	}
	return u, nil
}

// optionalText reads a short text, or null, which is the same as "".
func (d *decoder) optionalText(pointer string, v tree.Value, maxLength int) string {
	if _, null := v.(tree.Null); null {
		return ""
	}
	text := d.text(pointer, v)
	if err := core.CheckText(text, maxLength); err != nil {
		d.fault(pointer, err.Error())
	}
	return text
}

// carrier reads the client whose stream another reads along with, or null for nobody.
func (d *decoder) carrier(pointer string, v tree.Value, clientID string) string {
	if _, null := v.(tree.Null); null {
		return ""
	}
	via := d.name(pointer, v, core.MaxClientIDLength)
	if via == clientID {
		d.fault(pointer, "must be another client than the one that reads along")
	}
	return via
}
