package presence

import "time"

// A client without a stream may follow a leader, as tabs of one browser do. The leader's open stream keeps its followers
// present, because browsers throttle the timers of background tabs and a lease might not be renewed in time.
//
// Only an open stream of the leader itself counts, so followers of followers are not kept. Leader and follower must
// belong to the same user. When the leader's stream ends, each follower has one lease to find another leader.

// hasLeader reports whether the stream of a leader keeps a client present.
func (t *Table) hasLeader(m *member) bool {
	leader := t.members[m.leader]
	return leader != nil && (leader.stream != 0 || leader.remote) && leader.UserID == m.UserID
}

// hasStream reports whether a stream, its own or its leader's, keeps a client present without a lease.
func (t *Table) hasStream(m *member) bool { return m.stream != 0 || m.remote || t.hasLeader(m) }

// follow sets the leader of a client; "" is none.
func (t *Table) follow(m *member, leader string) {
	if m.leader == leader {
		return
	}
	if followers := t.followers[m.leader]; followers != nil {
		delete(followers, m)
		if len(followers) == 0 {
			delete(t.followers, m.leader)
		}
	}
	m.leader = leader
	if leader == "" {
		return
	}
	if t.followers[leader] == nil {
		t.followers[leader] = map[*member]bool{}
	}
	t.followers[leader][m] = true
}

// endStream ends the stream of a client and starts the leases of the followers that it kept present.
func (t *Table) endStream(leader *member, now time.Time) {
	for m := range t.followers[leader.ClientID] {
		if t.hasLeader(m) {
			m.until = now.Add(t.lease)
		}
	}
	leader.stream, leader.remote = 0, false
}
