package feed

import (
	"github.com/pathsync/pathsync/core"
	"github.com/pathsync/pathsync/httpapi/wire"
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
	head := wire.AppendPresenceHead(nil, room, readOnly)
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
