#include "store_support.h"

#include <string.h>

static struct job_row job(uint64_t id, const char *endpoint, const char *state)
{
	return (struct job_row){
		.id = id,
		.endpoint = endpoint,
		.operation = "se.install",
		.params = "{\"aid\":\"A0\"}",
		.state = state,
		.result = "",
		.error = "",
		.idempotency_key = "",
		.packages = "",
		.created_ms = 1000,
	};
}

static enum err put_traced(struct bench *bench, const struct job_row *row, const struct trace_row *trace,
			   size_t count)
{
	return WRITE(bench, store_put_job(bench->store, row, trace, count, bench_done(bench)));
}

static enum err put(struct bench *bench, const struct job_row *row)
{
	return put_traced(bench, row, NULL, 0);
}

static void put_five(struct bench *bench)
{
	static const struct {
		const char *endpoint, *state;
	} jobs[] = {
		{ "dev-1", "succeeded" }, { "dev-1", "queued" }, { "dev-2", "running" },
		{ "dev-2", "failed" },    { "dev-1", "queued" },
	};
	for (size_t i = 0; i < 5; i++) {
		struct job_row row = job(i + 1, jobs[i].endpoint, jobs[i].state);
		assert_int_equal(put(bench, &row), ERR_NONE);
	}
}

/* The ids that a filter gives, as digits. */
static const char *ids(struct bench *bench, struct job_filter filter)
{
	static char text[32];
	struct job_row *rows = NULL;
	size_t count = 0;
	assert_int_equal(store_read_jobs(bench->store, bench->arena, &filter, &rows, &count), ERR_NONE);
	assert_true(count < sizeof text);
	for (size_t i = 0; i < count; i++)
		text[i] = (char)('0' + rows[i].id);
	text[count] = '\0';
	return text;
}

static void keeps_every_member(void **state)
{
	struct bench *bench = *state;
	struct job_row row = job(7, "dev-1", "waiting");
	row.sealed_state = bytes_of("\0\1\2", 3);
	row.result = "{\"a\":1}";
	row.error = "{\"code\":\"timeout\"}";
	row.progress_done = 5;
	row.progress_total = UINT32_MAX + 1ull;
	row.steps = 3;
	row.attempts = 2;
	row.updated_ms = 2000;
	row.deadline_ms = 3000;
	row.idempotency_key = "k";
	row.caller = 9;
	row.packages = "[]";
	assert_int_equal(put(bench, &row), ERR_NONE);
	bench_reopen(bench);

	struct job_row got;
	assert_int_equal(store_read_job(bench->store, bench->arena, 7, &got), ERR_NONE);
	assert_int_equal(got.id, 7);
	assert_string_equal(got.endpoint, "dev-1");
	assert_string_equal(got.operation, row.operation);
	assert_string_equal(got.params, row.params);
	assert_string_equal(got.state, "waiting");
	assert_true(bytes_equal(got.sealed_state, row.sealed_state));
	assert_string_equal(got.result, row.result);
	assert_string_equal(got.error, row.error);
	assert_int_equal(got.progress_done, 5);
	assert_true(got.progress_total == row.progress_total);
	assert_int_equal(got.steps, 3);
	assert_int_equal(got.attempts, 2);
	assert_int_equal(got.created_ms, 1000);
	assert_int_equal(got.updated_ms, 2000);
	assert_int_equal(got.deadline_ms, 3000);
	assert_string_equal(got.idempotency_key, "k");
	assert_int_equal(got.caller, 9);
	assert_string_equal(got.packages, "[]");
}

static void tells_a_job_that_is_not_there(void **state)
{
	struct bench *bench = *state;
	struct job_row got = { .id = 55 };
	assert_int_equal(store_read_job(bench->store, bench->arena, 1, &got), ERR_NOT_FOUND);
	assert_int_equal(store_read_job(bench->store, bench->arena, UINT64_MAX, &got), ERR_NOT_FOUND);
	assert_int_equal(got.id, 55);
}

