package core

import (
	"time"
)

// unsaved is the documents of a room whose rows are behind the log, and when each row is due to be written. It is a pure
// value: every moment is passed in. Each change of a document costs O(log n) in the number of documents that are behind.
type unsaved struct {
	byFirst priorityQueue[*document] // every document that is behind; the lowest `first` first
	byDue   priorityQueue[*document] // those that no transaction is writing; the earliest `due` first
	touched []*document              // changed since the last schedule
	folded  int64                    // weight of all batches folded so far
	refused int                      // documents whose last row the database has refused
}

// behind is what is known of a document's row. Its zero value is that of a row that is up to date.
type behind struct {
	first int64     // serverSeq of the first batch that the row lacks; 0: none
	at    int64     // unsaved.folded before that batch
	since time.Time // when that batch was noted
	due   time.Time // when the row is to be written
	held  time.Time // the row is not to be written before; zero: at any time
	log   int       // bytes of the log since the row
	tries int       // how often the database has refused the row

	// While a transaction writes the row:
	writing bool
	seq     int64     // serverSeq of the row
	next    int64     // first batch after the row; 0: none
	nextAt  int64     // unsaved.folded before that batch
	nextIn  time.Time // when that batch was noted
	logThen int       // log when the row was taken

	touched            bool // it is in unsaved.touched
	firstPlace, duePos int  // in byFirst and byDue
}

// The rules of when a row is due. A row is written when its document has been behind for Config.ServerBatch. A large
// document waits longer, unless much of it has changed, so that a few bytes do not cause megabytes of writes.
const (
	// slowRate bounds what the row of one document costs the database: bytes a second. With a ServerBatch of 1.5 s,
	// documents up to 48 KiB never wait longer.
	slowRate = 32 << 10
	// maxRowDelay is the longest time that a row is behind because its document is large.
	maxRowDelay = 5 * time.Minute
	// amplification: a row that is behind by this fraction of its document's size does not wait. So a document costs at
	// most amplification bytes of rows for each byte of the log, or slowRate.
	amplification = 4
	// maxReplay bounds the weight of the log that has to be read when the room is opened again, in bytes: about half a
	// second. The rows that are furthest behind do not wait when it is reached.
	maxReplay = 32 << 20
	// opWeight is what reading and folding an operation costs besides its bytes.
	opWeight = 256
	// patientTries is how often a refused row is tried again without a longer wait each time, because the reason may pass.
	patientTries = 6
	// maxRefusal is the longest time until a row that the database has refused is tried again.
	maxRefusal = time.Minute
)

func newUnsaved() unsaved {
	return unsaved{
		byFirst: priorityQueue[*document]{
			before: func(a, b *document) bool { return a.row.first < b.row.first },
			place:  func(d *document) *int { return &d.row.firstPlace },
		},
		byDue: priorityQueue[*document]{
			before: func(a, b *document) bool { return a.row.due.Before(b.row.due) },
			place:  func(d *document) *int { return &d.row.duePos },
		},
	}
}

// weightOf is what a batch weighs in a replay, in bytes.
func weightOf(b *Batch) int {
	n := 0
	for i := range b.Ops {
		n += opWeight + len(b.Ops[i].Path) + len(b.Ops[i].Value)
	}
	return n
}

// change notes that a batch has changed a document. It comes before the batch is counted.
func (u *unsaved) change(d *document, serverSeq int64, weight int) {
	r := &d.row
	r.log += weight
	switch {
	case r.first == 0:
		r.first, r.at = serverSeq, u.folded
		u.byFirst.set(d)
	case r.writing && r.next == 0:
		r.next, r.nextAt = serverSeq, u.folded
	}
	if !r.touched {
		r.touched = true
		u.touched = append(u.touched, d)
	}
}

// schedule decides when the rows of the documents that have changed are due, and returns when the first of all is.
func (u *unsaved) schedule(now time.Time, batch time.Duration) (due time.Time, ok bool) {
	for _, d := range u.touched {
		r := &d.row
		r.touched = false
		switch {
		case r.writing:
			if r.next > 0 && r.nextIn.IsZero() {
				r.nextIn = now
			}
		case r.first > 0:
			if r.since.IsZero() {
				r.since = now
			}
			u.plan(d, batch)
		}
	}
	clear(u.touched)
	u.touched = u.touched[:0]
	if d, ok := u.byFirst.first(); ok && u.folded-d.row.at > maxReplay && !d.row.writing {
		u.advance(d, now)
	}
	d, ok := u.byDue.first()
	if !ok {
		return time.Time{}, false
	}
	return d.row.due, true
}

// plan decides when a row is due.
func (u *unsaved) plan(d *document, batch time.Duration) {
	r := &d.row
	wait := batch
	if size := d.Size(); r.log < size/amplification {
		wait = max(wait, min(time.Duration(size)*time.Second/slowRate, maxRowDelay))
	}
	r.due = later(r.since.Add(wait), r.held)
	u.byDue.set(d)
}

// advance makes a row due now, unless it is held.
func (u *unsaved) advance(d *document, now time.Time) {
	if due := later(now, d.row.held); due.Before(d.row.due) {
		d.row.due = due
		u.byDue.set(d)
	}
}

// hurry makes every row due now, those too that are held.
func (u *unsaved) hurry(now time.Time) {
	for _, d := range u.byDue.items { // afterwards all have the same place in the order
		d.row.due = now
	}
}

// next returns the document whose row is due first, if it is due.
func (u *unsaved) next(now time.Time) *document {
	if d, ok := u.byDue.first(); ok && !d.row.due.After(now) {
		return d
	}
	return nil
}

// take notes that a transaction writes the row of a document as it stands.
func (u *unsaved) take(d *document) {
	r := &d.row
	u.byDue.remove(d)
	r.writing, r.seq, r.next, r.nextIn, r.logThen = true, d.seq, 0, time.Time{}, r.log
}

// saved notes that the row taken is in the database.
func (u *unsaved) saved(d *document, now time.Time, batch time.Duration) {
	r := &d.row
	if r.tries > 0 {
		u.refused--
	}
	if r.next == 0 {
		u.byFirst.remove(d)
		d.row = behind{touched: r.touched}
		return
	}
	first, at, since, log := r.next, r.nextAt, r.nextIn, r.log-r.logThen
	if since.IsZero() {
		since = now
	}
	touched, place := r.touched, r.firstPlace
	d.row = behind{first: first, at: at, since: since, log: log, touched: touched, firstPlace: place}
	u.byFirst.set(d)
	u.plan(d, batch)
}

// failed notes that the row taken is not in the database. It is tried again after a while. refused says that the database
// can be used and does not want this row: it is then tried less and less often.
func (u *unsaved) failed(d *document, now time.Time, batch time.Duration, refused bool) {
	r := &d.row
	r.writing, r.next = false, 0
	wait := batch
	if refused {
		if r.tries == 0 {
			u.refused++
		}
		wait = max(batch, min(batch<<max(0, r.tries-patientTries), maxRefusal))
		r.tries = min(r.tries+1, patientTries+16)
	}
	r.held = now.Add(wait)
	r.due = r.held
	u.byDue.set(d)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
