// Package pace tells a slow transfer, which goes on, from a stalled one, which is cut.
//
// No transfer has a deadline for the whole of it. It is cut when no byte moves for Patience, and when it moves fewer bytes
// than MinRate for so long that Patience is used up. So a slow link is served to the end, and a peer that sends or takes a
// byte now and then holds a connection for little longer than Patience.
package pace

import "time"

const (
	// Patience is the longest time in which no byte moves.
	Patience = 10 * time.Second

	// MinRate is the least average rate of a transfer, in bytes per second.
	MinRate = 1 << 10

	// Piece is the largest piece to write under one deadline where a write that runs out of time does not say how much of
	// it has gone, or cannot be continued: over TLS, and in HTTP/2. At MinRate it takes less than Patience.
	Piece = 8 << 10
)

// Meter watches one transfer in one direction. The zero value is a transfer that has not begun. It needs a lock if several
// goroutines use it.
type Meter struct {
	// Patience is the longest time in which no byte moves. Zero means the constant.
	Patience time.Duration

	deadline time.Time // by which the next byte has to move; zero: the transfer has not begun
	set      time.Time // what Renew has returned last
}

// Next returns the deadline for the next byte, when moved bytes have moved since the last call. The first call begins the
// transfer.
//
// A moved byte puts the deadline off by the time that it takes at MinRate, and never beyond Patience from now.
func (m *Meter) Next(moved int, now time.Time) time.Time {
	latest := now.Add(m.patience())
	if m.deadline.IsZero() {
		m.deadline = latest
		return latest
	}
	m.deadline = m.deadline.Add(time.Duration(moved) * time.Second / MinRate)
	if m.deadline.After(latest) {
		m.deadline = latest
	}
	return m.deadline
}

// Renew is Next for callers to whom setting a deadline is costly. It returns the deadline to stand; again is false when that
// is the one which it returned last. That may be earlier than Next's by a tenth of Patience.
func (m *Meter) Renew(moved int, now time.Time) (deadline time.Time, again bool) {
	next := m.Next(moved, now)
	if early := next.Sub(m.set); early >= 0 && early <= m.patience()/10 {
		return m.set, false
	}
	m.set = next
	return next, true
}

// Skip puts the deadline off by time that was not spent waiting for the peer.
func (m *Meter) Skip(d time.Duration) {
	if !m.deadline.IsZero() {
		m.deadline = m.deadline.Add(d)
	}
}

// Rest ends the transfer. The next call of Next begins another one.
func (m *Meter) Rest() { m.deadline = time.Time{} }

func (m *Meter) patience() time.Duration {
	if m.Patience > 0 {
		return m.Patience
	}
	return Patience
}
