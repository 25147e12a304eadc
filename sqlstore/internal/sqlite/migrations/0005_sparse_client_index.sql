-- The index of clients has only some batches of each client. The others are in the log at most 63 batches after one that it has.
ALTER TABLE sync_change_log ADD COLUMN unindexed INTEGER; -- 1 if the index of clients omits the batch; else NULL

DROP INDEX sync_change_log_client;

CREATE INDEX sync_change_log_client ON sync_change_log (room, client_id, client_seq, server_seq)
    WHERE op_index = 0 AND client_seq IS NOT NULL AND unindexed IS NULL;
