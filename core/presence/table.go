package presence

import "time"

// User is one client that is present.
type User struct {
	ClientID    string
	UserID      string // "" for an anonymous user
	DisplayName string
	JoinedAt    int64  // milliseconds since the Unix epoch
	Field       string // position of the client's cursor; "" for none
	Meta        string // application data as JSON; "" for none
}

// Update is the presence data that a client sends.
type Update struct {
	DisplayName *string // nil leaves the current name
	Via         *string // clientId of the leader whose stream the client reads; nil leaves the current one, "" is none
	Field       string
	Meta        string
}

// Table holds the clients present in one room. It is not safe for concurrent use.
//
// With several servers, each has a table of the room, and they exchange Records of what has changed. A client belongs to the
// server that has its stream, or else to the one that it last sent something to.
type Table struct {
	server    string // name of this server; "": there are no others
	replicas  replicas
	lease     time.Duration
	limit     int
	members   map[string]*member
	roster    roster
	hidden    int                         // members that are hidden
	joins     int64                       // clients that have joined so far
	followers map[string]map[*member]bool // by clientId of the leader, which may be absent
	pending   pending
}

type member struct {
	User
	number int64     // value of Table.joins when the client joined
	page   *page     // the roster page that lists it
	stream int       // number of the open stream; 0: none
	hidden bool      // the client has a stream and is not shown: it is not in the roster
	leader string    // clientId of the leader; "": none
	until  time.Time // end of the lease; not used while a stream keeps the client present, or another server has the client

	version Version // of the record
	server  string  // that the client belongs to, if it is another one
	remote  bool    // that server has a stream of the client
}

// New returns an empty table for at most limit clients. Leases last for lease. When the table no longer keeps a page of the
// encoded list, it passes the bytes to dropped, because readers may still hold them; dropped may be nil.
//
// server is the name of this server among several, or "".
func New(server string, lease time.Duration, limit int, dropped func([]byte)) *Table {
	if dropped == nil {
		dropped = func([]byte) {}
	}
	return &Table{
		server: server, lease: lease, limit: limit, members: map[string]*member{}, followers: map[string]map[*member]bool{},
		pending: newPending(), roster: roster{dropped: dropped},
	}
}

// Len returns the number of clients present. Hidden clients are not.
func (t *Table) Len() int { return len(t.members) - t.hidden }

// Memory estimates the memory of the table in bytes.
func (t *Table) Memory() int {
	return t.roster.bytes + memberMemory*t.hidden + t.pending.memory() + t.replicas.memory()
}

// Connect records that a client has opened a stream. The number identifies the stream in Disconnect and differs from the
// numbers of the client's other streams. The client stops following a leader. An empty displayName leaves the current
// name. Connect returns false when the table is full.
func (t *Table) Connect(clientID, userID, displayName string, stream int, now time.Time) bool {
	m := t.change(clientID, false, now)
	if m == nil {
		return false
	}
	before, shown := m.memory(), m.User
	m.UserID = userID
	m.stream, m.server, m.remote = stream, "", false
	t.follow(m, "")
	if displayName != "" {
		m.DisplayName = displayName
	}
	if m.User != shown || m.memory() != before { // otherwise a client that reconnects would discard the encoded page
		t.roster.changed(m, before)
	}
	t.record(m, now)
	return true
}

// ConnectHidden records that a client that is not shown has opened a stream. The table keeps it as long as the stream is open, so
// that all servers know the client's user and end its older stream. The number of hidden clients is not limited here.
func (t *Table) ConnectHidden(clientID, userID string, stream int, now time.Time) {
	m := t.change(clientID, true, now)
	m.UserID, m.stream, m.server, m.remote = userID, stream, "", false
	t.follow(m, "")
	t.record(m, now)
}

// Disconnect records that a stream has ended and starts the client's lease. It does nothing when the client has opened a
// newer stream.
func (t *Table) Disconnect(clientID string, stream int, now time.Time) {
	if m := t.members[clientID]; m != nil && m.stream == stream {
		if m.hidden {
			t.remove(m, now)
			t.recordLeft(m, true, now)
			return
		}
		t.endStream(m, now)
		m.until = now.Add(t.lease)
		t.record(m, now)
	}
}

