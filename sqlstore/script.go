package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// MigrationScript returns the SQL that brings the tables of a database from a version to the one that this program needs,
// for an administrator who runs it with the database's own tools: sqlcmd, psql or sqlite3. It is one transaction, fills
// sync_meta, and refuses tables of another version. It is empty when there is nothing to do.
//
// With a negative version the database is asked for its own. Otherwise there is no connection.
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
