package core

import (
	"cmp"
	"slices"
	"sort"
)

// roster is the clients that are present, in the order in which they are listed: by JoinedAt, then by ClientID. It is cut
// into pages, each of which is encoded at most once between two of its changes, for all readers.
type roster struct {
	pages   []*rosterPage // none is empty
	bytes   int           // of memory, estimated
	dropped func([]byte)  // is handed texts that are not kept any more; readers may still have them
}

// rosterPage is some clients that follow on each other.
type rosterPage struct {
	members []*member
	size    int    // memory of the members
	text    []byte // the members, encoded, each behind a comma; nil: they have changed since. The bytes never change
	newest  int64  // the highest number among the members that text has
}

// A page is split before it exceeds twice these bounds. The bytes are what a reader holds that does not read.
const (
	pageMembers = 256
	pageBytes   = 64 << 10
)

// listPlace is where a client stands in the list.
type listPlace struct {
	joinedAt int64
	clientID string
}

func (m *member) place() listPlace { return listPlace{m.JoinedAt, m.ClientID} }

func (p listPlace) compare(q listPlace) int {
	return cmp.Or(cmp.Compare(p.joinedAt, q.joinedAt), cmp.Compare(p.clientID, q.clientID))
}

// memory is about what a client takes: this entry, those of the tables that lead to it, and its texts.
func (m *member) memory() int {
	return 512 + len(m.ClientID) + len(m.UserID) + len(m.DisplayName) + len(m.Field) + len(m.Meta) + len(m.via)
}

// add lists a client.
func (r *roster) add(m *member) {
	at := r.pageOf(m.place())
	if at < 0 || at == len(r.pages)-1 && r.pages[at].full() && r.pages[at].last().place().compare(m.place()) < 0 {
		at++ // at the end, pages are filled one after the other
		r.pages = slices.Insert(r.pages, at, &rosterPage{})
	}
	page := r.pages[at]
	i, _ := page.find(m.place())
	page.members = slices.Insert(page.members, i, m)
	m.page = page
	r.resize(page, m.memory())
	r.split(at)
}

// remove takes a client off the list.
func (r *roster) remove(m *member) {
	page := m.page
	at := r.pageOf(page.members[0].place())
	i, _ := page.find(m.place())
	page.members = slices.Delete(page.members, i, i+1)
	m.page = nil
	r.resize(page, -m.memory())
	if len(page.members) == 0 {
		r.pages = slices.Delete(r.pages, at, at+1)
		return
	}
	if at+1 < len(r.pages) && page.sparse() && r.pages[at+1].sparse() {
		next := r.pages[at+1]
		r.resize(page, next.size)
		r.resize(next, -next.size)
		for _, m := range next.members {
			m.page = page
		}
		page.members = append(page.members, next.members...)
		r.pages = slices.Delete(r.pages, at+1, at+2)
	}
}

// changed notes that a listed client has changed. before is what it took.
func (r *roster) changed(m *member, before int) {
	r.resize(m.page, m.memory()-before)
	r.split(r.pageOf(m.page.members[0].place()))
}

// pageOf returns the page that a place belongs to, and -1 when it comes before all that are listed.
func (r *roster) pageOf(p listPlace) int {
	return sort.Search(len(r.pages), func(i int) bool { return r.pages[i].members[0].place().compare(p) > 0 }) - 1
}

// resize notes that the members of a page have changed and take so much more.
func (r *roster) resize(page *rosterPage, growth int) {
	page.size += growth
	r.bytes += growth
	if page.text != nil {
		r.bytes -= len(page.text)
		r.dropped(page.text)
		page.text = nil
	}
}

// split makes two pages of one that has become too large.
func (r *roster) split(at int) {
	page := r.pages[at]
	if len(page.members) < 2 || len(page.members) <= 2*pageMembers && page.size <= 2*pageBytes {
		return
	}
	half := len(page.members) / 2
	next := &rosterPage{members: slices.Clone(page.members[half:])}
	for _, m := range next.members {
		m.page = next
		next.size += m.memory()
	}
	page.members = slices.Delete(page.members, half, len(page.members))
	page.size -= next.size
	r.pages = slices.Insert(r.pages, at+1, next)
}

func (p *rosterPage) full() bool { return len(p.members) >= pageMembers || p.size >= pageBytes }

func (p *rosterPage) sparse() bool { return len(p.members) < pageMembers/4 && p.size < pageBytes/4 }

func (p *rosterPage) last() *member { return p.members[len(p.members)-1] }

// find returns where a place is, or would be, among the members.
func (p *rosterPage) find(at listPlace) (i int, found bool) {
	return slices.BinarySearchFunc(p.members, at, func(m *member, at listPlace) int { return m.place().compare(at) })
}
