package core

import "time"

// User is one client that is in a room.
type User struct {
	ClientID    string
	UserID      string
	DisplayName string
	JoinedAt    int64  // milliseconds since the Unix epoch
	Field       string // where the client's cursor is; "" for nowhere
	Meta        string // JSON of the application's own; "" for none
}

// PresenceUpdate is what a client says of itself.
type PresenceUpdate struct {
	DisplayName *string // nil keeps what is known
	Via         *string // the client whose stream it reads along with; nil keeps what is known, "" is nobody
	Field       string
	Meta        string
}

// PresenceChange is what has changed in a room's presence since readers were last told.
type PresenceChange struct {
	Joined  []User
	Updated []User
	Left    []string // client ids
}

// Presence is the table of who is in a room: a pure value, to which every moment is told.
//
// A client is present while it has a stream, or while the client has one that it reads along with. Otherwise it is present
// on a lease, which every update renews and which the end of that stream starts, so that a page that reloads does not
// leave and join again.
type Presence struct {
	lease   time.Duration
	limit   int
	members map[string]*member
	roster  roster
	joins   int64                       // clients that have joined so far
	riders  map[string]map[*member]bool // by clientId: who reads along with it, whether it is there or not
	changed []string                    // clients that may differ from what readers know, in the order of change
	told    map[string]known            // what readers know of each client in changed
	split   map[string]bool             // clients in changed of which newer readers know something else: all have to be told
}

// known is what readers know of a client: how it was when it joined under a number. Number 0: they do not know it.
type known struct {
	User
	number int64
}

type member struct {
	User
	number int64       // counts the clients that have joined
	page   *rosterPage // of the roster
	stream int         // number of the open stream; 0: none
	via    string      // the client whose stream it reads along with; "": none
	until  time.Time   // end of the lease, when no stream keeps it present
}

// NewPresence makes an empty table for at most limit clients.
func NewPresence(lease time.Duration, limit int) *Presence {
	return &Presence{
		lease: lease, limit: limit, members: map[string]*member{}, riders: map[string]map[*member]bool{},
		told: map[string]known{}, split: map[string]bool{}, roster: roster{dropped: func([]byte) {}},
	}
}

// Bytes is about how much memory the table takes.
func (p *Presence) Bytes() int { return p.roster.bytes + changeMemory*len(p.changed) }

// changeMemory is about what it takes to remember what readers know of one client.
const changeMemory = 256

// Connect notes that a client has opened its stream, known to Disconnect by a number that differs from any other of
// this client. It reads along with nobody then. displayName "" keeps what is known. It reports false when the table is
// full.
func (p *Presence) Connect(clientID, userID, displayName string, stream int, now time.Time) bool {
	m := p.change(clientID, now)
	if m == nil {
		return false
	}
	before := m.memory()
	m.UserID = userID
	m.stream = stream
	p.ride(m, "")
	if displayName != "" {
		m.DisplayName = displayName
	}
	p.roster.changed(m, before)
	return true
}

// Disconnect notes that a stream has ended. When the client has opened a newer one, nothing changes.
func (p *Presence) Disconnect(clientID string, stream int, now time.Time) {
	if m := p.members[clientID]; m != nil && m.stream == stream {
		p.setDown(m, now)
		m.until = now.Add(p.lease)
	}
}

// Update takes in what a client says of itself, and renews its lease. It reports false when the table is full.
func (p *Presence) Update(clientID, userID string, u PresenceUpdate, now time.Time) (User, bool) {
	m := p.change(clientID, now)
	if m == nil {
		return User{}, false
	}
	before := m.memory()
	m.UserID = userID
	if u.DisplayName != nil {
		m.DisplayName = *u.DisplayName
	}
	if u.Via != nil {
		p.ride(m, *u.Via)
	}
	m.Field, m.Meta = u.Field, u.Meta
	p.roster.changed(m, before)
	m.until = now.Add(p.lease)
	return m.User, true
}

