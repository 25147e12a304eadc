package sqlstore

import (
	"fmt"
	"strings"
)

// sqlServerTextParameter has a text compared as a type that an index is searched by. It is longer than any column, so
// that nothing is cut off to fit one.
const sqlServerTextParameter = "CAST(? AS NVARCHAR(4000))"

const (
	sqlServerDelayedDurability = "SELECT delayed_durability FROM sys.databases WHERE database_id = DB_ID()"

	// In a database that keeps versions of rows (READ_COMMITTED_SNAPSHOT), a SELECT sees rows as of one moment. Elsewhere it
	// could see some from before a transaction and some from after it, unless it is serializable, and then it waits for
	// transactions, and they for it. Each read asks, because the setting can change while the server runs. What is set
	// lasts until the end of the batch of statements that it is sent with.
	sqlServerReadPrelude = "IF EXISTS (SELECT 1 FROM sys.databases WHERE database_id = DB_ID() AND is_read_committed_snapshot_on = 0) " +
		sqlServerSerializable
	sqlServerSerializable = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; "

	sqlServerTableExists = `SELECT COUNT(*) FROM sys.tables
WHERE name = N'$(table)' AND schema_id = SCHEMA_ID(N'$(schema)')`

	sqlServerMigrationLock = `DECLARE @got INT;
EXEC @got = sp_getapplock @Resource = N'pathsync', @LockMode = N'Exclusive', @LockOwner = N'Transaction';
IF @got < 0 THROW 51000, N'the lock for migrations was not granted', 1;`

	// An empty text and -1 stand for NULL, because a parameter that is NULL would be of another type, and each mix of
	// types planned anew. A row of zeros is there to fill the statement up.
	sqlServerInsertOps = `INSERT INTO [$(schema)].sync_change_log (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded, user_id)
SELECT room, store_key, path, op, CASE WHEN DATALENGTH(value) > 0 THEN value END, client_id, server_seq,
	server_ts, op_index, NULLIF(client_seq, -1), NULLIF(array_index, -1), NULLIF(discarded, N''), CASE WHEN DATALENGTH(user_id) > 0 THEN user_id END
FROM (VALUES $(rows)) AS new (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded, user_id)
WHERE server_seq > 0;`

	// Most of the time all rows are there and older, and then the second statement has nothing to do.
	sqlServerUpsertDocuments = `SET NOCOUNT ON;
UPDATE old SET state = new.state, server_seq = new.server_seq, updated_at = SYSUTCDATETIME()
FROM [$(schema)].sync_documents AS old
JOIN (VALUES $(rows)) AS new (room, store_key, state, server_seq)
	ON old.room = CAST(new.room AS NVARCHAR(4000)) AND old.store_key = CAST(new.store_key AS NVARCHAR(4000))
WHERE old.server_seq < new.server_seq;
IF @@ROWCOUNT < $(count)
	INSERT INTO [$(schema)].sync_documents (room, store_key, state, server_seq)
	SELECT room, store_key, state, server_seq
	FROM (VALUES $(rows)) AS new (room, store_key, state, server_seq)
	WHERE server_seq > 0 AND NOT EXISTS (
		SELECT 1 FROM [$(schema)].sync_documents AS old
		WHERE old.room = CAST(new.room AS NVARCHAR(4000)) AND old.store_key = CAST(new.store_key AS NVARCHAR(4000))
	);`

	sqlServerUpsertCheckpoints = `SET NOCOUNT ON;
UPDATE old SET server_seq = new.server_seq, documents = new.documents
FROM [$(schema)].sync_checkpoints AS old
JOIN (VALUES $(rows)) AS new (room, server_seq, documents) ON old.room = CAST(new.room AS NVARCHAR(4000))
WHERE old.server_seq < new.server_seq;
IF @@ROWCOUNT < $(count)
	INSERT INTO [$(schema)].sync_checkpoints (room, server_seq, documents)
	SELECT room, server_seq, documents
	FROM (VALUES $(rows)) AS new (room, server_seq, documents)
	WHERE server_seq >= 0 AND NOT EXISTS (
		SELECT 1 FROM [$(schema)].sync_checkpoints AS old WHERE old.room = CAST(new.room AS NVARCHAR(4000))
	);`
)

var sqlServerIdiom = idiom{
	now:   "SYSUTCDATETIME()",
	bytes: "DATALENGTH",
	limit: "OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY",
}

// The columns of a row of the three statements.
const (
	sqlServerOpColumns         = 13
	sqlServerDocumentColumns   = 4
	sqlServerCheckpointColumns = 3
)

// inSQLServerSchema is a text for one schema.
func inSQLServerSchema(text, schema string) string {
	return strings.ReplaceAll(text, "$(schema)", schema)
}

// withRows is a text for so many rows. The parameters of the rows come first, and after them their count.
func withRows(text string, rows, columns int) string {
	var b strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "@p%d", i+1)
	}
	b.WriteString(")")
	text = strings.ReplaceAll(text, "$(rows)", b.String())
	return strings.ReplaceAll(text, "$(count)", fmt.Sprintf("@p%d", rows*columns+1))
}
