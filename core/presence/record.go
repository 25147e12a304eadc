package presence

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Record is the state of one client, as servers exchange it. Of two records of a client, the one with the later version
// counts, in whatever order they arrive.
type Record struct {
	User
	Version Version
	Server  string // that the client belongs to
	Leader  string // clientId; "": none
	Stream  bool   // Server has a stream of the client
	Hidden  bool   // the client has a stream and is not shown
	Left    bool   // the client is not present any more
	Expired bool   // because its lease has ended, so a stream that it has opened meanwhile keeps it present
}

// Version orders the records of one client: by Number, and between servers that have changed the client at the same time
// by Writer.
type Version struct {
	// Number is one more than the last, or the time in milliseconds if that is higher. So a client that returns when nobody
	// remembers its last number has a higher one, and a clock that is wrong changes nothing while it is remembered.
	Number int64
	Writer string // the server that has made the record
}

// Compare is negative if v is earlier than o.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Number, o.Number), cmp.Compare(v.Writer, o.Writer))
}

// replicas is what a table needs to exchange records. Its zero value is for a single server.
type replicas struct {
	changed []string             // clients with records to be sent, in the order of their first change
	noted   map[string]bool      // the same clients
	heard   map[string]time.Time // of each other server: when it was last heard
	left    map[string]left      // clients that have left in the last lease, so that an earlier record does not bring them back
}

type left struct {
	version Version
	expired bool
	until   time.Time
}

// replicaMemory estimates the memory of a client that has left, or has a record to be sent, in bytes.
const replicaMemory = 160

func (r *replicas) memory() int { return replicaMemory * (len(r.changed) + len(r.left)) }

func (r *replicas) note(clientID string) {
	if r.noted[clientID] {
		return
	}
	if r.noted == nil {
		r.noted = map[string]bool{}
	}
	r.noted[clientID] = true
	r.changed = append(r.changed, clientID)
}

// forget drops clients that have left, and servers that have been silent since a time.
func (r *replicas) forget(now, since time.Time) {
	maps.DeleteFunc(r.heard, func(_ string, at time.Time) bool { return !at.After(since) })
	for id, l := range r.left {
		if !now.Before(l.until) {
			delete(r.left, id)
		}
	}
	if len(r.left) == 0 {
		r.left = nil // a map that was large keeps its memory
	}
}

// record gives a client that this server has changed its next version.
func (t *Table) record(m *member, now time.Time) {
	if t.server == "" {
		return
	}
	m.version = t.next(max(m.version.Number, t.replicas.left[m.ClientID].version.Number), now)
	delete(t.replicas.left, m.ClientID)
	t.replicas.note(m.ClientID)
}

func (t *Table) next(number int64, now time.Time) Version {
	return Version{max(number+1, now.UnixMilli()), t.server}
}

// recordLeft remembers a client that has left.
func (t *Table) recordLeft(m *member, expired bool, now time.Time) {
	if t.server == "" {
		return
	}
	t.leave(m.ClientID, t.next(m.version.Number, now), expired, now)
	t.replicas.note(m.ClientID)
}

func (t *Table) leave(clientID string, v Version, expired bool, now time.Time) {
	if t.replicas.left == nil {
		t.replicas.left = map[string]left{}
	}
	if len(t.replicas.left) < t.limit {
		t.replicas.left[clientID] = left{v, expired, now.Add(t.lease)}
	}
}

// TakeRecords returns the records of the clients that this server has changed since the last call, and of those of which
// another server lacks the latest.
func (t *Table) TakeRecords() (records []Record) {
	for _, id := range t.replicas.changed {
		if m := t.members[id]; m != nil {
			records = append(records, t.recordOf(m))
		} else if l, ok := t.replicas.left[id]; ok {
			records = append(records, Record{User: User{ClientID: id}, Version: l.version, Server: t.server, Left: true, Expired: l.expired})
		}
	}
	t.replicas.changed, t.replicas.noted = nil, nil
	return records
}

