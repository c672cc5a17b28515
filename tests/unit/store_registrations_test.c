#include "store_support.h"

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include <cardea/lwm2m.h>

static struct registration_row registration(const char *endpoint)
{
	return (struct registration_row){
		.endpoint = endpoint,
		.location = "a1",
		.address = "[2001:db8::1]:5683",
		.socket = 3,
		.is_secure = true,
		.is_stream = true,
		.identity = "sensor-7",
		.lifetime_s = 4000000000u,
		.version = "1.1",
		.binding = "U",
		.links = "</>;ct=112,</3/0>",
		.root = "",
		.is_queue_mode = true,
		.registered_ms = 1000,
		.updated_ms = 2000,
		.expires_ms = 1900000000000,
	};
}

/* The rows that a read gives, by name, and the last one of a name asked for. */
struct seen {
	const char *wanted;
	unsigned count, found;
	struct registration_row row;
	char links[64], address[64];
};

static bool see(void *self, const struct registration_row *row)
{
	struct seen *seen = self;
	seen->count++;
	if (strcmp(row->endpoint, seen->wanted) == 0) {
		seen->found++;
		seen->row = *row;
		snprintf(seen->links, sizeof seen->links, "%s", row->links);
		snprintf(seen->address, sizeof seen->address, "%s", row->address);
	}
	return true;
}

static struct seen read_registration(struct bench *bench, const char *endpoint)
{
	struct seen seen = { .wanted = endpoint };
	assert_int_equal(store_read_registrations(bench->store, see, &seen), ERR_NONE);
	return seen;
}

static enum err put(struct bench *bench, const struct registration_row *row)
{
	return WRITE(bench, store_put_registration(bench->store, row, bench_done(bench)));
}

static void keeps_every_member(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(bench->id, 42);
	bench_reopen(bench);

	struct seen seen = read_registration(bench, "urn:dev:1");
	assert_int_equal(seen.found, 1);
	assert_string_equal(seen.links, row.links);
	assert_string_equal(seen.address, row.address);
	assert_int_equal(seen.row.socket, 3);
	assert_true(seen.row.is_secure);
	assert_true(seen.row.is_stream);
	assert_true(seen.row.is_queue_mode);
	assert_int_equal(seen.row.lifetime_s, 4000000000u);
	assert_int_equal(seen.row.registered_ms, 1000);
	assert_int_equal(seen.row.updated_ms, 2000);
	assert_int_equal(seen.row.expires_ms, 1900000000000);
}

static void replaces_the_row_of_an_endpoint(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	row.links = "</1/0>";
	row.expires_ms = 0;
	assert_int_equal(put(bench, &row), ERR_NONE);

	struct seen seen = read_registration(bench, "urn:dev:1");
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.links, "</1/0>");
	assert_int_equal(seen.row.expires_ms, 0);
}

static void binds_text_from_outside_as_text(void **state)
{
	struct bench *bench = *state;
	const char *name = "x'); DROP TABLE registrations; --\"\n%s?1";
	struct registration_row row = registration(name);
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(read_registration(bench, name).found, 1);
}

static void copies_the_row_before_it_returns(void **state)
{
	struct bench *bench = *state;
	char name[] = "urn:dev:1";
	struct registration_row row = registration(name);
	assert_int_equal(store_put_registration(bench->store, &row, bench_done(bench)), ERR_NONE);
	memset(name, 'x', sizeof name - 1);
	bench_wait(bench, 1);
	assert_int_equal(read_registration(bench, "urn:dev:1").found, 1);
}

static void removing_tells_what_is_not_there(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(
		WRITE(bench, store_remove_registration(bench->store, "urn:dev:1", bench_done(bench))),
		ERR_NONE);
	assert_int_equal(read_registration(bench, "urn:dev:1").count, 0);
	assert_int_equal(
		WRITE(bench, store_remove_registration(bench->store, "urn:dev:1", bench_done(bench))),
		ERR_NOT_FOUND);
}

