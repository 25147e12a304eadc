package access

import (
	"slices"
	"time"

	"github.com/pathsync/pathsync/core/tree"
)

// Identity is an authenticated user with that user's permissions. Its methods are safe for concurrent use.
type Identity struct {
	User     string     // user id, as in the log and in presence; "" for an anonymous user
	Expires  time.Time  // end of the identity, and of streams opened with it; zero: never
	Grants   []Grant    // an action is allowed if any grant allows it
	ReadOnly []ReadOnly // exceptions from write permission
}

// Unrestricted returns an anonymous identity with every permission. Servers without authentication use it.
func Unrestricted() Identity {
	return Identity{Grants: []Grant{{Rooms: Glob("*"), Read: true, Write: true, Presence: true}}}
}

// Allows reports whether a grant permits an action in a room. For operations, use AllowsOp.
func (i Identity) Allows(action Action, room string) bool {
	return slices.ContainsFunc(i.Grants, func(g Grant) bool {
		return g.permits(action) && g.Rooms.Matches(room)
	})
}

// Denied returns the rooms in which no grant permits an action.
func (i Identity) Denied(action Action, rooms []string) (denied []string) {
	for _, room := range rooms {
		if !i.Allows(action, room) {
			denied = append(denied, room)
		}
	}
	return denied
}

// AllowsOp reports whether the user may apply an operation to a document, whatever the document contains. An operation is
// denied if it could change a read-only part or replace one of its ancestors.
func (i Identity) AllowsOp(room, key string, op *tree.Op) bool {
	if !i.Allows(Write, room) {
		return false
	}
	return !slices.ContainsFunc(i.ReadOnly, func(r ReadOnly) bool {
		return r.Rooms.Matches(room) && r.Keys.Matches(key) && mayChange(op, r.Path)
	})
}

// Expired reports whether the identity has expired at a time.
func (i Identity) Expired(now time.Time) bool { return !i.Expires.IsZero() && !now.Before(i.Expires) }

// Memory estimates the memory of the identity in bytes.
func (i Identity) Memory() int {
	n := 64 + len(i.User)
	for _, g := range i.Grants {
		n += 64 + g.Rooms.memory()
	}
	for _, r := range i.ReadOnly {
		n += 128 + r.Rooms.memory() + r.Keys.memory()
		for _, s := range r.Path {
			n += 32 + len(s.Name)
		}
	}
	return n
}
