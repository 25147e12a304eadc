package httpapi

import (
	"net/http"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/feed"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// maxPresenceBody is the maximum size of a presence update in bytes.
const maxPresenceBody = 16 << 10

// getPresence answers with the presence list of a room.
func (s *Server) getPresence(w *response, r *request) error {
	room, release, err := s.room(r)
	if err != nil {
		return err
	}
	defer release()
	var users *core.UserList
	room.View(func(v core.View) { users = v.Users(wire.AppendUser) })
	w.Header().Set("Cache-Control", noStore)
	w.Header().Set("Content-Type", jsonContentType)
	w.WriteHeader(http.StatusOK)
	list := feed.NewPresenceList(room.Name(), isReadOnly(r, room.Name()), users)
	for part := list.Next(); part != nil; part = list.Next() {
		if _, err := w.Write(part); err != nil {
			return nil // the client has disconnected
		}
	}
	return nil
}

// putPresence updates the presence of a client. It serves PUT, and POST for clients behind a proxy that blocks PUT.
func (s *Server) putPresence(w *response, r *request) error {
	clientID, err := r.pathName("clientId", core.MaxClientIDLength)
	if err != nil {
		return err
	}
	body, err := s.readBody(w, r, min(maxPresenceBody, s.cfg.MaxBodyBytes))
	if err != nil {
		return err
	}
	update, err := wire.DecodePresence(clientID, body, s.cfg.MaxDepth)
	if err != nil {
		return err
	}
	room, release, err := s.room(r)
	if err != nil {
		return err
	}
	defer release()
	user, err := room.UpdatePresence(r.Context(), clientID, r.identity.User, update)
	if err != nil {
		return err
	}
	return w.json(wire.AppendPresent(nil, &user, s.cfg.Hub.PresenceTimeout))
}

// leave removes a client from the presence of a room at once. It ignores the body of POST, which browsers' sendBeacon may
// add.
func (s *Server) leave(w *response, r *request) error {
	clientID, err := r.pathName("clientId", core.MaxClientIDLength)
	if err != nil {
		return err
	}
	room, release, err := s.room(r)
	if err != nil {
		return err
	}
	defer release()
	if err := room.Leave(clientID, r.identity.User); err != nil {
		return err
	}
	return w.noContent()
}
