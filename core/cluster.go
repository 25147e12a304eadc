package core

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pathsync/pathsync/core/packed"
)

// cluster is the hub's side of the bus: it tells other servers what this one commits, and receives what they tell. Without a
// bus it does nothing.
type cluster struct {
	hub      *Hub
	bus      Bus
	members  atomic.Pointer[members]
	fetching chan struct{} // one token for each fetchPresence that is running
	serving  chan struct{} // one token for each request of another server that is being handled

	membership *membership
	draining   atomic.Bool

	mu        sync.Mutex
	suspects  map[string]time.Time // servers that did not answer, and until when no batch is forwarded to them
	strangers map[string]bool      // servers whose messages this program does not read, or that do not read its own
}

// maxServing limits the requests of other servers that a server handles at a time. Others are handled where they came from.
const maxServing = 4096

func newCluster(h *Hub, bus Bus) *cluster {
	c := &cluster{hub: h, bus: bus, serving: make(chan struct{}, maxServing), fetching: make(chan struct{}, maxFetching), suspects: map[string]time.Time{}, strangers: map[string]bool{}}
	c.membership = newMembership(c)
	c.members.Store(&members{})
	if bus != nil {
		bus.Handle(topicCommitted, c.committedElsewhere)
		bus.Handle(topicSubmit, c.serveSubmit)
		bus.Handle(topicOpen, c.serveOpen)
		c.handlePresence()
		bus.Handle(topicServers, c.serversChanged)
	}
	return c
}

// committed tells the other servers about batches that this one has committed.
func (c *cluster) committed(store Store, batches []*Batch) {
	if c.bus == nil || len(batches) == 0 {
		return
	}
	for _, m := range committedMessages(store.Epoch(), batches, c.bus.MaxMessage()) {
		c.bus.Publish(topicCommitted, m)
	}
}

// read begins to read a message. It returns nil if the message is of another epoch than the store.
func (c *cluster) read(data []byte) (r *packed.Reader, store Store) {
	store, reopening := c.hub.current()
	r = packed.Read(data)
	if r.Text() != store.Epoch() || reopening {
		return nil, nil
	}
	return r, store
}

// committedElsewhere receives batches of another server.
func (c *cluster) committedElsewhere(from string, data []byte, _ func([]byte)) {
	r, store := c.read(data)
	for r != nil && r.More() {
		b := readBatch(r)
		if err := r.Err(); err != nil {
			c.garbage(from, err)
			return
		}
		if len(b.Ops) == 0 {
			c.hub.heard(store, b.Room, b.ServerSeq, nil)
		} else {
			c.hub.heard(store, b.Room, b.ServerSeq, b)
		}
	}
}

// garbage logs a message that cannot be read.
func (c *cluster) garbage(from string, err error) {
	c.hub.cfg.Log.Error("message of another server is dropped", "server", from, "error", err)
}

// owner returns the server that commits a room; "" for this one.
func (c *cluster) owner(room string) string {
	m := c.members.Load()
	if owner := m.owner(room, c.suspect); owner != m.self {
		return owner
	}
	return ""
}

// suspectTime is how long no batch is forwarded to a server that did not answer.
const suspectTime = 2 * time.Second

func (c *cluster) suspect(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.suspects[id]
	if ok && !time.Now().Before(until) {
		delete(c.suspects, id)
		return false
	}
	return ok
}

func (c *cluster) addSuspect(id string, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, already := c.suspects[id]; !already {
		c.hub.cfg.Log.Warn("batches are not forwarded to a server for a while", "server", id, "error", cause)
	}
	c.suspects[id] = time.Now().Add(suspectTime)
}

// errForwarding is the cause when forwardTimeout has ended.
var errForwarding = errors.New("the server that commits this room does not answer")

// forwardTimeout limits the wait for the server that commits a room.
const forwardTimeout = 500 * time.Millisecond

