package core

import (
	"time"
)

// unsaved is the set of documents of a room whose rows are behind the log, with the times when the rows are due. It is pure:
// callers pass the time in. A change of a document costs O(log n) in the number of these documents.
type unsaved struct {
	byFirst priorityQueue[*document] // all of them, by rowState.first
	byDue   priorityQueue[*document] // documents that no transaction is writing, by rowState.due
	touched []*document              // documents changed since the last schedule
	folded  int64                    // weight of all folded batches
	refused int                      // documents whose last row the database has rejected
}

// rowState is the state of a document's row. The zero value is a row that is up to date.
type rowState struct {
	first int64     // serverSeq of the first batch that the row lacks; 0: none
	at    int64     // unsaved.folded before that batch
	since time.Time // when that batch was scheduled
	due   time.Time // when the row is written
	held  time.Time // the row is not written before this time, because it failed
	log   int       // weight of the log since the row
	tries int       // how often the database has rejected the row

	// While a transaction writes the row:
	writing bool
	seq     int64     // serverSeq of the row
	next    int64     // first batch after the row; 0: none
	nextAt  int64     // unsaved.folded before that batch
	nextIn  time.Time // when that batch was scheduled
	logThen int       // value of log when the row was taken

	touched            bool // the document is in unsaved.touched
	firstPlace, duePos int  // in byFirst and byDue
}

// A row is due when its document has been behind for Config.ServerBatch. The row of a large document is due later, unless the log
// since the row is as large as the document. So the rows of a document write at most as many bytes as its log, or slowRate, and
// reading the log takes about as long as reading the row.
const (
	// slowRate limits the bytes a second that the rows of one document write. With a ServerBatch of 1.5 s, documents up to
	// 48 KiB have no extra delay.
	slowRate = 32 << 10
	// maxRowDelay limits the delay of large documents.
	maxRowDelay = 5 * time.Minute
	// maxReplay limits the weight of the log that is read when the room is opened, to about half a second. Beyond it, the row
	// that is furthest behind is due at once.
	maxReplay = 32 << 20
	// opWeight is the cost of reading and folding an operation besides its bytes, in bytes.
	opWeight = 256
	// patientTries is the number of retries of a rejected row before the delay grows, because the cause may be temporary.
	patientTries = 6
	// maxRefusal is the longest delay before a rejected row is retried.
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

// weightOf returns the cost of a batch in a replay, in bytes.
func weightOf(b *Batch) int {
	n := 0
	for i := range b.Ops {
		n += opWeight + len(b.Ops[i].Path) + len(b.Ops[i].Value)
	}
	return n
}

// change records that a batch has changed a document, before the batch is added to folded.
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

// schedule sets the due times of the changed documents, and returns the earliest due time of all.
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

// plan sets the due time of a row.
func (u *unsaved) plan(d *document, batch time.Duration) {
	r := &d.row
	wait := batch
	if size := d.Size(); r.log < size {
		wait = max(wait, min(time.Duration(size)*time.Second/slowRate, maxRowDelay))
	}
	r.due = later(r.since.Add(wait), r.held)
	u.byDue.set(d)
}

// advance makes a row due now, or when it is no longer held.
func (u *unsaved) advance(d *document, now time.Time) {
	if due := later(now, d.row.held); due.Before(d.row.due) {
		d.row.due = due
		u.byDue.set(d)
	}
}

// makeAllDue makes every row due now, even if it is held.
func (u *unsaved) makeAllDue(now time.Time) {
	for _, d := range u.byDue.items { // equal due times keep the heap valid
		d.row.due = now
	}
}

// next returns the document whose row is due first, and nil if no row is due.
func (u *unsaved) next(now time.Time) *document {
	if d, ok := u.byDue.first(); ok && !d.row.due.After(now) {
		return d
	}
	return nil
}

// take records that a transaction writes the current row of a document.
func (u *unsaved) take(d *document) {
	r := &d.row
	u.byDue.remove(d)
	r.writing, r.seq, r.next, r.nextIn, r.logThen = true, d.seq, 0, time.Time{}, r.log
}

// saved records that the row taken is in the database.
func (u *unsaved) saved(d *document, now time.Time, batch time.Duration) {
	r := &d.row
	if r.tries > 0 {
		u.refused--
	}
	if r.next == 0 {
		u.byFirst.remove(d)
		d.row = rowState{touched: r.touched}
		return
	}
	first, at, since, log := r.next, r.nextAt, r.nextIn, r.log-r.logThen
	if since.IsZero() {
		since = now
	}
	touched, place := r.touched, r.firstPlace
	d.row = rowState{first: first, at: at, since: since, log: log, touched: touched, firstPlace: place}
	u.byFirst.set(d)
	u.plan(d, batch)
}

// failed records that the row taken could not be written, and delays the retry. refused says that the database rejects this
// row; the delay then grows with each retry.
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
