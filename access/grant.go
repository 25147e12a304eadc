package access

// Action is something that a user does in a room.
type Action int

// The actions. Each needs the Grant field of the same name.
const (
	Read     Action = iota // read documents, changes, streams and the presence list
	Write                  // send operations
	Presence               // appear in the presence list
)

// Grant gives permissions in some rooms. The permissions are independent: Write does not include Read.
type Grant struct {
	Rooms    Pattern
	Read     bool
	Write    bool
	Presence bool
}

func (g Grant) permits(action Action) bool {
	return [...]bool{Read: g.Read, Write: g.Write, Presence: g.Presence}[action]
}
