package memstore

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/pathsync/pathsync/core"
)

// room has the log, document rows and checkpoint of one room. Batches and documents are copied on the way in and out.
type room struct {
	log       []*core.Batch // by ServerSeq
	sent      map[sending]*core.Batch
	last      map[string]int64 // the highest clientSeq of each clientId that numbers its batches
	documents map[string]core.Document

	checkpoint *core.Checkpoint // nil: none was saved
}

// sending identifies a batch by its sender.
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

// noteSender indexes a batch by its sender.
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

func (r *room) head() int64 {
	if len(r.log) == 0 {
		return 0
	}
	return r.log[len(r.log)-1].ServerSeq
}

// position returns the index of a serverSeq in the log, or the index at which it would be inserted.
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

// newest returns the highest ServerSeq of the document rows.
func (r *room) newest() (seq int64) {
	for _, d := range r.documents {
		seq = max(seq, d.ServerSeq)
	}
	return seq
}

func (r *room) checkpointed(name string) core.Checkpoint {
	if r.checkpoint != nil {
		return *r.checkpoint
	}
	return core.Checkpoint{Room: name, ServerSeq: r.newest()}
}

func (r *room) saveCheckpoint(c core.Checkpoint) {
	if r.checkpoint == nil || c.ServerSeq > r.checkpoint.ServerSeq {
		c.Room = strings.Clone(c.Room)
		r.checkpoint = &c
	}
}

// oldest implements Store.Oldest.
func (r *room) oldest(after int64, bounds core.Bounds) (entries []core.Entry) {
	start, found := r.position(after)
	if found {
		start++
	}
	for _, b := range r.log[start:] {
		bounds.Rows -= len(b.Ops)
		for _, op := range b.Ops {
			bounds.Bytes -= len(op.Value)
		}
		if len(entries) > 0 && (bounds.Rows < 0 || bounds.Bytes < 0) {
			break
		}
		entries = append(entries, core.Entry{ServerSeq: b.ServerSeq, ServerTs: b.ServerTs})
	}
	return entries
}

// prune deletes batches, except the last one, and rebuilds the index by sender.
func (r *room) prune(after, through int64) {
	if len(r.log) == 0 {
		return
	}
	head := r.head()
	r.log = slices.DeleteFunc(r.log, func(b *core.Batch) bool {
		return b.ServerSeq > after && b.ServerSeq <= through && b.ServerSeq < head
	})
	clear(r.sent)
	clear(r.last)
	for _, b := range r.log {
		r.noteSender(b)
	}
}

// forget removes everything after a serverSeq.
func (r *room) forget(after int64) {
	r.log = slices.DeleteFunc(r.log, func(b *core.Batch) bool { return b.ServerSeq > after })
	rows := len(r.documents)
	maps.DeleteFunc(r.documents, func(_ string, d core.Document) bool { return d.ServerSeq > after })
	if len(r.documents) < rows || r.checkpoint != nil && r.checkpoint.ServerSeq > after { // a backup has older rows in their place
		r.checkpoint = nil
	}
	clear(r.sent)
	clear(r.last)
	for _, b := range r.log {
		r.noteSender(b)
	}
}

// stored describes the room.
func (r *room) stored(name string) core.StoredRoom {
	described := core.StoredRoom{Name: name, ServerSeq: r.newest(), Documents: len(r.documents)}
	for _, d := range r.documents {
		described.Bytes += int64(len(d.State))
	}
	if len(r.log) > 0 {
		last := r.log[len(r.log)-1]
		described.ServerSeq, described.ServerTs = last.ServerSeq, last.ServerTs
	}
	return described
}
