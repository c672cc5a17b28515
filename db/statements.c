#include "statements.h"

/* Columns in the order of the members of their row. */
#define REGISTRATION_COLUMNS                                                                                 \
	"endpoint, location, address, socket, is_secure, identity, lifetime_s, version, binding, links, "    \
	"root, "                                                                                             \
	"is_queue_mode, registered_ms, is_stream"
#define JOB_COLUMNS                                                                                          \
	"id, endpoint, operation, params, state, package_id, sealed_state, result, error, "                  \
	"progress_done, progress_total, steps, attempts, created_ms, updated_ms, deadline_ms, "              \
	"idempotency_key, caller, packages"
/* as in the view unfinished_jobs */
#define FINISHED_STATES "('succeeded', 'failed', 'unknown', 'cancelled')"
#define PACKAGE_COLUMNS "id, kind, name, size, sha256, description, created_ms, sealed_key"
#define DEFERRED_COLUMNS                                                                                     \
	"id, endpoint, operation, path, is_urgent, state, sealed_request, answer, created_ms, expires_ms, "  \
	"ended_ms"
#define KEYSET_COLUMNS       "endpoint, kind, aid, version, sealed, check_values, created_ms"
#define FLEET_KEYSET_COLUMNS "devices, kind, aid, version, sealed, check_values, created_ms"

