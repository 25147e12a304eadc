-- How far the document rows of each room hold its log. A room without a row here has document rows that were written
-- together, and the highest of their server_seq is its checkpoint.
CREATE TABLE sync_checkpoints (
    room       TEXT    NOT NULL PRIMARY KEY,
    server_seq INTEGER NOT NULL, -- every batch up to this one is in the row of its document
    documents  INTEGER NOT NULL -- so many document rows the room has at least
) WITHOUT ROWID;
