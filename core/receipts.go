package core

import "container/list"

// receipts remembers the highest number that each client of a room has used, so that a new batch is recognised as new
// without asking the log. It is a cache of the log: what it does not know, the room asks the log. Its size is bounded; the
// least recently used client is dropped first.
type receipts struct {
	limit   int
	clients map[string]*list.Element // of *receipt
	byUse   *list.List               // most recently used first
	folded  int64                    // highest serverSeq folded
	// dropped is what folded was when a client was last dropped. What was read from the log at an earlier serverSeq may
	// lack a batch of a dropped client, and is read again.
	dropped int64
}

type receipt struct {
	clientID string
	userID   string // whose client it is; "" when that is not known
	last     int64  // highest number seen
	// complete: last covers the client's whole history, and not just what has been folded since the room was opened.
	complete bool
}

type verdict int

const (
	fresh         verdict = iota // higher than any number of the client in the log
	passed                       // not higher: only the log knows whether a batch has it
	unknownClient                // ask the log for the client's last number, then learn
)

// receiptMemory is about what it takes in memory to remember a client.
const receiptMemory = 512

// memory is about how many bytes all of it takes.
func (r *receipts) memory() int { return receiptMemory * len(r.clients) }

func newReceipts(limit int) *receipts {
	return &receipts{limit: limit, clients: map[string]*list.Element{}, byUse: list.New()}
}

// look judges a number.
func (r *receipts) look(clientID string, clientSeq int64) verdict {
	e := r.clients[clientID]
	if e == nil || !e.Value.(*receipt).complete {
		return unknownClient
	}
	r.byUse.MoveToFront(e)
	if clientSeq > e.Value.(*receipt).last {
		return fresh
	}
	return passed
}

// last is the highest number of a client that is known to be in the log, and NoClientSeq when none is.
func (r *receipts) last(clientID string) int64 {
	if e := r.clients[clientID]; e != nil {
		return e.Value.(*receipt).last
	}
	return NoClientSeq
}

// learn takes in the client's highest number, and the user who sent it, as the log had them at a moment when everything
// up to asOf was in it.
func (r *receipts) learn(clientID, userID string, last, asOf int64) {
	if asOf < r.dropped {
		return // a batch folded since may have been dropped again; the asker finds the client unknown and asks anew
	}
	c := r.touch(clientID)
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
func (r *receipts) own(clientID, userID string) { r.touch(clientID).belongTo(userID) }

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
	if b.ClientSeq != NoClientSeq {
		c := r.touch(b.ClientID)
		c.last = max(c.last, b.ClientSeq)
	}
}

// touch returns the client's receipt as the one most recently used. A new one knows nothing.
func (r *receipts) touch(clientID string) *receipt {
	if e := r.clients[clientID]; e != nil {
		r.byUse.MoveToFront(e)
		return e.Value.(*receipt)
	}
	if len(r.clients) >= r.limit {
		oldest := r.byUse.Back()
		delete(r.clients, r.byUse.Remove(oldest).(*receipt).clientID)
		r.dropped = r.folded
	}
	c := &receipt{clientID: clientID, last: NoClientSeq}
	r.clients[clientID] = r.byUse.PushFront(c)
	return c
}
