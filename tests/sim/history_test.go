package sim

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sort"
	"sync"

	"github.com/pathsync/pathsync/core"
)

// history is the oracle: what the database has committed, and the documents of that. It is not affected by pruning.
type history struct {
	mu      sync.Mutex
	rooms   map[string]*past
	batches int
	order   []*core.Batch // all rooms' batches that the database has, in the order of their commits
	seed    maphash.Seed
	// doubtful are epochs in which a backup was restored. Until the servers have renamed the history, what they show of it
	// is not checked.
	doubtful map[string]bool
	faults   []string // violations, the first ones
	records  *records
}

// past is the history of one room.
type past struct {
	log      []*core.Batch // batch n is at n-1
	docs     map[string]*object
	versions map[string][]version // by key
	rows     map[string]int64     // serverSeq of each document row
	sent     map[sending]int64    // serverSeq of each batch
	last     map[string]int64     // highest clientSeq of each client
	refused  map[sending]bool     // a server has answered that the batch was not applied
}

// version is a document after the batch seq, which changed it.
type version struct {
	seq  int64
	hash uint64
}

// sending identifies a batch. number is the client's own count, which numbered and unnumbered batches have.
type sending struct{ client, number string }

func sendingOf(b *core.Batch) sending { return sending{b.ClientID, b.Ops[0].Value} }

func newHistory() *history {
	return &history{rooms: map[string]*past{}, seed: maphash.MakeSeed(), doubtful: map[string]bool{}}
}

func (h *history) room(name string) *past {
	p := h.rooms[name]
	if p == nil {
		p = &past{docs: map[string]*object{}, versions: map[string][]version{}, rows: map[string]int64{},
			sent: map[sending]int64{}, last: map[string]int64{}, refused: map[sending]bool{}}
		h.rooms[name] = p
	}
	return p
}

// maxFaults limits the violations that are kept.
const maxFaults = 10

// fault records a violation.
func (h *history) fault(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faultLocked(format, args...)
}

func (h *history) faultLocked(format string, args ...any) {
	if len(h.faults) < maxFaults {
		h.faults = append(h.faults, fmt.Sprintf(format, args...))
	}
}

// commit records batches that the database has just committed, and checks their numbers and senders.
func (h *history) commit(batches []*core.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range batches {
		h.batches++
		h.room(b.Room).commit(h, b)
	}
}

func (p *past) commit(h *history, b *core.Batch) {
	if want := int64(len(p.log)) + 1; b.ServerSeq != want {
		h.faultLocked("room %s: batch %d was committed instead of %d", b.Room, b.ServerSeq, want)
		return
	}
	c := *b
	c.Ops = slices.Clone(b.Ops)
	p.log = append(p.log, &c)
	h.order = append(h.order, &c)
	h.records.add("room "+b.Room, "commit %d %v", b.ServerSeq, c)
	who := sendingOf(b)
	if first := p.sent[who]; first > 0 {
		h.faultLocked("room %s: batch %s of %s is in the log as %d and %d", b.Room, who.number, who.client, first, b.ServerSeq)
	}
	if p.refused[who] {
		h.faultLocked("room %s: batch %s of %s was committed after its sender was told that it is not", b.Room, who.number, who.client)
	}
	p.sent[who] = b.ServerSeq
	if b.ClientSeq != core.NoClientSeq {
		if p.last[b.ClientID] >= b.ClientSeq {
			h.faultLocked("room %s: clientSeq %d of %s follows %d", b.Room, b.ClientSeq, b.ClientID, p.last[b.ClientID])
		}
		p.last[b.ClientID] = b.ClientSeq
	}
	p.apply(h, &c)
}

func (p *past) apply(h *history, b *core.Batch) {
	doc, err := applyTo(p.docs[b.Key], b)
	if err != nil {
		h.faultLocked("room %s: the log cannot be applied: %v", b.Room, err)
	}
	p.docs[b.Key] = doc
	p.versions[b.Key] = append(p.versions[b.Key], version{b.ServerSeq, maphash.Bytes(h.seed, encode(nil, doc))})
}

// restore cuts the rooms as a restored backup does, and returns the numbers after which the logs end. Versions and documents
// are made again.
func (h *history) restore(epoch string, heads map[string]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.doubtful[epoch] = true
	h.order = slices.DeleteFunc(h.order, func(b *core.Batch) bool { return b.ServerSeq > heads[b.Room] })
	order := h.order
	defer func() { h.order = order }()
	for name, old := range h.rooms {
		keep := old.log[:heads[name]]
		delete(h.rooms, name)
		p := h.room(name)
		for _, b := range keep {
			p.commit(h, b)
		}
		for key, seq := range old.rows {
			if seq <= heads[name] {
				p.rows[key] = seq
			}
		}
	}
}

