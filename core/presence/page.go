package presence

import (
	"cmp"
	"slices"
)

// page is a run of neighbouring clients of the roster.
type page struct {
	members []*member
	size    int    // memory of the members
	text    []byte // the encoded members, each after a comma; nil: not encoded since the last change. The bytes never change
	newest  int64  // the highest number among the members in text
}

// A page is split before it exceeds twice these bounds. The bytes bound what a stalled reader holds.
const (
	pageMembers = 256
	pageBytes   = 64 << 10
)

// place is a position in the order of the list: by JoinedAt, then by ClientID.
type place struct {
	joinedAt int64
	clientID string
}

func (m *member) place() place { return place{m.JoinedAt, m.ClientID} }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.joinedAt, q.joinedAt), cmp.Compare(p.clientID, q.clientID))
}

// memory estimates the memory of a member in bytes, with its map entries and strings.
func (m *member) memory() int {
	return 512 + len(m.ClientID) + len(m.UserID) + len(m.DisplayName) + len(m.Field) + len(m.Meta) + len(m.leader)
}

func (p *page) full() bool { return len(p.members) >= pageMembers || p.size >= pageBytes }

func (p *page) sparse() bool { return len(p.members) < pageMembers/4 && p.size < pageBytes/4 }

func (p *page) last() *member { return p.members[len(p.members)-1] }

// find returns the index of a place among the members, or the index at which it would be inserted.
func (p *page) find(at place) (i int, found bool) {
	return slices.BinarySearchFunc(p.members, at, func(m *member, at place) int { return m.place().compare(at) })
}

// encode encodes the members after a place with numbers up to through. newest is the highest of these numbers.
func (p *page) encode(encode Encoder, after place, through int64) (text []byte, newest int64) {
	text = make([]byte, 0, p.size-300*len(p.members))
	for _, m := range p.members {
		if m.number > through || m.place().compare(after) <= 0 {
			continue
		}
		text = encode(append(text, ','), &m.User)
		newest = max(newest, m.number)
	}
	return text, newest
}
