-- Names compare byte by byte (COLLATE "C"). JSON is TEXT, so that numbers keep their digits and members their order.

CREATE TABLE sync_change_log ( -- one row per operation; rows are only ever added
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room        VARCHAR(255) COLLATE "C" NOT NULL,
    store_key   VARCHAR(255) COLLATE "C" NOT NULL,
    path        VARCHAR(1000) NOT NULL,
    op          VARCHAR(10)   NOT NULL, -- set, delete, array_add, array_del, array_move or init
    value       TEXT,                   -- JSON; NULL for an op without a value
    client_id   VARCHAR(100) COLLATE "C" NOT NULL,
    server_seq  BIGINT        NOT NULL, -- the batch's number in its room: 1, 2, 3 ...
    server_ts   TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    op_index    INTEGER       NOT NULL, -- the op's position in its batch: 0, 1, 2 ...
    client_seq  BIGINT,                 -- the batch's number in its client's own count; NULL if it does not count
    array_index INTEGER,
    discarded   VARCHAR(20)             -- why the op took no effect; NULL if it did
);

-- The fence: no two servers can take the same number. Also the order in which a room's log is read.
CREATE UNIQUE INDEX sync_change_log_order ON sync_change_log (room, server_seq, op_index);

-- Finds a batch by its sender's number. One entry per numbered batch, so that the other rows cost nothing here.
CREATE INDEX sync_change_log_client ON sync_change_log (room, client_id, client_seq, server_seq)
    WHERE op_index = 0 AND client_seq IS NOT NULL;

CREATE TABLE sync_documents ( -- the latest checkpoint of each key
    room       VARCHAR(255) COLLATE "C" NOT NULL,
    store_key  VARCHAR(255) COLLATE "C" NOT NULL,
    state      TEXT           NOT NULL, -- JSON
    server_seq BIGINT         NOT NULL, -- of the last batch in the state
    updated_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (room, store_key)
);

CREATE TABLE sync_meta (
    name  VARCHAR(50) COLLATE "C" NOT NULL PRIMARY KEY, -- epoch, schema_version
    value TEXT NOT NULL
);
