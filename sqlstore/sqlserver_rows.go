package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/pathsync/pathsync/core"
)

// sizedStatement is a statement for a fixed number of rows.
type sizedStatement struct {
	rows int
	stmt *sql.Stmt
}

// The sizes of statements. A statement is filled up with empty rows to the next size, so that the server has a plan for
// each, and not for each number of rows. It allows 2,100 parameters.
var (
	sqlServerOpSizes       = []int{1, 4, 16, 32, 64}
	sqlServerDocumentSizes = []int{1, 4, 16, 64}
)

// sized is the smallest statement that has so many rows, or else the largest.
func sized(statements []sizedStatement, rows int) sizedStatement {
	for _, s := range statements {
		if s.rows >= rows {
			return s
		}
	}
	return statements[len(statements)-1]
}

// in is the statement in a transaction, and is closed with it.
func (s sizedStatement) in(ctx context.Context, tx *sql.Tx) sizedStatement {
	return sizedStatement{s.rows, tx.StmtContext(ctx, s.stmt)}
}

func prepareSizes(ctx context.Context, db *sql.DB, text string, columns int, sizes []int) ([]sizedStatement, error) {
	statements := make([]sizedStatement, len(sizes))
	for i, rows := range sizes {
		stmt, err := db.PrepareContext(ctx, withRows(text, rows, columns))
		if err != nil {
			return nil, err
		}
		statements[i] = sizedStatement{rows, stmt}
	}
	return statements, nil
}

// opRow is a row of the log.
type opRow struct {
	batch *core.Batch
	index int
}

func (d *sqlServer) insertLog(ctx context.Context, epoch string, batches []*core.Batch) error {
	if err := d.durability.recheck(ctx); err != nil {
		return err
	}
	// Two servers that take the same numbers in several rooms meet in the same order, and seldom in a deadlock.
	batches = slices.Clone(batches)
	slices.SortStableFunc(batches, func(a, b *core.Batch) int { return cmp.Compare(a.Room, b.Room) })
	var rows []opRow
	for _, b := range batches {
		if err := checkSQLServerBatch(b); err != nil {
			return err
		}
		for i := range b.Ops {
			rows = append(rows, opRow{b, i})
		}
	}
	largest := d.insertOps[len(d.insertOps)-1].rows
	if len(rows) <= largest {
		statement := sized(d.appendOps, len(rows))
		_, err := statement.stmt.ExecContext(ctx, append(opArguments(rows, statement.rows), mssql.NVarCharMax(epoch))...)
		return err
	}
	return inTransaction(ctx, d.write, func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(rows, largest) {
			if err := insertOps(ctx, sized(d.insertOps, len(chunk)).in(ctx, tx), chunk); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(spans(batches), d.checkSpans[len(d.checkSpans)-1].rows) {
			if err := d.check(ctx, tx, epoch, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// check expects the epoch, and that what was inserted of some rooms follows on their logs.
func (d *sqlServer) check(ctx context.Context, tx *sql.Tx, epoch string, spans []span) error {
	statement := sized(d.checkSpans, len(spans))
	arguments := make([]any, 0, statement.rows*sqlServerSpanColumns+1)
	for _, s := range spans {
		arguments = append(arguments, mssql.NVarCharMax(s.room), s.first, s.last)
	}
	for range statement.rows - len(spans) {
		arguments = append(arguments, noText, 0, 0)
	}
	_, err := statement.in(ctx, tx).stmt.ExecContext(ctx, append(arguments, mssql.NVarCharMax(epoch))...)
	return err
}

func insertOps(ctx context.Context, statement sizedStatement, rows []opRow) error {
	_, err := statement.stmt.ExecContext(ctx, opArguments(rows, statement.rows)...)
	return err
}

// opArguments are the parameters of a statement for so many rows, or more.
func opArguments(rows []opRow, size int) []any {
	arguments := make([]any, 0, size*sqlServerOpColumns)
	for _, r := range rows {
		op := &r.batch.Ops[r.index]
		arguments = append(arguments, mssql.NVarCharMax(r.batch.Room), mssql.NVarCharMax(r.batch.Key),
			mssql.NVarCharMax(op.Path), mssql.NVarCharMax(op.Kind), mssql.NVarCharMax(op.Value),
			mssql.NVarCharMax(r.batch.ClientID), r.batch.ServerSeq, time.UnixMilli(r.batch.ServerTs).UTC(), r.index,
			r.batch.ClientSeq, op.Index, mssql.NVarCharMax(op.Discarded), mssql.NVarCharMax(r.batch.UserID))
	}
	for range size - len(rows) {
		arguments = append(arguments, noText, noText, noText, noText, noText, noText, 0, time.Time{}, 0, 0, 0, noText,
			noText)
	}
	return arguments
}

const noText = mssql.NVarCharMax("")

func (d *sqlServer) upsertDocuments(ctx context.Context, epoch string, docs []core.Document) error {
	// In the order of their keys, against deadlocks, and the newest of each, because a statement touches a row but once.
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b core.Document) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Key, b.Key), cmp.Compare(b.ServerSeq, a.ServerSeq))
	})
	docs = slices.CompactFunc(docs, func(a, b core.Document) bool { return a.Room == b.Room && a.Key == b.Key })
	for i := range docs {
		if err := checkSQLServerNames(docs[i].Room, docs[i].Key); err != nil {
			return err
		}
		if err := checkSQLServerTexts(limited{docs[i].Room, 255}, limited{docs[i].Key, 255}, limited{docs[i].State, 0}); err != nil {
			return err
		}
	}
	err := inTransaction(ctx, d.write, func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(docs, d.upsertDocs[len(d.upsertDocs)-1].rows) {
			if err := d.upsertChunk(ctx, tx, epoch, chunk); err != nil {
				return err
			}
		}
		return nil
	})
	if isSQLServerDuplicate(err) { // another server has inserted a row that this one was about to
		return errUndone
	}
	return err
}

