package core

import (
	"context"
	"time"

	"github.com/pathsync/pathsync/core/packed"
	"github.com/pathsync/pathsync/core/presence"
)

// Presence is the same on all servers. A server sends the records of its clients when they change. Several times in a lease it
// sends a digest of those of each room; a server with another digest asks for the records. A room that is opened asks all
// servers. A server that is silent for a lease loses its clients in the tables of the others.

const (
	topicPresence       = "presence"        // records of a room's clients that have changed
	topicPresenceDigest = "presence-digest" // digests of the sender's clients in its rooms
	topicPresenceOf     = "presence-of"     // asks for a page of the receiver's clients in a room
	topicLeft           = "left"            // the sender has ended

	// digestsInLease is the number of digests that a server sends in the time after which it counts as dead.
	digestsInLease = 4
	// maxFetching limits the rooms whose presence a server asks for at a time.
	maxFetching = 16
	// presencePage limits the records of one response.
	presencePage = 256
)

func (c *cluster) handlePresence() {
	c.bus.Handle(topicPresence, c.receivePresence)
	c.bus.Handle(topicPresenceDigest, c.receiveDigests)
	c.bus.Handle(topicPresenceOf, c.servePresence)
	c.bus.Handle(topicLeft, func(from string, _ []byte, _ func([]byte)) { c.serverLeft(from) })
}

// name returns the name of this server; "" if there are no others.
func (c *cluster) name() string {
	if c.bus == nil {
		return ""
	}
	return c.bus.Server()
}

// header begins a message about a room.
func header(epoch, room string) (m packed.Message) {
	m.Text(epoch)
	m.Text(room)
	return m
}

// publishPresenceLocked sends the records that have changed.
func (r *Room) publishPresenceLocked() {
	c := r.hub.cluster
	if c.bus == nil {
		return
	}
	records := r.presence.TakeRecords()
	for len(records) > 0 {
		m := header(r.Epoch(), r.name)
		n := appendRecords(&m, records, c.bus.MaxMessage())
		c.bus.Publish(topicPresence, m)
		records = records[n:]
	}
}

// appendRecords appends as many records as fit, and at least one. It returns their number.
func appendRecords(m *packed.Message, records []presence.Record, limit int) (n int) {
	for _, r := range records {
		before := len(*m)
		m.Text(r.ClientID)
		m.Text(r.UserID)
		m.Text(r.DisplayName)
		m.Int(r.JoinedAt)
		m.Text(r.Field)
		m.Text(r.Meta)
		m.Int(r.Version.Number)
		m.Text(r.Version.Writer)
		m.Text(r.Server)
		m.Text(r.Leader)
		m.Bool(r.Stream)
		m.Bool(r.Hidden)
		m.Bool(r.Left)
		m.Bool(r.Expired)
		if len(*m) > limit && n > 0 {
			*m = (*m)[:before]
			return n
		}
		n++
	}
	return n
}

func readRecords(r *packed.Reader) (records []presence.Record, err error) {
	for r.More() {
		records = append(records, presence.Record{
			User: presence.User{
				ClientID: r.Text(), UserID: r.Text(), DisplayName: r.Text(), JoinedAt: r.Int(), Field: r.Text(), Meta: r.Text(),
			},
			Version: presence.Version{Number: r.Int(), Writer: r.Text()},
			Server:  r.Text(), Leader: r.Text(), Stream: r.Bool(), Hidden: r.Bool(), Left: r.Bool(), Expired: r.Bool(),
		})
	}
	return records, r.Err()
}

// receivePresence receives records of another server.
func (c *cluster) receivePresence(from string, data []byte, _ func([]byte)) {
	r, store := c.read(data)
	if r == nil {
		return
	}
	room := c.hub.openRoom(store, r.Text())
	if room == nil {
		return
	}
	records, err := readRecords(r)
	if err != nil {
		c.garbage(from, err)
		return
	}
	room.mergePresence(records)
}

// openRoom returns a room that is open; nil if it is not. It does not count as use of the room.
func (h *Hub) openRoom(store Store, name string) *Room {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.rooms[name]; s != nil && h.history.store == store {
		return s.room
	}
	return nil
}

// mergePresence merges records of another server.
func (r *Room) mergePresence(records []presence.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	now := time.Now()
	for _, record := range records {
		if r.presence.Merge(record, now) != 0 {
			r.listener.Replaced(record.ClientID)
		}
	}
	r.presenceChangedLocked()
}