// Leave takes a client out at once, whatever streams it has.
func (p *Presence) Leave(clientID string, now time.Time) {
	if m := p.members[clientID]; m != nil {
		p.note(clientID, m)
		p.setDown(m, now)
		p.roster.remove(m)
		p.ride(m, "")
		delete(p.members, clientID)
	}
}

// Expire takes out the clients whose lease has ended.
func (p *Presence) Expire(now time.Time) {
	for id, m := range p.members {
		if !p.kept(m) && !now.Before(m.until) {
			p.Leave(id, now)
		}
	}
}

// NextExpiry is when the next lease ends, if nothing renews it. ok is false when no lease is running.
func (p *Presence) NextExpiry() (at time.Time, ok bool) {
	for _, m := range p.members {
		if !p.kept(m) && (!ok || m.until.Before(at)) {
			at, ok = m.until, true
		}
	}
	return at, ok
}

// Users returns who is present, by JoinedAt and ClientID, for a reader that begins with it.
func (p *Presence) Users() []User {
	users := make([]User, 0, len(p.members))
	for _, page := range p.roster.pages {
		p.show(page)
		for _, m := range page.members {
			users = append(users, m.User)
		}
	}
	return users
}

// show notes that a reader is shown a page. Whom it shows otherwise than readers were told, TakeChange mentions in any
// case: one who comes and leaves again would stay for this reader for ever.
func (p *Presence) show(page *rosterPage) {
	if len(p.changed) == 0 || page.text != nil { // what is encoded was noted then
		return
	}
	for _, m := range page.members {
		if was, noted := p.told[m.ClientID]; noted && (was.number != m.number || was.User != m.User) {
			p.split[m.ClientID] = true
		}
	}
}

// UserOf returns the user that a client is present as, and "" when it is not present.
func (p *Presence) UserOf(clientID string) string {
	if m := p.members[clientID]; m != nil {
		return m.UserID
	}
	return ""
}

// Empty reports whether nobody is present and nobody is to be told of anything.
func (p *Presence) Empty() bool { return len(p.members) == 0 && len(p.changed) == 0 }

// Changed reports whether TakeChange may have something to tell.
func (p *Presence) Changed() bool { return len(p.changed) > 0 }

// TakeChange returns what readers have not been told yet, and counts it as told. Whoever came and left in between,
// unseen by all, is not in it. ok is false when there is nothing to tell.
func (p *Presence) TakeChange() (c PresenceChange, ok bool) {
	for _, id := range p.changed {
		m, was := p.members[id], p.told[id]
		switch {
		case m == nil && (was.number != 0 || p.split[id]):
			c.Left = append(c.Left, id)
		case m != nil && was.number == 0:
			c.Joined = append(c.Joined, m.User)
		case m != nil && (m.number != was.number || m.User != was.User || p.split[id]):
			c.Updated = append(c.Updated, m.User)
		}
	}
	p.changed = nil
	clear(p.told)
	clear(p.split)
	return c, len(c.Joined)+len(c.Updated)+len(c.Left) > 0
}

// change returns the client's entry in order to change it; a new one begins to be present now. It is nil when the table
// is full.
func (p *Presence) change(clientID string, now time.Time) *member {
	m := p.members[clientID]
	if m == nil && len(p.members) >= p.limit {
		return nil
	}
	p.note(clientID, m)
	if m == nil {
		p.joins++
		m = &member{User: User{ClientID: clientID, JoinedAt: now.UnixMilli()}, number: p.joins, until: now.Add(p.lease)}
		p.members[clientID] = m
		p.roster.add(m)
	}
	return m
}

// note remembers what readers know of a client, before its first change since they were last told.
func (p *Presence) note(clientID string, m *member) {
	if _, noted := p.told[clientID]; noted {
		return
	}
	p.changed = append(p.changed, clientID)
	p.told[clientID] = known{}
	if m != nil {
		p.told[clientID] = known{m.User, m.number}
	}
}
