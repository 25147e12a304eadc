package sqlserver

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
	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/internal/logtail"
)

// sizedStatement is a statement for a fixed number of rows.
type sizedStatement struct {
	rows int
	stmt *sql.Stmt
}

// The sizes of statements in rows. A statement is padded with empty rows to the next size, so that the server has one plan
// for each size, not for each number of rows. A statement has at most 2,100 parameters.
var (
	opSizes       = []int{1, 4, 16, 32, 64}
	documentSizes = []int{1, 4, 16, 64}
	gapSizes      = []int{1, 16, 128, logtail.MaxGaps}
)

// sized returns the smallest statement that has enough rows, or the largest one.
func sized(statements []sizedStatement, rows int) sizedStatement {
	for _, s := range statements {
		if s.rows >= rows {
			return s
		}
	}
	return statements[len(statements)-1]
}

// in returns the statement in a transaction, which closes it.
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

// InsertLog implements dialect.Dialect.
func (d *Dialect) InsertLog(ctx context.Context, epoch string, batches []*core.Batch) error {
	if err := d.durability.recheck(ctx); err != nil {
		return err
	}
	// In the order of rooms, so that two servers that append to the same rooms seldom deadlock.
	batches = slices.Clone(batches)
	slices.SortStableFunc(batches, func(a, b *core.Batch) int { return cmp.Compare(a.Room, b.Room) })
	var rows []opRow
	for _, b := range batches {
		if err := checkBatch(b); err != nil {
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
	return dialect.InTransaction(ctx, d.write, func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(rows, largest) {
			if err := execInsert(ctx, sized(d.insertOps, len(chunk)).in(ctx, tx), chunk); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(dialect.Spans(batches), d.checkSpans[len(d.checkSpans)-1].rows) {
			if err := d.check(ctx, tx, epoch, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// check checks the epoch, and that the inserted rows follow on the logs of their rooms.
func (d *Dialect) check(ctx context.Context, tx *sql.Tx, epoch string, spans []dialect.Span) error {
	statement := sized(d.checkSpans, len(spans))
	arguments := make([]any, 0, statement.rows*spanColumns+1)
	for _, s := range spans {
		arguments = append(arguments, mssql.NVarCharMax(s.Room), s.First, s.Last)
	}
	for range statement.rows - len(spans) {
		arguments = append(arguments, noText, 0, 0)
	}
	_, err := statement.in(ctx, tx).stmt.ExecContext(ctx, append(arguments, mssql.NVarCharMax(epoch))...)
	return err
}

func execInsert(ctx context.Context, statement sizedStatement, rows []opRow) error {
	_, err := statement.stmt.ExecContext(ctx, opArguments(rows, statement.rows)...)
	return err
}

// opArguments returns the arguments of a statement for size rows, of which the last are empty.
func opArguments(rows []opRow, size int) []any {
	arguments := make([]any, 0, size*opColumns)
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

// UpsertDocuments implements dialect.Dialect.
func (d *Dialect) UpsertDocuments(ctx context.Context, epoch string, docs []core.Document) error {
	// In the order of keys, to avoid deadlocks. Only the newest of each, because a statement can update a row only once.
	docs = slices.Clone(docs)
	slices.SortFunc(docs, func(a, b core.Document) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.Key, b.Key), cmp.Compare(b.ServerSeq, a.ServerSeq))
	})
	docs = slices.CompactFunc(docs, func(a, b core.Document) bool { return a.Room == b.Room && a.Key == b.Key })
	for i := range docs {
		if err := checkNames(docs[i].Room, docs[i].Key); err != nil {
			return err
		}
		if err := checkTexts(limited{docs[i].Room, 255}, limited{docs[i].Key, 255}, limited{docs[i].State, 0}); err != nil {
			return err
		}
	}
	err := dialect.InTransaction(ctx, d.write, func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(docs, d.upsertDocs[len(d.upsertDocs)-1].rows) {
			if err := d.upsertChunk(ctx, tx, epoch, chunk); err != nil {
				return err
			}
		}
		return nil
	})
	if isDuplicate(err) { // another server has inserted the same row
		return dialect.ErrRolledBack
	}
	return err
}

func (d *Dialect) upsertChunk(ctx context.Context, tx *sql.Tx, epoch string, docs []core.Document) error {
	statement := sized(d.upsertDocs, len(docs))
	arguments := make([]any, 0, statement.rows*documentColumns+2)
	for _, doc := range docs {
		arguments = append(arguments, mssql.NVarCharMax(doc.Room), mssql.NVarCharMax(doc.Key), mssql.NVarCharMax(doc.State), doc.ServerSeq)
	}
	for range statement.rows - len(docs) {
		arguments = append(arguments, noText, noText, noText, 0)
	}
	_, err := statement.in(ctx, tx).stmt.ExecContext(ctx, append(arguments, len(docs), mssql.NVarCharMax(epoch))...)
	return err
}

// UpsertCheckpoints implements dialect.Dialect.
func (d *Dialect) UpsertCheckpoints(ctx context.Context, epoch string, checkpoints []core.Checkpoint) error {
	for _, c := range checkpoints {
		if err := checkNames(c.Room); err != nil {
			return err
		}
		if err := checkTexts(limited{c.Room, 255}); err != nil {
			return err
		}
	}
	err := dialect.InTransaction(ctx, d.write, func(tx *sql.Tx) error {
		for chunk := range slices.Chunk(checkpoints, d.checkpoints[len(d.checkpoints)-1].rows) {
			statement := sized(d.checkpoints, len(chunk))
			arguments := make([]any, 0, statement.rows*checkpointColumns+2)
			for _, c := range chunk {
				arguments = append(arguments, mssql.NVarCharMax(c.Room), c.ServerSeq, c.Documents)
			}
			for range statement.rows - len(chunk) {
				arguments = append(arguments, noText, -1, 0) // padding
			}
			if _, err := statement.in(ctx, tx).stmt.ExecContext(ctx, append(arguments, len(chunk), mssql.NVarCharMax(epoch))...); err != nil {
				return err
			}
		}
		return nil
	})
	if isDuplicate(err) { // another server has inserted the same row
		return dialect.ErrRolledBack
	}
	return err
}

// limited is a text and the maximum number of characters of its column; 0 for no limit.
type limited struct {
	text    string
	longest int
}

// searchName converts a name by which rows are looked up. The operator = ignores trailing blanks. No row has a name with
// trailing blanks, so such a name is changed to one that does not exist.
func searchName(name string) mssql.NVarCharMax {
	if strings.HasSuffix(name, " ") {
		name += "\x01"
	}
	return mssql.NVarCharMax(name)
}

// checkNames rejects names that the operator = confuses with others.
func checkNames(names ...string) error {
	for _, name := range names {
		if strings.HasSuffix(name, " ") {
			return fmt.Errorf("%w: a name ends with a blank", core.ErrRejected)
		}
	}
	return nil
}

func checkBatch(b *core.Batch) error {
	if err := checkNames(b.Room, b.ClientID); err != nil {
		return err
	}
	if err := checkTexts(limited{b.Room, 255}, limited{b.Key, 255}, limited{b.ClientID, 100},
		limited{b.UserID, 255}); err != nil {
		return err
	}
	for i := range b.Ops {
		op := &b.Ops[i]
		err := checkTexts(limited{op.Path, 1000}, limited{string(op.Kind), 10}, limited{op.Value, 0},
			limited{string(op.Discarded), 20})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkTexts rejects texts that the database would change: UTF-16 cannot represent invalid UTF-8, and some servers that
// implement the protocol truncate a text that is too long for its column.
func checkTexts(texts ...limited) error {
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

// Prune implements dialect.Dialect.
func (d *Dialect) Prune(ctx context.Context, _, _ string, _ int64, statement *sql.Stmt, args ...any) error {
	_, err := statement.ExecContext(ctx, args...)
	return err
}
