package core

import "container/list"

// dedup remembers the highest clientSeq of each recent client of a room, so that a new batch is recognised without reading
// the log. It is a cache of the log: what it does not know, the room reads there. When it is full, the least recently used
// client is evicted.
type dedup struct {
	limit   int
	clients map[string]*list.Element // of *dedupClient
	byUse   *list.List               // most recently used first
	folded  int64                    // highest serverSeq folded
	// dropped is the value of folded at the last eviction. What was read from the log at a lower serverSeq may lack a batch of
	// an evicted client, and is read again.
	dropped int64
}

type dedupClient struct {
	clientID string
	userID   string // owner; "": not known
	last     int64  // highest clientSeq seen; NoClientSeq: none
	complete bool   // last covers the client's whole history, and not only what was folded since the room was opened
}

// verdict is the result of checking a clientSeq.
type verdict int

const (
	fresh         verdict = iota // higher than any number of the client in the log
	passed                       // not higher: the log knows whether a batch has it
	unknownClient                // the client's last number has to be read from the log and passed to learn
)

const (
	// maxDedupClients limits the clients that one room remembers.
	maxDedupClients = 4096
	// dedupMemory estimates the memory of one client in bytes.
	dedupMemory = 512
)

func newDedup(limit int) *dedup {
	return &dedup{limit: limit, clients: map[string]*list.Element{}, byUse: list.New()}
}

// memory estimates the memory in bytes.
func (d *dedup) memory() int { return dedupMemory * len(d.clients) }

// check judges a clientSeq.
func (d *dedup) check(clientID string, clientSeq int64) verdict {
	e := d.clients[clientID]
	if e == nil || !e.Value.(*dedupClient).complete {
		return unknownClient
	}
	d.byUse.MoveToFront(e)
	if clientSeq > e.Value.(*dedupClient).last {
		return fresh
	}
	return passed
}

// last returns the highest clientSeq of a client that is known to be in the log, or NoClientSeq.
func (d *dedup) last(clientID string) int64 {
	if e := d.clients[clientID]; e != nil {
		return e.Value.(*dedupClient).last
	}
	return NoClientSeq
}

// learn stores the client's highest clientSeq and its user, as read from the log when the log had at least everything up to
// asOf.
func (d *dedup) learn(clientID, userID string, last, asOf int64) {
	if asOf < d.dropped {
		return // a later batch of this client may have been evicted; the caller checks again and reads the log again
	}
	c := d.touch(clientID)
	c.last = max(c.last, last)
	c.complete = true
	c.setOwner(userID)
}

// isComplete reports whether the client's whole history is known.
func (d *dedup) isComplete(clientID string) bool {
	e := d.clients[clientID]
	return e != nil && e.Value.(*dedupClient).complete
}

// owner returns the user that a client belongs to, or "" if that is not known.
func (d *dedup) owner(clientID string) string {
	if e := d.clients[clientID]; e != nil {
		return e.Value.(*dedupClient).userID
	}
	return ""
}

// setOwner assigns a client to a user, unless it has an owner.
func (d *dedup) setOwner(clientID, userID string) { d.touch(clientID).setOwner(userID) }

func (c *dedupClient) setOwner(userID string) {
	if c.userID == "" {
		c.userID = userID
	}
}

// fold records that a batch is in the log.
func (d *dedup) fold(b *Batch) {
	d.folded = b.ServerSeq
	if b.UserID != "" {
		d.setOwner(b.ClientID, b.UserID)
	}
	if b.ClientSeq != NoClientSeq {
		c := d.touch(b.ClientID)
		c.last = max(c.last, b.ClientSeq)
	}
}

// touch makes a client the most recently used one and returns its entry. A new entry is not complete.
func (d *dedup) touch(clientID string) *dedupClient {
	if e := d.clients[clientID]; e != nil {
		d.byUse.MoveToFront(e)
		return e.Value.(*dedupClient)
	}
	if len(d.clients) >= d.limit {
		oldest := d.byUse.Back()
		delete(d.clients, d.byUse.Remove(oldest).(*dedupClient).clientID)
		d.dropped = d.folded
	}
	c := &dedupClient{clientID: clientID, last: NoClientSeq}
	d.clients[clientID] = d.byUse.PushFront(c)
	return c
}
