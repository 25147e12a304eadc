package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
)

// getRoom answers with every document of a room, all as of one serverSeq: as the room stands, or, if the request names a
// version, as it stood then. Only the latest is at hand; caches have others that have been asked for.
func (s *Server) getRoom(c echo.Context) error {
	if err := checkQuery(c, InvalidParameter); err != nil {
		return err
	}
	at, err := queryEventID(c, "at")
	if err != nil {
		return err
	}
	claims := taggedIDs(c)
	if at != nil {
		claims = append(claims, *at)
	}
	room, release, err := s.room(c, claims...)
	if err != nil {
		return err
	}
	defer release()
	var id eventID
	var pieces [][]byte
	room.View(func(v core.View) {
		id = eventID{room.Epoch(), v.Seq()}
		if (at == nil || *at == id) && !matches(c, id.etag()) {
			pieces = roomPieces(room.Name(), id, v)
		}
	})
	h := c.Response().Header()
	switch {
	case at == nil:
		h.Set("Cache-Control", "no-cache")
	case *at == id:
		s.keepForever(h, room.Name())
	case at.epoch == id.epoch && at.seq > id.seq:
		return problem(NotYet, "")
	default:
		p := problem(PositionGone, "the room is at "+id.String()+" by now, and earlier states are not kept")
		p.cacheControl = s.briefly(room.Name())
		return p
	}
	return s.answerState(c, id, pieces)
}

// getStore answers with one document.
func (s *Server) getStore(c echo.Context) error {
	key, err := pathName(c, "key", core.MaxKeyLength)
	if err != nil {
		return err
	}
	room, release, err := s.room(c, taggedIDs(c)...)
	if err != nil {
		return err
	}
	defer release()
	var state []byte
	var found bool
	id := eventID{epoch: room.Epoch()}
	room.View(func(v core.View) { state, id.seq, found = v.Document(key) })
	if !found {
		return problem(StoreNotFound, "")
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	if matches(c, id.etag()) {
		return s.answerState(c, id, nil)
	}
	head := append([]byte(`{"room":`), tree.AppendJSON(nil, tree.String(room.Name()))...)
	head = append(head, `,"key":`...)
	head = tree.AppendString(head, key)
	head = append(head, `,"epoch":"`+id.epoch+`","serverSeq":`...)
	head = strconv.AppendInt(head, id.seq, 10)
	head = append(head, `,"state":`...)
	return s.answerState(c, id, [][]byte{head, state, []byte("}")})
}

// roomPieces is the body of getRoom in pieces: documents can be large, and their bytes are shared and not copied.
func roomPieces(room string, id eventID, v core.View) [][]byte {
	text := tree.AppendString([]byte(`{"room":`), room)
	text = append(text, `,"epoch":"`+id.epoch+`","serverSeq":`...)
	text = strconv.AppendInt(text, id.seq, 10)
	text = append(text, `,"stores":{`...)
	var pieces [][]byte
	for i, key := range v.Keys() {
		state, seq, _ := v.Document(key)
		if i > 0 {
			text = append(text, ',')
		}
		text = tree.AppendString(text, key)
		text = append(text, `:{"serverSeq":`...)
		text = strconv.AppendInt(text, seq, 10)
		text = append(text, `,"state":`...)
		pieces = append(pieces, text, state)
		text = []byte("}")
	}
	return append(pieces, append(text, "}}"...))
}

// answerState answers with a body in pieces, or with 304 when there are none because the client has it already.
func (s *Server) answerState(c echo.Context, id eventID, pieces [][]byte) error {
	w := c.Response()
	w.Header().Set("ETag", id.etag())
	if pieces == nil {
		return notModified(c)
	}
	length := 0
	for _, p := range pieces {
		length += len(p)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(http.StatusOK)
	defer s.versions.send(pieces, exchangeOf(w).cutAnswer)()
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return nil // the client is gone, or too slow
		}
	}
	return nil
}

// taggedIDs are the event ids among the entity tags that the client has.
func taggedIDs(c echo.Context) (ids []eventID) {
	for _, header := range c.Request().Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if id, err := parseEventID(strings.Trim(tag, `"`)); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// matches reports whether the client has this version already (RFC 9110, section 13.1.2).
func matches(c echo.Context, etag string) bool {
	for _, header := range c.Request().Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(header, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == "*" || tag == etag {
				return true
			}
		}
	}
	return false
}
