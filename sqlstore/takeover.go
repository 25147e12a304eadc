package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
	"github.com/pathsync/pathsync/sqlstore/takeover"
)

// TakeoverReport counts rows of a takeover, or of a planned one.
type TakeoverReport struct {
	Documents int64            // document rows of the predecessor
	LogRows   int64            // rows of its log
	Repaired  int64            // documents that were repaired
	Repairs   takeover.Repairs // of all documents
	Renamed   int64            // rooms and store keys with a new name
	Skipped   int64            // documents that cannot be read; they remain in the predecessor's table only
	CaseRooms int64            // rooms whose names differ from another only in case
}

func (r TakeoverReport) attributes() []any {
	return []any{"documents", r.Documents, "logRows", r.LogRows, "repaired", r.Repaired, "repairs", r.Repairs.String(),
		"renamed", r.Renamed, "skipped", r.Skipped, "roomsDifferingByCase", r.CaseRooms}
}

// Names of the predecessor's tables, after the first migration has renamed them, and of the table of changed names.
const (
	predecessorSuffix = "_predecessor"
	renamedTable      = "sync_names" + predecessorSuffix
)

// takeoverMeta is the row of sync_meta with the progress of a takeover: "log N" when the rows of the log up to id N are
// copied, then "documents", then "done". Each transaction of the takeover updates it. Without the row, none has begun.
const (
	takeoverMeta      = "takeover"
	takeoverLog       = "log "
	takeoverDocuments = "documents"
	takeoverDone      = "done"
)

// Limits of one transaction of a takeover.
const (
	takeoverLogRows       = 5_000
	takeoverDocumentRows  = 256
	takeoverDocumentBytes = 8 << 20
)

// takeoverProgress is the interval at which a takeover logs its progress.
const takeoverProgress = 5 * time.Second

// taker takes over the predecessor's tables. Each step is a transaction that holds the lock of migrations and first reads the
// progress. So a takeover can be interrupted at any time, be resumed, and run in several processes at once.
type taker struct {
	d      dialect.Dialect
	log    *slog.Logger
	from   string // suffix of the predecessor's tables
	dry    bool   // change nothing
	report TakeoverReport
	names  newNames
	logged time.Time // when progress was last logged
}

func newTaker(d dialect.Dialect, log *slog.Logger) *taker {
	return &taker{d: d, log: log, from: predecessorSuffix, logged: time.Now()}
}

// takeOver copies the rows of the predecessor's tables, if they exist and were not taken over.
func takeOver(ctx context.Context, d dialect.Dialect, log *slog.Logger) (TakeoverReport, error) {
	t := newTaker(d, log)
	pending, err := t.pending(ctx)
	if err != nil || !pending {
		return TakeoverReport{}, err
	}
	if err := t.run(ctx); err != nil {
		return TakeoverReport{}, fmt.Errorf("taking over the predecessor's tables: %w; the next start resumes it",
			withPermissionHint(d, err, "takeover"))
	}
	t.log.Info("the predecessor's tables are taken over", t.report.attributes()...)
	return t.report, nil
}

// pending reports whether a takeover has to begin or to continue.
func (t *taker) pending(ctx context.Context) (bool, error) {
	there, err := tableExists(ctx, t.d, t.d.Writer(), "sync_documents"+t.from)
	if err != nil || !there {
		return false, err
	}
	migrated, err := tableExists(ctx, t.d, t.d.Writer(), "sync_meta")
	if err != nil || !migrated {
		return err == nil, err
	}
	progress, err := t.progress(ctx, t.d.Writer())
	return progress != takeoverDone, err
}

func (t *taker) progress(ctx context.Context, db queryer) (string, error) {
	progress, err := queryMeta(ctx, t.d, db, takeoverMeta)
	if errors.Is(err, errNoMeta) {
		return "", nil
	}
	return progress, err
}

func (t *taker) run(ctx context.Context) error {
	if err := t.count(ctx); err != nil {
		return err
	}
	t.log.Info("taking over the predecessor's tables", "documents", t.report.Documents, "logRows", t.report.LogRows)
	if err := t.findNames(ctx, t.d.Reader()); err != nil {
		return fmt.Errorf("reading names: %w", err)
	}
	if err := t.step(ctx, t.saveNames); err != nil {
		return fmt.Errorf("saving new names: %w", err)
	}
	for more := true; more; {
		if err := t.step(ctx, func(ctx context.Context, tx *sql.Tx, progress string) (err error) {
			more, err = t.copyLog(ctx, tx, progress)
			return err
		}); err != nil {
			return fmt.Errorf("copying the log: %w", err)
		}
	}
	if err := t.copyDocuments(ctx); err != nil {
		return fmt.Errorf("copying documents: %w", err)
	}
	return t.step(ctx, t.finish)
}

// step runs one transaction.
func (t *taker) step(ctx context.Context, work func(context.Context, *sql.Tx, string) error) error {
	return dialect.InTransaction(ctx, t.d.Writer(), func(tx *sql.Tx) error {
		if lock := t.d.Schema().Lock; lock != "" {
			if _, err := tx.ExecContext(ctx, lock); err != nil {
				return err
			}
		}
		progress, err := t.progress(ctx, tx)
		if err != nil {
			return err
		}
		return work(ctx, tx, progress)
	})
}

func (t *taker) setProgress(ctx context.Context, tx *sql.Tx, progress string) error {
	return exec(ctx, t.d, tx, squirrel.Update(t.table("sync_meta")).Set("value", progress).Where("name = ?", takeoverMeta))
}

