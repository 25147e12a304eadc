package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// MigrationScript returns the SQL that migrates tables from a schema version to that of this program, for the database's
// own tools: sqlcmd, psql or sqlite3. The script is one transaction, sets sync_meta, and fails for tables of another
// version. It is empty if the tables are up to date, or of a newer version that this program can use.
//
// With a negative version, MigrationScript reads the version from the database. Otherwise it does not connect.
func MigrationScript(ctx context.Context, dsn string, from int, options ...Option) (script string, err error) {
	if from >= 0 {
		d, err := newDialect(dsn, newSettings(options).log)
		if err != nil {
			return "", err
		}
		defer d.Close()
		return migrationScript(d, from)
	}
	err = withDialect(ctx, dsn, options, func(d dialect.Dialect, _ *slog.Logger) (err error) {
		if from, err = schemaVersion(ctx, d, d.Reader()); err != nil {
			return err
		}
		if from > len(d.Schema().Migrations) {
			return expectUsable(ctx, d, from)
		}
		script, err = migrationScript(d, from)
		return err
	})
	return script, err
}

func migrationScript(d dialect.Dialect, from int) (string, error) {
	script, newest := d.Schema().Script, len(d.Schema().Migrations)
	switch {
	case from > newest:
		return "", tooNew(from, newest)
	case from == newest:
		return "", nil
	}
	guard := script.Guard
	meta := fmt.Sprintf("UPDATE %s SET value = '%d' WHERE name = 'schema_version';", d.Schema().Syntax.Table("sync_meta"), newest)
	if from == 0 {
		guard = script.GuardNew
		meta = fmt.Sprintf("INSERT INTO %s (name, value) VALUES ('epoch', '%s'), ('schema_version', '%d');",
			d.Schema().Syntax.Table("sync_meta"), newEpoch(), newest)
	}
	pieces := []string{script.Begin, strings.ReplaceAll(guard, "$(version)", fmt.Sprint(from))}
	for _, migration := range d.Schema().Migrations[from:] {
		pieces = append(pieces, dialect.Batches(migration)...)
	}
	pieces = append(pieces, meta, script.Commit)
	var b strings.Builder
	fmt.Fprintf(&b, "-- pathsync: the tables, from version %d to version %d. Run it as a whole.\n", from, newest)
	for i, piece := range pieces {
		if i > 0 {
			b.WriteString(script.Between)
		}
		b.WriteString(strings.TrimSpace(piece) + "\n\n")
	}
	return b.String(), nil
}
