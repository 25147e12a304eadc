-- Servers read what others have committed by id. Ids are not unique by themselves: rows may be inserted by hand.
CREATE INDEX sync_change_log_id ON sync_change_log (id);

-- The servers of this database, as they describe themselves to each other. Nothing refers to these rows.
CREATE TABLE sync_nodes (
    id        VARCHAR(100) COLLATE "C" NOT NULL PRIMARY KEY,
    address   VARCHAR(255)   NOT NULL, -- host:port for other servers; empty without one
    version   VARCHAR(100)   NOT NULL, -- of the program
    epoch     VARCHAR(100)   NOT NULL, -- of the history that the server serves
    protocol  INTEGER        NOT NULL, -- version of the messages that the server sends
    oldest    INTEGER        NOT NULL, -- the oldest version of messages that it reads
    draining  INTEGER        NOT NULL, -- 1: it is shutting down
    status    VARCHAR(400)   NOT NULL, -- JSON for operators: rooms, streams, tailLagMs, bus
    heartbeat TIMESTAMPTZ(3) NOT NULL
);

-- Programs that know the schema up to this version, or a later one, can use the tables: what was added since then is optional.
INSERT INTO sync_meta (name, value) VALUES ('schema_oldest', '4');
