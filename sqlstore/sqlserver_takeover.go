package sqlstore

import "fmt"

// sqlServerOldTables are the predecessor's tables in the database that it ran on. Their names compare by the database's
// collation, ours by their code units.
func sqlServerOldTables() oldTables {
	exact := func(column string) string { return column + " COLLATE Latin1_General_100_BIN2" }
	return oldTables{
		exact:   exact,
		dotted:  func(column string) string { return "(" + exact(column) + " + N'.')" },
		current: func(column string) string { return column + " COLLATE DATABASE_DEFAULT" },
		createNames: `CREATE TABLE $(names) (
	id BIGINT NOT NULL,
	kind NVARCHAR(4) COLLATE Latin1_General_100_BIN2 NOT NULL,
	old_name NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
	new_name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NULL,
	PRIMARY KEY (kind, old_name)
)`,
		// The rows keep their ids.
		copyLog: `SET IDENTITY_INSERT $(sync_change_log) ON;
INSERT INTO $(sync_change_log) (id, ` + takeoverLogColumns + `) SELECT p.id, ` + takeoverLogSelect + `;
SET IDENTITY_INSERT $(sync_change_log) OFF;`,
		rename: func(table, name string) string {
			return fmt.Sprintf("EXEC sp_rename N'%s', N'%s', N'OBJECT'", table, name)
		},
	}
}
