-- Version 5. Whether a device comes by a connection, which no restart leaves behind.
ALTER TABLE registrations ADD COLUMN is_stream INTEGER NOT NULL DEFAULT 0;
