/* Configurations of the bootstrap server, and how bootstraps have ended. */
#include "store_support.h"

#include <string.h>

static enum err put(struct bench *bench, const char *endpoint, const char *document)
{
	const struct bootstrap_row row = { endpoint, document, bytes_of_text("sealed"), 1000 };
	return WRITE(bench, store_put_bootstrap(bench->store, &row, bench_done(bench)));
}

static void keeps_one_configuration_per_endpoint(void **state)
{
	struct bench *bench = *state;
	struct bootstrap_row row;
	assert_int_equal(put(bench, "dev-1", "{\"a\":1}"), ERR_NONE);
	assert_int_equal(put(bench, "", "{}"), ERR_NONE);
	assert_int_equal(put(bench, "dev-1", "{\"a\":2}"), ERR_NONE);
	bench_reopen(bench);

	assert_int_equal(store_read_bootstrap(bench->store, bench->arena, "dev-1", &row), ERR_NONE);
	assert_string_equal(row.document, "{\"a\":2}");
	assert_true(bytes_equal_text(row.sealed, "sealed"));
	assert_int_equal(row.updated_ms, 1000);
	assert_int_equal(store_read_bootstrap(bench->store, bench->arena, "", &row), ERR_NONE);
	assert_string_equal(row.document, "{}");
	assert_int_equal(store_read_bootstrap(bench->store, bench->arena, "dev-2", &row), ERR_NOT_FOUND);
}

static void removes_a_configuration_once(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put(bench, "dev-1", "{}"), ERR_NONE);
	assert_int_equal(WRITE(bench, store_remove_bootstrap(bench->store, "dev-1", bench_done(bench))),
			 ERR_NONE);
	assert_int_equal(WRITE(bench, store_remove_bootstrap(bench->store, "dev-1", bench_done(bench))),
			 ERR_NOT_FOUND);
}

static void lists_in_order_without_the_one_of_all(void **state)
{
	struct bench *bench = *state;
	struct bootstrap_row *rows;
	size_t count;
	assert_int_equal(put(bench, "c", "{}"), ERR_NONE);
	assert_int_equal(put(bench, "", "{}"), ERR_NONE);
	assert_int_equal(put(bench, "a", "{}"), ERR_NONE);
	assert_int_equal(put(bench, "b", "{}"), ERR_NONE);

	assert_int_equal(store_read_bootstraps(bench->store, bench->arena, "", 2, &rows, &count), ERR_NONE);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].endpoint, "a");
	assert_string_equal(rows[1].endpoint, "b");
	assert_int_equal(store_read_bootstraps(bench->store, bench->arena, "b", 0, &rows, &count), ERR_NONE);
	assert_int_equal(count, 1);
	assert_string_equal(rows[0].endpoint, "c");
}

static void keeps_the_last_outcome(void **state)
{
	struct bench *bench = *state;
	struct bootstrap_outcome_row row = { "dev-1", "{\"state\":\"failed\"}", 1 };
	assert_int_equal(WRITE(bench, store_put_bootstrap_outcome(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	row = (struct bootstrap_outcome_row){ "dev-1", "{\"state\":\"finished\"}", 2 };
	assert_int_equal(WRITE(bench, store_put_bootstrap_outcome(bench->store, &row, bench_done(bench))),
			 ERR_NONE);
	bench_reopen(bench);

	assert_int_equal(store_read_bootstrap_outcome(bench->store, bench->arena, "dev-1", &row), ERR_NONE);
	assert_string_equal(row.json, "{\"state\":\"finished\"}");
	assert_int_equal(row.ended_ms, 2);
	assert_int_equal(store_read_bootstrap_outcome(bench->store, bench->arena, "dev-2", &row),
			 ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(keeps_one_configuration_per_endpoint),
		IN_BOTH_MODES(removes_a_configuration_once),
		IN_BOTH_MODES(lists_in_order_without_the_one_of_all),
		IN_BOTH_MODES(keeps_the_last_outcome),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
