-- How far the document rows of each room hold its log. A room without a row here has document rows that were written
-- together, and the highest of their server_seq is its checkpoint.
CREATE TABLE [$(schema)].sync_checkpoints (
    room       NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    server_seq BIGINT NOT NULL, -- every batch up to this one is in the row of its document
    documents  INT NOT NULL, -- so many document rows the room has at least
    CONSTRAINT PK_pathsync_checkpoints PRIMARY KEY (room)
);
