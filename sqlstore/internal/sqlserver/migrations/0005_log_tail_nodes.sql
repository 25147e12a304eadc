-- Servers read what others have committed by id. The index also has the columns of the clustered index, so it answers the query
-- alone. Ids are not unique by themselves: rows may be inserted by hand.
CREATE INDEX IX_pathsync_change_log_id ON [$(schema)].sync_change_log (id);
GO

-- The servers of this database, as they describe themselves to each other. Nothing refers to these rows.
CREATE TABLE [$(schema)].sync_nodes (
    id        NVARCHAR(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    address   NVARCHAR(255) NOT NULL, -- host:port for other servers; empty without one
    version   NVARCHAR(100) NOT NULL, -- of the program
    epoch     NVARCHAR(100) NOT NULL, -- of the history that the server serves
    protocol  INT NOT NULL,           -- version of the messages that the server sends
    oldest    INT NOT NULL,           -- the oldest version of messages that it reads
    draining  INT NOT NULL,           -- 1: it is shutting down
    status    NVARCHAR(400) NOT NULL, -- JSON for operators: rooms, streams, tailLagMs, bus
    heartbeat DATETIME2 NOT NULL,
    CONSTRAINT PK_pathsync_nodes PRIMARY KEY (id)
);
GO

-- Programs that know the schema up to this version, or a later one, can use the tables: what was added since then is optional.
INSERT INTO [$(schema)].sync_meta (name, value) VALUES (N'schema_oldest', N'4');
