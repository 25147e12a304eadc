package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/squirrel"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// migrate runs the missing migrations, one transaction each. It returns the epoch, and whether this call has created it. It
// may run in several processes at once.
func migrate(ctx context.Context, d dialect.Dialect) (epoch string, created bool, err error) {
	newest := len(d.Schema().Migrations)
	for {
		var version int
		err := withTimeout(ctx, func(ctx context.Context) (err error) {
			version, err = schemaVersion(ctx, d, d.Writer())
			return err
		})
		if err != nil {
			return "", false, err
		}
		if version >= newest {
			err := withTimeout(ctx, func(ctx context.Context) (err error) {
				if err := expectUsable(ctx, d, version); err != nil {
					return err
				}
				epoch, err = readEpoch(ctx, d)
				return err
			})
			return epoch, created, err
		}
		made, err := migrateFrom(ctx, d, version)
		created = created || made
		if err != nil {
			err = withPermissionHint(d, err, `migrate" or the output of "pathsync migrate --print`)
			return "", false, fmt.Errorf("migrating tables to version %d: %w", version+1, err)
		}
	}
}

// expectUsable returns an error if this program cannot use the tables of a schema version. A migration that only adds what
// older programs ignore leaves schema_oldest unchanged, so that they keep running while servers are upgraded one by one. Any
// other migration sets it to its own number.
func expectUsable(ctx context.Context, d dialect.Dialect, version int) error {
	newest := len(d.Schema().Migrations)
	if version <= newest {
		return nil
	}
	text, err := queryMeta(ctx, d, d.Reader(), "schema_oldest")
	if errors.Is(err, errNoMeta) {
		return tooNew(version, newest)
	}
	if err != nil {
		return err
	}
	oldest, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("reading schema_oldest: %w", err)
	}
	if oldest > newest {
		return tooNew(version, newest)
	}
	return nil
}

// migrateFrom runs one migration, unless another process has. It reports whether it has created the epoch.
func migrateFrom(ctx context.Context, d dialect.Dialect, version int) (created bool, err error) {
	err = dialect.InTransaction(ctx, d.Writer(), func(tx *sql.Tx) error {
		if lock := d.Schema().Lock; lock != "" {
			if _, err := tx.ExecContext(ctx, lock); err != nil {
				return err
			}
		}
		if now, err := schemaVersion(ctx, d, tx); err != nil || now != version {
			return err
		}
		for _, batch := range dialect.Batches(d.Schema().Migrations[version]) {
			if _, err := tx.ExecContext(ctx, batch); err != nil {
				return err
			}
		}
		if version == 0 {
			created = true
			insert := squirrel.Insert(d.Schema().Syntax.Table("sync_meta")).Columns("name", "value").
				Values("epoch", newEpoch()).Values("schema_version", "1")
			return exec(ctx, d, tx, insert)
		}
		return exec(ctx, d, tx, squirrel.Update(d.Schema().Syntax.Table("sync_meta")).
			Set("value", strconv.Itoa(version+1)).Where("name = ?", "schema_version"))
	})
	return created && err == nil, err
}

// newEpoch returns eight letters and digits: 40 random bits, enough to distinguish the histories of one database.
func newEpoch() string { return strings.ToLower(rand.Text()[:8]) }

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaVersion returns the number of the last migration; 0 without tables.
func schemaVersion(ctx context.Context, d dialect.Dialect, db queryer) (int, error) {
	if there, err := tableExists(ctx, d, db, "sync_meta"); err != nil || !there {
		return 0, err
	}
	text, err := queryMeta(ctx, d, db, "schema_version")
	if err != nil {
		return 0, err
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("reading schema_version: %w", err)
	}
	return version, nil
}

func tableExists(ctx context.Context, d dialect.Dialect, db queryer, table string) (bool, error) {
	var tables int
	err := db.QueryRowContext(ctx, d.Schema().Exists(table)).Scan(&tables)
	return tables > 0, err
}

func readEpoch(ctx context.Context, d dialect.Dialect) (string, error) {
	return queryMeta(ctx, d, d.Reader(), "epoch")
}

var errNoMeta = errors.New("sync_meta has no")

func queryMeta(ctx context.Context, d dialect.Dialect, db queryer, name string) (value string, err error) {
	query, args, err := squirrel.Select("value").From(d.Schema().Syntax.Table("sync_meta")).Where("name = ?", name).
		PlaceholderFormat(d.Placeholders()).ToSql()
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w %s: the tables are not those of pathsync, or were changed", errNoMeta, name)
	}
	return value, err
}

func exec(ctx context.Context, d dialect.Dialect, tx *sql.Tx, statement squirrel.Sqlizer) error {
	_, err := execCount(ctx, d, tx, statement)
	return err
}

// execCount executes a statement and returns the number of rows that it has changed.
func execCount(ctx context.Context, d dialect.Dialect, tx *sql.Tx, statement squirrel.Sqlizer) (rows int64, err error) {
	query, args, err := statement.ToSql()
	if err != nil {
		return 0, err
	}
	if query, err = d.Placeholders().ReplacePlaceholders(query); err != nil {
		return 0, err
	}
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
