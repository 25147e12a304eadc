package core

import "time"

// Node is a server of a database, as it describes itself to the others in the table sync_nodes.
type Node struct {
	ID      string // new at each start
	Address string // host:port of its bus; "" if it has none of its own
	Version string // of the program
	Epoch   string // of the history that it serves
	// Protocol is the version of the messages that the server sends, and Oldest the oldest version that it reads.
	Protocol, Oldest int
	// Draining: the server is shutting down and takes no rooms over.
	Draining bool
	Status   NodeStatus

	Age time.Duration // since its last heartbeat, by the database's clock. SaveNode ignores it
}

// NodeStatus is the load and the health of a server at its last heartbeat, for operators. Other servers do not use it.
type NodeStatus struct {
	Rooms     int   `json:"rooms"`     // open
	Streams   int   `json:"streams"`   // open
	TailLagMs int64 `json:"tailLagMs"` // since the log tail was last read, beyond its interval
	Bus       bool  `json:"bus"`       // messages reach all other servers, as far as the bus knows
}

// State returns a server's state as the others see it: live, draining, silent (no heartbeat for MemberTimeout) or other
// version.
func (n Node) State() string {
	switch {
	case n.Age >= MemberTimeout:
		return "silent"
	case n.Draining:
		return "draining"
	case !understands(n):
		return "other version"
	default:
		return "live"
	}
}
