-- Who sent a batch, as far as the sender had to prove it; NULL if it did not.
ALTER TABLE sync_change_log ADD COLUMN user_id VARCHAR(255) COLLATE "C";
