package httpapi

import (
	"container/list"
	"sync"
)

// versions bounds the memory of versions of documents that clients are being sent. Clients who ask for the same version
// share it, but each change makes another, and those who are slow to read would hold as many as they ask for. Past the bound,
// the answers are cut off that send the oldest version. Its methods may be called from any goroutine.
type versions struct {
	mu    sync.Mutex
	max   int
	bytes int
	sent  map[*byte]*version // by the first byte
	order list.List          // of *version, oldest first
}

// version is one document as it was encoded once.
type version struct {
	first *byte
	bytes int
	to    map[*reading]bool
	place *list.Element // in versions.order
}

// reading is an answer that is being sent.
type reading struct {
	versions []*version
	cut      func()
}

const (
	maxVersions     = 256 << 20
	smallestVersion = 64 << 10 // less is not counted
)

func newVersions(max int) *versions { return &versions{max: max, sent: map[*byte]*version{}} }

// send notes that an answer with some documents is being sent, until done is called. cut ends the answer; it is called at most
// once, before done, and must not block.
func (v *versions) send(documents [][]byte, cut func()) (done func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := &reading{cut: cut}
	for _, d := range documents {
		if len(d) >= smallestVersion {
			r.versions = append(r.versions, v.add(d, r))
		}
	}
	for e := v.order.Front(); e != nil && v.bytes > v.max; {
		oldest := e.Value.(*version)
		e = e.Next()
		if oldest.to[r] {
			continue
		}
		for other := range oldest.to {
			v.remove(other)
			other.cut()
		}
		e = v.order.Front() // an answer may have had the next one, too
	}
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.remove(r)
	}
}

// add notes a document of an answer. The lock is held.
func (v *versions) add(document []byte, r *reading) *version {
	d := v.sent[&document[0]]
	if d == nil {
		d = &version{first: &document[0], bytes: cap(document), to: map[*reading]bool{}}
		d.place = v.order.PushBack(d)
		v.sent[d.first] = d
		v.bytes += d.bytes
	}
	d.to[r] = true
	return d
}

// remove forgets an answer. The lock is held.
func (v *versions) remove(r *reading) {
	for _, d := range r.versions {
		delete(d.to, r)
		if len(d.to) == 0 && v.sent[d.first] == d {
			delete(v.sent, d.first)
			v.order.Remove(d.place)
			v.bytes -= d.bytes
		}
	}
	r.versions = nil
}