// before returns the last number of every room without the last batches of the log. A room keeps its first batch: a store accepts rows
// of a room without a log, since a log may be removed by hand, so it does not notice that it lost a whole room.
func (h *history) before(lost int) (heads map[string]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	heads = map[string]int64{}
	for name, p := range h.rooms {
		heads[name] = min(1, int64(len(p.log)))
	}
	for _, b := range h.order[:max(0, len(h.order)-lost)] {
		heads[b.Room] = b.ServerSeq
	}
	return heads
}

// heads returns the last number of every room.
func (h *history) heads() map[string]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	heads := map[string]int64{}
	for name, p := range h.rooms {
		heads[name] = int64(len(p.log))
	}
	return heads
}

// shown checks a batch that a server shows to a reader or answers to its sender: it must be in the log, with this content.
func (h *history) shown(where, epoch string, b *core.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doubtful[epoch] {
		return
	}
	p := h.room(b.Room)
	if b.ServerSeq < 1 || b.ServerSeq > int64(len(p.log)) {
		h.faultLocked("%s: batch %d of room %s is not in the log, which ends at %d", where, b.ServerSeq, b.Room, len(p.log))
		return
	}
	if was := p.log[b.ServerSeq-1]; !same(was, b) {
		h.faultLocked("%s: batch %d of room %s is %v, and in the log %v", where, b.ServerSeq, b.Room, b, was)
	}
}

func same(a, b *core.Batch) bool {
	return a.Room == b.Room && a.Key == b.Key && a.ClientID == b.ClientID && a.UserID == b.UserID && a.ClientSeq == b.ClientSeq &&
		a.ServerSeq == b.ServerSeq && a.ServerTs == b.ServerTs && slices.Equal(a.Ops, b.Ops)
}

// passed records that a server has told a client that its batch was not applied and never will be.
func (h *history) passed(epoch, room string, who sending) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.room(room)
	if at := p.sent[who]; at > 0 && !h.doubtful[epoch] {
		h.faultLocked("room %s: batch %s of %s is in the log as %d, and its sender was told that it is not", room, who.number, who.client, at)
	}
	p.refused[who] = true
}

// at returns the version of a document at a position of its room.
func (p *past) at(key string, seq int64) (v version, ok bool) {
	all := p.versions[key]
	i := sort.Search(len(all), func(i int) bool { return all[i].seq > seq })
	if i == 0 {
		return version{}, false
	}
	return all[i-1], true
}

// keysAt returns the number of documents at a position.
func (p *past) keysAt(seq int64) (n int) {
	for key := range p.versions {
		if _, ok := p.at(key, seq); ok {
			n++
		}
	}
	return n
}

// document checks a document that a server shows at a position of a room.
func (h *history) document(where, epoch, room, key string, json []byte, changed, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doubtful[epoch] {
		return
	}
	if seq > int64(len(h.room(room).log)) {
		h.faultLocked("%s: document %s of room %s is of batch %d, and the log ends at %d", where, key, room, seq, len(h.room(room).log))
		return
	}
	v, ok := h.room(room).at(key, seq)
	if !ok || v.seq != changed || v.hash != maphash.Bytes(h.seed, json) {
		h.faultLocked("%s: document %s of room %s at batch %d, last changed by %d, is not the fold of the log, last changed by %d: %s",
			where, key, room, seq, changed, v.seq, json)
	}
}

// count checks the number of documents that a server shows.
func (h *history) count(where, epoch, room string, n int, seq int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if want := h.room(room).keysAt(seq); n != want && !h.doubtful[epoch] {
		h.faultLocked("%s: room %s has %d documents at batch %d, not %d", where, room, n, seq, want)
	}
}

// saved checks document rows that were written: each is the fold of a part of the log.
func (h *history) saved(epoch string, docs []core.Document) {
	for _, d := range docs {
		h.document("document row", epoch, d.Room, d.Key, []byte(d.State), d.ServerSeq, d.ServerSeq)
		h.mu.Lock()
		p := h.room(d.Room)
		p.rows[d.Key] = max(p.rows[d.Key], d.ServerSeq)
		h.mu.Unlock()
	}
}

// checkpointed checks a checkpoint: the rows have everything up to it.
func (h *history) checkpointed(epoch string, c core.Checkpoint) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.doubtful[epoch] {
		return
	}
	p := h.room(c.Room)
	for key := range p.versions {
		if v, ok := p.at(key, c.ServerSeq); ok && p.rows[key] < v.seq {
			h.faultLocked("room %s: checkpoint %d, but the row of %s has %d, not %d", c.Room, c.ServerSeq, key, p.rows[key], v.seq)
		}
	}
}