static void lists_newest_first_in_pages(void **state)
{
	struct bench *bench = *state;
	put_five(bench);
	assert_string_equal(ids(bench, (struct job_filter){ 0 }), "54321");
	assert_string_equal(ids(bench, (struct job_filter){ .limit = 2 }), "54");
	assert_string_equal(ids(bench, (struct job_filter){ .before = 4, .limit = 2 }), "32");
	assert_string_equal(ids(bench, (struct job_filter){ .before = 1 }), "");
	assert_string_equal(ids(bench, (struct job_filter){ .before = UINT64_MAX, .limit = 1 }), "5");
}

static void filters_by_endpoint_and_state(void **state)
{
	struct bench *bench = *state;
	put_five(bench);
	assert_string_equal(ids(bench, (struct job_filter){ .endpoint = "dev-1" }), "521");
	assert_string_equal(ids(bench, (struct job_filter){ .endpoint = "dev-1", .before = 5, .limit = 1 }),
			    "2");
	assert_string_equal(ids(bench, (struct job_filter){ .state = "queued" }), "52");
	assert_string_equal(ids(bench, (struct job_filter){ .endpoint = "dev-1", .state = "succeeded" }),
			    "1");
	assert_string_equal(ids(bench, (struct job_filter){ .endpoint = "dev-3" }), "");
}

static void lists_unfinished_oldest_first(void **state)
{
	struct bench *bench = *state;
	put_five(bench);
	assert_string_equal(ids(bench, (struct job_filter){ .unfinished = true }), "235");
	assert_string_equal(ids(bench, (struct job_filter){ .unfinished = true, .after = 2, .limit = 1 }),
			    "3");
	assert_string_equal(ids(bench, (struct job_filter){ .unfinished = true, .endpoint = "dev-1" }), "25");
	assert_string_equal(ids(bench, (struct job_filter){ .unfinished = true, .state = "running" }), "3");

	struct job_row ended = job(2, "dev-1", "cancelled");
	assert_int_equal(put(bench, &ended), ERR_NONE);
	assert_string_equal(ids(bench, (struct job_filter){ .unfinished = true }), "35");
}

static void an_idempotency_key_belongs_to_one_job_of_a_caller(void **state)
{
	struct bench *bench = *state;
	struct job_row row = job(1, "dev-1", "queued");
	row.idempotency_key = "k";
	row.caller = 1;
	assert_int_equal(put(bench, &row), ERR_NONE);
	row.state = "running";
	assert_int_equal(put(bench, &row), ERR_NONE);
	row.id = 2;
	assert_int_equal(put(bench, &row), ERR_CONFLICT);
	row.caller = 2;
	assert_int_equal(put(bench, &row), ERR_NONE);

	struct job_row got;
	assert_int_equal(store_read_job_by_key(bench->store, bench->arena, 1, "k", &got), ERR_NONE);
	assert_int_equal(got.id, 1);
	assert_string_equal(got.state, "running");
	assert_int_equal(store_read_job_by_key(bench->store, bench->arena, 2, "k", &got), ERR_NONE);
	assert_int_equal(got.id, 2);
	assert_int_equal(store_read_job_by_key(bench->store, bench->arena, 3, "k", &got), ERR_NOT_FOUND);
}

static void jobs_without_a_key_do_not_collide(void **state)
{
	struct bench *bench = *state;
	put_five(bench);
	struct job_row got;
	assert_int_equal(store_read_job_by_key(bench->store, bench->arena, 0, "", &got), ERR_NOT_FOUND);
}

static void remembers_the_highest_id(void **state)
{
	struct bench *bench = *state;
	uint64_t id = 99;
	assert_int_equal(store_last_job_id(bench->store, &id), ERR_NONE);
	assert_int_equal(id, 0);
	put_five(bench);
	assert_int_equal(store_last_job_id(bench->store, &id), ERR_NONE);
	assert_int_equal(id, 5);
}