static void expect_rows(struct bench *bench, const char *table, int expected)
{
	char sql[80];
	sqlite3 *database;
	sqlite3_stmt *statement;
	snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite3_open(bench_path(bench, "cardea.db"), &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(statement, 0), expected);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void removing_leaves_nothing(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	expect_rows(bench, "registrations", 1);
	expect_rows(bench, "registration_times", 1);
	assert_int_equal(
		WRITE(bench, store_remove_registration(bench->store, "urn:dev:1", bench_done(bench))),
		ERR_NONE);
	expect_rows(bench, "registrations", 0);
	expect_rows(bench, "registration_times", 0);
}

static bool stop_at_second(void *self, const struct registration_row *row)
{
	return ++*(unsigned *)self < 2;
}

static void reading_stops_when_told(void **state)
{
	struct bench *bench = *state;
	for (unsigned i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%u", i);
		struct registration_row row = registration(name);
		assert_int_equal(put(bench, &row), ERR_NONE);
	}
	unsigned count = 0;
	assert_int_equal(store_read_registrations(bench->store, stop_at_second, &count), ERR_NONE);
	assert_int_equal(count, 2);
}

/* ---- plain refreshes ---- */

static void sync(struct bench *bench)
{
	assert_int_equal(WRITE(bench, store_sync(bench->store, bench_done(bench))), ERR_NONE);
}

static void the_last_refresh_counts(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	for (int i = 1; i <= 1000; i++)
		assert_int_equal(store_touch_registration(bench->store, "urn:dev:1", 3000 + i, 9000 + i),
				 ERR_NONE);
	sync(bench);

	struct seen seen = read_registration(bench, "urn:dev:1");
	assert_int_equal(seen.row.updated_ms, 4000);
	assert_int_equal(seen.row.expires_ms, 10000);
	assert_int_equal(seen.row.registered_ms, 1000);
}

static void refreshes_are_written_without_being_asked(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(store_touch_registration(bench->store, "urn:dev:1", 3000, 9000), ERR_NONE);
	while (read_registration(bench, "urn:dev:1").row.updated_ms != 3000)
		assert_int_equal(loop_turn(bench->loop, 100), ERR_NONE);
}

static void a_refresh_never_overtakes_a_later_row(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(store_touch_registration(bench->store, "urn:dev:1", 3000, 9000), ERR_NONE);
	row.updated_ms = 2500; /* the clock was set back */
	assert_int_equal(put(bench, &row), ERR_NONE);
	sync(bench);
	assert_int_equal(read_registration(bench, "urn:dev:1").row.updated_ms, 2500);
}

static void a_refresh_does_not_bring_back_a_removed_device(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(
		WRITE(bench, store_remove_registration(bench->store, "urn:dev:1", bench_done(bench))),
		ERR_NONE);
	assert_int_equal(store_touch_registration(bench->store, "urn:dev:1", 3000, 9000), ERR_NONE);
	sync(bench);
	assert_int_equal(read_registration(bench, "urn:dev:1").count, 0);
}

static void closing_writes_refreshes_that_wait(void **state)
{
	struct bench *bench = *state;
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(store_touch_registration(bench->store, "urn:dev:1", 3000, 9000), ERR_NONE);
	bench_reopen(bench);
	assert_int_equal(read_registration(bench, "urn:dev:1").row.updated_ms, 3000);
}

static bool count_refreshed(void *self, const struct registration_row *row)
{
	*(unsigned *)self += row->updated_ms == 3000;
	return true;
}

#define MANY 40000 /* more than one transaction takes */

static void put_many(struct bench *bench)
{
	unsigned waited = 0;
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%u", i);
		struct registration_row row = registration(name);
		enum err err = store_put_registration(bench->store, &row, bench_done(bench));
		while (err == ERR_UNAVAILABLE) {
			bench_wait(bench, 1);
			waited++;
			err = store_put_registration(bench->store, &row, bench_done(bench));
		}
		assert_int_equal(err, ERR_NONE);
	}
	bench_wait(bench, MANY - waited);
}

