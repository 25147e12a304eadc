-- Nothing reads the log by its id, so no index needs it.
ALTER TABLE [$(schema)].sync_change_log DROP CONSTRAINT PK_pathsync_change_log;
GO

-- A filtered index makes every INSERT, UPDATE and DELETE fail that runs under QUOTED_IDENTIFIER OFF, the default of sqlcmd
-- and of SQL Server Agent. The columns of the clustered index are part of this one.
DROP INDEX IX_pathsync_change_log_client ON [$(schema)].sync_change_log;
GO

CREATE INDEX IX_pathsync_change_log_client ON [$(schema)].sync_change_log (room, client_id, client_seq);
GO

-- For = a name is the same with blanks after it, in every collation. So no name that is looked for may end with one.
ALTER TABLE [$(schema)].sync_change_log WITH NOCHECK ADD CONSTRAINT CK_pathsync_change_log_names CHECK (
    op_index < 0 OR DATALENGTH(room) = DATALENGTH(RTRIM(room)) AND DATALENGTH(client_id) = DATALENGTH(RTRIM(client_id)));
GO

ALTER TABLE [$(schema)].sync_documents WITH NOCHECK ADD CONSTRAINT CK_pathsync_documents_names CHECK (
    DATALENGTH(room) = DATALENGTH(RTRIM(room)) AND DATALENGTH(store_key) = DATALENGTH(RTRIM(store_key)));
GO

-- Earlier versions of the first migration copied the predecessor's rows themselves.
INSERT INTO [$(schema)].sync_meta (name, value)
SELECT N'takeover', N'done' WHERE EXISTS (SELECT 1 FROM [$(schema)].sync_change_log WHERE op_index < 0);