/* clang-format off */
const char *const statement_sql[STATEMENT_COUNT] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",

	[PUT_REGISTRATION] =
		"INSERT INTO registrations (" REGISTRATION_COLUMNS ") VALUES"
		" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
		" ON CONFLICT (endpoint) DO UPDATE SET location = ?2, address = ?3, socket = ?4, is_secure = ?5,"
		" identity = ?6, lifetime_s = ?7, version = ?8, binding = ?9, links = ?10, root = ?11,"
		" is_queue_mode = ?12, registered_ms = ?13, is_stream = ?14",
	[PUT_REGISTRATION_TIMES] =
		"INSERT OR REPLACE INTO registration_times (id, updated_ms, expires_ms)"
		" SELECT id, ?15, ?16 FROM registrations WHERE endpoint = ?1",
	[TOUCH_REGISTRATION] =
		"UPDATE registration_times SET updated_ms = ?2, expires_ms = ?3"
		" WHERE id = (SELECT id FROM registrations WHERE endpoint = ?1)",
	[REMOVE_REGISTRATION_TIMES] =
		"DELETE FROM registration_times WHERE id = (SELECT id FROM registrations WHERE endpoint = ?1)",
	[REMOVE_REGISTRATION] = "DELETE FROM registrations WHERE endpoint = ?1",
	[REMOVE_OBSERVATIONS_OF_ENDPOINT] = "DELETE FROM observations WHERE endpoint = ?1",
	[READ_REGISTRATIONS] =
		"SELECT " REGISTRATION_COLUMNS ", updated_ms, expires_ms"
		" FROM registrations JOIN registration_times USING (id)",
	[PUT_OBSERVATION] =
		"INSERT INTO observations (endpoint, path, token, format, job_id) VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (token) DO UPDATE SET endpoint = ?1, path = ?2, format = ?4, job_id = ?5",
	[REMOVE_OBSERVATION] = "DELETE FROM observations WHERE token = ?1",
	[READ_OBSERVATIONS] = "SELECT endpoint, path, token, format, job_id FROM observations",

	[PUT_JOB] =
		"INSERT INTO jobs (" JOB_COLUMNS ") SELECT"
		" ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19"
		" WHERE ?5 IN " FINISHED_STATES
		" OR ((?6 = 0 OR EXISTS (SELECT 1 FROM packages WHERE id = ?6)) AND (?19 = ''"
		" OR NOT EXISTS (SELECT 1 FROM json_each(?19) WHERE value NOT IN (SELECT id FROM packages))))"
		" ON CONFLICT (id) DO UPDATE SET endpoint = ?2, operation = ?3, params = ?4, state = ?5,"
		" package_id = ?6, sealed_state = ?7, result = ?8, error = ?9, progress_done = ?10,"
		" progress_total = ?11, steps = ?12, attempts = ?13, created_ms = ?14, updated_ms = ?15,"
		" deadline_ms = ?16, idempotency_key = ?17, caller = ?18, packages = ?19",
	[PUT_TRACE] =
		"INSERT INTO traces (job_id, number, step, at_ms, layer, direction, text, raw)"
		" SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 FROM traces WHERE job_id = ?1",
	[READ_JOB] = "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?1",
	[READ_JOB_BY_KEY] =
		"SELECT " JOB_COLUMNS " FROM jobs"
		" WHERE caller = ?1 AND idempotency_key = ?2 AND idempotency_key <> ''",
	[READ_JOBS] = "SELECT " JOB_COLUMNS " FROM jobs WHERE id < ?3 ORDER BY id DESC LIMIT ?5",
	[READ_JOBS_OF_ENDPOINT] =
		"SELECT " JOB_COLUMNS " FROM jobs WHERE endpoint = ?1 AND (?2 IS NULL OR state = ?2) AND id < ?3"
		" ORDER BY id DESC LIMIT ?5",
	[READ_JOBS_IN_STATE] =
		"SELECT " JOB_COLUMNS " FROM jobs WHERE state = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?5",
	/* +id: not by walking over all that have finished */
	[READ_UNFINISHED_JOBS] =
		"SELECT " JOB_COLUMNS " FROM unfinished_jobs WHERE (?2 IS NULL OR state = ?2) AND +id > ?4"
		" ORDER BY +id LIMIT ?5",
	[READ_UNFINISHED_JOBS_OF_ENDPOINT] =
		"SELECT " JOB_COLUMNS " FROM unfinished_jobs WHERE endpoint = ?1 AND (?2 IS NULL OR state = ?2)"
		" AND id > ?4 ORDER BY id LIMIT ?5",
	[READ_TRACE] =
		"SELECT job_id, step, at_ms, layer, direction, text, raw, number FROM traces"
		" WHERE job_id = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
	[READ_LAST_JOB_ID] = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs'",

	[PUT_PACKAGE_CHUNK] =
		"INSERT INTO package_chunks (package_id, position, content) SELECT ?1, ?2, ?3"
		" WHERE NOT EXISTS (SELECT 1 FROM packages WHERE id = ?1)",
	[PUT_PACKAGE] =
		"INSERT INTO packages (" PACKAGE_COLUMNS ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8"
		" WHERE (SELECT count(*) = coalesce(max(position) + 1, 0) FROM package_chunks WHERE package_id = ?1)",
	[FIND_PACKAGE_USE] =
		"SELECT EXISTS (SELECT 1 FROM packages WHERE id = ?1)"
		" OR EXISTS (SELECT 1 FROM package_chunks WHERE package_id = ?1),"
		" EXISTS (SELECT 1 FROM unfinished_jobs WHERE package_id = ?1) OR EXISTS (SELECT 1"
		" FROM unfinished_jobs, json_each(packages) WHERE packages <> '' AND json_each.value = ?1)",
	[REMOVE_PACKAGE] = "DELETE FROM packages WHERE id = ?1",
	[REMOVE_PACKAGE_CHUNKS] = "DELETE FROM package_chunks WHERE package_id = ?1",
	[READ_PACKAGE] = "SELECT " PACKAGE_COLUMNS " FROM packages WHERE id = ?1",
	[READ_PACKAGES] =
		"SELECT " PACKAGE_COLUMNS " FROM packages WHERE (?1 IS NULL OR kind = ?1) AND id < ?2"
		" ORDER BY id DESC LIMIT ?3",
	[READ_PACKAGE_CHUNK] =
		"SELECT package_id, position, content FROM package_chunks WHERE package_id = ?1 AND position = ?2",
	[READ_LAST_PACKAGE_ID] = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'packages'",

	[PUT_KEYSET] = "INSERT OR REPLACE INTO keysets (" KEYSET_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[REMOVE_KEYSET] = "DELETE FROM keysets WHERE endpoint = ?1 AND kind = ?2 AND aid = ?3 AND version = ?4",
	[READ_KEYSETS] = "SELECT " KEYSET_COLUMNS " FROM keysets ORDER BY endpoint, kind, aid, version",
	[READ_KEYSETS_OF_ENDPOINT] =
		"SELECT " KEYSET_COLUMNS " FROM keysets WHERE endpoint = ?1 ORDER BY kind, aid, version",
	[PUT_FLEET_KEYSET] =
		"INSERT OR REPLACE INTO fleet_keysets (" FLEET_KEYSET_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[REMOVE_FLEET_KEYSET] =
		"DELETE FROM fleet_keysets WHERE devices = ?1 AND kind = ?2 AND aid = ?3 AND version = ?4",
	[READ_FLEET_KEYSETS] =
		"SELECT " FLEET_KEYSET_COLUMNS " FROM fleet_keysets ORDER BY devices, kind, aid, version",
	/* the closest first */
	[READ_FLEET_KEYSETS_OF_ENDPOINT] =
		"SELECT " FLEET_KEYSET_COLUMNS " FROM fleet_keysets WHERE devices = ?1 OR (substr(devices, -1) = '*'"
		" AND substr(?1, 1, length(devices) - 1) = substr(devices, 1, length(devices) - 1))"
		" ORDER BY devices <> ?1, length(devices) DESC, kind, aid, version",
	[PUT_TRANSPORT_KEY] =
		"INSERT OR REPLACE INTO transport_keys (name, sealed, check_value, created_ms) VALUES (?1, ?2, ?3, ?4)",
	[REMOVE_TRANSPORT_KEY] = "DELETE FROM transport_keys WHERE name = ?1",
	[READ_TRANSPORT_KEYS] = "SELECT name, sealed, check_value, created_ms FROM transport_keys ORDER BY name",
	/* not OR REPLACE: that would take the identity from the other endpoint */
	[PUT_CREDENTIAL] =
		"INSERT INTO credentials (endpoint, kind, identity, sealed, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT (endpoint, kind) DO UPDATE SET identity = ?3, sealed = ?4, created_ms = ?5",
	[REMOVE_CREDENTIAL] = "DELETE FROM credentials WHERE endpoint = ?1 AND kind = ?2",
	[READ_CREDENTIALS] = "SELECT endpoint, kind, identity, sealed, created_ms FROM credentials ORDER BY endpoint, kind",
	/* never back */
	[PUT_OSCORE_NUMBER] =
		"INSERT INTO oscore_numbers (print, reserved) VALUES (?1, ?2)"
		" ON CONFLICT (print) DO UPDATE SET reserved = max(reserved, ?2)",
	[RAISE_OSCORE_NUMBERS] = "UPDATE oscore_numbers SET reserved = reserved + ?2",
	[RENEW_OSCORE_NUMBER] = "UPDATE oscore_numbers SET successor = ?3, id_context = ?4 WHERE print = ?1",
	[RECEIVE_OSCORE_NUMBER] = "UPDATE oscore_numbers SET received = max(received, ?5) WHERE print = ?1",
	[REMOVE_OSCORE_NUMBER] = "DELETE FROM oscore_numbers WHERE print = ?1",
	[READ_OSCORE_NUMBERS] = "SELECT print, reserved, successor, id_context, received FROM oscore_numbers",
	[PUT_TOKEN] =
		"INSERT INTO tokens (id, name, scopes, hash, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (id) DO UPDATE SET name = ?2, scopes = ?3, hash = ?4, created_ms = ?5, expires_ms = ?6",
	[REMOVE_TOKEN] = "DELETE FROM tokens WHERE id = ?1",
	[READ_TOKENS] = "SELECT id, name, scopes, hash, created_ms, expires_ms FROM tokens ORDER BY id",
	[READ_LAST_TOKEN_ID] = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'tokens'",

	[PUT_INVENTORY] =
		"INSERT OR REPLACE INTO inventory (endpoint, section, key, json, learned_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
	[REMOVE_INVENTORY] = "DELETE FROM inventory WHERE endpoint = ?1 AND section = ?2 AND key = ?3",
	[READ_INVENTORY] =
		"SELECT endpoint, section, key, json, learned_ms FROM inventory"
		" WHERE endpoint = ?1 AND (?2 IS NULL OR section = ?2) ORDER BY section, key",

	[RAISE_COUNTER] =
		"INSERT INTO counters (endpoint, name, value) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (endpoint, name) DO UPDATE SET value = max(value, ?3)",
	[READ_COUNTERS] = "SELECT endpoint, name, value FROM counters WHERE endpoint = ?1 ORDER BY name",

	[PUT_BOOTSTRAP] =
		"INSERT OR REPLACE INTO bootstraps (endpoint, document, sealed, updated_ms) VALUES (?1, ?2, ?3, ?4)",
	[REMOVE_BOOTSTRAP] = "DELETE FROM bootstraps WHERE endpoint = ?1",
	[READ_BOOTSTRAP] = "SELECT endpoint, document, sealed, updated_ms FROM bootstraps WHERE endpoint = ?1",
	[READ_BOOTSTRAPS] =
		"SELECT endpoint, document, sealed, updated_ms FROM bootstraps WHERE endpoint > ?1"
		" ORDER BY endpoint LIMIT ?2",
	[PUT_BOOTSTRAP_OUTCOME] =
		"INSERT OR REPLACE INTO bootstrap_outcomes (endpoint, json, ended_ms) VALUES (?1, ?2, ?3)",
	[READ_BOOTSTRAP_OUTCOME] = "SELECT endpoint, json, ended_ms FROM bootstrap_outcomes WHERE endpoint = ?1",

	[PUT_DEFERRED] =
		"INSERT INTO deferred (" DEFERRED_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		" ON CONFLICT (id) DO UPDATE SET state = ?6, sealed_request = ?7, answer = ?8, ended_ms = ?11",
	/* one that has ended drives out those that ended a day before, and all but 32 of its device */
	[REMOVE_OLD_DEFERRED] = "DELETE FROM deferred WHERE ended_ms > 0 AND ended_ms < ?11 - 86400000",
	[REMOVE_SURPLUS_DEFERRED] =
		"DELETE FROM deferred WHERE ?11 > 0 AND endpoint = ?2 AND ended_ms > 0 AND id NOT IN (SELECT id FROM deferred"
		" WHERE endpoint = ?2 AND ended_ms > 0 ORDER BY ended_ms DESC, id DESC LIMIT 32)",
	[READ_DEFERRED] = "SELECT " DEFERRED_COLUMNS " FROM deferred WHERE id = ?1",
	[READ_DEFERREDS] =
		"SELECT " DEFERRED_COLUMNS " FROM deferred WHERE endpoint = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
	[READ_WAITING_DEFERREDS] = "SELECT " DEFERRED_COLUMNS " FROM deferred WHERE ended_ms = 0 ORDER BY id",
	[READ_LAST_DEFERRED_ID] = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'deferred'",
	[PUT_DEVICE_SETTINGS] =
		"INSERT INTO device_settings (endpoint, awake_ms) VALUES (?1, ?2)"
		" ON CONFLICT (endpoint) DO UPDATE SET awake_ms = ?2",
	[READ_DEVICE_SETTINGS] = "SELECT endpoint, awake_ms FROM device_settings",
};
/* clang-format on */
