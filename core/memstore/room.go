package memstore

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pathsync/pathsync/core"
)

// room is what one room's rows would be. Its batches and documents belong to it alone: they are copied on the way in
// and on the way out.
type room struct {
	log       []*core.Batch // by ServerSeq
	sent      map[sending]*core.Batch
	last      map[string]int64 // the highest clientSeq of each clientId that numbers its batches
	documents map[string]core.Document
}

// sending is who sent a batch, and under which number.
type sending struct {
	clientID  string
	clientSeq int64
}

func newRoom() *room {
	return &room{
		sent:      make(map[sending]*core.Batch),
		last:      make(map[string]int64),
		documents: make(map[string]core.Document),
	}
}

func (r *room) append(b *core.Batch) {
	i, _ := r.position(b.ServerSeq)
	r.log = slices.Insert(r.log, i, b)
	r.noteSender(b)
}

// noteSender makes a batch of the log one that is found by its sender's number.
func (r *room) noteSender(b *core.Batch) {
	if b.ClientSeq == core.NoClientSeq {
		return
	}
	as := sending{b.ClientID, b.ClientSeq}
	if first, ok := r.sent[as]; !ok || b.ServerSeq < first.ServerSeq {
		r.sent[as] = b
	}
	r.last[b.ClientID] = max(b.ClientSeq, r.lastClientSeq(b.ClientID))
}

func (r *room) has(serverSeq int64) bool {
	_, found := r.position(serverSeq)
	return found
}

// position is the index in the log at which serverSeq stands or would stand.
func (r *room) position(serverSeq int64) (index int, found bool) {
	return slices.BinarySearchFunc(r.log, serverSeq, func(b *core.Batch, seq int64) int {
		return cmp.Compare(b.ServerSeq, seq)
	})
}

func (r *room) page(after int64, page core.Page) []*core.Batch {
	start, found := r.position(after)
	if found {
		start++
	}
	var batches []*core.Batch
	bytes := 0
	for _, b := range r.log[start:] {
		batches = append(batches, lend(b))
		for _, op := range b.Ops {
			bytes += len(op.Path) + len(op.Value)
		}
		if len(batches) >= page.Batches || bytes >= page.Bytes {
			break
		}
	}
	return batches
}

func (r *room) find(clientID string, clientSeq int64) *core.Batch {
	if b, ok := r.sent[sending{clientID, clientSeq}]; ok {
		return lend(b)
	}
	return nil
}

func (r *room) lastClientSeq(clientID string) int64 {
	if seq, ok := r.last[clientID]; ok {
		return seq
	}
	return core.NoClientSeq
}

func (r *room) save(d core.Document) {
	if old, ok := r.documents[d.Key]; ok && old.ServerSeq >= d.ServerSeq {
		return
	}
	d = keepDocument(d)
	r.documents[d.Key] = d
}

func (r *room) allDocuments() []core.Document {
	return slices.Collect(maps.Values(r.documents))
}

func (r *room) checkpoint() (highest int64) {
	for _, d := range r.documents {
		highest = max(highest, d.ServerSeq)
	}
	return highest
}

// prune takes the beginning of the log out, and what is known of its senders from these batches alone.
func (r *room) prune(through int64) {
	end, found := r.position(through)
	if found {
		end++
	}
	r.log = slices.Delete(r.log, 0, end)
	clear(r.sent)
	clear(r.last)
	for _, b := range r.log {
		r.noteSender(b)
	}
}
