-- Version 7. Every sequence number below has been received with the key that the sender key belongs to, or is too old.
ALTER TABLE oscore_numbers ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
