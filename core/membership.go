package core

import (
	"context"
	"maps"
	"slices"
	"time"
)

// membership is the goroutine that describes this server to the others in sync_nodes, and reads their descriptions.
type membership struct {
	worker
	cluster *cluster
	failed  bool // the last heartbeat failed; only the goroutine uses it
}

func newMembership(c *cluster) *membership { return &membership{worker: newWorker(), cluster: c} }

func (m *membership) run() {
	defer close(m.done)
	for began := time.Now(); ; began = time.Now() {
		m.beat()
		if !m.sleep(time.Until(began.Add(heartbeat))) {
			return
		}
	}
}

func (m *membership) close() {
	m.cancel()
	<-m.done
}

// beat writes this server's row and reads all rows. While the database is unavailable, the members remain as they are.
func (m *membership) beat() {
	h := m.cluster.hub
	store, reopening := h.current()
	if reopening {
		return
	}
	var nodes []Node
	err := m.call(h.cfg.StoreTimeout, func(ctx context.Context) (err error) {
		if err = store.SaveNode(ctx, m.cluster.node(store)); err == nil {
			nodes, err = store.Nodes(ctx)
		}
		return err
	})
	if m.ctx.Err() != nil {
		return
	}
	if err != nil {
		if !m.failed {
			h.cfg.Log.Warn("the other servers cannot be read from the database; retrying", "error", err, reported(err))
		}
		m.failed = true
		return
	}
	m.failed = false
	m.cluster.setMembers(store, nodes)
	m.removeOld(store, nodes)
}

// removeOld deletes the rows of servers that ended without doing so.
func (m *membership) removeOld(store Store, nodes []Node) {
	var old []string
	for _, n := range nodes {
		if n.Age > nodeTimeout {
			old = append(old, n.ID)
		}
	}
	if len(old) > 0 {
		_ = m.call(m.cluster.hub.cfg.StoreTimeout, func(ctx context.Context) error { return store.RemoveNodes(ctx, old...) })
	}
}

// node describes this server.
func (c *cluster) node(store Store) Node {
	var n Node
	if c.hub.cfg.Node != nil {
		n = c.hub.cfg.Node()
	}
	stats := c.hub.Stats()
	n.Status.Rooms, n.Status.TailLagMs, n.Status.Bus = stats.Rooms, stats.TailLag.Milliseconds(), stats.BusHealthy
	n.ID, n.Epoch, n.Protocol, n.Oldest = c.bus.Server(), store.Epoch(), Protocol, OldestProtocol
	n.Draining = c.draining.Load()
	return n
}

// setMembers makes the current servers known to the hub and to the bus.
func (c *cluster) setMembers(store Store, nodes []Node) {
	next := newMembers(c.bus.Server(), store.Epoch(), nodes)
	before := c.members.Swap(&next)
	if !slices.Equal(before.live, next.live) {
		c.hub.cfg.Log.Info("servers of the cluster have changed", "live", len(next.live), "servers", next.live)
	}
	c.forget(nodes)
	for _, n := range nodes {
		if !understands(n) && n.Age < MemberTimeout {
			c.refused(n)
		}
	}
	if c.hub.cfg.Servers != nil {
		c.hub.cfg.Servers(nodes)
	}
}

// forget drops what is known of servers that no longer exist.
func (c *cluster) forget(nodes []Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := func(id string) bool { return !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == id }) }
	maps.DeleteFunc(c.suspects, func(id string, _ time.Time) bool { return gone(id) })
	maps.DeleteFunc(c.strangers, func(id string, _ bool) bool { return gone(id) })
}

// refused logs a server of another version, once.
func (c *cluster) refused(n Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.strangers[n.ID] {
		c.strangers[n.ID] = true
		c.hub.cfg.Log.Error("a server of another version is not used: neither reads the messages of the other; upgrade it", "server", n.ID,
			"version", n.Version, "protocol", n.Protocol, "oldest", n.Oldest, "own", Protocol, "ownOldest", OldestProtocol)
	}
}

// Drain announces that this server is about to end: the others commit its rooms from now on. It returns when the database has
// the announcement, or when ctx ends.
func (h *Hub) Drain(ctx context.Context) error {
	c := h.cluster
	if c.bus == nil || c.draining.Swap(true) {
		return nil
	}
	store, _ := h.current()
	err := store.SaveNode(ctx, c.node(store))
	c.announce()
	c.membership.notify() // this server forwards batches from now on
	return err
}

// leaveTimeout limits how long a server that ends waits for the database to remove its row.
const leaveTimeout = time.Second

// leave removes the server's row.
func (c *cluster) leave(ctx context.Context) {
	if c.bus == nil {
		return
	}
	c.membership.close()
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	store, _ := c.hub.current()
	if err := store.RemoveNodes(ctx, c.bus.Server()); err != nil {
		c.hub.cfg.Log.Warn("this server's description cannot be removed from the database; the others do so after a minute", "error", err, reported(err))
	}
	c.bus.Publish(topicLeft, nil)
}

// announce makes the other servers read sync_nodes at once.
func (c *cluster) announce() { c.bus.Publish(topicServers, nil) }

// serversChanged receives announce.
func (c *cluster) serversChanged(string, []byte, func([]byte)) { c.membership.notify() }
