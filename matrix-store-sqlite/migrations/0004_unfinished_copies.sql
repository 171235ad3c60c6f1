-- Whether the store is being filled by a copy that has not ended: no engine may use it.
ALTER TABLE engine ADD COLUMN is_unfinished INTEGER NOT NULL DEFAULT 0;