// forward has a batch committed by another server. ok is false if this server has to commit it itself.
//
// The other server may commit the batch even if ok is false. So only numbered batches are forwarded: the log recognises the
// second attempt.
func (c *cluster) forward(ctx context.Context, r *Room, p *Proposal) (a Answer, ok bool, err error) {
	if c.bus == nil || p.ClientSeq == NoClientSeq || p.Allows != nil || p.bytes() > c.bus.MaxMessage()/4 {
		return Answer{}, false, nil
	}
	owner := c.owner(r.name)
	if owner == "" {
		return Answer{}, false, nil
	}
	waiting, cancel := context.WithTimeoutCause(ctx, forwardTimeout, errForwarding)
	defer cancel()
	response, err := c.bus.Request(waiting, owner, topicSubmit, submitMessage(r.Epoch(), r.name, p))
	if err == nil {
		a, err = readAnswer(response)
	}
	switch {
	case err == nil:
		r.hub.heard(r.store, r.name, a.Batch.ServerSeq, a.Batch)
		_ = r.reach(ctx, a.Batch.ServerSeq, reachTimeout) // a room that is behind does not change the answer
		return a, true, nil
	case isDefinite(err):
		return Answer{}, true, err
	case ctx.Err() != nil:
		return Answer{}, true, context.Cause(ctx)
	case !errors.Is(err, errTryHere):
		c.addSuspect(owner, err)
	}
	return Answer{}, false, nil
}

// isDefinite reports whether an error of another server is the answer to a batch.
func isDefinite(err error) bool {
	for _, known := range answerCodes[1:] {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// serveSubmit commits a batch of another server and responds with the answer.
func (c *cluster) serveSubmit(from string, data []byte, respond func([]byte)) {
	r, _ := c.read(data)
	if r == nil {
		respond(answerMessage(Answer{}, ErrHistoryChanged))
		return
	}
	room, p, err := readSubmit(r)
	if err != nil {
		c.garbage(from, err)
		respond(answerMessage(Answer{}, err))
		return
	}
	err = c.serve(func() { respond(answerMessage(c.submit(room, p))) })
	if err != nil {
		respond(answerMessage(Answer{}, err))
	}
}

// serve runs a function that handles a request of another server, in a goroutine. It does not if too many are running, or the
// hub is closing.
func (c *cluster) serve(handle func()) error {
	select {
	case c.serving <- struct{}{}:
	default:
		return ErrOverloaded
	}
	started := c.hub.background(func() {
		defer func() { <-c.serving }()
		handle()
	})
	if !started {
		<-c.serving
		return ErrClosing
	}
	return nil
}

func (c *cluster) submit(name string, p *Proposal) (Answer, error) {
	room, release, err := c.hub.Room(c.hub.ctx, name)
	if err != nil {
		return Answer{}, err
	}
	defer release()
	return room.submit(c.hub.ctx, p)
}

// openElsewhere has the owner of a room open it, and reports whether it did so. It returns false for a room that this server
// owns.
func (c *cluster) openElsewhere(ctx context.Context, store Store, room string) bool {
	if c.bus == nil {
		return false
	}
	owner := c.owner(room)
	if owner == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, c.hub.cfg.InitialStateTimeout)
	defer cancel()
	var m packed.Message
	m.Text(store.Epoch())
	m.Text(room)
	response, err := c.bus.Request(ctx, owner, topicOpen, m)
	return err == nil && packed.Read(response).Bool()
}

// serveOpen opens a room for another server and responds whether it is open.
func (c *cluster) serveOpen(_ string, data []byte, respond func([]byte)) {
	answer := func(isOpen bool) {
		var m packed.Message
		m.Bool(isOpen)
		respond(m)
	}
	r, _ := c.read(data)
	if r == nil {
		answer(false)
		return
	}
	name := r.Text()
	err := c.serve(func() {
		_, release, err := c.hub.Room(c.hub.ctx, name)
		if err == nil {
			release()
		}
		answer(err == nil)
	})
	if err != nil {
		answer(false)
	}
}
