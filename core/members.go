package core

import (
	"hash/fnv"
	"slices"
	"time"
)

// members are the servers of a database at one moment, as one of them knows them. It is immutable.
type members struct {
	self string
	live []string // ids of the servers that may commit rooms, with self unless it drains
}

const (
	// heartbeat is the time between two heartbeats of a server.
	heartbeat = time.Second
	// MemberTimeout is the time after which a server without a heartbeat commits no rooms. Until then, batches that are forwarded to
	// it are committed here after forwardTimeout.
	MemberTimeout = 5 * time.Second
	// nodeTimeout: the description of a server without a heartbeat for this long is deleted.
	nodeTimeout = time.Minute
)

// newMembers selects the servers that serve an epoch and understand this one.
func newMembers(self, epoch string, nodes []Node) members {
	m := members{self: self}
	for _, n := range nodes {
		if n.Epoch == epoch && !n.Draining && n.Age < MemberTimeout && understands(n) {
			m.live = append(m.live, n.ID)
		}
	}
	return m
}

// understands reports whether this program and a server read each other's messages.
func understands(n Node) bool { return n.Protocol >= OldestProtocol && Protocol >= n.Oldest }

// owner returns the server that commits a room, by rendezvous hashing: a server that joins or leaves moves its own rooms
// only. suspect servers are left out, unless all are. It is "" when no server is live.
func (m members) owner(room string, suspect func(id string) bool) (owner string) {
	var highest uint64
	for _, trusted := range []bool{true, false} {
		for _, id := range m.live {
			if w := weight(id, room); (owner == "" || w > highest) && (!trusted || !suspect(id)) {
				owner, highest = id, w
			}
		}
		if owner != "" {
			return owner
		}
	}
	return ""
}

// weight is the same in all servers and versions.
func weight(server, room string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(server))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(room))
	w := h.Sum64() // similar names have similar sums: mix the bits
	w ^= w >> 33
	w *= 0xff51afd7ed558ccd
	w ^= w >> 33
	w *= 0xc4ceb9fe1a85ec53
	return w ^ w>>33
}

// others returns the live servers without this one.
func (m members) others() []string {
	return slices.DeleteFunc(slices.Clone(m.live), func(id string) bool { return id == m.self })
}
