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
	ends    []int  // offsets in text, of the end of each member
}

// A page is split before it exceeds twice these bounds. The bytes of the encoded page bound what a stalled reader holds. A
// page is one write for each reader, and a change encodes it again.
const (
	pageMembers = 512
	pageBytes   = 32 << 10
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

// memberMemory is the estimated memory of a member without its strings, in bytes.
const memberMemory = 512

// memory estimates the memory of a member in bytes, with its map entries and strings.
func (m *member) memory() int {
	return memberMemory + len(m.ClientID) + len(m.UserID) + len(m.DisplayName) + len(m.Field) + len(m.Meta) + len(m.leader)
}

// textSize estimates the size of the encoded page in bytes.
func (p *page) textSize() int {
	const names = 96 // of the names and the punctuation of a user in JSON
	return p.size - (memberMemory-names)*len(p.members)
}

func (p *page) full() bool { return len(p.members) >= pageMembers || p.textSize() >= pageBytes }

func (p *page) tooLarge() bool { return len(p.members) > 2*pageMembers || p.textSize() > 2*pageBytes }

func (p *page) sparse() bool { return len(p.members) < pageMembers/4 && p.textSize() < pageBytes/4 }

func (p *page) last() *member { return p.members[len(p.members)-1] }

// find returns the index of a place among the members, or the index at which it would be inserted.
func (p *page) find(at place) (i int, found bool) {
	return slices.BinarySearchFunc(p.members, at, func(m *member, at place) int { return m.place().compare(at) })
}

// between returns the range of members after a place, without members at its end that have numbers above through.
func (p *page) between(after place, through int64) (from, to int) {
	from, found := p.find(after)
	if found {
		from++
	}
	to = len(p.members)
	for to > from && p.members[to-1].number > through {
		to--
	}
	return from, to
}

// encode sets text and ends.
func (p *page) encode(encode Encoder) {
	p.text = make([]byte, 0, p.textSize())
	p.ends = make([]int, 0, len(p.members))
	for _, m := range p.members {
		p.text = encode(append(p.text, ','), &m.User)
		p.ends = append(p.ends, len(p.text))
	}
}

// textOf returns the text of a range of members with numbers up to through. It is a part of the shared text unless clients
// with higher numbers are between the others, because the clock was set back.
func (p *page) textOf(from, to int, through int64, encode Encoder) (text []byte) {
	late := func(m *member) bool { return m.number > through }
	if slices.ContainsFunc(p.members[from:to], late) {
		for _, m := range p.members[from:to] {
			if !late(m) {
				text = encode(append(text, ','), &m.User)
			}
		}
		return text
	}
	begin := 0
	if from > 0 {
		begin = p.ends[from-1]
	}
	return p.text[begin:p.ends[to-1]:p.ends[to-1]]
}

func (p *page) textMemory() int { return cap(p.text) + 8*cap(p.ends) }