static void many_refreshes_leave_room_for_other_writes(void **state)
{
	struct bench *bench = *state;
	put_many(bench);
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%u", i);
		assert_int_equal(store_touch_registration(bench->store, name, 3000, 9000), ERR_NONE);
	}
	unsigned count = 0;
	while (count == 0) { /* until the first part of them is written */
		assert_int_equal(loop_turn(bench->loop, 100), ERR_NONE);
		assert_int_equal(store_read_registrations(bench->store, count_refreshed, &count), ERR_NONE);
	}
	assert_in_range(count, 1, MANY - 1);
	struct registration_row row = registration("urn:dev:1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	sync(bench);
	count = 0;
	assert_int_equal(store_read_registrations(bench->store, count_refreshed, &count), ERR_NONE);
	assert_int_equal(count, MANY);
}

/* ---- observations ---- */

struct observations {
	unsigned count;
	struct observation_row last;
	char path[32];
};

static bool see_observation(void *self, const struct observation_row *row)
{
	struct observations *seen = self;
	seen->count++;
	seen->last = *row;
	snprintf(seen->path, sizeof seen->path, "%s", row->path);
	return true;
}

static struct observations read_observations(struct bench *bench)
{
	struct observations seen = { 0 };
	assert_int_equal(store_read_observations(bench->store, see_observation, &seen), ERR_NONE);
	return seen;
}

static void keeps_observations_by_token(void **state)
{
	struct bench *bench = *state;
	struct observation_row row = { "urn:dev:1", "/3/0", UINT64_MAX - 1, FORMAT_NONE, 7 };
	assert_int_equal(WRITE(bench, store_put_observation(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	row.path = "/3/0/9";
	assert_int_equal(WRITE(bench, store_put_observation(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	bench_reopen(bench);

	struct observations seen = read_observations(bench);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.path, "/3/0/9");
	assert_true(seen.last.token == UINT64_MAX - 1);
	assert_int_equal(seen.last.format, FORMAT_NONE);
	assert_int_equal(seen.last.job_id, 7);
	assert_int_equal(WRITE(bench, store_remove_observation(bench->store, row.token, bench_done(bench))),
			 ERR_NONE);
	assert_int_equal(WRITE(bench, store_remove_observation(bench->store, row.token, bench_done(bench))),
			 ERR_NOT_FOUND);
	assert_int_equal(read_observations(bench).count, 0);
}

static void observations_go_with_their_registration(void **state)
{
	struct bench *bench = *state;
	struct registration_row registered = registration("urn:dev:1");
	struct observation_row ours = { "urn:dev:1", "/3/0", 1, FORMAT_NONE, 0 };
	struct observation_row other = { "urn:dev:2", "/3/0", 2, FORMAT_NONE, 0 };
	assert_int_equal(put(bench, &registered), ERR_NONE);
	assert_int_equal(WRITE(bench, store_put_observation(bench->store, &ours, bench_done(bench))),
			 ERR_NONE);
	assert_int_equal(WRITE(bench, store_put_observation(bench->store, &other, bench_done(bench))),
			 ERR_NONE);
	assert_int_equal(
		WRITE(bench, store_remove_registration(bench->store, "urn:dev:1", bench_done(bench))),
		ERR_NONE);

	struct observations seen = read_observations(bench);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.last.token, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(keeps_every_member),
		IN_BOTH_MODES(replaces_the_row_of_an_endpoint),
		IN_BOTH_MODES(binds_text_from_outside_as_text),
		IN_BOTH_MODES(copies_the_row_before_it_returns),
		IN_BOTH_MODES(removing_tells_what_is_not_there),
		IN_BOTH_MODES(removing_leaves_nothing),
		IN_BOTH_MODES(reading_stops_when_told),
		IN_BOTH_MODES(the_last_refresh_counts),
		IN_BOTH_MODES(refreshes_are_written_without_being_asked),
		IN_BOTH_MODES(a_refresh_never_overtakes_a_later_row),
		IN_BOTH_MODES(a_refresh_does_not_bring_back_a_removed_device),
		IN_BOTH_MODES(closing_writes_refreshes_that_wait),
		{ "many_refreshes_leave_room_for_other_writes", many_refreshes_leave_room_for_other_writes,
		  setup_threaded, teardown, NULL },
		IN_BOTH_MODES(keeps_observations_by_token),
		IN_BOTH_MODES(observations_go_with_their_registration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
