package core

import "container/list"

// receipts remembers which numbers the clients of a room have used, so that a repeated batch is recognised without
// asking the log in the usual case. It is a cache of the log and never answers from ignorance: what it cannot know it
// calls unknown, and the shell asks the log. Its size is bounded; the client unused for longest is forgotten first.
type receipts struct {
	limit   int
	clients map[string]*list.Element // of *receipt
	byUse   *list.List               // most recently used first
	folded  int64                    // highest serverSeq folded
	// forgotten is what folded was when a client was last dropped. What was read from the log at an earlier serverSeq
	// may lack a batch of a dropped client, and is read again.
	forgotten int64
}

type receipt struct {
	clientID string
	userID   string // whose client it is; "" when that is not known
	last     int64  // highest number seen
	// complete: last covers the client's whole history, and not just what has been folded since the room was opened.
	complete bool
	recent   []use // the last few numbers, oldest first
	// since: every use in a batch after this serverSeq is in recent.
	since int64
}

// use is one number of a client and the batch that has it.
type use struct {
	clientSeq, serverSeq int64
}

// recentUses bounds how many numbers of one client are kept: as many as it may have under way out of order.
const recentUses = 64

type verdict int

const (
	unseen        verdict = iota // no batch has this number
	seen                         // a batch in the log has it
	unknownClient                // ask the log for the client's last number, then learn
	unknownNumber                // ask the log for this number
)

func newReceipts(limit int) *receipts {
	return &receipts{limit: limit, clients: map[string]*list.Element{}, byUse: list.New()}
}

// look judges a number. absentUpTo is the serverSeq up to which the asker knows from the log that no batch has it, and
// -1 when it has not looked.
func (r *receipts) look(clientID string, clientSeq, absentUpTo int64) verdict {
	e := r.clients[clientID]
	if e == nil || !e.Value.(*receipt).complete {
		return unknownClient
	}
	r.byUse.MoveToFront(e)
	c := e.Value.(*receipt)
	if clientSeq > c.last {
		return unseen
	}
	for _, u := range c.recent {
		if u.clientSeq == clientSeq {
			return seen
		}
	}
	if absentUpTo >= c.since {
		return unseen
	}
	return unknownNumber
}

// learn takes in the client's highest number, and the user who sent it, as the log had them at a moment when everything
// up to asOf was in it.
func (r *receipts) learn(clientID, userID string, last, asOf int64) {
	if asOf < r.forgotten {
		return // a batch folded since may have been forgotten again; the asker will find the client unknown and ask anew
	}
	c := r.touch(clientID, asOf)
	c.last = max(c.last, last)
	c.complete = true
	c.belongTo(userID)
}

// knows reports whether all that the log has of a client has been taken in.
func (r *receipts) knows(clientID string) bool {
	e := r.clients[clientID]
	return e != nil && e.Value.(*receipt).complete
}

// owner is the user whose client it is, as far as that is remembered.
func (r *receipts) owner(clientID string) string {
	if e := r.clients[clientID]; e != nil {
		return e.Value.(*receipt).userID
	}
	return ""
}

// own notes whose client it is.
func (r *receipts) own(clientID, userID string) { r.touch(clientID, r.folded).belongTo(userID) }

// belongTo names the owner, if there is none yet.
func (c *receipt) belongTo(userID string) {
	if c.userID == "" {
		c.userID = userID
	}
}

// fold notes that a batch is in the log.
func (r *receipts) fold(b *Batch) {
	r.folded = b.ServerSeq
	if b.UserID != "" {
		r.own(b.ClientID, b.UserID)
	}
	if b.ClientSeq == NoClientSeq {
		return
	}
	c := r.touch(b.ClientID, b.ServerSeq-1)
	c.last = max(c.last, b.ClientSeq)
	if len(c.recent) == recentUses {
		c.since = c.recent[0].serverSeq
		c.recent = append(c.recent[:0], c.recent[1:]...)
	}
	c.recent = append(c.recent, use{b.ClientSeq, b.ServerSeq})
}

// touch returns the client's receipt as the one most recently used. A new one knows nothing up to since.
func (r *receipts) touch(clientID string, since int64) *receipt {
	if e := r.clients[clientID]; e != nil {
		r.byUse.MoveToFront(e)
		return e.Value.(*receipt)
	}
	if len(r.clients) >= r.limit {
		oldest := r.byUse.Back()
		delete(r.clients, r.byUse.Remove(oldest).(*receipt).clientID)
		r.forgotten = r.folded
	}
	c := &receipt{clientID: clientID, last: NoClientSeq, since: since}
	r.clients[clientID] = r.byUse.PushFront(c)
	return c
}