// presenceChangedLocked is called after each change of the presence table.
func (r *Room) presenceChangedLocked() {
	r.publishPresenceLocked()
	r.schedulePresenceLocked()
	r.armPresenceLocked(time.Now().Add(r.hub.cfg.PresenceTimeout))
}

// runDigests sends digests until ctx ends. It does not wait for the database, since the others take a server without digests for
// dead.
func (c *cluster) runDigests(ctx context.Context) {
	tick := time.NewTicker(max(c.hub.cfg.PresenceTimeout/digestsInLease, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.sendDigests()
		case <-ctx.Done():
			return
		}
	}
}

// sendDigests sends the digests of all open rooms with clients of this server.
func (c *cluster) sendDigests() {
	store, _ := c.hub.current()
	var m packed.Message
	for _, r := range c.hub.openRooms() {
		r.mu.Lock()
		d := r.presence.DigestOf(c.bus.Server())
		r.mu.Unlock()
		if d.Clients == 0 {
			continue
		}
		if len(m) == 0 {
			m.Text(store.Epoch())
		}
		m.Text(r.name)
		m.Int(int64(d.Clients))
		m.Int(int64(d.Sum)) //nolint:gosec // all bits are kept
		if len(m) > c.bus.MaxMessage()/2 {
			c.bus.Publish(topicPresenceDigest, m)
			m = nil
		}
	}
	if len(m) > 0 {
		c.bus.Publish(topicPresenceDigest, m)
	}
}

// receiveDigests receives the digests of another server, and asks it for the records of rooms that differ.
func (c *cluster) receiveDigests(from string, data []byte, _ func([]byte)) {
	r, store := c.read(data)
	for r != nil && r.More() {
		name := r.Text()
		d := presence.Digest{Clients: int(r.Int()), Sum: uint64(r.Int())} //nolint:gosec // all bits are kept
		if err := r.Err(); err != nil {
			c.garbage(from, err)
			return
		}
		room := c.hub.openRoom(store, name)
		if room == nil {
			continue
		}
		room.mu.Lock()
		room.presence.Hear(from, time.Now())
		same := room.presence.DigestOf(from) == d
		room.mu.Unlock()
		if !same {
			c.hub.background(func() { c.fetchPresence(c.hub.ctx, room, from) })
		}
	}
}

// fetchPresence asks a server for its clients in a room.
func (c *cluster) fetchPresence(ctx context.Context, r *Room, server string) {
	ctx, cancel := context.WithTimeout(ctx, r.hub.cfg.PresenceTimeout)
	defer cancel()
	select {
	case c.fetching <- struct{}{}:
		defer func() { <-c.fetching }()
	case <-ctx.Done():
		return // the next digest differs as well
	}
	all, after := map[string]bool{}, ""
	for {
		m := header(r.Epoch(), r.name)
		m.Text(after)
		response, err := c.bus.Request(ctx, server, topicPresenceOf, m)
		if err != nil {
			return // the next digest differs as well
		}
		reader := packed.Read(response)
		if !reader.Bool() {
			return // it serves another history
		}
		records, err := readRecords(reader)
		if err != nil {
			c.garbage(server, err)
			return
		}
		if len(records) == 0 {
			break
		}
		for _, record := range records {
			all[record.ClientID], after = true, record.ClientID
		}
		r.mergePresence(records)
	}
	r.retainPresence(server, all)
}

// retainPresence removes the clients of a server that are not among those that it has.
func (r *Room) retainPresence(server string, all map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.presence.Retain(server, all, time.Now())
		r.presenceChangedLocked()
	}
}

// servePresence responds with a page of this server's clients in a room.
func (c *cluster) servePresence(_ string, data []byte, respond func([]byte)) {
	var m packed.Message
	r, store := c.read(data)
	if r == nil {
		m.Bool(false)
		respond(m)
		return
	}
	room, after := c.hub.openRoom(store, r.Text()), r.Text()
	m.Bool(true)
	if room != nil {
		room.mu.Lock()
		records := room.presence.Own(after, presencePage)
		room.mu.Unlock()
		appendRecords(&m, records, c.bus.MaxMessage()/2)
	}
	respond(m)
}

// joinPresence asks the other servers for their clients in a room that was opened.
func (c *cluster) joinPresence(r *Room) {
	for _, server := range c.members.Load().others() {
		c.hub.background(func() { c.fetchPresence(c.hub.ctx, r, server) })
	}
}

// serverLeft removes the clients of a server that has ended. Those that have moved belong to another one by now.
func (c *cluster) serverLeft(server string) {
	for _, r := range c.hub.openRooms() {
		r.retainPresence(server, nil)
	}
	c.membership.notify()
}
