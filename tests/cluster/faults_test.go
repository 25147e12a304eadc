package cluster

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// fault is a disturbance of some parts of a cluster.
type fault struct {
	parts      []string      // names of the places that no other fault disturbs meanwhile
	alone      []string      // servers that may be without the database meanwhile
	lasts      time.Duration // from begin to end
	begin, end func()
}

// kind is a kind of fault. plan returns nil if the cluster cannot have it.
type kind struct {
	name string
	plan func() *fault
}

// disturber begins and ends faults, in one goroutine. It takes the kinds in turn, in a random order.
type disturber struct {
	*cluster
	dice    *rand.Rand
	began   time.Time // of the test
	kinds   []kind
	queue   []kind // what comes next
	done    map[string]int
	outages []interval // when servers could be without the database
}

// interval is when a server could be without the database.
type interval struct {
	server   string
	from, to time.Duration // to is 0 while it has
}

func newDisturber(c *cluster, dice *rand.Rand, began time.Time) *disturber {
	d := &disturber{cluster: c, dice: dice, began: began, done: map[string]int{}}
	d.kinds = []kind{
		{"a server is killed", d.planKill},
		{"a server is paused for 10 s", d.planPause},
		{"a server leaves and joins", d.planLeave},
		{"another server joins and leaves", d.planJoin},
		{"the database is killed", d.planDatabase},
	}
	if c.network.canCut() {
		for _, way := range []string{"both ways", "one way", "the other way"} {
			d.kinds = append(d.kinds,
				kind{"the link of two servers is cut " + way, func() *fault { return d.planPeers(way) }},
				kind{"the link of a server to the database is cut " + way, func() *fault { return d.planLink(d.storage, way) }})
			if c.balancer.ns != nil && findProgram("haproxy") != "" {
				d.kinds = append(d.kinds, kind{"the link of a server to the balancer is cut " + way, func() *fault { return d.planLink(d.balancer, way) }})
			}
		}
	}
	return d
}

// disturb disturbs the cluster until ctx ends. Then it ends all faults.
func (d *disturber) disturb(ctx context.Context) {
	var active []*active
	for ; ctx.Err() == nil; wait(ctx, 500*time.Millisecond) {
		active = slices.DeleteFunc(active, d.endIfDue)
		if f := d.next(active); f != nil {
			active = append(active, f)
		}
	}
	for _, a := range active {
		d.finish(a)
	}
}

// active is a fault that has begun.
type active struct {
	*fault
	due time.Time
}

func (d *disturber) endIfDue(a *active) bool {
	if time.Now().Before(a.due) {
		return false
	}
	d.finish(a)
	return true
}

func (d *disturber) finish(a *active) {
	a.end()
	now := time.Since(d.began)
	for i := range d.outages {
		if q := &d.outages[i]; q.to == 0 && slices.Contains(a.alone, q.server) {
			q.to = now
		}
	}
}

// next begins the next fault, unless other faults disturb its parts.
func (d *disturber) next(others []*active) *active {
	if len(d.queue) == 0 {
		d.queue = slices.Clone(d.kinds)
		d.dice.Shuffle(len(d.queue), func(i, j int) { d.queue[i], d.queue[j] = d.queue[j], d.queue[i] })
	}
	k := d.queue[0]
	f := k.plan()
	for _, o := range others {
		if slices.ContainsFunc(f.parts, func(part string) bool { return slices.Contains(o.parts, part) }) {
			return nil
		}
	}
	d.queue = d.queue[1:]
	d.done[k.name]++
	d.t.Logf("%6.1f s: %s: %v", time.Since(d.began).Seconds(), k.name, f.parts)
	for _, name := range f.alone {
		d.outages = append(d.outages, interval{server: name, from: time.Since(d.began)})
	}
	f.begin()
	return &active{f, time.Now().Add(f.lasts)}
}

// recovery is how long a server may need to reach the database again after a fault.
const recovery = 15 * time.Second

