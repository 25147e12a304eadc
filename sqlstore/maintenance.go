package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// Migrate migrates the tables of a database, as Open does, and returns their schema version. It is higher than
// that of this program if a newer one has migrated them.
func Migrate(ctx context.Context, dsn string, options ...Option) (version int, err error) {
	err = withDialect(ctx, dsn, options, func(d dialect.Dialect, _ *slog.Logger) (err error) {
		if _, _, err := migrate(ctx, d); err != nil {
			return err
		}
		version, err = schemaVersion(ctx, d, d.Reader())
		return err
	})
	return version, err
}

// TakeOver migrates a database and takes over the tables of nuxt-synced-pinia-store, as Open does. The report is empty if
// there is nothing to take over.
func TakeOver(ctx context.Context, dsn string, options ...Option) (report TakeoverReport, err error) {
	err = withDialect(ctx, dsn, options, func(d dialect.Dialect, log *slog.Logger) error {
		if _, _, err := migrate(ctx, d); err != nil {
			return err
		}
		report, err = takeOver(ctx, d, log)
		return err
	})
	return report, err
}

// PlanTakeover returns the report of TakeOver, and logs the same, without changing anything.
func PlanTakeover(ctx context.Context, dsn string, options ...Option) (report TakeoverReport, err error) {
	err = withDialect(ctx, dsn, options, func(d dialect.Dialect, log *slog.Logger) error {
		report, err = planTakeover(ctx, d, log)
		return err
	})
	return report, err
}

// UndoTakeover restores the predecessor's tables, including documents written since the takeover, and drops pathsync's. If
// documents would be lost, it changes nothing and returns an error, unless force is set.
func UndoTakeover(ctx context.Context, dsn string, force bool, options ...Option) (report UndoReport, err error) {
	err = withDialect(ctx, dsn, options, func(d dialect.Dialect, log *slog.Logger) error {
		report, err = undoTakeover(ctx, d, log, force)
		return err
	})
	return report, err
}

// withDialect connects to a database and calls use.
func withDialect(ctx context.Context, dsn string, options []Option, use func(dialect.Dialect, *slog.Logger) error) error {
	set := newSettings(options)
	d, err := newDialect(dsn, set.log)
	if err != nil {
		return fmt.Errorf("opening database: %w", err)
	}
	defer d.Close()
	if err = withTimeout(ctx, d.Connect); err == nil {
		err = use(d, set.log)
	}
	if err != nil {
		return fmt.Errorf("database %s: %w", d.Name(), d.Explain(err))
	}
	return nil
}

func planTakeover(ctx context.Context, d dialect.Dialect, log *slog.Logger) (TakeoverReport, error) {
	t := newTaker(d, log)
	t.dry = true
	pending, err := t.pending(ctx)
	if err != nil {
		return TakeoverReport{}, err
	}
	if !pending { // the first migration may not have renamed the tables yet
		ours, err := tableExists(ctx, d, d.Writer(), "sync_meta")
		if err != nil || ours {
			return TakeoverReport{}, err
		}
		theirs, err := tableExists(ctx, d, d.Writer(), "sync_documents")
		if err != nil || !theirs {
			return TakeoverReport{}, err
		}
		t.from = ""
	}
	if err := t.count(ctx); err != nil {
		return TakeoverReport{}, err
	}
	if err := t.findNames(ctx, d.Reader()); err != nil {
		return TakeoverReport{}, err
	}
	err = t.eachDocument(ctx, func(oldDocument) error { return nil })
	return t.report, err
}

// UndoReport counts documents of an undone takeover.
type UndoReport struct {
	Updated int64 // documents of the predecessor that have changed since the takeover
	Added   int64 // documents that are new since the takeover
	Lost    int64 // documents whose names equal others in the predecessor's collation; lost with force
}

func undoTakeover(ctx context.Context, d dialect.Dialect, log *slog.Logger, force bool) (report UndoReport, err error) {
	t := newTaker(d, log)
	return report, t.step(ctx, func(ctx context.Context, tx *sql.Tx, progress string) error {
		report = UndoReport{}
		return t.undo(ctx, tx, progress, force, &report)
	})
}
