package presence

// Encoder appends a user to dst in the form that readers get. All reads of one table use the same encoder, because encoded
// pages are shared.
type Encoder func(dst []byte, u *User) []byte

// Cursor is the position of one reader in the list. The table may change between two reads: a client that is present from
// the first read to the last is listed exactly once, and a client that joins after the first read is not listed. Changes
// during the reads are part of the next Change, so a reader that applies it afterwards is up to date.
type Cursor struct {
	after   place // of the last client read
	through int64 // number of the last client that had joined when the cursor was created
	done    bool
}

// Cursor returns a cursor at the start of the list.
func (t *Table) Cursor() Cursor { return Cursor{through: t.joins} }

// Done reports whether the cursor is at the end of the list.
func (c *Cursor) Done() bool { return c.done }

// Next returns the next users, each encoded with a comma before it, and advances the cursor. It returns nil at the end. The
// bytes are shared between readers and must not be changed. A reader should release them before the next call.
func (t *Table) Next(c *Cursor, encode Encoder) []byte {
	for !c.done {
		text, last, more := t.read(c.after, c.through, encode)
		c.after, c.done = last, !more
		if len(text) > 0 {
			return text
		}
	}
	return nil
}

// read encodes the clients of one page that come after a place and have numbers up to through. It returns the end of that
// page and whether there is another.
func (t *Table) read(after place, through int64, encode Encoder) (text []byte, last place, more bool) {
	r := &t.roster
	at := max(r.pageOf(after), 0)
	if at < len(r.pages) && r.pages[at].last().place().compare(after) <= 0 {
		at++
	}
	if at >= len(r.pages) {
		return nil, after, false
	}
	page := r.pages[at]
	last, more = page.last().place(), at+1 < len(r.pages)
	from, to := page.between(after, through)
	if from == to {
		return nil, last, more
	}
	t.show(page)
	if page.text == nil {
		page.encode(encode)
		r.bytes += page.textMemory()
	}
	return page.textOf(from, to, through, encode), last, more
}
