package presence

import (
	"slices"
	"sort"
)

// roster lists the clients that are present, by JoinedAt and then ClientID. It is divided into pages. Each page is encoded
// at most once between two changes to it, and all readers share the text.
type roster struct {
	pages   []*page      // in order; no page is empty
	bytes   int          // estimated memory
	dropped func([]byte) // receives texts that the roster no longer keeps
}

// add inserts a client.
func (r *roster) add(m *member) {
	at := r.pageOf(m.place())
	if at < 0 || at == len(r.pages)-1 && r.pages[at].full() && r.pages[at].last().place().compare(m.place()) < 0 {
		at++ // fill pages one after the other at the end of the list
		r.pages = slices.Insert(r.pages, at, &page{})
	}
	page := r.pages[at]
	i, _ := page.find(m.place())
	page.members = slices.Insert(page.members, i, m)
	m.page = page
	r.resize(page, m.memory())
	r.split(at)
}

// remove deletes a client, and merges its page with the next one when both are sparse.
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

// changed updates the page of a client that has changed. before is its memory before the change.
func (r *roster) changed(m *member, before int) {
	r.resize(m.page, m.memory()-before)
	r.split(r.pageOf(m.page.members[0].place()))
}

// pageOf returns the index of the page that a place belongs to, and -1 when it comes before the first client.
func (r *roster) pageOf(p place) int {
	return sort.Search(len(r.pages), func(i int) bool { return r.pages[i].members[0].place().compare(p) > 0 }) - 1
}

// resize discards the text of a page whose members have changed, and adds to its memory.
func (r *roster) resize(page *page, growth int) {
	page.size += growth
	r.bytes += growth
	if page.text != nil {
		r.bytes -= page.textMemory()
		r.dropped(page.text)
		page.text, page.ends = nil, nil
	}
}

// split divides a page that has become too large.
func (r *roster) split(at int) {
	full := r.pages[at]
	if len(full.members) < 2 || !full.tooLarge() {
		return
	}
	half := len(full.members) / 2
	next := &page{members: slices.Clone(full.members[half:])}
	for _, m := range next.members {
		m.page = next
		next.size += m.memory()
	}
	full.members = slices.Delete(full.members, half, len(full.members))
	full.size -= next.size
	r.pages = slices.Insert(r.pages, at+1, next)
}
