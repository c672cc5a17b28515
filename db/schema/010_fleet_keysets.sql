-- Version 10. Key sets for many devices, from whose keys those of each card are derived: `devices` is an endpoint name, or
-- the beginning of names before a '*'. And the keys under which others send us keys.
CREATE TABLE fleet_keysets (
	devices TEXT NOT NULL,
	kind TEXT NOT NULL,
	aid TEXT NOT NULL,
	version INTEGER NOT NULL,
	sealed BLOB NOT NULL,
	check_values TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (devices, kind, aid, version)
) STRICT;
CREATE TABLE transport_keys (
	name TEXT NOT NULL PRIMARY KEY,
	sealed BLOB NOT NULL,
	check_value TEXT NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT;
