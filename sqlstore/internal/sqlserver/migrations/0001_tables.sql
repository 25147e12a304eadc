-- The tables. Those of nuxt-synced-pinia-store are renamed to ..._predecessor; the takeover copies their rows afterwards.
--
-- Times are UTC. Names compare by their code units, whatever the collation of the database.
-- To run the migrations by hand: pathsync migrate --print

IF SCHEMA_ID(N'$(schema)') IS NULL
    EXEC (N'CREATE SCHEMA [$(schema)]');
GO

IF OBJECT_ID(N'[$(schema)].sync_change_log', N'U') IS NOT NULL
    EXEC sp_rename N'[$(schema)].sync_change_log', N'sync_change_log_predecessor', N'OBJECT';
GO

IF OBJECT_ID(N'[$(schema)].sync_documents', N'U') IS NOT NULL
    EXEC sp_rename N'[$(schema)].sync_documents', N'sync_documents_predecessor', N'OBJECT';
GO

CREATE TABLE [$(schema)].sync_change_log ( -- one row per operation; rows are only ever added
    id          BIGINT IDENTITY(1,1) NOT NULL,
    room        NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    store_key   NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    path        NVARCHAR(1000) NOT NULL,
    op          NVARCHAR(10) NOT NULL,   -- set, delete, array_add, array_del, array_move or init
    value       NVARCHAR(MAX) NULL,      -- JSON; NULL for an op without a value
    client_id   NVARCHAR(100) COLLATE Latin1_General_100_BIN2 NOT NULL,
    server_seq  BIGINT NOT NULL,         -- the batch's number in its room: 1, 2, 3 ...
    server_ts   DATETIME2 NOT NULL CONSTRAINT DF_pathsync_change_log_server_ts DEFAULT SYSUTCDATETIME(),
    op_index    INT NOT NULL,            -- the op's position in its batch: 0, 1, 2 ...; negative: the predecessor's
    client_seq  BIGINT NULL,             -- the batch's number in its client's own count; NULL if it does not count
    array_index INT NULL,
    discarded   NVARCHAR(20) NULL,       -- why the op took no effect; NULL if it did
    CONSTRAINT PK_pathsync_change_log PRIMARY KEY NONCLUSTERED (id)
);
GO

-- The fence: no two servers can take the same number. The rows lie in this order, so that a room is read in one piece.
CREATE UNIQUE CLUSTERED INDEX UX_pathsync_change_log_order
    ON [$(schema)].sync_change_log (room, server_seq, op_index);
GO

-- Finds a batch by its sender's number. One entry per numbered batch, so that the other rows cost nothing here.
CREATE INDEX IX_pathsync_change_log_client
    ON [$(schema)].sync_change_log (room, client_id, client_seq, server_seq)
    WHERE op_index = 0 AND client_seq IS NOT NULL;
GO

CREATE TABLE [$(schema)].sync_documents ( -- the latest checkpoint of each key
    room       NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    store_key  NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    state      NVARCHAR(MAX) NOT NULL,   -- JSON
    server_seq BIGINT NOT NULL,          -- of the last batch in the state
    updated_at DATETIME2 NOT NULL CONSTRAINT DF_pathsync_documents_updated_at DEFAULT SYSUTCDATETIME(),
    CONSTRAINT PK_pathsync_documents PRIMARY KEY NONCLUSTERED (room, store_key) -- 1,020 bytes: too long to be clustered
);
GO

CREATE CLUSTERED INDEX IX_pathsync_documents_room ON [$(schema)].sync_documents (room);
GO

CREATE TABLE [$(schema)].sync_meta (
    name  NVARCHAR(100) COLLATE Latin1_General_100_BIN2 NOT NULL, -- epoch, schema_version
    value NVARCHAR(400) NOT NULL,
    CONSTRAINT PK_pathsync_meta PRIMARY KEY (name)
);
