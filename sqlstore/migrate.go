package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/squirrel"
)

//go:embed migrations
var migrationFiles embed.FS

// readMigrations returns the embedded migrations of a dialect, in order. Each file is named NNNN_what_it_does.sql after
// the version that it leads to; a file that was released is never changed.
func readMigrations(dialect string) ([]string, error) {
	files, err := fs.Glob(migrationFiles, path.Join("migrations", dialect, "*.sql"))
	if err != nil {
		return nil, fmt.Errorf("finding migrations: %w", err)
	}
	migrations := make([]string, len(files))
	for i, file := range files { // Glob sorts
		if number := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(path.Base(file), number) {
			return nil, fmt.Errorf("finding migrations: %s should start with %s", file, number)
		}
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading migrations: %w", err)
		}
		migrations[i] = string(text)
	}
	return migrations, nil
}

// migrate brings the tables to the newest version that is known, one transaction a version, and returns the epoch and
// whether it was chosen now. It may run in several processes at once.
func migrate(ctx context.Context, d dialect) (epoch string, created bool, err error) {
	newest := len(d.schema().migrations)
	for {
		var version int
		err := soon(ctx, func(ctx context.Context) (err error) {
			version, err = schemaVersion(ctx, d, d.writer())
			return err
		})
		if err != nil {
			return "", false, err
		}
		if version > newest {
			return "", false, tooNew(version, newest)
		}
		if version == newest {
			err := soon(ctx, func(ctx context.Context) (err error) {
				epoch, err = readMeta(ctx, d, "epoch")
				return err
			})
			return epoch, created, err
		}
		made, err := migrateFrom(ctx, d, version)
		created = created || made
		if err != nil {
			err = withRightsHint(d, err, `migrate" or the output of "pathsync migrate --print`)
			return "", false, fmt.Errorf("migrating tables to version %d: %w", version+1, err)
		}
	}
}

var endOfPiece = regexp.MustCompile(`(?m)^GO\s*$`)

// migrateFrom runs one migration, unless another process has done so meanwhile. It reports whether it chose the epoch.
func migrateFrom(ctx context.Context, d dialect, version int) (created bool, err error) {
	err = inTransaction(ctx, d.writer(), func(tx *sql.Tx) error {
		if lock := d.schema().lock; lock != "" {
			if _, err := tx.ExecContext(ctx, lock); err != nil {
				return err
			}
		}
		if now, err := schemaVersion(ctx, d, tx); err != nil || now != version {
			return err
		}
		for _, piece := range endOfPiece.Split(d.schema().migrations[version], -1) {
			if _, err := tx.ExecContext(ctx, piece); err != nil {
				return err
			}
		}
		if version == 0 {
			created = true
			insert := squirrel.Insert(d.schema().idiom.table("sync_meta")).Columns("name", "value").
				Values("epoch", newEpoch()).Values("schema_version", "1")
			return exec(ctx, d, tx, insert)
		}
		return exec(ctx, d, tx, squirrel.Update(d.schema().idiom.table("sync_meta")).
			Set("value", strconv.Itoa(version+1)).Where("name = ?", "schema_version"))
	})
	return created && err == nil, err
}

// newEpoch is eight letters and digits: 40 random bits, enough to tell apart the histories of one database.
func newEpoch() string { return strings.ToLower(rand.Text()[:8]) }

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaVersion is the number of the last migration that was run; 0 if there are no tables.
func schemaVersion(ctx context.Context, d dialect, db queryer) (int, error) {
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

func tableExists(ctx context.Context, d dialect, db queryer, table string) (bool, error) {
	var tables int
	err := db.QueryRowContext(ctx, d.schema().exists(table)).Scan(&tables)
	return tables > 0, err
}

func readMeta(ctx context.Context, d dialect, name string) (string, error) {
	return queryMeta(ctx, d, d.reader(), name)
}

var errNoMeta = errors.New("sync_meta has no")

func queryMeta(ctx context.Context, d dialect, db queryer, name string) (value string, err error) {
	query, args, err := squirrel.Select("value").From(d.schema().idiom.table("sync_meta")).Where("name = ?", name).
		PlaceholderFormat(d.placeholders()).ToSql()
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w %s: these tables are not pathsync's, or were changed by hand", errNoMeta, name)
	}
	return value, err
}

func exec(ctx context.Context, d dialect, tx *sql.Tx, statement squirrel.Sqlizer) error {
	query, args, err := statement.ToSql()
	if err != nil {
		return err
	}
	if query, err = d.placeholders().ReplacePlaceholders(query); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, args...)
	return err
}
