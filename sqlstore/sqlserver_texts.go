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
	//
	// What a single statement inserts is checked in the same round trip. The transaction ends with the text, however it
	// ends: XACT_ABORT undoes it after any error, and when the server is told to give it up.
	sqlServerAppend = "SET XACT_ABORT ON; SET NOCOUNT ON; DECLARE @pathsync NVARCHAR(50); BEGIN TRANSACTION; " +
		sqlServerInsertOps + sqlServerCheckRows + " COMMIT TRANSACTION;"

	sqlServerInsertOps = `INSERT INTO [$(schema)].sync_change_log (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded, user_id)
SELECT room, store_key, path, op, CASE WHEN DATALENGTH(value) > 0 THEN value END, client_id, server_seq,
	server_ts, op_index, NULLIF(client_seq, -1), NULLIF(array_index, -1), NULLIF(discarded, N''), CASE WHEN DATALENGTH(user_id) > 0 THEN user_id END
FROM (VALUES $(rows)) AS new (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded, user_id)
WHERE server_seq > 0;`

	// The spans of the rooms are taken from the rows that were inserted.
	sqlServerCheckRows = `
WITH span AS (
	SELECT room, MIN(server_seq) AS first, MAX(server_seq) AS last
	FROM (SELECT CAST(room AS NVARCHAR(4000)) COLLATE Latin1_General_100_BIN2 AS room, server_seq
		FROM (VALUES $(positions)) AS new (room, server_seq) WHERE server_seq > 0) AS inserted
	GROUP BY room
)` + sqlServerVerdict

	// The spans are parameters: room, first and last of each.
	sqlServerCheckSpans = `DECLARE @pathsync NVARCHAR(50);
WITH span AS (
	SELECT CAST(room AS NVARCHAR(4000)) COLLATE Latin1_General_100_BIN2 AS room, first, last FROM (VALUES $(rows)) AS new (room, first, last) WHERE first > 0
)` + sqlServerVerdict

	// An error undoes what was written: a text that is no number, with the verdict in it. Subqueries with TOP are searches
	// of an index for each room. With EXISTS and a join, a server may read the whole log instead.
	sqlServerVerdict = `
SELECT @pathsync = CASE
	WHEN NOT EXISTS (SELECT 1 FROM [$(schema)].sync_meta WHERE name = N'epoch' AND value = CAST($(epoch) AS NVARCHAR(400)))
		THEN N'pathsync: epoch'
	WHEN EXISTS (SELECT 1 FROM span WHERE (SELECT TOP (1) log.server_seq FROM [$(schema)].sync_change_log AS log
		WHERE log.room = span.room AND log.server_seq > span.last AND log.op_index >= 0 ORDER BY log.server_seq) IS NOT NULL)
		THEN N'pathsync: conflict'
	WHEN EXISTS (SELECT 1 FROM span WHERE first > 1
		AND (SELECT TOP (1) log.server_seq FROM [$(schema)].sync_change_log AS log
			WHERE log.room = span.room AND log.server_seq = span.first - 1 AND log.op_index >= 0 ORDER BY log.server_seq) IS NULL
		AND (SELECT TOP (1) document.server_seq FROM [$(schema)].sync_documents AS document
			WHERE document.room = span.room AND document.server_seq >= span.first - 1 ORDER BY document.server_seq) IS NULL)
		THEN N'pathsync: gap'
END;
IF @pathsync IS NOT NULL THROW 50731, @pathsync, 1;`

	// What is saved is never newer than the room's log, if it has one.
	sqlServerCheckSaved = `
IF NOT EXISTS (SELECT 1 FROM [$(schema)].sync_meta WHERE name = N'epoch' AND value = CAST($(epoch) AS NVARCHAR(400)))
	THROW 50731, N'pathsync: epoch', 1;
IF EXISTS (
	SELECT 1 FROM (
		SELECT CAST(room AS NVARCHAR(4000)) COLLATE Latin1_General_100_BIN2 AS room, server_seq
		FROM (VALUES $(positions)) AS new (room, server_seq) WHERE server_seq > 0
	) AS saved
	WHERE (SELECT TOP (1) log.server_seq FROM [$(schema)].sync_change_log AS log
		WHERE log.room = saved.room AND log.op_index >= 0 ORDER BY log.server_seq DESC) < saved.server_seq)
	THROW 50731, N'pathsync: gap', 1;`

	sqlServerLockLog       = `SELECT TOP (1) 1 FROM [$(schema)].sync_change_log WITH (TABLOCKX, HOLDLOCK)`
	sqlServerLockDocuments = `SELECT TOP (1) 1 FROM [$(schema)].sync_documents WITH (TABLOCKX, HOLDLOCK)`
	sqlServerLockMarks     = `SELECT TOP (1) 1 FROM [$(schema)].sync_checkpoints WITH (TABLOCKX, HOLDLOCK)`

	// What a restored copy of the database does not have in common with it.
	sqlServerIdentity = `SELECT CONCAT(database_guid, N'/', recovery_fork_guid, N'/', OBJECT_ID(N'[$(schema)].sync_change_log'))
FROM sys.database_recovery_status WHERE database_id = DB_ID() AND recovery_fork_guid IS NOT NULL`

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
	);` + sqlServerCheckSaved

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
	);` + sqlServerCheckSaved
)

var sqlServerIdiom = idiom{
	now:   "SYSUTCDATETIME()",
	bytes: "DATALENGTH",
	limit: "OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY",
}

// The columns of a row of the statements.
const (
	sqlServerOpColumns         = 13
	sqlServerDocumentColumns   = 4
	sqlServerCheckpointColumns = 3
	sqlServerSpanColumns       = 3
)

// The place of the serverSeq among the columns, from 1 on. The room is the first.
var sqlServerSeqColumn = map[int]int{sqlServerOpColumns: 7, sqlServerDocumentColumns: 4, sqlServerCheckpointColumns: 2}

// inSQLServerSchema is a text for one schema.
func inSQLServerSchema(text, schema string) string {
	return strings.ReplaceAll(text, "$(schema)", schema)
}

// withRows is a text for so many rows. The parameters of the rows come first, after them their count where the text has
// it, and then the epoch.
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
	positions := make([]string, rows)
	for i := range positions {
		positions[i] = fmt.Sprintf("(@p%d, @p%d)", i*columns+1, i*columns+sqlServerSeqColumn[columns])
	}
	text = strings.ReplaceAll(text, "$(positions)", strings.Join(positions, ", "))
	next := rows*columns + 1
	if strings.Contains(text, "$(count)") {
		text = strings.ReplaceAll(text, "$(count)", fmt.Sprintf("@p%d", next))
		next++
	}
	return strings.ReplaceAll(text, "$(epoch)", fmt.Sprintf("@p%d", next))
}
