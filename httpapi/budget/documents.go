package budget

import (
	"container/list"
	"sync"
)

// Documents bounds the memory of documents that clients are being sent. Responses with the same version share its encoded
// text, but each change makes a new version, and slow clients would hold as many as they request. Beyond the bound, it
// cuts off the responses with the oldest version. It is safe for concurrent use.
type Documents struct {
	mu       sync.Mutex
	max      int
	bytes    int
	versions map[*byte]*version // by the first byte
	order    list.List          // of *version, oldest first
}

// version is one document, encoded once.
type version struct {
	first     *byte
	bytes     int
	responses map[*response]bool
	place     *list.Element // in Documents.order
}

type response struct {
	versions []*version
	cut      func()
}

const (
	maxDocuments    = 256 << 20
	smallestVersion = 64 << 10 // smaller versions are not counted
)

// NewDocuments returns an empty budget.
func NewDocuments() *Documents { return newDocuments(maxDocuments) }

func newDocuments(max int) *Documents { return &Documents{max: max, versions: map[*byte]*version{}} }

// Send counts a response with some documents until done is called. cut ends the response; it is called at most once,
// before done, and must not block.
func (d *Documents) Send(documents [][]byte, cut func()) (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &response{cut: cut}
	for _, document := range documents {
		if len(document) >= smallestVersion {
			r.versions = append(r.versions, d.addLocked(document, r))
		}
	}
	for e := d.order.Front(); e != nil && d.bytes > d.max; {
		oldest := e.Value.(*version)
		e = e.Next()
		if oldest.responses[r] {
			continue
		}
		for other := range oldest.responses {
			d.removeLocked(other)
			other.cut()
		}
		e = d.order.Front() // e may have been removed, too
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.removeLocked(r)
	}
}

func (d *Documents) addLocked(document []byte, r *response) *version {
	v := d.versions[&document[0]]
	if v == nil {
		v = &version{first: &document[0], bytes: cap(document), responses: map[*response]bool{}}
		v.place = d.order.PushBack(v)
		d.versions[v.first] = v
		d.bytes += v.bytes
	}
	v.responses[r] = true
	return v
}

func (d *Documents) removeLocked(r *response) {
	for _, v := range r.versions {
		delete(v.responses, r)
		if len(v.responses) == 0 && d.versions[v.first] == v {
			delete(d.versions, v.first)
			d.order.Remove(v.place)
			d.bytes -= v.bytes
		}
	}
	r.versions = nil
}
