#include "migrate.h"

#include <inttypes.h>

/* C promises strings of 4095 characters; the compilers that build this take longer ones. */
#pragma GCC diagnostic ignored "-Woverlength-strings"

#define APPLICATION_ID 1128354916 /* "CARd", in the header of the file */

/* The text of schema/NNN_name.sql takes a database from version NNN - 1 to NNN. Steps that were released
 * never change. */
static const char *const steps[] = {
#include "001_initial.inc"
	,
#include "002_bootstrap.inc"
	,
#include "003_deferred.inc"
	,
#include "004_oscore.inc"
	,
#include "005_connections.inc"
	,
#include "006_oscore_renewed.inc"
	,
#include "007_oscore_received.inc"
	,
#include "008_job_packages.inc"
	,
#include "009_counters.inc"
	,
#include "010_fleet_keysets.inc"
	,
};

#define VERSION ((int64_t)(sizeof steps / sizeof *steps))

/* What the server reads at its start anyway. Packages are left out for their size: their content is sealed,
 * so that damage shows when it is opened. */
static const char *const checked_tables[] = {
	"registrations",  "registration_times", "observations",       "jobs",        "packages",
	"keysets",        "fleet_keysets",      "transport_keys",     "credentials", "inventory",
	"tokens",         "bootstraps",         "bootstrap_outcomes", "deferred",    "device_settings",
	"oscore_numbers",
	"counters",
};

static enum err check_table(struct connection *connection, const char *table, struct fault *fault)
{
	char sql[160];
	sqlite3_snprintf(sizeof sql, sql,
			 "SELECT count(*) FROM pragma_quick_check(%Q) WHERE quick_check <> 'ok'", table);
	int64_t damages = 0;
	enum err err = connection_number(connection, sql, &damages, NULL);
	if (!err && damages)
		err = ERR_IO;
	if (err)
		return fault_set(fault, err, "database: table %s is %s", table,
				 err == ERR_IO ? "damaged" : "not readable");
	return ERR_NONE;
}

static enum err check_tables(struct connection *connection, struct fault *fault)
{
	enum err err = ERR_NONE;
	for (size_t i = 0; i < sizeof checked_tables / sizeof *checked_tables && !err; i++)
		err = check_table(connection, checked_tables[i], fault);
	return err;
}

static enum err take_step(struct connection *connection, int64_t version, struct fault *fault)
{
	char end[128];
	sqlite3_snprintf(sizeof end, end, "PRAGMA application_id = %d; PRAGMA user_version = %lld; COMMIT",
			 APPLICATION_ID, (long long)version);
	enum err err = connection_execute(connection, "BEGIN IMMEDIATE", fault);
	if (err)
		return err;
	err = connection_execute(connection, steps[version - 1], fault);
	if (!err)
		err = connection_execute(connection, end, fault);
	if (err && connection_is_in_transaction(connection) &&
	    connection_execute(connection, "ROLLBACK", NULL) != ERR_NONE)
		err = ERR_IO;
	return err;
}

/* A file without tables is a new one; one with tables says whose it is. */
static enum err read_version(struct connection *connection, int64_t *ret_version, struct fault *fault)
{
	int64_t tables = 0, application = 0, version = 0;
	enum err err = connection_number(connection, "SELECT count(*) FROM sqlite_schema", &tables, fault);
	if (!err)
		err = connection_number(connection, "PRAGMA application_id", &application, fault);
	if (!err)
		err = connection_number(connection, "PRAGMA user_version", &version, fault);
	if (err)
		return err;
	if (tables && application != APPLICATION_ID)
		return fault_set(fault, ERR_UNSUPPORTED, "database: the file is not one of Cardea");
	if (version < 0 || version > VERSION)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "database: schema version %" PRId64 " is newer than %" PRId64
				 " of this server",
				 version, VERSION);
	*ret_version = version;
	return ERR_NONE;
}

enum err migrate(struct connection *connection, struct fault *fault)
{
	int64_t version = 0;
	enum err err = read_version(connection, &version, fault);
	if (err)
		return err;
	while (version < VERSION && !err)
		err = take_step(connection, ++version, fault);
	return err ? err : check_tables(connection, fault);
}
