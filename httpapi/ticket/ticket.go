// Package ticket issues tickets: one-time, short-lived replacements of tokens for EventSource, which cannot send headers,
// where the token cannot be in a cookie. When a ticket appears in a log or a browser history, it has been used.
package ticket

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/pathsync/pathsync/access"
)

// Life is how long a ticket is valid.
const Life = 30 * time.Second

// MaxOfUser is the maximum number of tickets that one user may have been issued within Life.
const MaxOfUser = 100

// Limits of a Store. Used tickets count until they would have expired.
const (
	maxTickets = 100_000
	maxMemory  = 64 << 20
)

// Store holds the tickets that one server has issued. It is safe for concurrent use.
type Store struct {
	mu     sync.Mutex
	valid  map[string]*Ticket // by text
	issued []*Ticket          // in the last Life, oldest first
	byUser map[string]int     // number of tickets in issued
	bytes  int                // estimated memory of issued
}

// Ticket opens one stream of some or all of its rooms.
type Ticket struct {
	Text     string
	Expires  time.Time
	Identity access.Identity // of the user to whom it was issued
	Token    string          // from which the identity was made; "": without authentication

	rooms []string
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{valid: map[string]*Ticket{}, byUser: map[string]int{}} }

// Issue makes a ticket. It reports false when a limit is reached.
func (s *Store) Issue(identity access.Identity, token string, rooms []string) (*Ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.expireLocked(now)
	if len(s.issued) >= maxTickets || s.bytes >= maxMemory || s.byUser[identity.User] >= MaxOfUser {
		return nil, false
	}
	t := &Ticket{Text: rand.Text(), rooms: rooms, Identity: identity, Token: token, Expires: now.Add(Life)}
	s.valid[t.Text] = t
	s.issued = append(s.issued, t)
	s.bytes += t.memory()
	s.byUser[identity.User]++
	return t, true
}

// Redeem returns a ticket if it is valid for all of some rooms. It is invalid afterwards in any case.
func (s *Store) Redeem(text string, rooms []string) (t *Ticket, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok = s.valid[text]
	delete(s.valid, text)
	if !ok || !t.covers(rooms) || !time.Now().Before(t.Expires) {
		return nil, false
	}
	return t, true
}

// Memory estimates the memory of all tickets in bytes.
func (s *Store) Memory() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func (s *Store) expireLocked(now time.Time) {
	expired := 0
	for ; expired < len(s.issued) && !now.Before(s.issued[expired].Expires); expired++ {
		t := s.issued[expired]
		delete(s.valid, t.Text)
		s.bytes -= t.memory()
		if s.byUser[t.Identity.User]--; s.byUser[t.Identity.User] == 0 {
			delete(s.byUser, t.Identity.User)
		}
	}
	clear(s.issued[:expired]) // for the garbage collector
	s.issued = s.issued[expired:]
}

func (t *Ticket) covers(rooms []string) bool {
	return !slices.ContainsFunc(rooms, func(room string) bool { return !slices.Contains(t.rooms, room) })
}

func (t *Ticket) memory() int {
	n := 512 + len(t.Token) + t.Identity.Memory()
	for _, room := range t.rooms {
		n += 16 + len(room)
	}
	return n
}
