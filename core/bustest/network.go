package bustest

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Options configure a Network.
type Options struct {
	Seed uint64 // of the faults

	// Now and After are the clock. Default: package time. After calls arrive once, after a delay of 0 or more, and not before
	// it returns.
	Now   func() time.Time
	After func(delay time.Duration, arrive func())
}

// Faults apply to each message, and to each copy of it that is sent to another server. The default is none. Probabilities are
// from 0 to 1.
type Faults struct {
	Loss        float64
	Duplication float64 // the message arrives a second time
	Reordering  float64 // the message arrives up to Late later than it should, and others overtake it

	MinDelay, MaxDelay time.Duration // uniformly distributed. Messages between two servers do not overtake each other
	Late               time.Duration
}

// cutNoticed is the time after which the servers notice a cut.
const cutNoticed = 3 * time.Second

// maxQueued limits the messages that are on their way between two servers, and that wait for a handler. Others are dropped.
const maxQueued = 1 << 16

// Network connects buses in memory. It is safe for concurrent use.
type Network struct {
	now   func() time.Time
	after func(time.Duration, func())

	seed  uint64
	began time.Time

	mu     sync.Mutex
	faults Faults
	buses  []*Bus // that are not closed, in the order of Join
	links  map[direction]*link
	lost   int
	last   time.Time      // when a message was last sent
	same   map[uint64]int // messages that were sent then, by message.sum
}

type direction struct{ from, to string }

// link is one direction between two servers.
type link struct {
	cut      time.Time // since when it has been cut; zero if it is not
	last     time.Time // the arrival of the last message in queue
	queue    []message // that do not overtake each other
	onTheWay int       // with the reordered ones
}

// message is on its way to one server. Its response has a request's number and no topic.
type message struct {
	from, to *Bus
	topic    string
	request  uint64 // 0 if no response is expected
	data     []byte
}

// NewNetwork returns a network without servers and faults.
func NewNetwork(o Options) *Network {
	n := &Network{now: o.Now, after: o.After, seed: o.Seed, links: map[direction]*link{}}
	if n.now == nil {
		n.now = time.Now
	}
	n.began = n.now()
	if n.after == nil {
		n.after = func(delay time.Duration, arrive func()) { time.AfterFunc(delay, arrive) }
	}
	return n
}

// Join connects a new server. Its name must not be in use.
func (n *Network) Join(server string) *Bus {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.find(server) != nil {
		panic("the server " + server + " has joined")
	}
	b := &Bus{network: n, name: server, topics: map[string]*topic{}, pending: map[uint64]pending{}}
	n.buses = append(n.buses, b)
	return b
}

// SetFaults sets the faults of messages that are sent from now on.
func (n *Network) SetFaults(f Faults) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = f
}

// Cut loses all messages from one server to another, including those on their way. The servers notice it after 3 s: then
// neither is healthy.
func (n *Network) Cut(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.link(from, to); l.cut.IsZero() {
		l.cut = n.now()
	}
}

// Heal ends Cut.
func (n *Network) Heal(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link(from, to).cut = time.Time{}
}

// HealAll ends all cuts.
func (n *Network) HealAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.cut = time.Time{}
	}
}

// Lost returns how many messages were lost by faults, cuts and full queues.
func (n *Network) Lost() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// find returns a server that is not closed, or nil. n.mu is held here and below.
func (n *Network) find(server string) *Bus {
	if i := slices.IndexFunc(n.buses, func(b *Bus) bool { return b.name == server }); i >= 0 {
		return n.buses[i]
	}
	return nil
}

func (n *Network) link(from, to string) *link {
	d := direction{from, to}
	l := n.links[d]
	if l == nil {
		l = &link{}
		n.links[d] = l
	}
	return l
}

func (n *Network) healthy(b *Bus) bool {
	for _, other := range n.buses {
		for _, l := range []*link{n.link(b.name, other.name), n.link(other.name, b.name)} {
			if !l.cut.IsZero() && n.now().Sub(l.cut) >= cutNoticed {
				return false
			}
		}
	}
	return n.find(b.name) == b
}

// send sends a message with the faults of this moment.
func (n *Network) send(m message) {
	d := n.dice(m)
	lost, twice := d.chance(n.faults.Loss), d.chance(n.faults.Duplication)
	for i := range 2 {
		delay, late := n.faults.MinDelay+d.duration(n.faults.MaxDelay-n.faults.MinDelay), d.duration(n.faults.Late)
		if reordered := d.chance(n.faults.Reordering); !reordered {
			late = -1
		}
		switch {
		case i == 1 && !twice:
		case lost:
			n.lost++
		default:
			n.sendOne(m, delay, late)
		}
	}
}

// sendOne sends a message that overtakes no other, unless it is late.
func (n *Network) sendOne(m message, delay, late time.Duration) {
	l := n.link(m.from.name, m.to.name)
	if l.onTheWay >= maxQueued {
		n.lost++
		return
	}
	l.onTheWay++
	m.data = slices.Clone(m.data)
	if late >= 0 {
		n.after(delay+late, func() { n.arrive(l, &m) })
		return
	}
	now := n.now()
	if at := now.Add(delay); at.After(l.last) {
		l.last = at
	} else {
		l.last = l.last.Add(1) // no two messages arrive at the same moment, which would give them no order
	}
	l.queue = append(l.queue, m)
	n.after(l.last.Sub(now), func() { n.arrive(l, nil) })
}

// arrive passes a message on to its receiver: the first one in the queue if none is given.
func (n *Network) arrive(l *link, m *message) {
	n.mu.Lock()
	l.onTheWay--
	if m == nil {
		m = &l.queue[0]
		l.queue = l.queue[1:]
	}
	if !l.cut.IsZero() {
		n.lost++
		n.mu.Unlock()
		return
	}
	run := m.to.accept(*m)
	n.mu.Unlock()
	if run != nil {
		run()
	}
}

// dice make the random choices for one message.
type dice struct{ *rand.Rand }

// dice returns the dice of a message that is sent now. They depend on the message and on the time, so that messages that are sent
// at the same moment get the same faults in any order.
func (n *Network) dice(m message) dice {
	if now := n.now(); !now.Equal(n.last) {
		n.last, n.same = now, map[uint64]int{}
	}
	sum := m.sum()
	n.same[sum]++
	return dice{rand.New(rand.NewPCG(n.seed+uint64(n.last.Sub(n.began)), sum+uint64(n.same[sum])))} //nolint:gosec // random numbers
}

// sum is a checksum of a message.
func (m message) sum() uint64 {
	h := fnv.New64a()
	for _, part := range []string{m.from.name, m.to.name, m.topic, string(m.data)} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

func (d dice) chance(p float64) bool { return d.Float64() < p }

func (d dice) duration(limit time.Duration) time.Duration {
	return time.Duration(d.Float64() * float64(max(limit, 0)))
}
