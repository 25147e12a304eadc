package core

import (
	"context"
	"errors"
	"time"

	"github.com/pathsync/pathsync/core/retained"
)

// pendingRow is a document row that is being written.
type pendingRow struct {
	Document
	room *Room
	doc  *document
	json *retained.Text // becomes State
}

// saveRows writes the due rows in transactions of limited size. It reports whether the database could be used; a rejected row
// does not delay the others.
func (c *checkpointer) saveRows(rooms []*Room) (ok bool) {
	var group []pendingRow
	bytes := 0
	flush := func() bool {
		rows := group
		group, bytes = nil, 0
		return len(rows) == 0 || c.write(rows)
	}
	for _, r := range rooms {
		for {
			row, found, fits := r.takeRow(len(group) == 0, checkpointBytes-bytes)
			if !found {
				break
			}
			if fits {
				row.State = row.json.String()
				group, bytes = append(group, row), bytes+len(row.State)
			}
			full := !fits || len(group) == checkpointRows || bytes >= checkpointBytes
			if full && !flush() {
				return false
			}
		}
	}
	return flush()
}

// write writes rows in one transaction. If the database rejects them, write splits them until the rejected row is alone. It
// reports whether the database could be used.
func (c *checkpointer) write(rows []pendingRow) (ok bool) {
	documents, bytes := make([]Document, len(rows)), 0
	for i := range rows {
		documents[i] = rows[i].Document
		bytes += len(rows[i].State)
	}
	began := time.Now()
	store, timeout := rows[0].room.store, c.hub.cfg.StoreTimeout
	err := c.call(timeout+allowance(0, bytes), func(ctx context.Context) error { return store.SaveDocuments(ctx, documents) })
	took := time.Since(began)
	switch {
	case err == nil:
		c.failures = 0
		c.hub.cfg.Metrics.Checkpointed(len(rows), took)
		for _, row := range rows {
			row.room.rowSaved(row.doc)
		}
		c.pause(min(took, maxYield) + time.Duration(bytes)*time.Second/steadyRate)
		return true
	case errors.Is(err, ErrHistoryChanged): // the rows belong to an old history
		c.hub.startReopen(store, err)
		retryLater(rows)
		return false
	case !errors.Is(err, ErrRejected) && (c.failures >= maxFailures || c.call(timeout, store.Ping) != nil):
		c.failures = 0
		c.failed(len(rows), err)
		retryLater(rows)
		return false
	case len(rows) == 1:
		if !errors.Is(err, ErrRejected) {
			c.failures++
		}
		c.report(rows[0].Document, err)
		rows[0].room.rowFailed(rows[0].doc, true)
		return true
	}
	half := len(rows) / 2
	if !c.write(rows[:half]) {
		retryLater(rows[half:])
		return false
	}
	return c.write(rows[half:])
}

// retryLater schedules rows that could not be written.
func retryLater(rows []pendingRow) {
	for _, row := range rows {
		row.room.rowFailed(row.doc, false)
	}
}

// report logs a rejected row, at most once in warnEvery.
func (c *checkpointer) report(row Document, err error) {
	c.hub.cfg.Metrics.Retried()
	c.unreported++
	if now := time.Now(); c.warned.IsZero() || now.Sub(c.warned) >= warnEvery {
		c.hub.cfg.Log.Error("database rejects a document row; the log has its changes, and the row is retried",
			"room", row.Room, "key", row.Key, "serverSeq", row.ServerSeq, "bytes", len(row.State), "refusals", c.unreported, "error", err)
		c.warned, c.unreported = now, 0
	}
}
