package sqlserver

import (
	"fmt"
	"strings"

	"github.com/pathsync/pathsync/sqlstore/internal/dialect"
)

// textParameter casts a text to the type of the indexed columns, so that an index is searched. It is longer than any column,
// so that nothing is truncated.
const textParameter = "CAST(? AS NVARCHAR(4000))"

const (
	selectDelayedDurability = "SELECT delayed_durability FROM sys.databases WHERE database_id = DB_ID()"

	// With READ_COMMITTED_SNAPSHOT, a SELECT reads a consistent snapshot. Without it, a SELECT must be serializable, or it
	// could read some rows from before a transaction and some from after it; readers and writers then wait for each other.
	// Each read checks the setting, because it can change while the server runs. The isolation level lasts until the end of
	// the batch of statements.
	readPrelude = "IF EXISTS (SELECT 1 FROM sys.databases WHERE database_id = DB_ID() AND is_read_committed_snapshot_on = 0) " +
		serializable
	serializable = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; "

	tableExists = `SELECT COUNT(*) FROM sys.tables
WHERE name = N'$(table)' AND schema_id = SCHEMA_ID(N'$(schema)')`

	migrationLock = `DECLARE @got INT;
EXEC @got = sp_getapplock @Resource = N'pathsync', @LockMode = N'Exclusive', @LockOwner = N'Transaction';
IF @got < 0 THROW 51000, N'the lock for migrations was not granted', 1;`

	// An empty text and -1 represent NULL, because a NULL parameter has another type, and each combination of types needs a
	// plan of its own. Rows of zeros are padding.
	//
	// Insert and check take one round trip. The transaction ends with the batch in any case: XACT_ABORT rolls it back after
	// an error and when the client cancels it.
	appendOps = "SET XACT_ABORT ON; SET NOCOUNT ON; DECLARE @pathsync NVARCHAR(50); BEGIN TRANSACTION; " +
		insertOps + checkRows + " COMMIT TRANSACTION;"

	insertOps = `INSERT INTO [$(schema)].sync_change_log (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded, user_id)
SELECT room, store_key, path, op, CASE WHEN DATALENGTH(value) > 0 THEN value END, client_id, server_seq,
	server_ts, op_index, NULLIF(client_seq, -1), NULLIF(array_index, -1), NULLIF(discarded, N''), CASE WHEN DATALENGTH(user_id) > 0 THEN user_id END
FROM (VALUES $(rows)) AS new (room, store_key, path, op, value, client_id, server_seq,
	server_ts, op_index, client_seq, array_index, discarded, user_id)
WHERE server_seq > 0;`

	// The spans describe the inserted rows.
	checkRows = `
WITH span AS (
	SELECT room, MIN(server_seq) AS first, MAX(server_seq) AS last
	FROM (SELECT CAST(room AS NVARCHAR(4000)) COLLATE Latin1_General_100_BIN2 AS room, server_seq
		FROM (VALUES $(positions)) AS new (room, server_seq) WHERE server_seq > 0) AS inserted
	GROUP BY room
)` + raiseVerdict

	// The spans are parameters: room, first and last of each.
	checkSpans = `DECLARE @pathsync NVARCHAR(50);
WITH span AS (
	SELECT CAST(room AS NVARCHAR(4000)) COLLATE Latin1_General_100_BIN2 AS room, first, last FROM (VALUES $(rows)) AS new (room, first, last) WHERE first > 0
)` + raiseVerdict

	// THROW rolls the writes back. Subqueries with TOP are searches of an index for each room. With EXISTS and a join, a server
	// may read the whole log instead.
	raiseVerdict = `
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

	// Document rows and checkpoints are never newer than the room's log, unless it is empty.
	checkSaved = `
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

	lockLog         = `SELECT TOP (1) 1 FROM [$(schema)].sync_change_log WITH (TABLOCKX, HOLDLOCK)`
	lockDocuments   = `SELECT TOP (1) 1 FROM [$(schema)].sync_documents WITH (TABLOCKX, HOLDLOCK)`
	lockCheckpoints = `SELECT TOP (1) 1 FROM [$(schema)].sync_checkpoints WITH (TABLOCKX, HOLDLOCK)`

	// The database, its recovery fork, and the table; at least one differs in a restored copy of the database.
	selectIdentity = `SELECT CONCAT(database_guid, N'/', recovery_fork_guid, N'/', OBJECT_ID(N'[$(schema)].sync_change_log'))
FROM sys.database_recovery_status WHERE database_id = DB_ID() AND recovery_fork_guid IS NOT NULL`

	// Usually all rows exist and are older, so the INSERT is skipped.
	upsertDocuments = `SET NOCOUNT ON;
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
	);` + checkSaved

	upsertCheckpoints = `SET NOCOUNT ON;
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
	);` + checkSaved
)

// The columns of a row of the statements.
const (
	opColumns         = 13
	documentColumns   = 4
	checkpointColumns = 3
	spanColumns       = 3
	gapColumns        = 2
)

// seqColumn has the position of server_seq among the columns, from 1. The room is the first column.
var seqColumn = map[int]int{opColumns: 7, documentColumns: 4, checkpointColumns: 2}

// inSchema inserts the name of the schema.
func inSchema(text, schema string) string {
	return strings.ReplaceAll(text, "$(schema)", schema)
}

// withRows returns a statement for a number of rows. Its parameters are those of the rows, their count if the statement
// has $(count), and the epoch.
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
		positions[i] = fmt.Sprintf("(@p%d, @p%d)", i*columns+1, i*columns+seqColumn[columns])
	}
	text = strings.ReplaceAll(text, "$(positions)", strings.Join(positions, ", "))
	next := rows*columns + 1
	if strings.Contains(text, "$(count)") {
		text = strings.ReplaceAll(text, "$(count)", fmt.Sprintf("@p%d", next))
		next++
	}
	return strings.ReplaceAll(text, "$(epoch)", fmt.Sprintf("@p%d", next))
}

// scriptIn returns the parts of a migration script for a schema. Each batch checks that the transaction still exists: an
// error ends it (XACT_ABORT), but sqlcmd continues with the next batch.
func scriptIn(schema string) dialect.Script {
	return dialect.Script{
		Begin: `SET XACT_ABORT ON;
SET NOCOUNT ON;
SET QUOTED_IDENTIFIER ON;
SET ANSI_NULLS ON;
GO

BEGIN TRANSACTION;
` + migrationLock,
		GuardNew: inSchema(`IF OBJECT_ID(N'[$(schema)].sync_meta', N'U') IS NOT NULL
    THROW 51000, N'the tables are there already: print the script again', 1;`, schema),
		Guard: inSchema(`IF NOT EXISTS (SELECT 1 FROM [$(schema)].sync_meta WHERE name = N'schema_version' AND value = N'$(version)')
    THROW 51000, N'the tables do not have version $(version): print the script again', 1;`, schema),
		Between: "GO\nIF @@TRANCOUNT = 0 RETURN;\n",
		Commit:  "COMMIT TRANSACTION;\nGO",
	}
}
