package sqlserver

import (
	"fmt"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// predecessor describes the predecessor's tables in their original database. Their names compare by the database's
// collation, ours by code units.
var predecessor = dialect.Predecessor{
	Exact:   exact,
	Dotted:  func(column string) string { return "(" + exact(column) + " + N'.')" },
	Current: func(column string) string { return column + " COLLATE DATABASE_DEFAULT" },
	CreateNames: `CREATE TABLE $(names) (
	id BIGINT NOT NULL,
	kind NVARCHAR(4) COLLATE Latin1_General_100_BIN2 NOT NULL,
	old_name NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
	new_name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NULL,
	PRIMARY KEY (kind, old_name)
)`,
	// The rows keep their ids.
	CopyLog: func(columns, selection string) string {
		return `SET IDENTITY_INSERT $(sync_change_log) ON;
INSERT INTO $(sync_change_log) (id, ` + columns + `) SELECT p.id, ` + selection + `;
SET IDENTITY_INSERT $(sync_change_log) OFF;`
	},
	Rename: func(table, name string) string {
		return fmt.Sprintf("EXEC sp_rename N'%s', N'%s', N'OBJECT'", table, name)
	},
}

func exact(column string) string { return column + " COLLATE Latin1_General_100_BIN2" }
