/* Requests that wait for their device, and settings of devices. */
#include "store_support.h"

#include <string.h>

#define DAY_MS 86400000

static struct deferred_row waiting(uint64_t id, const char *endpoint)
{
	return (struct deferred_row){
		.id = id,
		.endpoint = endpoint,
		.operation = "read",
		.path = "/3/0",
		.is_urgent = true,
		.state = "queued",
		.sealed = bytes_of_text("sealed"),
		.answer = "",
		.created_ms = 10,
		.expires_ms = 20,
	};
}

static enum err put(struct bench *bench, const struct deferred_row *row)
{
	return WRITE(bench, store_put_deferred(bench->store, row, bench_done(bench)));
}

static void end(struct bench *bench, uint64_t id, const char *endpoint, int64_t ended_ms)
{
	struct deferred_row row = waiting(id, endpoint);
	row.state = "done";
	row.sealed = bytes_of(NULL, 0);
	row.answer = "{}";
	row.ended_ms = ended_ms;
	assert_int_equal(put(bench, &row), ERR_NONE);
}

static bool count_row(void *self, const struct deferred_row *row)
{
	unsigned *count = self;
	(*count)++;
	assert_string_equal(row->state, "queued");
	return true;
}

static unsigned count_waiting(struct bench *bench)
{
	unsigned count = 0;
	assert_int_equal(store_read_waiting_deferreds(bench->store, count_row, &count), ERR_NONE);
	return count;
}

static size_t count_of(struct bench *bench, const char *endpoint)
{
	struct deferred_row *rows;
	size_t count;
	assert_int_equal(store_read_deferreds(bench->store, bench->arena, endpoint, 0, 0, &rows, &count),
			 ERR_NONE);
	return count;
}

static void keeps_what_waits_and_what_became_of_it(void **state)
{
	struct bench *bench = *state;
	struct deferred_row row = waiting(7, "dev-1");
	uint64_t last;
	assert_int_equal(put(bench, &row), ERR_NONE);
	assert_int_equal(count_waiting(bench), 1);
	bench_reopen(bench);
	assert_int_equal(store_read_deferred(bench->store, bench->arena, 7, &row), ERR_NONE);
	assert_string_equal(row.path, "/3/0");
	assert_true(row.is_urgent);
	assert_true(bytes_equal_text(row.sealed, "sealed"));
	assert_int_equal(row.expires_ms, 20);

	end(bench, 7, "dev-1", 30);
	assert_int_equal(count_waiting(bench), 0);
	assert_int_equal(store_read_deferred(bench->store, bench->arena, 7, &row), ERR_NONE);
	assert_string_equal(row.state, "done");
	assert_string_equal(row.answer, "{}");
	assert_int_equal(row.sealed.len, 0);
	assert_int_equal(row.ended_ms, 30);
	assert_int_equal(store_last_deferred_id(bench->store, &last), ERR_NONE);
	assert_int_equal(last, 7);
	assert_int_equal(store_read_deferred(bench->store, bench->arena, 8, &row), ERR_NOT_FOUND);
}

static void lists_those_of_an_endpoint_the_newest_first(void **state)
{
	struct bench *bench = *state;
	struct deferred_row *rows;
	size_t count;
	for (uint64_t id = 1; id <= 4; id++) {
		struct deferred_row row = waiting(id, id == 3 ? "dev-2" : "dev-1");
		assert_int_equal(put(bench, &row), ERR_NONE);
	}
	assert_int_equal(store_read_deferreds(bench->store, bench->arena, "dev-1", 0, 2, &rows, &count),
			 ERR_NONE);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0].id, 4);
	assert_int_equal(rows[1].id, 2);
	assert_int_equal(store_read_deferreds(bench->store, bench->arena, "dev-1", 2, 2, &rows, &count),
			 ERR_NONE);
	assert_int_equal(count, 1);
}

static void forgets_what_ended_long_ago_and_what_is_too_much(void **state)
{
	struct bench *bench = *state;
	struct deferred_row row = waiting(1, "dev-1");
	assert_int_equal(put(bench, &row), ERR_NONE);
	end(bench, 2, "dev-2", 1000);
	for (uint64_t id = 3; id < 43; id++)
		end(bench, id, "dev-1", 1000 + (int64_t)id);
	assert_int_equal(count_of(bench, "dev-1"), 33); /* one that waits, and 32 that have ended */
	assert_int_equal(store_read_deferred(bench->store, bench->arena, 10, &row), ERR_NOT_FOUND);
	assert_int_equal(store_read_deferred(bench->store, bench->arena, 11, &row), ERR_NONE);
	assert_int_equal(count_of(bench, "dev-2"), 1);

	end(bench, 50, "dev-3", 2000 + DAY_MS);
	assert_int_equal(count_of(bench, "dev-2"), 0);
	assert_int_equal(count_of(bench, "dev-1"), 1);
	assert_int_equal(count_waiting(bench), 1);
}

static bool keep_settings(void *self, const struct device_settings_row *row)
{
	uint32_t *awake_ms = self;
	assert_string_equal(row->endpoint, "dev-1");
	*awake_ms = row->awake_ms;
	return true;
}

static void keeps_the_last_settings_of_a_device(void **state)
{
	struct bench *bench = *state;
	struct device_settings_row row = { "dev-1", 5000 };
	uint32_t awake_ms = 0;
	assert_int_equal(WRITE(bench, store_put_device_settings(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	row.awake_ms = 7000;
	assert_int_equal(WRITE(bench, store_put_device_settings(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	bench_reopen(bench);
	assert_int_equal(store_read_device_settings(bench->store, keep_settings, &awake_ms), ERR_NONE);
	assert_int_equal(awake_ms, 7000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(keeps_what_waits_and_what_became_of_it),
		IN_BOTH_MODES(lists_those_of_an_endpoint_the_newest_first),
		IN_BOTH_MODES(forgets_what_ended_long_ago_and_what_is_too_much),
		IN_BOTH_MODES(keeps_the_last_settings_of_a_device),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
