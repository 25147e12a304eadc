package logtail

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestEveryBatchIsReturnedOnceUnderRandomInterleavings(t *testing.T) {
	for seed := range uint64(1000) {
		if err := interleave(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func FuzzInterleavings(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		if err := interleave(seed); err != nil {
			t.Fatal(err)
		}
	})
}

// interleave runs transactions and reads of a log in random order, and checks what the reader gets.
func interleave(seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not for security
	log := newDatabase(random)
	for range random.IntN(60) {
		log.step()
	}
	r := &reader{log: log, got: map[string]int64{}, limit: 1 + random.IntN(8)}
	r.open()
	for range 300 {
		if random.IntN(4) > 0 {
			log.step()
		} else if err := r.read(); err != nil {
			return err
		}
	}
	log.endAll()
	for r.full = true; r.full; {
		if err := r.read(); err != nil {
			return err
		}
	}
	if len(r.cursor.Gaps) > 0 {
		return fmt.Errorf("gaps are left after the end of all transactions: %v", r.cursor.Gaps)
	}
	return r.caughtUp()
}

// database models a log. Transactions take a number, then ids, and their rows become visible when they are committed.
type database struct {
	random      *rand.Rand
	nextID      int64
	nextNumber  int64
	ended       int64 // the highest number of a transaction that has ended
	heads       map[string]int64
	transaction []*transaction
	rows        []Row // visible
}

type transaction struct {
	number  int64
	rooms   []string // of which it adds a batch
	pending []Row    // without ids
	rows    []Row
	aborts  bool
}

func newDatabase(random *rand.Rand) *database {
	return &database{random: random, nextID: 1, nextNumber: 1, heads: map[string]int64{}}
}

// step begins or continues a transaction, skips ids, or prunes the log.
func (d *database) step() {
	switch n := d.random.IntN(20); {
	case n == 0:
		d.nextID += 1 + d.random.Int64N(1000)
	case n == 1:
		d.prune()
	case n < 8 || len(d.transaction) == 0:
		d.begin()
	default:
		d.advance(d.transaction[d.random.IntN(len(d.transaction))])
	}
}

// begin begins a transaction with a batch in some rooms, each after the last committed one. A second transaction with the
// same batch is rolled back. A transaction without batches is another program's.
func (d *database) begin() {
	t := &transaction{number: d.nextNumber, aborts: d.random.IntN(5) == 0}
	d.nextNumber++
	for n := range d.random.IntN(3) {
		room := fmt.Sprint("room ", n, d.random.IntN(3))
		t.aborts = t.aborts || slices.ContainsFunc(d.transaction, func(other *transaction) bool { return slices.Contains(other.rooms, room) })
		t.rooms = append(t.rooms, room)
		for op := range 1 + d.random.IntN(4) {
			row := Row{ServerSeq: d.heads[room] + 1}
			if op == 0 {
				row.Room = room
			}
			t.pending = append(t.pending, row)
		}
	}
	d.transaction = append(d.transaction, t)
}

// advance inserts the next row of a transaction, or ends it.
func (d *database) advance(t *transaction) {
	if len(t.pending) > 0 {
		row := t.pending[0]
		row.ID = d.nextID
		d.nextID++
		t.pending, t.rows = t.pending[1:], append(t.rows, row)
		return
	}
	d.transaction = slices.DeleteFunc(d.transaction, func(other *transaction) bool { return other == t })
	d.ended = max(d.ended, t.number)
	if t.aborts {
		return
	}
	d.rows = append(d.rows, t.rows...)
	slices.SortFunc(d.rows, func(a, b Row) int { return int(a.ID - b.ID) })
	for _, room := range t.rooms {
		d.heads[room]++
	}
}

func (d *database) endAll() {
	for len(d.transaction) > 0 {
		d.advance(d.transaction[0])
	}
}

// prune deletes visible batches, except the last one of each room.
func (d *database) prune() {
	d.rows = slices.DeleteFunc(d.rows, func(r Row) bool {
		return r.Room != "" && r.ServerSeq < d.heads[r.Room] && d.random.IntN(2) == 0
	})
}

// read is the query of PostgreSQL.
func (d *database) read(c *Cursor, limit int) *Page {
	p := &Page{Started: d.nextNumber, Finished: d.ended + 1}
	for _, t := range d.transaction {
		p.Finished = min(p.Finished, t.number)
	}
	for _, r := range d.rows {
		unseen := r.ID >= c.Next || slices.ContainsFunc(c.Gaps, func(g Gap) bool { return g.First <= r.ID && r.ID <= g.Last })
		if unseen && len(p.Rows) < limit {
			p.Rows = append(p.Rows, r)
		}
	}
	p.Full = len(p.Rows) == limit
	p.Kept = c.Last.ID == 0 || slices.ContainsFunc(d.rows, func(r Row) bool {
		return r.Room == c.Last.Room && r.ServerSeq >= c.Last.ServerSeq && r.ID >= c.Last.ID
	})
	return p
}

// reader follows the log of a database.
type reader struct {
	log    *database
	cursor Cursor
	limit  int
	full   bool
	got    map[string]int64 // the last batch of each room
}

// open begins at the end of the log, with the gaps before it.
func (r *reader) open() {
	r.cursor.Next = 1
	r.cursor.Advance(r.log.read(&r.cursor, 1_000_000), time.Time{})
	maps.Copy(r.got, r.log.heads)
}

func (r *reader) read() error {
	page := r.log.read(&r.cursor, r.limit)
	if !page.Kept {
		return fmt.Errorf("%v is missed, and was kept", r.cursor.Last)
	}
	for _, row := range r.cursor.Advance(page, time.Time{}) {
		if row.ServerSeq <= r.got[row.Room] {
			return fmt.Errorf("batch %v after batch %d", row, r.got[row.Room])
		}
		for missed := r.got[row.Room] + 1; missed < row.ServerSeq; missed++ {
			if r.log.has(row.Room, missed) {
				return fmt.Errorf("batch %v before batch %d", row, missed)
			}
		}
		r.got[row.Room] = row.ServerSeq
	}
	last := int64(0)
	for _, g := range r.cursor.Gaps {
		if g.First <= last || g.Last < g.First || g.Last >= r.cursor.Next {
			return fmt.Errorf("gaps %v before %d", r.cursor.Gaps, r.cursor.Next)
		}
		last = g.Last
	}
	if r.full = page.Full; !r.full {
		return r.caughtUp()
	}
	return nil
}

func (d *database) has(room string, serverSeq int64) bool {
	return slices.ContainsFunc(d.rows, func(r Row) bool { return r.Room == room && r.ServerSeq == serverSeq })
}

// caughtUp checks that everything committed was returned, whatever transactions are running. The last batch of a room is
// never pruned.
func (r *reader) caughtUp() error {
	for room, head := range r.log.heads {
		if r.got[room] != head {
			return fmt.Errorf("%s is at batch %d, and the reader at %d", room, head, r.got[room])
		}
	}
	return nil
}

func TestGapWithRowsSplitsAndIsForgottenWhenSettled(t *testing.T) {
	found := time.Unix(100, 0)
	c := Cursor{Next: 1}
	got := c.Advance(&Page{Rows: []Row{{10, "a", 1}}, Started: 7, Finished: 3}, found)
	want := []Gap{{First: 1, Last: 9, Started: 7, Since: found}}
	if !slices.Equal(got, []Row{{10, "a", 1}}) || !slices.Equal(c.Gaps, want) || c.Next != 11 {
		t.Fatalf("%v %+v", got, c)
	}
	got = c.Advance(&Page{Rows: []Row{{4, "b", 1}, {5, "", 1}, {9, "c", 1}}, Started: 9, Finished: 6}, time.Unix(200, 0))
	want = []Gap{{1, 3, 7, found}, {6, 8, 7, found}}
	if len(got) != 2 || !slices.Equal(c.Gaps, want) {
		t.Fatalf("%v %+v", got, c)
	}
	c.Advance(&Page{Started: 9, Finished: 7, Active: map[int64]bool{6: true}}, time.Unix(300, 0))
	if want = want[1:]; !slices.Equal(c.Gaps, want) {
		t.Fatalf("a gap with uncommitted rows and one without: %v", c.Gaps)
	}
	if c.Advance(&Page{Started: 9, Finished: 7}, time.Unix(300, 0)); len(c.Gaps) != 0 {
		t.Fatalf("settled, and not forgotten: %v", c.Gaps)
	}
}

func TestFullPageSettlesOnlyWhatItHasReached(t *testing.T) {
	c := Cursor{Next: 31, Gaps: []Gap{{First: 1, Last: 10}, {First: 20, Last: 30}}}
	c.Advance(&Page{Rows: []Row{{22, "a", 1}}, Full: true}, time.Time{})
	if want := []Gap{{First: 23, Last: 30}}; !slices.Equal(c.Gaps, want) || c.Next != 31 {
		t.Fatalf("%+v, want %v", c, want)
	}
}

func TestBatchesOfOneReadAreInTheOrderOfTheirRooms(t *testing.T) {
	c := Cursor{Next: 1}
	got := c.Advance(&Page{Rows: []Row{{1, "a", 2}, {2, "b", 5}, {3, "a", 1}}}, time.Time{})
	if want := []Row{{3, "a", 1}, {1, "a", 2}, {2, "b", 5}}; !slices.Equal(got, want) {
		t.Fatalf("%v", got)
	}
}
