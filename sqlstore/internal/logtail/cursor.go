// Package logtail computes what is new in a log whose rows become visible in another order than their ids. It has no
// database, clock or goroutine.
//
// A transaction takes ids when it inserts its rows, and other transactions see the rows when it is committed. A reader of
// `id > last` would miss a row whose transaction was committed after one with higher ids. So a Cursor remembers which ids
// below the highest visible one it has not seen: the gaps. The next read of the database looks for rows in the gaps as well as
// for rows with higher ids. A gap remains after a rollback, and where ids were skipped. It is settled, and forgotten, when all
// transactions that may have taken its ids have ended.
//
// The order of ids is the order of the batches of a room: a server numbers a batch only after it has seen its predecessor
// committed, and inserts it only then.
package logtail

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// MaxGaps is the maximum number of gaps of a cursor that is read with.
const MaxGaps = 1000

// Row is a row of the log. Room is empty unless it is the first row of a batch.
type Row struct {
	ID        int64
	Room      string
	ServerSeq int64
}

// Gap is a range of ids that were not visible when a higher one was.
type Gap struct {
	First, Last int64
	// Started is Page.Started of the first read that found the gap. All transactions that may have taken its ids began
	// before it.
	Started int64
	Since   time.Time // of that read
}

// Page is the result of one read: the visible rows in the gaps of a Cursor and from its Next on, by id, up to a maximum number.
type Page struct {
	Rows []Row
	Full bool // it has the maximum number of rows; more may be visible

	// Started is a point in the count of transactions, or in time. Every transaction with an id below a visible one has
	// begun before it. All transactions that have begun before Finished have ended, and what they have committed is visible
	// to this read.
	Started, Finished int64
	// Active has the First of gaps with rows of transactions that have not ended, whatever Finished says.
	Active map[int64]bool

	Epoch string
	// Kept is false if the database has neither Cursor.Last nor a later batch of its room with a higher id. Then it lacks
	// rows that it has had. The last batch of a room is never deleted.
	Kept bool
}

// Cursor is a position in a log. The zero value is the beginning.
type Cursor struct {
	Next int64 // all ids from here on are unseen
	Gaps []Gap // by id, disjoint, before Next; those that were found first come first
	Last Row   // the first row of the newest batch that was seen; ID is 0 before the first one
}

// Advance moves the cursor past a page, which was read with it, and returns the first rows of the batches in it.
func (c *Cursor) Advance(p *Page, now time.Time) (batches []Row) {
	through := int64(math.MaxInt64 - 1) // the read has looked at all ids up to this one
	if p.Full {
		through = p.Rows[len(p.Rows)-1].ID
	}
	rows := p.Rows
	var open []Gap
	for _, g := range c.Gaps {
		n := 0
		for n < len(rows) && rows[n].ID <= g.Last {
			n++
		}
		open = p.appendOpen(open, g, rows[:n], through)
		rows = rows[n:]
	}
	for _, r := range rows {
		open = p.appendOpen(open, Gap{First: c.Next, Last: r.ID - 1, Started: p.Started, Since: now}, nil, through)
		c.Next = r.ID + 1
	}
	c.Gaps = open
	for _, r := range p.Rows {
		if r.Room == "" {
			continue
		}
		batches = append(batches, r)
		if r.ID > c.Last.ID {
			c.Last = r
		}
	}
	slices.SortStableFunc(batches, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.ServerSeq, b.ServerSeq))
	})
	return batches
}

// appendOpen appends what is left of a gap without rows: the parts that are not settled, or that the read has not reached.
func (p *Page) appendOpen(open []Gap, g Gap, rows []Row, through int64) []Gap {
	settled := p.Finished >= g.Started && !p.Active[g.First]
	add := func(first, last int64) {
		if settled {
			first = max(first, through+1)
		}
		if first <= last {
			open = append(open, Gap{first, last, g.Started, g.Since})
		}
	}
	for _, r := range rows {
		add(g.First, r.ID-1)
		g.First = r.ID + 1
	}
	add(g.First, g.Last)
	return open
}
