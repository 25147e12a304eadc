package core

import "time"

// A client may have no stream because it reads along with another's, as the tabs of one browser do. The open stream of
// that client, its carrier, keeps it present, as one of its own would: a tab in the background cannot be relied on to
// renew a lease, since browsers hold its timers back.
//
// Only a stream of the carrier's own counts, and only if both are of one user: nobody is kept present by a stranger.
// When the stream ends for good, each client that it carried has a lease from then, in which to find another carrier.

// carried reports whether the stream of another client keeps a client present.
func (p *Presence) carried(m *member) bool {
	carrier := p.members[m.via]
	return carrier != nil && carrier.stream != 0 && carrier.UserID == m.UserID
}

// kept reports whether a stream keeps a client present, so that it needs no lease.
func (p *Presence) kept(m *member) bool { return m.stream != 0 || p.carried(m) }

// ride notes whose stream a client reads along with; "" for nobody's.
func (p *Presence) ride(m *member, via string) {
	if m.via == via {
		return
	}
	if riders := p.riders[m.via]; riders != nil {
		delete(riders, m)
		if len(riders) == 0 {
			delete(p.riders, m.via)
		}
	}
	m.via = via
	if via == "" {
		return
	}
	if p.riders[via] == nil {
		p.riders[via] = map[*member]bool{}
	}
	p.riders[via][m] = true
}

// setDown ends a client's stream, and begins the leases of those whom it carried.
func (p *Presence) setDown(carrier *member, now time.Time) {
	for m := range p.riders[carrier.ClientID] {
		if p.carried(m) {
			m.until = now.Add(p.lease)
		}
	}
	carrier.stream = 0
}
