/* Durable registrations per second through the store, beside a bare loop of inserts into SQLite with as many
 * rows a transaction and the same settings; then plain refreshes. Ratios, since machines differ.
 *
 *   store_bench [--bare] DIRECTORY [COUNT [PER_TRANSACTION]]
 *
 * The directory is made, and must not exist. --bare: only the bare loop, for run.sh. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sqlite3.h>

#include "loop.h"
#include "store.h"

#define LINKS "</>;rt=\"oma.lwm2m\";ct=112,<1/0>,<3/0>,<4/0>,<5/0>,<3303/0>,<3304/0>,<3313/0>,<3336/0>"

/* The settings of connection.c, and one table with the fewest indexes that it could have. */
static const char bare_schema[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL;"
	"PRAGMA wal_autocheckpoint = 4096;"
	"PRAGMA cache_size = -4096;"
	"PRAGMA secure_delete = FAST;"
	"CREATE TABLE registrations (id INTEGER PRIMARY KEY, endpoint TEXT UNIQUE, location TEXT,"
	" lifetime_s INT, version TEXT, binding TEXT, address TEXT, links TEXT,"
	" registered_ms INT, updated_ms INT)";
static const char bare_insert[] =
	"INSERT INTO registrations VALUES (NULL, ?2, ?1, 86400, '1.1', 'U', '127.1.2.3:56830', ?3, ?4, ?4)";

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "store_bench: %s failed\n", what);
	exit(1);
}

/* Names that do not come in the order of the key, as devices do not. */
static void name_endpoint(char name[32], uint32_t i)
{
	snprintf(name, 32, "urn:imei:%015" PRIu32, i * 2654435761u);
}

static double bare_rate(const char *directory, uint32_t count, uint32_t per_transaction)
{
	char path[400];
	snprintf(path, sizeof path, "%s/bare.db", directory);
	sqlite3 *database;
	sqlite3_stmt *insert;
	require(sqlite3_open(path, &database) == SQLITE_OK, "open");
	require(sqlite3_exec(database, bare_schema, NULL, NULL, NULL) == SQLITE_OK, "schema");
	require(sqlite3_prepare_v2(database, bare_insert, -1, &insert, NULL) == SQLITE_OK, "prepare");
	double begin_s = now_s();
	for (uint32_t i = 0; i < count; i++) {
		char location[32], endpoint[32];
		if (i % per_transaction == 0)
			require(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK,
				"begin");
		snprintf(location, sizeof location, "%08" PRIx32, i * 2246822519u);
		name_endpoint(endpoint, i);
		sqlite3_bind_text(insert, 1, location, -1, SQLITE_TRANSIENT);
		sqlite3_bind_text(insert, 2, endpoint, -1, SQLITE_TRANSIENT);
		sqlite3_bind_text(insert, 3, LINKS, -1, SQLITE_STATIC);
		sqlite3_bind_int64(insert, 4, i);
		require(sqlite3_step(insert) == SQLITE_DONE, "insert");
		sqlite3_reset(insert);
		if ((i + 1) % per_transaction == 0 || i + 1 == count)
			require(sqlite3_exec(database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "commit");
	}
	double rate = count / (now_s() - begin_s);
	sqlite3_finalize(insert);
	sqlite3_close(database);
	return rate;
}

struct progress {
	uint32_t queued, durable;
};

static void count_durable(void *self, uint64_t id, enum err result)
{
	struct progress *progress = self;
	require(result == ERR_NONE, "write");
	progress->durable++;
}

static double store_rate(struct loop *loop, struct store *store, uint32_t count, uint32_t waiting)
{
	struct progress progress = { 0 };
	struct store_done done = { count_durable, &progress, 0 };
	double begin_s = now_s();
	while (progress.durable < count) {
		while (progress.queued < count && progress.queued - progress.durable < waiting) {
			char location[32], endpoint[32];
			snprintf(location, sizeof location, "%08" PRIx32, progress.queued * 2246822519u);
			name_endpoint(endpoint, progress.queued);
			struct registration_row row = {
				.endpoint = endpoint,
				.location = location,
				.address = "127.1.2.3:56830",
				.identity = "",
				.lifetime_s = 86400,
				.version = "1.1",
				.binding = "U",
				.links = LINKS,
				.root = "",
				.registered_ms = 1,
				.updated_ms = 2,
				.expires_ms = 3,
			};
			require(store_put_registration(store, &row, done) == ERR_NONE, "queueing");
			progress.queued++;
		}
		require(loop_turn(loop, 1000) == ERR_NONE, "loop");
	}
	return count / (now_s() - begin_s);
}

static double touch_rate(struct loop *loop, struct store *store, uint32_t count)
{
	struct progress progress = { 0 };
	struct store_done done = { count_durable, &progress, 0 };
	double begin_s = now_s();
	for (uint32_t i = 0; i < 4 * count; i++) {
		char endpoint[32];
		name_endpoint(endpoint, (uint32_t)((uint64_t)i * 7919 % count));
		require(store_touch_registration(store, endpoint, i, i) == ERR_NONE, "refresh");
		if (i % 256 == 0)
			require(loop_turn(loop, 0) == ERR_NONE, "loop");
	}
	double touched_s = now_s();
	require(store_sync(store, done) == ERR_NONE, "sync");
	while (progress.durable == 0)
		require(loop_turn(loop, 1000) == ERR_NONE, "loop");
	printf("refreshes: the last ones durable after %.0f ms\n", (now_s() - touched_s) * 1e3);
	return 4 * count / (touched_s - begin_s);
}

int main(int argc, char **argv)
{
	const bool is_bare = argc > 1 && strcmp(argv[1], "--bare") == 0;
	if (is_bare) {
		argv++;
		argc--;
	}
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 100000;
	uint32_t per_transaction = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1000;
	struct loop *loop;
	struct store *store;
	if (argc < 2 || count == 0 || per_transaction == 0 || per_transaction > 8000) {
		fprintf(stderr, "store_bench [--bare] DIRECTORY [COUNT [PER_TRANSACTION (at most 8000)]]\n");
		return 2;
	}
	require(mkdir(argv[1], 0700) == 0, "mkdir");
	double bare = bare_rate(argv[1], count, per_transaction);
	if (is_bare) {
		printf("op=insert per_s=%.0f\n", bare);
		return 0;
	}
	printf("bare:      %.0f registrations/s\n", bare);
	require(loop_create(&loop) == ERR_NONE, "loop");
	require(store_open(argv[1], STORE_THREADED, loop, &store, NULL) == ERR_NONE, "store_open");
	/* one transaction gathers while the other is written */
	double stored = store_rate(loop, store, count, 2 * per_transaction);
	printf("store:     %.0f registrations/s, ratio %.2f\n", stored, stored / bare);
	printf("refreshes: %.0f/s\n", touch_rate(loop, store, count));
	store_close(store);
	loop_free(loop);
	return 0;
}
