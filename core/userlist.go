package core

import "github.com/pathsync/pathsync/core/presence"

// UserList reads the presence list of a room page by page. The room may change between two reads; see presence.Cursor for
// what a reader gets. A list is used by one goroutine at a time.
type UserList struct {
	room   *Room
	encode presence.Encoder
	cursor presence.Cursor
}

// Users returns the presence list as of now. All calls use the same encoder.
func (v View) Users(encode presence.Encoder) *UserList {
	return &UserList{room: v.r, encode: encode, cursor: v.r.presence.Cursor()}
}

// ListAtOnce decides whether a reader that needs the presence list gets it at once. Otherwise the reader waits for
// Listener.ListsDue, because too many readers are joining at the same time.
func (v View) ListAtOnce() bool {
	v.r.touchWindowLocked()
	return v.r.window.List(v.r.presence.Len())
}

// Present returns the number of clients in the presence list.
func (v View) Present() int { return v.r.presence.Len() }

// Next returns the next users, each encoded with a comma before it, and nil at the end. The bytes are shared between readers
// and must not be changed. A reader should release them before the next call.
func (l *UserList) Next() []byte {
	l.room.mu.Lock()
	defer l.room.mu.Unlock()
	text := l.room.presence.Next(&l.cursor, l.encode)
	if len(text) > 0 {
		l.room.updateMemoryLocked() // a page may have been encoded
	}
	return text
}

// Done reports whether Next has returned the whole list.
func (l *UserList) Done() bool { return l.cursor.Done() }