// Update stores what a client sends and renews its lease. A client that is not present joins. Update returns false when the
// table is full.
func (t *Table) Update(clientID, userID string, u Update, now time.Time) (User, bool) {
	m := t.change(clientID, false, now)
	if m == nil {
		return User{}, false
	}
	before := m.memory()
	m.UserID = userID
	if u.DisplayName != nil {
		m.DisplayName = *u.DisplayName
	}
	if u.Via != nil {
		t.follow(m, *u.Via)
	}
	m.Field, m.Meta = u.Field, u.Meta
	t.roster.changed(m, before)
	m.until = now.Add(t.lease)
	if !m.remote {
		m.server = ""
	}
	t.record(m, now)
	return m.User, true
}

// Leave removes a client at once, even if it has an open stream.
func (t *Table) Leave(clientID string, now time.Time) {
	if m := t.members[clientID]; m != nil {
		t.remove(m, now)
		t.recordLeft(m, false, now)
	}
}

func (t *Table) remove(m *member, now time.Time) {
	t.unlist(m)
	t.endStream(m, now)
	t.follow(m, "")
	delete(t.members, m.ClientID)
	if len(t.members) == 0 {
		t.members = map[string]*member{} // a map that was large keeps its memory
	}
}

// Expire removes the clients whose leases have ended, and those of servers that are silent. It reports whether there were any.
func (t *Table) Expire(now time.Time) (expired bool) {
	for _, m := range t.members {
		until, ok := t.expiry(m)
		if !ok || now.Before(until) {
			continue
		}
		t.remove(m, now)
		if m.server == "" {
			t.recordLeft(m, true, now)
		}
		expired = true
	}
	t.replicas.forget(now, now.Add(-t.lease)) // their clients have left
	return expired
}

// NextExpiry returns the end of the lease that ends first. ok is false when no lease is running.
func (t *Table) NextExpiry() (at time.Time, ok bool) {
	for _, m := range t.members {
		if until, running := t.expiry(m); running && (!ok || until.Before(at)) {
			at, ok = until, true
		}
	}
	return at, ok
}

// expiry returns when a client leaves unless something happens. ok is false while a stream keeps it present.
func (t *Table) expiry(m *member) (until time.Time, ok bool) {
	if m.server != "" {
		return t.replicas.heard[m.server].Add(t.lease), true
	}
	return m.until, !t.hasStream(m)
}

// Users returns the clients present, by JoinedAt and then ClientID. Like a read through a Cursor, it counts as shown to a
// reader.
func (t *Table) Users() []User {
	users := make([]User, 0, len(t.members))
	for _, page := range t.roster.pages {
		t.show(page)
		for _, m := range page.members {
			users = append(users, m.User)
		}
	}
	return users
}

// UserOf returns the user id of a client that is present or hidden, and "" for any other.
func (t *Table) UserOf(clientID string) string {
	if m := t.members[clientID]; m != nil {
		return m.UserID
	}
	return ""
}

// Idle reports whether no client of this server is present or hidden, and no change is pending.
func (t *Table) Idle() bool {
	for _, m := range t.members {
		if m.server == "" {
			return false
		}
	}
	return !t.Changed()
}

// change returns the member of a client that is about to change, and adds it if the client is not present. A client that was
// hidden and is shown now, or the reverse, begins anew and keeps its stream. change returns nil when the table is full.
func (t *Table) change(clientID string, hidden bool, now time.Time) *member {
	m := t.members[clientID]
	if m != nil && m.hidden == hidden {
		if !hidden {
			t.pending.note(clientID, m)
		}
		return m
	}
	if !hidden && t.Len() >= t.limit {
		return nil
	}
	if m != nil {
		t.unlist(m)
	} else {
		m = &member{until: now.Add(t.lease)}
		t.members[clientID] = m
	}
	t.joins++
	m.User, m.number, m.hidden = User{ClientID: clientID, UserID: m.UserID, JoinedAt: now.UnixMilli()}, t.joins, hidden
	if hidden {
		t.hidden++
	} else {
		t.pending.note(clientID, nil)
		t.roster.add(m)
	}
	return m
}

// unlist removes a client from the list, or from the number of hidden clients.
func (t *Table) unlist(m *member) {
	if m.hidden {
		t.hidden--
		return
	}
	t.pending.note(m.ClientID, m)
	t.roster.remove(m)
}
