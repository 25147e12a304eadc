package feed

import (
	"bytes"

	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/wire"
	"github.com/pathsync/pathsync/sse"
)

// PresenceList is the JSON of a room's presence list, read in parts. All readers share the text of the users.
type PresenceList struct {
	head, tail []byte // nil after they are returned
	text       []byte // the first users, if they have been read; each user follows a comma
	users      *core.UserList
	begun      bool // users have been returned
}

// NewPresenceList returns the body of GET …/presence. readOnly marks a reader without write permission.
func NewPresenceList(room string, readOnly bool, users *core.UserList) *PresenceList {
	head := wire.AppendPresenceHead(nil, room, "", readOnly)
	return &PresenceList{head: head, text: users.Next(), users: users, tail: []byte(wire.PresenceTail)}
}

// Next returns the next part, and nil at the end.
func (l *PresenceList) Next() (part []byte) {
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

// presenceUpdate is what a reader needs to have the presence list: the list, or the changes since its version of the list.
type presenceUpdate struct {
	users   *core.UserList // nil: changes is sufficient
	head    []byte         // before the users
	changes []byte
}

// presenceFor returns what a reader needs. Only the lists of many clients have a version. A list without write permission has
// none, because a reader whose permission changes needs a list.
func (f *Room) presenceFor(v core.View, reader Reader) presenceUpdate {
	version := ""
	if v.Present() >= manyClients && !reader.ReadOnly {
		if changes, ok := f.presence.since(reader.Presence); ok {
			return presenceUpdate{changes: changes}
		}
		version = f.presence.version()
	}
	head := wire.AppendPresenceHead(nil, f.room, version, reader.ReadOnly)
	return presenceUpdate{users: v.Users(wire.AppendUser), head: head}
}

// presenceLater makes a reader wait for ListsDue, and returns what it gets then. Until the stream sends it, the stream leaves
// out changes, so that they do not change a list that the reader does not have. The caller holds the room's lock.
func (f *Room) presenceLater(room *core.Room, reader Reader) *sse.Later {
	later := f.set.streams.NewLater(func() (pieces []sse.Piece, from sse.Position) {
		var update presenceUpdate
		room.View(func(v core.View) {
			update = f.presenceFor(v, reader)
			from = f.End()
		})
		return update.before(nil), from
	})
	f.waiting = append(f.waiting, later)
	return later
}

// ListsDue implements core.Listener.
func (f *Room) ListsDue() {
	f.set.streams.Queue(f.waiting)
	f.waiting = nil
}

// before returns the frames of the update, followed by another frame. A long list is read while it is sent.
func (u presenceUpdate) before(frame []byte) []sse.Piece {
	if u.users == nil {
		return sse.Plain(append(u.changes, frame...))
	}
	text := u.users.Next()
	if u.users.Done() && len(text) <= maxInline {
		data := append(append(u.head, bytes.TrimPrefix(text, []byte(","))...), wire.PresenceTail...)
		return sse.Plain(append(appendFrame(nil, "", "presence", data), frame...))
	}
	head := append([]byte("event: presence\ndata: "), u.head...)
	list := PresenceList{head: head, text: text, users: u.users, tail: []byte(wire.PresenceTail + "\n\n")}
	return append([]sse.Piece{sse.Parts(func() ([]byte, error) { return list.Next(), nil })}, sse.Plain(frame)...)
}
