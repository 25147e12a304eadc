// Package pace distinguishes slow transfers, which continue, from stalled ones, which are cut.
//
// A transfer has no total deadline. It is cut when no byte moves for Patience, or when its rate stays below MinRate until
// Patience is used up. A slow link is therefore served to the end, and a peer that sends or reads a byte now and then holds
// a connection for little longer than Patience.
package pace

import "time"

const (
	// Patience is the longest time without a byte.
	Patience = 10 * time.Second

	// MinRate is the lowest average rate of a transfer, in bytes per second.
	MinRate = 1 << 10

	// Piece is the largest write under one deadline over TLS and in HTTP/2, in bytes. There, a write that times out cannot be
	// continued. At MinRate it takes less than Patience.
	Piece = 8 << 10
)

// Meter computes the deadlines of one transfer in one direction. The zero value is a transfer that has not begun. A Meter is
// not safe for concurrent use.
type Meter struct {
	// Patience is the longest time without a byte. Zero means the constant Patience.
	Patience time.Duration

	deadline time.Time // of the next byte; zero: the transfer has not begun
	set      time.Time // the last result of Renew
}

// Next returns the deadline for the next byte; moved is the number of bytes since the last call. The first call begins the
// transfer.
//
// Each byte extends the deadline by the time that it takes at MinRate, but not beyond Patience from now.
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

// Renew is Next for callers for which setting a deadline is expensive. If again is false, the deadline is the one that Renew
// returned last, and up to a tenth of Patience earlier than Next's.
func (m *Meter) Renew(moved int, now time.Time) (deadline time.Time, again bool) {
	next := m.Next(moved, now)
	if early := next.Sub(m.set); early >= 0 && early <= m.patience()/10 {
		return m.set, false
	}
	m.set = next
	return next, true
}

// Skip extends the deadline by time that was not spent waiting for the peer.
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
