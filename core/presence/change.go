package presence

// Change is the difference between two states of a table.
type Change struct {
	Joined  []User
	Updated []User
	Left    []string // client ids
	Present int      // number of clients afterwards
}

// pending collects the clients that have changed since the last TakeChange, with their state at that time.
type pending struct {
	order  []string         // client ids, in the order of their first change
	before map[string]known // by client id: the state that readers know
	shown  map[string]bool  // client ids of which a newer reader knows another state: the next Change must include them
}

// known is a client's state as readers know it. Number 0: the client was absent.
type known struct {
	User
	number int64
}

// pendingMemory estimates the memory of one pending client in bytes.
const pendingMemory = 256

func newPending() pending { return pending{before: map[string]known{}, shown: map[string]bool{}} }

func (p *pending) memory() int { return pendingMemory * len(p.order) }

// note records the state of a client before its first change since the last TakeChange. m is nil when it is absent.
func (p *pending) note(clientID string, m *member) {
	if _, noted := p.before[clientID]; noted {
		return
	}
	p.order = append(p.order, clientID)
	p.before[clientID] = known{}
	if m != nil {
		p.before[clientID] = known{m.User, m.number}
	}
}

// Changed reports whether TakeChange may return a change.
func (t *Table) Changed() bool { return len(t.pending.order) > 0 }

// Changes returns the number of clients that have changed since the last TakeChange.
func (t *Table) Changes() int { return len(t.pending.order) }

// TakeChange returns what has changed since the last call. A client that joined and left in between is not included,
// unless a reader has seen it. ok is false when nothing has changed.
func (t *Table) TakeChange() (c Change, ok bool) {
	p := &t.pending
	c.Present = t.Len()
	for _, id := range p.order {
		m, was := t.members[id], p.before[id]
		if m != nil && m.hidden {
			m = nil
		}
		switch {
		case m == nil && (was.number != 0 || p.shown[id]):
			c.Left = append(c.Left, id)
		case m != nil && was.number == 0:
			c.Joined = append(c.Joined, m.User)
		case m != nil && (m.number != was.number || m.User != was.User || p.shown[id]):
			c.Updated = append(c.Updated, m.User)
		}
	}
	*p = newPending() // a map that is cleared keeps its memory
	return c, len(c.Joined)+len(c.Updated)+len(c.Left) > 0
}

// show records that a reader sees a page. The next Change must include the clients whose state on the page differs from
// what earlier readers know: otherwise a client that joins and leaves again would stay in this reader's list forever.
func (t *Table) show(page *page) {
	if !t.Changed() || page.text != nil { // the clients of an encoded page were recorded when it was encoded
		return
	}
	for _, m := range page.members {
		if was, noted := t.pending.before[m.ClientID]; noted && (was.number != m.number || was.User != m.User) {
			t.pending.shown[m.ClientID] = true
		}
	}
}
