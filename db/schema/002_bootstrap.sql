-- Version 2. A device may have a credential of each kind: the key for the bootstrap server is never the one for the LwM2M
-- server.
CREATE TABLE credentials_by_kind (
	endpoint TEXT NOT NULL,
	kind TEXT NOT NULL,
	identity TEXT NOT NULL,
	sealed BLOB NOT NULL,
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (endpoint, kind),
	UNIQUE (kind, identity)
) STRICT;
INSERT INTO credentials_by_kind SELECT endpoint, kind, identity, sealed, created_ms FROM credentials;
DROP TABLE credentials;
ALTER TABLE credentials_by_kind RENAME TO credentials;

-- What the bootstrap server writes: '' is the configuration of all that have none of their own. The document may be shown,
-- what is sealed holds the keys too.
CREATE TABLE bootstraps (
	endpoint TEXT NOT NULL PRIMARY KEY,
	document TEXT NOT NULL,
	sealed BLOB NOT NULL,
	updated_ms INTEGER NOT NULL
) STRICT;

-- How the last bootstrap of an endpoint has ended.
CREATE TABLE bootstrap_outcomes (
	endpoint TEXT NOT NULL PRIMARY KEY,
	json TEXT NOT NULL,
	ended_ms INTEGER NOT NULL
) STRICT;
