-- Version 1. Every number is a 64-bit integer, every *_ms is milliseconds since 1970.

-- The two times of a registration change with every Update: apart from the rest, two hundred of them share a page, so
-- that writing many of them touches few pages. New rows are appended; only the index is written all over the place.
CREATE TABLE registrations (
	id INTEGER PRIMARY KEY,
	endpoint TEXT NOT NULL UNIQUE,
	location TEXT NOT NULL,
	address TEXT NOT NULL,
	socket INTEGER NOT NULL,
	is_secure INTEGER NOT NULL,
	identity TEXT NOT NULL,
	lifetime_s INTEGER NOT NULL,
	version TEXT NOT NULL,
	binding TEXT NOT NULL,
	links TEXT NOT NULL,
	root TEXT NOT NULL,
	is_queue_mode INTEGER NOT NULL,
	registered_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE registration_times (
	id INTEGER PRIMARY KEY,
	updated_ms INTEGER NOT NULL,
	expires_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE observations (
	token INTEGER PRIMARY KEY,
	endpoint TEXT NOT NULL,
	path TEXT NOT NULL,
	format INTEGER NOT NULL,
	job_id INTEGER NOT NULL
) STRICT;
CREATE INDEX observations_of_endpoint ON observations (endpoint);

-- AUTOINCREMENT, here and below: the id of a row that was removed is never given again.
CREATE TABLE jobs (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	endpoint TEXT NOT NULL,
	operation TEXT NOT NULL,
	params TEXT NOT NULL,
	state TEXT NOT NULL,
	package_id INTEGER NOT NULL,
	sealed_state BLOB NOT NULL,
	result TEXT NOT NULL,
	error TEXT NOT NULL,
	progress_done INTEGER NOT NULL,
	progress_total INTEGER NOT NULL,
	steps INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	deadline_ms INTEGER NOT NULL,
	idempotency_key TEXT NOT NULL,
	caller INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX jobs_by_key ON jobs (caller, idempotency_key) WHERE idempotency_key <> '';
CREATE INDEX jobs_of_endpoint ON jobs (endpoint);
CREATE INDEX jobs_in_state ON jobs (state);

-- Which states are an end is said here and in the two indexes, with the same words, so that SQLite uses them.
CREATE VIEW unfinished_jobs AS
	SELECT * FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'unknown', 'cancelled');
CREATE INDEX unfinished_jobs_of_endpoint ON jobs (endpoint)
	WHERE state NOT IN ('succeeded', 'failed', 'unknown', 'cancelled');
CREATE INDEX unfinished_jobs_of_package ON jobs (package_id)
	WHERE state NOT IN ('succeeded', 'failed', 'unknown', 'cancelled');

CREATE TABLE traces (
	job_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	step INTEGER NOT NULL,
	at_ms INTEGER NOT NULL,
	layer TEXT NOT NULL,
	direction TEXT NOT NULL,
	text TEXT NOT NULL,
	raw BLOB NOT NULL,
	PRIMARY KEY (job_id, number)
) STRICT;

CREATE TABLE packages (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	size INTEGER NOT NULL,
	sha256 TEXT NOT NULL,
	description TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	sealed_key BLOB NOT NULL
) STRICT;

-- Chunks come before their package's row: what has none was never complete.
CREATE TABLE package_chunks (
	package_id INTEGER NOT NULL,
	position INTEGER NOT NULL,
	content BLOB NOT NULL,
	PRIMARY KEY (package_id, position)
) STRICT;

CREATE TABLE keysets (
	endpoint TEXT NOT NULL,
	kind TEXT NOT NULL,
	aid TEXT NOT NULL,
	version INTEGER NOT NULL,
	sealed BLOB NOT NULL,
	check_values TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (endpoint, kind, aid, version)
) STRICT;

CREATE TABLE credentials (
	endpoint TEXT NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	identity TEXT NOT NULL,
	sealed BLOB NOT NULL,
	created_ms INTEGER NOT NULL,
	UNIQUE (kind, identity)
) STRICT;

CREATE TABLE inventory (
	endpoint TEXT NOT NULL,
	section TEXT NOT NULL,
	key TEXT NOT NULL,
	json TEXT NOT NULL,
	learned_ms INTEGER NOT NULL,
	PRIMARY KEY (endpoint, section, key)
) STRICT;

CREATE TABLE tokens (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	scopes TEXT NOT NULL,
	hash BLOB NOT NULL UNIQUE,
	created_ms INTEGER NOT NULL,
	expires_ms INTEGER NOT NULL
) STRICT;
