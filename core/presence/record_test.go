package presence

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// cluster is the tables of one room on several servers, with the messages between them.
type cluster struct {
	tables  []*Table
	streams []map[string]int // open streams of each server, by client
	onWay   []delivery
	random  *rand.Rand
	now     time.Time
	opened  int
}

type delivery struct {
	to     int
	record Record
}

func newClusterOf(n int, seed uint64) *cluster {
	c := &cluster{random: rand.New(rand.NewPCG(seed, 1)), now: presenceStart}
	for i := range n {
		c.tables = append(c.tables, New(fmt.Sprint("server-", i), lease, 1000, nil))
		c.streams = append(c.streams, map[string]int{})
	}
	return c
}

// send puts the records of all tables on their way; some are lost, some arrive twice.
func (c *cluster) send(loss float64) {
	for from, t := range c.tables {
		for _, r := range t.TakeRecords() {
			for to := range c.tables {
				for copies := c.random.IntN(2) + 1; to != from && copies > 0 && c.random.Float64() >= loss; copies-- {
					c.onWay = append(c.onWay, delivery{to, r})
				}
			}
		}
	}
}

// deliver delivers some messages in any order.
func (c *cluster) deliver(n int) {
	for ; n > 0 && len(c.onWay) > 0; n-- {
		i := c.random.IntN(len(c.onWay))
		d := c.onWay[i]
		c.onWay = slices.Delete(c.onWay, i, i+1)
		c.merge(d)
	}
}

func (c *cluster) merge(d delivery) {
	id := d.record.ClientID
	if replaced := c.tables[d.to].Merge(d.record, c.now); replaced != 0 || d.record.Left && c.tables[d.to].members[id] == nil {
		delete(c.streams[d.to], id) // the stream is ended, or does not count any more
	}
}

// act lets a client do something at a server.
func (c *cluster) act() {
	at := c.random.IntN(len(c.tables))
	t, id := c.tables[at], fmt.Sprint("client-", c.random.IntN(6))
	switch c.random.IntN(10) {
	case 0, 1, 2:
		c.opened++
		if c.random.IntN(3) == 0 {
			t.ConnectHidden(id, "", c.opened, c.now)
		} else {
			t.Connect(id, "", fmt.Sprint("name-", c.random.IntN(3)), c.opened, c.now)
		}
		c.streams[at][id] = c.opened
	case 3, 4:
		if n := c.streams[at][id]; n != 0 {
			delete(c.streams[at], id)
			t.Disconnect(id, n, c.now)
		}
	case 5, 6, 7:
		t.Update(id, "", Update{Field: fmt.Sprint("field-", c.random.IntN(5))}, c.now)
	case 8:
		t.Leave(id, c.now)
		delete(c.streams[at], id) // it does not count any more
	case 9:
		c.now = c.now.Add(time.Duration(c.random.IntN(int(lease / 2))))
		for i, t := range c.tables {
			for j := range c.tables {
				if i != j {
					t.Hear(fmt.Sprint("server-", j), c.now)
				}
			}
			t.Expire(c.now)
		}
	}
}

// synchronise compares digests and exchanges records until all tables agree.
func (c *cluster) synchronise(t *testing.T) {
	t.Helper()
	for range 10 {
		c.send(0)
		c.deliver(len(c.onWay))
		agree := true
		for from, sender := range c.tables {
			for to, receiver := range c.tables {
				if from == to || sender.DigestOf(sender.server) == receiver.DigestOf(sender.server) {
					continue
				}
				agree = false
				ids, after := map[string]bool{}, ""
				for records := sender.Own(after, 2); len(records) > 0; records = sender.Own(after, 2) {
					for _, r := range records {
						ids[r.ClientID], after = true, r.ClientID
						c.merge(delivery{to, r})
					}
				}
				receiver.Retain(sender.server, ids, c.now)
			}
		}
		if agree && len(c.onWay) == 0 {
			return
		}
	}
	for i, table := range c.tables {
		for id, m := range table.members {
			t.Logf("server %d: %s %+v", i, id, table.recordOf(m))
		}
		t.Logf("server %d: left %+v", i, table.replicas.left)
	}
	t.Fatal("the tables do not agree")
}

