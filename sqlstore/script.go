package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
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
		defer d.close()
		return migrationScript(d, from)
	}
	err = withDialect(ctx, dsn, options, func(d dialect, _ *slog.Logger) (err error) {
		if from, err = schemaVersion(ctx, d, d.reader()); err != nil {
			return err
		}
		script, err = migrationScript(d, from)
		return err
	})
	return script, err
}

// scripting is how a dialect writes a migration script.
type scripting struct {
	// begin and commit go around it. guard fails unless sync_meta says that the tables have the version $(version), and
	// guardNew unless there is no sync_meta. between stands between two pieces.
	begin, guard, guardNew, between, commit string
}

// in is the script for a schema of SQL Server.
func (s scripting) in(schema string) scripting {
	s.guard, s.guardNew = inSQLServerSchema(s.guard, schema), inSQLServerSchema(s.guardNew, schema)
	return s
}

func migrationScript(d dialect, from int) (string, error) {
	say, newest := d.schema().script, len(d.schema().migrations)
	switch {
	case from > newest:
		return "", tooNew(from, newest)
	case from == newest:
		return "", nil
	}
	guard := say.guard
	meta := fmt.Sprintf("UPDATE %s SET value = '%d' WHERE name = 'schema_version';", d.schema().idiom.table("sync_meta"), newest)
	if from == 0 {
		guard = say.guardNew
		meta = fmt.Sprintf("INSERT INTO %s (name, value) VALUES ('epoch', '%s'), ('schema_version', '%d');",
			d.schema().idiom.table("sync_meta"), newEpoch(), newest)
	}
	pieces := []string{say.begin, strings.ReplaceAll(guard, "$(version)", fmt.Sprint(from))}
	for _, migration := range d.schema().migrations[from:] {
		pieces = append(pieces, endOfPiece.Split(migration, -1)...)
	}
	pieces = append(pieces, meta, say.commit)
	var b strings.Builder
	fmt.Fprintf(&b, "-- pathsync: the tables, from version %d to version %d. Run it as a whole.\n", from, newest)
	for i, piece := range pieces {
		if i > 0 {
			b.WriteString(say.between)
		}
		b.WriteString(strings.TrimSpace(piece) + "\n\n")
	}
	return b.String(), nil
}

var (
	// Each batch of statements asks whether the transaction is still there. An error ends it (XACT_ABORT), and sqlcmd goes
	// on to the next batch.
	sqlServerScript = scripting{
		begin: `SET XACT_ABORT ON;
SET NOCOUNT ON;
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO

BEGIN TRANSACTION;
` + sqlServerMigrationLock,
		guardNew: `IF OBJECT_ID(N'[$(schema)].sync_meta', N'U') IS NOT NULL
    THROW 51000, N'the tables are there already: print the script again', 1;`,
		guard: `IF NOT EXISTS (SELECT 1 FROM [$(schema)].sync_meta WHERE name = N'schema_version' AND value = N'$(version)')
    THROW 51000, N'the tables do not have version $(version): print the script again', 1;`,
		between: "GO\nIF @@TRANCOUNT = 0 RETURN;\n",
		commit:  "COMMIT TRANSACTION;\nGO",
	}
	postgresScript = scripting{
		begin: "BEGIN;\n" + postgresMigrationLock + ";",
		guardNew: `DO $$ BEGIN
    IF to_regclass('sync_meta') IS NOT NULL THEN
        RAISE EXCEPTION 'the tables are there already: print the script again';
    END IF;
END $$;`,
		guard: `DO $$ BEGIN
    IF NOT EXISTS (SELECT 1 FROM sync_meta WHERE name = 'schema_version' AND value = '$(version)') THEN
        RAISE EXCEPTION 'the tables do not have version $(version): print the script again';
    END IF;
END $$;`,
		commit: "COMMIT;",
	}
	sqliteScript = scripting{
		begin: ".bail on\nBEGIN IMMEDIATE;",
		// It inserts a second row with the same name, and so fails, unless the version is the right one.
		guard:  "INSERT INTO sync_meta SELECT name, value FROM sync_meta WHERE name = 'schema_version' AND value <> '$(version)';",
		commit: "COMMIT;",
	}
)