// count counts the predecessor's rows.
func (t *taker) count(ctx context.Context) error {
	for table, n := range map[string]*int64{"sync_documents": &t.report.Documents, "sync_change_log": &t.report.LogRows} {
		if err := t.d.Reader().QueryRowContext(ctx, t.text("SELECT COALESCE(SUM(CAST(1 AS BIGINT)), 0) FROM $("+table+"_old)")).Scan(n); err != nil {
			return fmt.Errorf("counting rows: %w", err)
		}
	}
	return nil
}

// copyLog copies the next rows of the log within the database, as an audit trail. They are never replayed, because the
// predecessor numbered operations across all rooms. So their op_index is negative, and reads of the log select rows from 0
// on. op_index is derived from the id, so that it is unique.
func (t *taker) copyLog(ctx context.Context, tx *sql.Tx, progress string) (more bool, err error) {
	copied, ok := strings.CutPrefix(progress, takeoverLog)
	if !ok {
		return false, nil
	}
	last, err := strconv.ParseInt(copied, 10, 64)
	if err != nil {
		return false, fmt.Errorf("reading the progress %q in sync_meta: %w", progress, err)
	}
	var first sql.NullInt64
	query, err := t.d.Placeholders().ReplacePlaceholders(t.text("SELECT MIN(id) FROM $(sync_change_log_old) WHERE id > ?"))
	if err != nil {
		return false, err
	}
	if err := tx.QueryRowContext(ctx, query, last).Scan(&first); err != nil {
		return false, err
	}
	if !first.Valid {
		return false, t.setProgress(ctx, tx, takeoverDocuments)
	}
	last = first.Int64 + takeoverLogRows - 1
	if err := t.exec(ctx, tx, t.text(t.d.Schema().Predecessor.CopyLog(takeoverLogColumns, takeoverLogSelect)), first.Int64, last); err != nil {
		return false, err
	}
	t.logProgress("taking over the log", "throughId", last, "ofRows", t.report.LogRows)
	return true, t.setProgress(ctx, tx, takeoverLog+strconv.FormatInt(last, 10))
}

// Parts of the statements that copy rows.
const (
	takeoverLogColumns = "room, store_key, path, op, value, client_id, server_seq, server_ts, op_index"
	takeoverLogSelect  = takeoverNames + `, p.path, p.op, p.value, p.client_id, p.server_seq, p.server_ts,
	CAST(-1 - p.id % 2147483646 AS INTEGER) FROM $(sync_change_log_old) p` + takeoverNamed + `
WHERE p.id >= ? AND p.id <= ?`

	// The new names of a row p.
	takeoverNames = "COALESCE(r.new_name, $exact(p.room)), COALESCE(k.new_name, $exact(p.store_key))"
	takeoverNamed = `
LEFT JOIN $(names) r ON r.kind = 'room' AND r.old_name = $dotted(p.room)
LEFT JOIN $(names) k ON k.kind = 'key' AND k.old_name = $dotted(p.store_key)`
)

// finish sets the serverSeq of each room to its highest number anywhere, and ends the takeover.
func (t *taker) finish(ctx context.Context, tx *sql.Tx, progress string) error {
	if progress == takeoverDone {
		return nil
	}
	if err := t.exec(ctx, tx, t.text(takeoverPositions)); err != nil {
		return fmt.Errorf("setting the rooms' numbers: %w", err)
	}
	return t.setProgress(ctx, tx, takeoverDone)
}

const (
	takeoverHighest   = `(SELECT MAX(l.server_seq) FROM $(sync_change_log) l WHERE l.room = $(sync_documents).room AND l.op_index < 0)`
	takeoverPositions = `UPDATE $(sync_documents) SET server_seq = ` + takeoverHighest + `
WHERE ` + takeoverHighest + ` > (SELECT MAX(o.server_seq) FROM $(sync_documents) o WHERE o.room = $(sync_documents).room)`
)

// logProgress logs at most once per takeoverProgress.
func (t *taker) logProgress(message string, attributes ...any) {
	if time.Since(t.logged) >= takeoverProgress {
		t.logged = time.Now()
		t.log.Info(message, attributes...)
	}
}

func (t *taker) table(name string) string { return t.d.Schema().Syntax.Table(name) }

// call matches a function of a column in a statement.
var call = regexp.MustCompile(`\$(exact|dotted|current)\(([^()]+)\)`)

// text expands a statement for this database: $(name) is a table, $(name_old) a table of the predecessor, $(names) the table
// of changed names; $exact(column), $dotted(column) and $current(column) are functions of dialect.Predecessor.
func (t *taker) text(statement string) string {
	old := t.d.Schema().Predecessor
	statement = strings.NewReplacer(
		"$(sync_documents_old)", t.table("sync_documents"+t.from), "$(sync_change_log_old)", t.table("sync_change_log"+t.from),
		"$(sync_documents)", t.table("sync_documents"), "$(sync_change_log)", t.table("sync_change_log"),
		"$(names)", t.table(renamedTable),
	).Replace(statement)
	return call.ReplaceAllStringFunc(statement, func(text string) string {
		parts := call.FindStringSubmatch(text)
		return map[string]func(string) string{"exact": old.Exact, "dotted": old.Dotted, "current": old.Current}[parts[1]](parts[2])
	})
}

func (t *taker) exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) error {
	statement, err := t.d.Placeholders().ReplacePlaceholders(statement)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, statement, args...)
	return err
}
