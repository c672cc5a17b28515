-- Version 9. Numbers that only grow, of a device: what a plugin's commands are counted with against replay.
CREATE TABLE counters (
	endpoint TEXT NOT NULL,
	name TEXT NOT NULL,
	value INTEGER NOT NULL,
	PRIMARY KEY (endpoint, name)
) STRICT, WITHOUT ROWID;
