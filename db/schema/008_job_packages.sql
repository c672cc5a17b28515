-- Version 8. The packages that a job's parameters name below their first level: a JSON array of ids, '' for none.
ALTER TABLE jobs ADD COLUMN packages TEXT NOT NULL DEFAULT '';
CREATE INDEX unfinished_jobs_of_packages ON jobs (packages)
	WHERE packages <> '' AND state NOT IN ('succeeded', 'failed', 'unknown', 'cancelled');