// couldBeAlone reports whether a server may have been without the database.
func (d *disturber) couldBeAlone(server string, from, to time.Duration) bool {
	return slices.ContainsFunc(d.outages, func(q interval) bool {
		return q.server == server && q.from <= to && (q.to == 0 || from <= q.to+recovery)
	})
}

// any returns one of the servers that are always there.
func (d *disturber) any() *server { return d.servers[d.dice.IntN(len(d.servers)-1)] }

func (d *disturber) seconds(least, most int) time.Duration {
	return time.Duration(least)*time.Second + time.Duration(d.dice.Int64N(int64(time.Duration(most-least)*time.Second)))
}

func (d *disturber) planKill() *fault {
	s := d.any()
	return &fault{parts: []string{s.place.name}, lasts: d.seconds(0, 4), begin: s.kill, end: s.launch}
}

func (d *disturber) planPause() *fault {
	s := d.any()
	return &fault{parts: []string{s.place.name}, lasts: 10 * time.Second, begin: s.pause, end: s.resume}
}

func (d *disturber) planLeave() *fault {
	s := d.any()
	return &fault{parts: []string{s.place.name}, lasts: d.seconds(2, 4), begin: s.terminate, end: func() {
		d.waitEnded(s)
		s.launch()
	}}
}

func (d *disturber) planJoin() *fault {
	s := d.servers[len(d.servers)-1]
	return &fault{parts: []string{s.place.name}, lasts: d.seconds(4, 8), begin: s.launch, end: func() {
		s.terminate()
		d.waitEnded(s)
	}}
}

// waitEnded waits until a server has ended. Without the database it may report that it could not save everything.
func (d *disturber) waitEnded(s *server) {
	now := time.Since(d.began)
	if code := s.waitEnded(); code != 0 && !d.couldBeAlone(s.id(), now-recovery, now) {
		d.t.Errorf("%s ended with code %d", s.place.name, code)
	}
}

func (d *disturber) planDatabase() *fault {
	f := &fault{parts: []string{d.storage.name}, lasts: d.seconds(0, 3), begin: d.database.Stop, end: func() { d.database.Start(d.t) }}
	for _, s := range d.servers {
		f.alone = append(f.alone, s.id())
	}
	return f
}

// planPeers cuts the link of two servers, for long enough that both notice.
func (d *disturber) planPeers(way string) *fault {
	a, b := d.any(), d.any()
	for a == b {
		b = d.any()
	}
	return d.planCut([]string{a.place.name, b.place.name}, nil, directions(a.place, b.place, way))
}

// planLink cuts the link of a server to another part.
func (d *disturber) planLink(to *place, way string) *fault {
	s := d.any()
	var alone []string
	if to == d.storage {
		alone = []string{s.id()}
	}
	return d.planCut([]string{s.place.name}, alone, directions(s.place, to, way))
}

func (d *disturber) planCut(parts, alone []string, cut []direction) *fault {
	return &fault{parts: parts, alone: alone, lasts: d.seconds(4, 12),
		begin: func() { d.network.drop(d.t, cut...) }, end: func() { d.network.heal(d.t, cut...) }}
}

func directions(a, b *place, way string) []direction {
	switch way {
	case "one way":
		return []direction{{a, b}}
	case "the other way":
		return []direction{{b, a}}
	}
	return both(a, b)
}

// Faults of two parts at the same time have no part in common.
func TestFaultWaitsForOthersOfItsParts(t *testing.T) {
	begun := 0
	d := &disturber{cluster: &cluster{t: t}, dice: rand.New(rand.NewPCG(1, 1)), began: time.Now(), done: map[string]int{}}
	d.kinds = []kind{{"a fault", func() *fault { return &fault{parts: []string{"a", "b"}, begin: func() { begun++ }} }}}
	first := d.next(nil)
	if first == nil || d.next([]*active{first}) != nil || begun != 1 {
		t.Errorf("%d faults began", begun)
	}
	if d.next([]*active{{fault: &fault{parts: []string{"c"}}}}) == nil {
		t.Error("a fault waits for one of another part")
	}
}
