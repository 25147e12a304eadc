package httpapi

import (
	"net/http"
	"strconv"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/core/tree"
	"github.com/pathsync/pathsync/httpapi/problem"
	"github.com/pathsync/pathsync/httpapi/wire"
)

// getRoom answers with every document of a room, all at one serverSeq: the current state, or the state at the event id
// `at`. The server has only the current state; earlier ones are in caches if they were requested.
func (s *Server) getRoom(w *response, r *request) error {
	if err := r.checkQuery(problem.InvalidParameter); err != nil {
		return err
	}
	at, err := r.queryEventID("at")
	if err != nil {
		return err
	}
	claims := r.taggedIDs()
	if at != nil {
		claims = append(claims, *at)
	}
	room, release, err := s.room(r, claims...)
	if err != nil {
		return err
	}
	defer release()
	var id wire.EventID
	var stores []core.Version
	wanted := false
	room.View(func(v core.View) {
		id = wire.EventID{Epoch: room.Epoch(), Seq: v.Seq()}
		if wanted = (at == nil || *at == id) && !r.hasVersion(id.ETag()); wanted {
			stores = v.Documents()
		}
	})
	switch {
	case at == nil:
		w.Header().Set("Cache-Control", "no-cache")
	case *at == id:
		s.setImmutable(w.Header(), room.Name())
	case at.Epoch == id.Epoch && at.Seq > id.Seq:
		return problem.New(problem.NotYet, "")
	default:
		p := problem.New(problem.PositionGone, "the room is at "+id.String()+", and earlier states are not kept")
		p.CacheControl = s.shortCacheControl(room.Name())
		return p
	}
	if !wanted {
		return s.writeState(w, id, nil)
	}
	return s.writeState(w, id, roomPieces(room.Name(), id, stores))
}

// getStore answers with one document.
func (s *Server) getStore(w *response, r *request) error {
	key, err := r.pathName("key", core.MaxKeyLength)
	if err != nil {
		return err
	}
	room, release, err := s.room(r, r.taggedIDs()...)
	if err != nil {
		return err
	}
	defer release()
	var store core.Version
	var found bool
	id := wire.EventID{Epoch: room.Epoch()}
	room.View(func(v core.View) {
		if id.Seq, found = v.DocumentSeq(key); found && !r.hasVersion(id.ETag()) {
			store.JSON, _, _ = v.Document(key)
		}
	})
	if !found {
		return problem.New(problem.StoreNotFound, "")
	}
	w.Header().Set("Cache-Control", "no-cache")
	if store.JSON == nil {
		return s.writeState(w, id, nil)
	}
	head := tree.AppendString([]byte(`{"room":`), room.Name())
	head = append(head, `,"key":`...)
	head = tree.AppendString(head, key)
	head = append(head, `,"epoch":"`+id.Epoch+`","serverSeq":`...)
	head = strconv.AppendInt(head, id.Seq, 10)
	head = append(head, `,"state":`...)
	return s.writeState(w, id, [][]byte{head, store.JSON.Bytes(), []byte("}")})
}

// roomPieces returns the body of getRoom in pieces. Documents can be large, so their bytes are shared and not copied.
func roomPieces(room string, id wire.EventID, stores []core.Version) [][]byte {
	text := tree.AppendString([]byte(`{"room":`), room)
	text = append(text, `,"epoch":"`+id.Epoch+`","serverSeq":`...)
	text = strconv.AppendInt(text, id.Seq, 10)
	text = append(text, `,"stores":{`...)
	var pieces [][]byte
	for i, d := range stores {
		if i > 0 {
			text = append(text, ',')
		}
		text = tree.AppendString(text, d.Key)
		text = append(text, `:{"serverSeq":`...)
		text = strconv.AppendInt(text, d.ServerSeq, 10)
		text = append(text, `,"state":`...)
		pieces = append(pieces, text, d.JSON.Bytes())
		text = []byte("}")
	}
	return append(pieces, append(text, "}}"...))
}

// writeState writes a body in pieces. Without pieces, the client has this version, and the response is 304.
func (s *Server) writeState(w *response, id wire.EventID, pieces [][]byte) error {
	w.Header().Set("ETag", id.ETag())
	if pieces == nil {
		return w.notModified()
	}
	length := 0
	for _, p := range pieces {
		length += len(p)
	}
	w.Header().Set("Content-Type", jsonContentType)
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(http.StatusOK)
	if w.entry.method == http.MethodHead {
		return nil
	}
	defer s.documents.Send(pieces, w.cutAnswer)()
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			return nil // the client has disconnected, or was cut off
		}
	}
	return nil
}