func TestServersAgreeOnWhoIsPresentAfterAnyMessages(t *testing.T) {
	for seed := range uint64(500) {
		c := newClusterOf(3, seed)
		loss := []float64{0, 0.1, 0.7}[seed%3]
		for range 200 {
			c.act()
			c.send(loss)
			c.deliver(c.random.IntN(4))
		}
		c.synchronise(t)
		want := c.tables[0].Users()
		for i, table := range c.tables {
			if got := table.Users(); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: server %d has\n%+v, server 0\n%+v", seed, i, got, want)
			}
			if n, hidden := len(want), c.tables[0].hidden; table.Len() != n || table.hidden != hidden {
				t.Fatalf("seed %d: server %d counts %d clients and %d hidden ones, not %d and %d", seed, i, table.Len(), table.hidden, n, hidden)
			}
			checkRoster(t, table)
			for id, n := range c.streams[i] {
				m := table.members[id]
				if m == nil {
					continue // it has left, with its stream open
				}
				if m.stream != n {
					t.Fatalf("seed %d: server %d has stream %d of %s open, and its table %d", seed, i, n, id, m.stream)
				}
			}
		}
		streaming := map[string]int{}
		for _, table := range c.tables {
			for id, m := range table.members {
				if m.stream != 0 {
					streaming[id]++
				}
			}
		}
		for id, n := range streaming {
			if n > 1 {
				t.Fatalf("seed %d: %s has %d streams", seed, id, n)
			}
		}
		c.now = c.now.Add(2 * lease)
		for _, table := range c.tables {
			for i := range c.tables {
				table.Hear(fmt.Sprint("server-", i), c.now)
			}
			table.Expire(c.now)
		}
		c.synchronise(t)
		for _, table := range c.tables {
			for id := range table.members {
				if streaming[id] == 0 {
					t.Fatalf("seed %d: %s is present without a stream", seed, id)
				}
			}
		}
	}
}

func TestClientsOfSilentServerLeaveAfterLease(t *testing.T) {
	here, there := New("a", lease, 10, nil), New("b", lease, 10, nil)
	there.Connect("ann", "", "Ann", 1, presenceStart)
	for _, r := range there.TakeRecords() {
		here.Merge(r, presenceStart)
	}
	wantChange(t, here, []string{"ann"}, nil, nil)
	if at, ok := here.NextExpiry(); !ok || at != presenceStart.Add(lease) {
		t.Errorf("the next lease ends at %v, %v", at, ok)
	}
	here.Hear("b", presenceStart.Add(10*time.Second))
	here.Expire(presenceStart.Add(lease))
	wantChange(t, here, nil, nil, nil)
	here.Expire(presenceStart.Add(10*time.Second + lease))
	wantChange(t, here, nil, nil, []string{"ann"})
	if len(here.replicas.heard) > 0 {
		t.Errorf("the table remembers servers that are gone: %v", here.replicas.heard)
	}
}

func TestStreamOfLeaderAtAnotherServerKeepsFollowersPresent(t *testing.T) {
	here, there := New("a", lease, 10, nil), New("b", lease, 10, nil)
	leader := "leader"
	there.Connect(leader, "", "", 1, presenceStart)
	for _, r := range there.TakeRecords() {
		here.Merge(r, presenceStart)
	}
	here.Update("tab", "", Update{Via: &leader}, presenceStart)
	later := presenceStart.Add(time.Hour)
	here.Hear("b", later)
	here.Expire(later)
	if here.Len() != 2 {
		t.Errorf("present: %+v", here.Users())
	}
	there.Disconnect(leader, 1, later)
	for _, r := range there.TakeRecords() {
		here.Merge(r, later)
	}
	here.Hear("b", later.Add(lease))
	here.Expire(later.Add(lease))
	if here.UserOf("tab"); here.members["tab"] != nil {
		t.Error("the follower is present although the leader's stream has ended")
	}
}

func TestSingleServerKeepsNoRecords(t *testing.T) {
	p := New("", lease, 10, nil)
	p.Connect("ann", "", "", 1, presenceStart)
	p.Leave("ann", presenceStart)
	if records := p.TakeRecords(); records != nil || p.replicas.memory() != 0 {
		t.Errorf("%+v", records)
	}
}

func TestLateMessageOfTheOldServerDoesNotEndTheStreamAtTheNewOne(t *testing.T) {
	older, newer := New("a", lease, 10, nil), New("b", lease, 10, nil)
	ahead := presenceStart.Add(time.Hour) // its clock is wrong
	older.Connect("ann", "", "", 1, ahead)
	older.TakeRecords()
	older.Disconnect("ann", 1, ahead)
	newer.Connect("ann", "", "", 7, presenceStart)
	for _, r := range older.TakeRecords() {
		if replaced := newer.Merge(r, presenceStart); replaced != 0 {
			t.Errorf("stream %d ends", replaced)
		}
	}
	for _, r := range newer.TakeRecords() {
		older.Merge(r, ahead)
	}
	if m := older.members["ann"]; m.server != "b" || !m.remote || older.DigestOf("b") != newer.DigestOf("b") {
		t.Errorf("%+v", m)
	}
}
