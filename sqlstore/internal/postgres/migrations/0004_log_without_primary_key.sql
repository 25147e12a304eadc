-- Nothing reads the log by its id, so no index needs it. To publish the table for logical replication:
-- ALTER TABLE sync_change_log REPLICA IDENTITY USING INDEX sync_change_log_order;
ALTER TABLE sync_change_log DROP CONSTRAINT sync_change_log_pkey;
