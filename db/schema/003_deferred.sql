-- Version 3. Requests of operators that wait until their device can be spoken to. The sealed request goes when it has ended.
CREATE TABLE deferred (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	endpoint TEXT NOT NULL,
	operation TEXT NOT NULL,
	path TEXT NOT NULL,
	is_urgent INTEGER NOT NULL,
	state TEXT NOT NULL,
	sealed_request BLOB NOT NULL,
	answer TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	expires_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX deferred_of_endpoint ON deferred (endpoint);
-- 0: it has not ended.
CREATE INDEX deferred_by_end ON deferred (ended_ms);

-- What an operator has said of a device, which outlives its registrations.
CREATE TABLE device_settings (
	endpoint TEXT NOT NULL PRIMARY KEY,
	awake_ms INTEGER NOT NULL
) STRICT;
