-- The servers of this database, as they describe themselves to each other. Nothing refers to these rows.
CREATE TABLE sync_nodes (
    id        TEXT    NOT NULL PRIMARY KEY,
    address   TEXT    NOT NULL, -- host:port for other servers; empty without one
    version   TEXT    NOT NULL, -- of the program
    epoch     TEXT    NOT NULL, -- of the history that the server serves
    protocol  INTEGER NOT NULL, -- version of the messages that the server sends
    oldest    INTEGER NOT NULL, -- the oldest version of messages that it reads
    draining  INTEGER NOT NULL, -- 1: it is shutting down
    status    TEXT    NOT NULL, -- JSON for operators: rooms, streams, tailLagMs, bus
    heartbeat INTEGER NOT NULL  -- milliseconds since the Unix epoch, by the clock of the database
) WITHOUT ROWID;

-- Programs that know the schema up to this version, or a later one, can use the tables: what was added since then is optional.
INSERT INTO sync_meta (name, value) VALUES ('schema_oldest', '3');
