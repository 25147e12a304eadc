package core

// UserList reads who is present in a room, in the order of the list, a piece at a time. Between two pieces the room goes on:
// a client that has been there from the first piece to the last is in the list once, and one that has joined since is not in
// it. All that changes meanwhile is told by a PresenceChange, too, so that a reader who takes in those after the list is
// up to date. A list is used by one goroutine at a time.
type UserList struct {
	room    *Room
	encode  UserEncoder
	after   listPlace // of the last client that was read
	through int64     // number of the last client that had joined when the reading began
	ended   bool
}

// UserEncoder appends a user in the form that readers get. All lists of a room are read with the same one.
type UserEncoder func(dst []byte, u *User) []byte

// Users returns the list of who is present now.
func (v View) Users(encode UserEncoder) *UserList {
	return &UserList{room: v.r, encode: encode, through: v.r.presence.joins}
}

// Next returns the next users, encoded, each with a comma before it, and nothing at the end. The bytes are shared by all
// readers and must not be changed; a reader should let go of them before it asks for more.
func (l *UserList) Next() []byte {
	l.room.mu.Lock()
	defer l.room.mu.Unlock()
	for !l.ended {
		text, last, more := l.room.presence.read(l.after, l.through, l.encode)
		l.after, l.ended = last, !more
		if len(text) > 0 {
			l.room.weigh()
			return text
		}
	}
	return nil
}

// Ended reports whether Next has returned all there is.
func (l *UserList) Ended() bool { return l.ended }

// read returns the clients of one page of the list that come after a place, and have numbers up to through; where the page
// ends; and whether there is another.
func (p *Presence) read(after listPlace, through int64, encode UserEncoder) (text []byte, last listPlace, more bool) {
	r := &p.roster
	at := max(r.pageOf(after), 0)
	if at < len(r.pages) && r.pages[at].last().place().compare(after) <= 0 {
		at++
	}
	if at >= len(r.pages) {
		return nil, after, false
	}
	page := r.pages[at]
	p.show(page)
	last, more = page.last().place(), at+1 < len(r.pages)
	if page.text == nil {
		page.text, page.newest = page.encode(encode, listPlace{}, p.joins)
		r.bytes += len(page.text)
	}
	if page.newest <= through && page.members[0].place().compare(after) > 0 {
		return page.text, last, more
	}
	text, _ = page.encode(encode, after, through)
	return text, last, more
}

// encode encodes the members after a place that have numbers up to through. newest is the highest of these numbers.
func (p *rosterPage) encode(encode UserEncoder, after listPlace, through int64) (text []byte, newest int64) {
	text = make([]byte, 0, p.size-300*len(p.members))
	for _, m := range p.members {
		if m.number > through || m.place().compare(after) <= 0 {
			continue
		}
		text = encode(append(text, ','), &m.User)
		newest = max(newest, m.number)
	}
	return text, newest
}