func (t *Table) recordOf(m *member) Record {
	return Record{
		User: m.User, Version: m.version, Server: cmp.Or(m.server, t.server), Leader: m.leader, Stream: m.stream != 0 || m.remote, Hidden: m.hidden,
	}
}

// Own returns the records of up to limit clients that belong to this server, by ClientID, of those after an id.
func (t *Table) Own(after string, limit int) (records []Record) {
	for id, m := range t.members {
		if m.server == "" && id > after {
			records = append(records, t.recordOf(m))
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Compare(a.ClientID, b.ClientID) })
	return records[:min(len(records), limit)]
}

// Digest is a short description of the clients that belong to one server. Servers whose tables have the same records compute
// the same.
type Digest struct {
	Clients int
	Sum     uint64
}

// DigestOf returns the digest of a server's clients.
func (t *Table) DigestOf(server string) (d Digest) {
	if server == t.server {
		server = ""
	}
	for _, m := range t.members {
		if m.server == server {
			d.Clients++
			d.Sum ^= m.sum()
		}
	}
	return d
}

// sum is a checksum of the record's identity: a version has one content.
func (m *member) sum() uint64 {
	h := fnv.New64a()
	for _, part := range []string{m.ClientID, strconv.FormatInt(m.version.Number, 10), m.version.Writer} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// Hear records that a server is alive.
func (t *Table) Hear(server string, now time.Time) {
	if t.replicas.heard == nil {
		t.replicas.heard = map[string]time.Time{}
	}
	t.replicas.heard[server] = now
}

// Merge applies a record of another server. It returns the number of this server's stream of the client if another server
// has a newer one, and 0 otherwise. A table that is full accepts no further clients.
func (t *Table) Merge(r Record, now time.Time) (replaced int) {
	m := t.members[r.ClientID]
	known := t.replicas.left[r.ClientID].version
	if m != nil {
		known = m.version
	}
	if order := r.Version.Compare(known); order <= 0 {
		if order < 0 { // the sender lacks the later one
			t.replicas.note(r.ClientID)
		}
		return 0
	}
	if r.Left {
		t.mergeLeft(m, r, now)
		return 0
	}
	if r.Server != t.server {
		t.Hear(r.Server, now)
	}
	if m, replaced = t.mergeUser(m, r, now); m == nil {
		return replaced
	}
	m.version = r.Version
	delete(t.replicas.left, r.ClientID)
	if m.server == "" && (r.Server != t.server || r.Stream != (m.stream != 0)) { // the writer did not know of this stream, or its end
		t.record(m, now)
	}
	return replaced
}

func (t *Table) mergeLeft(m *member, r Record, now time.Time) {
	if m != nil && m.stream != 0 && r.Expired {
		m.version = r.Version
		t.record(m, now)
		return
	}
	if m != nil {
		t.remove(m, now)
	}
	t.leave(r.ClientID, r.Version, r.Expired, now)
}

// mergeUser adds or changes a client.
func (t *Table) mergeUser(m *member, r Record, now time.Time) (_ *member, replaced int) {
	stream := 0
	if m != nil {
		stream = m.stream
	}
	if m != nil && m.JoinedAt != r.JoinedAt { // it has another place in the list
		t.remove(m, now)
	}
	if m = t.change(r.ClientID, r.Hidden, time.UnixMilli(r.JoinedAt)); m == nil {
		return nil, stream
	}
	before := m.memory()
	if r.Server == t.server || stream != 0 && !r.Stream { // only a stream replaces a stream
		m.stream, m.server, m.remote = stream, "", false
	} else {
		if m.stream != 0 || m.remote && !r.Stream {
			t.endStream(m, now)
		}
		m.server, m.remote, replaced = r.Server, r.Stream, stream
	}
	m.User = r.User
	t.follow(m, r.Leader)
	m.until = now.Add(t.lease)
	if !m.hidden {
		t.roster.changed(m, before)
	}
	return m, replaced
}

// Retain removes the clients of a server that are not among some ids, which are all that it has.
func (t *Table) Retain(server string, ids map[string]bool, now time.Time) {
	for id, m := range t.members {
		if m.server == server && server != "" && !ids[id] {
			t.remove(m, now)
		}
	}
}