func (d *sqlServer) upsertChunk(ctx context.Context, tx *sql.Tx, epoch string, docs []core.Document) error {
	statement := sized(d.upsertDocs, len(docs))
	arguments := make([]any, 0, statement.rows*sqlServerDocumentColumns+2)
	for _, doc := range docs {
		arguments = append(arguments, mssql.NVarCharMax(doc.Room), mssql.NVarCharMax(doc.Key), mssql.NVarCharMax(doc.State), doc.ServerSeq)
	}
	for range statement.rows - len(docs) {
		arguments = append(arguments, noText, noText, noText, 0)
	}
	_, err := statement.in(ctx, tx).stmt.ExecContext(ctx, append(arguments, len(docs), mssql.NVarCharMax(epoch))...)
	return err
}

func (d *sqlServer) upsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error {
	for _, c := range checkpoints {
		if err := checkSQLServerNames(c.Room); err != nil {
			return err
		}
		if err := checkSQLServerTexts(limited{c.Room, 255}); err != nil {
			return err
		}
	}
	err := inTransaction(ctx, d.write, func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(checkpoints, d.upsertMarks[len(d.upsertMarks)-1].rows) {
			statement := sized(d.upsertMarks, len(chunk))
			arguments := make([]any, 0, statement.rows*sqlServerCheckpointColumns+2)
			for _, c := range chunk {
				arguments = append(arguments, mssql.NVarCharMax(c.Room), c.ServerSeq, c.Documents)
			}
			for range statement.rows - len(chunk) {
				arguments = append(arguments, noText, -1, 0) // no room
			}
			if _, err := statement.in(ctx, tx).stmt.ExecContext(ctx, append(arguments, len(chunk), mssql.NVarCharMax(epoch))...); err != nil {
				return err
			}
		}
		return nil
	})
	if isSQLServerDuplicate(err) { // another server has inserted a row that this one was about to
		return errUndone
	}
	return err
}

// limited is a text and the number of characters that its column has; 0 is any number.
type limited struct {
	text    string
	longest int
}

// sqlServerName is a name by which rows are looked for. For = it is the same with blanks after it. No row has such a name,
// so one that ends with a blank becomes one that no row has.
func sqlServerName(name string) mssql.NVarCharMax {
	if strings.HasSuffix(name, " ") {
		name += "\x01"
	}
	return mssql.NVarCharMax(name)
}

// checkSQLServerNames refuses names that = would take for others.
func checkSQLServerNames(names ...string) error {
	for _, name := range names {
		if strings.HasSuffix(name, " ") {
			return fmt.Errorf("%w: a name ends with a blank", core.ErrRejected)
		}
	}
	return nil
}

func checkSQLServerBatch(b *core.Batch) error {
	if err := checkSQLServerNames(b.Room, b.ClientID); err != nil {
		return err
	}
	if err := checkSQLServerTexts(limited{b.Room, 255}, limited{b.Key, 255}, limited{b.ClientID, 100},
		limited{b.UserID, 255}); err != nil {
		return err
	}
	for i := range b.Ops {
		op := &b.Ops[i]
		err := checkSQLServerTexts(limited{op.Path, 1000}, limited{string(op.Kind), 10}, limited{op.Value, 0},
			limited{string(op.Discarded), 20})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkSQLServerTexts refuses texts that would not come back as they are: UTF-16 cannot hold what is not UTF-8, and not
// every server that speaks the protocol complains of what is too long for its column.
func checkSQLServerTexts(texts ...limited) error {
	for _, t := range texts {
		switch {
		case !utf8.ValidString(t.text):
			return fmt.Errorf("%w: a text is not valid UTF-8", core.ErrRejected)
		case strings.Contains(t.text, "\x00"):
			return fmt.Errorf("%w: a text has the character NUL", core.ErrRejected)
		case t.longest > 0 && core.Length(t.text) > t.longest:
			return fmt.Errorf("%w: a text is longer than %d characters", core.ErrRejected, t.longest)
		}
	}
	return nil
}
