-- Who sent a batch, as far as the sender had to prove it; NULL if it did not.
ALTER TABLE [$(schema)].sync_change_log ADD user_id NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NULL;