static void an_unfinished_job_needs_its_package(void **state)
{
	struct bench *bench = *state;
	struct job_row row = job(1, "dev-1", "queued");
	row.package_id = 3;
	assert_int_equal(put(bench, &row), ERR_NOT_FOUND);
	row.state = "failed"; /* its package may be gone */
	assert_int_equal(put(bench, &row), ERR_NONE);
	row = job(2, "dev-1", "queued");
	row.packages = "[3]";
	assert_int_equal(put(bench, &row), ERR_NOT_FOUND);
	row.state = "failed";
	assert_int_equal(put(bench, &row), ERR_NONE);
}

/* ---- traces ---- */

static void a_trace_goes_on_where_it_ended(void **state)
{
	struct bench *bench = *state;
	struct job_row row = job(1, "dev-1", "running"), other = job(2, "dev-1", "running");
	struct trace_row lines[] = {
		{ .job_id = 1,
		  .step = 1,
		  .at_ms = 10,
		  .layer = "apdu",
		  .direction = "command",
		  .text = "SELECT",
		  .raw = { (const uint8_t *)"\x00\xa4", 2 } },
		{ .job_id = 1,
		  .step = 1,
		  .at_ms = 11,
		  .layer = "apdu",
		  .direction = "answer",
		  .text = "9000" },
	};
	struct trace_row elsewhere = {
		.job_id = 2, .layer = "apdu", .direction = "command", .text = "other"
	};
	assert_int_equal(put_traced(bench, &row, lines, 2), ERR_NONE);
	assert_int_equal(put_traced(bench, &other, &elsewhere, 1), ERR_NONE);
	lines[0].text = "INSTALL";
	assert_int_equal(put_traced(bench, &row, lines, 1), ERR_NONE);

	struct trace_row *rows;
	size_t count;
	assert_int_equal(store_read_trace(bench->store, bench->arena, 1, 0, 0, &rows, &count), ERR_NONE);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].number, 1);
	assert_string_equal(rows[0].text, "SELECT");
	assert_true(bytes_equal(rows[0].raw, lines[0].raw));
	assert_string_equal(rows[1].direction, "answer");
	assert_int_equal(rows[1].raw.len, 0);
	assert_int_equal(rows[2].number, 3);
	assert_string_equal(rows[2].text, "INSTALL");

	assert_int_equal(store_read_trace(bench->store, bench->arena, 1, 1, 1, &rows, &count), ERR_NONE);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].number, 2);
}

static void a_refused_job_leaves_no_trace(void **state)
{
	struct bench *bench = *state;
	struct job_row row = job(1, "dev-1", "running");
	row.package_id = 3;
	struct trace_row line = { .job_id = 1, .layer = "apdu", .direction = "command", .text = "SELECT" };
	assert_int_equal(put_traced(bench, &row, &line, 1), ERR_NOT_FOUND);

	struct trace_row *rows;
	size_t count = 1;
	assert_int_equal(store_read_trace(bench->store, bench->arena, 1, 0, 0, &rows, &count), ERR_NONE);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(keeps_every_member),
		IN_BOTH_MODES(tells_a_job_that_is_not_there),
		IN_BOTH_MODES(lists_newest_first_in_pages),
		IN_BOTH_MODES(filters_by_endpoint_and_state),
		IN_BOTH_MODES(lists_unfinished_oldest_first),
		IN_BOTH_MODES(an_idempotency_key_belongs_to_one_job_of_a_caller),
		IN_BOTH_MODES(jobs_without_a_key_do_not_collide),
		IN_BOTH_MODES(remembers_the_highest_id),
		IN_BOTH_MODES(an_unfinished_job_needs_its_package),
		IN_BOTH_MODES(a_trace_goes_on_where_it_ended),
		IN_BOTH_MODES(a_refused_job_leaves_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
