package core

import (
	"errors"
	"slices"
	"time"

	"github.com/pathsync/pathsync/core/path"
	"github.com/pathsync/pathsync/core/tree"
)

// Errors of those who find out who sends a request. Their texts, and what wraps them, are fit for the sender.
var (
	// ErrUnauthenticated: what the sender shows does not prove who it is. To send it again is no use.
	ErrUnauthenticated = errors.New("the token is not valid")
	// ErrNoVerdict: it cannot be found out now whether that is a proof. The sender may come again.
	ErrNoVerdict = errors.New("tokens cannot be verified now")
	// ErrForeignClient: a clientId is used by another user than the one it belongs to.
	ErrForeignClient = errors.New("this clientId belongs to another user")
)

// Identity is who sends a request, and what that user may do. It is pure data: nothing about it is looked up later.
type Identity struct {
	User     string    // whom readers and the log are told; "" for nobody in particular
	Expires  time.Time // when it ends, streams included; zero: never
	Grants   []Grant   // a room may be used in a way that any of them allows
	ReadOnly []ReadOnly
}

// Anyone may do everything: the identity of every sender where nobody is asked who he is.
func Anyone() Identity {
	return Identity{Grants: []Grant{{Rooms: Matching("*"), Read: true, Write: true, Presence: true}}}
}

// Grant is what a user may do in some rooms. None of the three includes another.
type Grant struct {
	Rooms    Pattern
	Read     bool // documents, changes, streams, and who is present
	Write    bool // send operations
	Presence bool // be present
}

// ReadOnly takes a part of documents out of what the user may write, whatever the grants say.
type ReadOnly struct {
	Rooms Pattern
	Keys  Pattern
	Path  path.Path // it and everything below; the empty path is the whole document
}

// Action is what a user wants to do in a room.
type Action int

// The actions, each of which a Grant has by its own name.
const (
	ToRead Action = iota
	ToWrite
	ToBePresent
)

func (g Grant) allows(action Action) bool {
	return [...]bool{ToRead: g.Read, ToWrite: g.Write, ToBePresent: g.Presence}[action]
}

// Allows reports whether the user may do something in a room at all. What of its documents may be written is for
// AllowsOp to say.
func (i Identity) Allows(action Action, room string) bool {
	return slices.ContainsFunc(i.Grants, func(g Grant) bool {
		return g.allows(action) && g.Rooms.Covers(room)
	})
}

// AllowsOp reports whether the user may do something to a document, whatever stands in it. An operation that would
// change a read-only part, or replace what it is in, is not allowed.
func (i Identity) AllowsOp(room, key string, op *tree.Op) bool {
	if !i.Allows(ToWrite, room) {
		return false
	}
	return !slices.ContainsFunc(i.ReadOnly, func(r ReadOnly) bool {
		return r.Rooms.Covers(room) && r.Keys.Covers(key) && touches(op, r.Path)
	})
}

// Memory is about how many bytes of memory the identity takes.
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

// Ended reports whether the identity has ended by a moment.
func (i Identity) Ended(now time.Time) bool { return !i.Expires.IsZero() && !now.Before(i.Expires) }

// touches reports whether an operation may change what stands at a path or below it. Paths are compared by their
// segments, so that it does not matter how they are written.
func touches(op *tree.Op, part path.Path) bool {
	if op.To != nil && receives(*op.To, op.Path[len(op.Path)-1].Name, part) {
		return true
	}
	if op.Kind == tree.ArrayAdd {
		return receives(op.Path, addedID(op), part)
	}
	shorter := min(len(op.Path), len(part))
	if !slices.Equal(op.Path[:shorter], part[:shorter]) {
		return false // they part ways
	}
	return true
}

// receives reports whether an item that is put into an array may change what stands at a path or below it. Of the items
// of the array, it changes the one that has its id, and no other.
func receives(array path.Path, id string, part path.Path) bool {
	shorter := min(len(array), len(part))
	if !slices.Equal(array[:shorter], part[:shorter]) {
		return false
	}
	if len(part) > len(array) && part[len(array)].Item {
		return id == part[len(array)].Name
	}
	return true
}

// addedID is the `_sync_id` of the item that an array_add adds or replaces.
func addedID(op *tree.Op) string {
	item, _ := op.Value.(*tree.Object)
	if item == nil {
		return ""
	}
	id, _ := item.Get(tree.IDMember).(tree.String)
	return string(id)
}
