-- Version 4. How far the sequence numbers of OSCORE sender keys may have been used. They belong to the key, not to the
-- device: a key that comes back, even with another device, goes on where it was, and rows are never removed.
CREATE TABLE oscore_numbers (
	print BLOB NOT NULL PRIMARY KEY,
	reserved INTEGER NOT NULL
) STRICT;
