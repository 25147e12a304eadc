package core

import "time"

// commit is a set of batches on their way into the log. While the fate of an attempt is unknown, its batches keep their
// numbers and outcomes: if that attempt has succeeded after all, a further one conflicts with its rows. An attempt may have
// a part of the batches, but within a room only the first ones, so no number is skipped.
type commit struct {
	groups []group
	size   int  // batches in one attempt; 0: all
	full   bool // the transaction reached its bounds

	began    time.Time // start of the first attempt
	due      time.Time // start of the next attempt
	wait     time.Duration
	failures int // attempts that failed as in an outage, while other transactions succeeded
}

// group is the part of one room in a commit. Submissions and batches are in step.
type group struct {
	room        *Room
	submissions []*submission
	batches     []Decision
	n           int // how many of them, from the first, are in the next attempt
}

// Delay between attempts: the first, and the longest.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = time.Second
)

// splitBy is the number of pieces into which a failed commit is split.
const splitBy = 16

// next returns the groups for the next attempt and the rest. Only a commit of a single room splits a group.
func (f *commit) next() (head, rest []group) {
	if f.size == 0 {
		return f.groups, nil
	}
	if len(f.groups) == 1 {
		p := f.groups[0]
		p.n = min(f.size, len(p.batches))
		return []group{p}, nil
	}
	i := 0
	for n := 0; i < len(f.groups) && (i == 0 || n+len(f.groups[i].batches) <= f.size); i++ {
		n += len(f.groups[i].batches)
	}
	return f.groups[:i:i], f.groups[i:]
}

// withGroups returns a commit that continues some of the groups.
func (f *commit) withGroups(groups []group, size int) *commit {
	for i := range groups {
		groups[i].n = len(groups[i].batches)
	}
	return &commit{groups: groups, size: size, began: f.began}
}

// delay doubles the wait before the next attempt, up to lastRetry.
func (f *commit) delay() *commit {
	f.wait = min(max(2*f.wait, firstRetry), lastRetry)
	f.due = time.Now().Add(f.wait)
	return f
}

// batchesIn returns the batches of an attempt, with their rows and bytes of text.
func batchesIn(groups []group) (batches []*Batch, rows, bytes int) {
	for _, p := range groups {
		for i, d := range p.batches[:p.n] {
			batches = append(batches, d.Batch)
			rows += p.submissions[i].rows()
			bytes += p.submissions[i].bytes()
		}
	}
	return batches, rows, bytes
}

// decide makes a commit of groups from the queue. It has no groups when all submissions have been answered.
func (c *committer) decide(groups []group, full bool) *commit {
	f := &commit{full: full, began: time.Now()}
	serverTs := c.cfg.WallClock().UnixMilli()
	for _, g := range groups {
		g = g.room.decide(g.submissions, serverTs)
		if g.n > 0 {
			f.groups = append(f.groups, g)
		} else {
			c.finish(g.room, nil)
		}
	}
	return f
}

// decide assigns the room's next numbers to submissions. A submission whose clientSeq was used after it was queued gets its
// answer instead.
func (r *Room) decide(submissions []*submission, serverTs int64) group {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := group{room: r}
	var proposals []*Proposal
	taken := map[string]int64{} // last clientSeq by clientId; submissions of a client are in the order of their numbers
	for _, s := range submissions {
		if r.err != nil {
			r.hub.committer.answer(s, Answer{}, r.err)
			continue
		}
		if s.ClientSeq != NoClientSeq {
			last, twice := taken[s.ClientID]
			if twice = twice && last == s.ClientSeq; twice || r.state.dedup.check(s.ClientID, s.ClientSeq) != fresh {
				r.hub.committer.answer(s, Answer{}, errCheckAgain)
				continue
			}
			taken[s.ClientID] = s.ClientSeq
		}
		p.submissions = append(p.submissions, s)
		proposals = append(proposals, s.Proposal)
	}
	p.batches = r.state.Decide(proposals, serverTs)
	p.n = len(p.batches)
	return p
}

// resolve folds the batches that an attempt has logged and answers their senders. It returns the rest of the group; when
// there is none, the room's flight has ended.
func (c *committer) resolve(p group) (left group) {
	r := p.room
	r.mu.Lock()
	err := r.err
	if err == nil {
		if err = r.foldOwnLocked(p.batches[:p.n]); err != nil {
			r.failLocked(err)
		}
	}
	r.mu.Unlock()
	if err != nil {
		c.refuse(p, err)
		return group{}
	}
	c.accept(p, p.n)
	left = group{room: r, submissions: p.submissions[p.n:], batches: p.batches[p.n:]}
	if len(left.submissions) == 0 {
		c.finish(r, nil)
	}
	return left
}

// accept answers the senders of a group's first n batches, which are in the log.
func (c *committer) accept(p group, n int) {
	for i, s := range p.submissions[:n] {
		c.answer(s, Answer{Batch: p.batches[i].Batch, FilledIn: s.FilledIn}, nil)
	}
}

// refuse answers the whole group with an error and ends the room's flight.
func (c *committer) refuse(p group, err error) {
	for _, s := range p.submissions {
		c.answer(s, Answer{}, err)
	}
	c.finish(p.room, nil)
}

func batchesOf(decisions []Decision) []*Batch {
	batches := make([]*Batch, len(decisions))
	for i, d := range decisions {
		batches[i] = d.Batch
	}
	return batches
}
