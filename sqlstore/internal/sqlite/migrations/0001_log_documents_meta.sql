-- Times are milliseconds since the Unix epoch. To read them in the sqlite3 shell:
--   SELECT datetime(server_ts / 1000, 'unixepoch'), room, path, op, value FROM sync_change_log;

CREATE TABLE sync_change_log ( -- one row per operation; rows are only ever added
    id          INTEGER NOT NULL PRIMARY KEY,
    room        TEXT    NOT NULL,
    store_key   TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    op          TEXT    NOT NULL, -- set, delete, array_add, array_del, array_move or init
    value       TEXT,             -- JSON; NULL for an op without a value
    client_id   TEXT    NOT NULL,
    server_seq  INTEGER NOT NULL, -- the batch's number in its room: 1, 2, 3 ...
    server_ts   INTEGER NOT NULL, -- milliseconds since the Unix epoch
    op_index    INTEGER NOT NULL, -- the op's position in its batch: 0, 1, 2 ...
    client_seq  INTEGER,          -- the batch's number in its client's own count; NULL if it does not count
    array_index INTEGER,
    discarded   TEXT              -- why the op took no effect; NULL if it did
);

-- The fence: no two servers can take the same number. Also the order in which a room's log is read.
CREATE UNIQUE INDEX sync_change_log_order ON sync_change_log (room, server_seq, op_index);

-- Finds a batch by its sender's number. One entry per numbered batch, so that the other rows cost nothing here.
CREATE INDEX sync_change_log_client ON sync_change_log (room, client_id, client_seq, server_seq)
    WHERE op_index = 0 AND client_seq IS NOT NULL;

CREATE TABLE sync_documents ( -- the latest checkpoint of each key
    room       TEXT    NOT NULL,
    store_key  TEXT    NOT NULL,
    state      TEXT    NOT NULL, -- JSON
    server_seq INTEGER NOT NULL, -- of the last batch in the state
    updated_at INTEGER NOT NULL, -- milliseconds since the Unix epoch
    PRIMARY KEY (room, store_key)
);

CREATE TABLE sync_meta (
    name  TEXT NOT NULL PRIMARY KEY, -- epoch, schema_version
    value TEXT NOT NULL
);
