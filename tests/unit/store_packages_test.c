#include "store_support.h"

#include <stdlib.h>
#include <string.h>

static enum err put_chunk(struct bench *bench, uint64_t id, uint32_t index, const char *content)
{
	struct store_done done = bench_done(bench);
	return WRITE(bench, store_put_package_chunk(bench->store, id, index, bytes_of_text(content), done));
}

static enum err complete(struct bench *bench, uint64_t id, const char *kind)
{
	struct package_row row = {
		.id = id,
		.kind = kind,
		.name = "applet.cap",
		.size = 6,
		.sha256 = "00ff",
		.description = "{\"aid\":\"A0\"}",
		.created_ms = 1000,
		.sealed_key = bytes_of("\0\1", 2),
	};
	return WRITE(bench, store_complete_package(bench->store, &row, bench_done(bench)));
}

static enum err remove_package(struct bench *bench, uint64_t id)
{
	return WRITE(bench, store_remove_package(bench->store, id, bench_done(bench)));
}

static bool has_chunk(struct bench *bench, uint64_t id, uint32_t index, const char *content)
{
	struct bytes chunk = { 0 };
	enum err err = store_read_package_chunk(bench->store, bench->arena, id, index, &chunk);
	assert_true(err == ERR_NONE || err == ERR_NOT_FOUND);
	return err == ERR_NONE && bytes_equal_text(chunk, content);
}

static bool is_there(struct bench *bench, uint64_t id)
{
	struct package_row row;
	enum err err = store_read_package(bench->store, bench->arena, id, &row);
	assert_true(err == ERR_NONE || err == ERR_NOT_FOUND);
	return err == ERR_NONE;
}

static void put_package(struct bench *bench, uint64_t id, const char *kind)
{
	assert_int_equal(put_chunk(bench, id, 0, "abc"), ERR_NONE);
	assert_int_equal(put_chunk(bench, id, 1, "def"), ERR_NONE);
	assert_int_equal(complete(bench, id, kind), ERR_NONE);
}

static void put_job_of(struct bench *bench, const char *state, uint64_t package_id, const char *packages)
{
	struct job_row row = { .id = 1,
			       .endpoint = "dev-1",
			       .operation = "se.install",
			       .params = "{}",
			       .state = state,
			       .package_id = package_id,
			       .result = "",
			       .error = "",
			       .idempotency_key = "",
			       .packages = packages };
	assert_int_equal(WRITE(bench, store_put_job(bench->store, &row, NULL, 0, bench_done(bench))),
			 ERR_NONE);
}

static void put_job(struct bench *bench, const char *state, uint64_t package_id)
{
	put_job_of(bench, state, package_id, "");
}

static void is_visible_once_complete(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put_chunk(bench, 1, 0, "abc"), ERR_NONE);
	assert_false(is_there(bench, 1));
	assert_true(has_chunk(bench, 1, 0, "abc")); /* to be inspected */
	assert_int_equal(put_chunk(bench, 1, 1, "def"), ERR_NONE);
	assert_int_equal(complete(bench, 1, "se-load-file"), ERR_NONE);
	bench_reopen(bench);

	struct package_row row;
	assert_int_equal(store_read_package(bench->store, bench->arena, 1, &row), ERR_NONE);
	assert_string_equal(row.kind, "se-load-file");
	assert_string_equal(row.name, "applet.cap");
	assert_int_equal(row.size, 6);
	assert_string_equal(row.sha256, "00ff");
	assert_string_equal(row.description, "{\"aid\":\"A0\"}");
	assert_int_equal(row.created_ms, 1000);
	assert_true(bytes_equal(row.sealed_key, bytes_of("\0\1", 2)));
	assert_true(has_chunk(bench, 1, 0, "abc"));
	assert_true(has_chunk(bench, 1, 1, "def"));
	struct bytes chunk;
	assert_int_equal(store_read_package_chunk(bench->store, bench->arena, 1, 2, &chunk), ERR_NOT_FOUND);
}

static void an_upload_that_did_not_end_leaves_nothing(void **state)
{
	struct bench *bench = *state;
	put_package(bench, 1, "firmware");
	assert_int_equal(put_chunk(bench, 2, 0, "abc"), ERR_NONE);
	bench_reopen(bench);
	assert_false(has_chunk(bench, 2, 0, "abc"));
	assert_true(has_chunk(bench, 1, 0, "abc"));
}

static void an_aborted_upload_is_removed(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put_chunk(bench, 1, 0, "abc"), ERR_NONE);
	assert_int_equal(remove_package(bench, 1), ERR_NONE);
	assert_false(has_chunk(bench, 1, 0, "abc"));
	assert_int_equal(remove_package(bench, 1), ERR_NOT_FOUND);
}

static void refuses_to_complete_with_a_chunk_missing(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(put_chunk(bench, 1, 0, "abc"), ERR_NONE);
	assert_int_equal(put_chunk(bench, 1, 2, "ghi"), ERR_NONE);
	assert_int_equal(complete(bench, 1, "firmware"), ERR_CONFLICT);
	assert_false(is_there(bench, 1));
	assert_int_equal(put_chunk(bench, 1, 1, "def"), ERR_NONE);
	assert_int_equal(complete(bench, 1, "firmware"), ERR_NONE);
}

static void a_complete_package_does_not_change(void **state)
{
	struct bench *bench = *state;
	put_package(bench, 1, "firmware");
	assert_int_equal(put_chunk(bench, 1, 0, "xyz"), ERR_CONFLICT);
	assert_int_equal(put_chunk(bench, 1, 2, "xyz"), ERR_CONFLICT);
	assert_int_equal(complete(bench, 1, "se-load-file"), ERR_CONFLICT);
	assert_true(has_chunk(bench, 1, 0, "abc"));
	assert_false(has_chunk(bench, 1, 2, "xyz"));
}

static void a_package_that_a_job_needs_stays(void **state)
{
	struct bench *bench = *state;
	put_package(bench, 1, "firmware");
	put_job(bench, "waiting", 1);
	assert_int_equal(remove_package(bench, 1), ERR_CONFLICT);
	assert_true(is_there(bench, 1));
	assert_true(has_chunk(bench, 1, 1, "def"));
	put_job(bench, "succeeded", 1);
	assert_int_equal(remove_package(bench, 1), ERR_NONE);
	assert_false(is_there(bench, 1));
	assert_false(has_chunk(bench, 1, 0, "abc"));
}

static void is_not_removed_while_a_job_names_it_among_others(void **state)
{
	struct bench *bench = *state;
	put_package(bench, 1, "firmware");
	put_package(bench, 2, "firmware");
	put_job_of(bench, "waiting", 0, "[2]");
	assert_int_equal(remove_package(bench, 2), ERR_CONFLICT);
	assert_int_equal(remove_package(bench, 1), ERR_NONE);
	put_job_of(bench, "failed", 0, "[2]");
	assert_int_equal(remove_package(bench, 2), ERR_NONE);
}

/* Both queue before either is written: the order of the queue decides. */
static void removal_and_use_do_not_cross(void **state)
{
	struct bench *bench = *state;
	put_package(bench, 1, "firmware");
	struct job_row row = { .id = 1,
			       .endpoint = "dev-1",
			       .operation = "fw.update",
			       .params = "{}",
			       .state = "queued",
			       .package_id = 1,
			       .result = "",
			       .error = "",
			       .idempotency_key = "",
			       .packages = "" };
	assert_int_equal(store_remove_package(bench->store, 1, (struct store_done){ 0 }), ERR_NONE);
	assert_int_equal(WRITE(bench, store_put_job(bench->store, &row, NULL, 0, bench_done(bench))),
			 ERR_NOT_FOUND);
	assert_false(is_there(bench, 1));
}

static void lists_by_kind_newest_first(void **state)
{
	struct bench *bench = *state;
	put_package(bench, 1, "firmware");
	put_package(bench, 2, "se-load-file");
	put_package(bench, 3, "firmware");
	assert_int_equal(put_chunk(bench, 4, 0, "abc"), ERR_NONE);

	struct package_row *rows;
	size_t count;
	assert_int_equal(store_read_packages(bench->store, bench->arena, NULL, 0, 0, &rows, &count),
			 ERR_NONE);
	assert_int_equal(count, 3);
	assert_int_equal(rows[0].id, 3);
	assert_int_equal(store_read_packages(bench->store, bench->arena, "firmware", 3, 5, &rows, &count),
			 ERR_NONE);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].id, 1);
	assert_int_equal(store_read_packages(bench->store, bench->arena, NULL, 0, 2, &rows, &count),
			 ERR_NONE);
	assert_int_equal(count, 2);
}

static void an_id_is_not_given_again(void **state)
{
	struct bench *bench = *state;
	uint64_t id;
	put_package(bench, 1, "firmware");
	put_package(bench, 2, "firmware");
	assert_int_equal(remove_package(bench, 2), ERR_NONE);
	bench_reopen(bench);
	assert_int_equal(store_last_package_id(bench->store, &id), ERR_NONE);
	assert_int_equal(id, 2);
}

#define CHUNK_SIZE (1u << 20)

static void uploads_leave_room_for_devices(void **state)
{
	struct bench *bench = *state;
	uint8_t *content = calloc(1, CHUNK_SIZE);
	assert_non_null(content);
	enum err err = ERR_NONE;
	unsigned queued = 0;
	while (queued < 100 && !err) {
		err = store_put_package_chunk(bench->store, 1, queued, bytes_of(content, CHUNK_SIZE),
					      bench_done(bench));
		queued += !err;
	}
	free(content);
	assert_int_equal(err, ERR_UNAVAILABLE);
	struct registration_row row = { "dev-1", "a", "192.0.2.1:1", 0, false, false, "", 60, "1.1", "U",
					"",      "",  false,         1, 2,     3 };
	assert_int_equal(store_put_registration(bench->store, &row, bench_done(bench)), ERR_NONE);
	bench_wait(bench, queued + 1);
	assert_int_equal(bench->result, ERR_NONE);
	assert_int_equal(put_chunk(bench, 1, queued, "more"), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(is_visible_once_complete),
		IN_BOTH_MODES(an_upload_that_did_not_end_leaves_nothing),
		IN_BOTH_MODES(an_aborted_upload_is_removed),
		IN_BOTH_MODES(refuses_to_complete_with_a_chunk_missing),
		IN_BOTH_MODES(a_complete_package_does_not_change),
		IN_BOTH_MODES(a_package_that_a_job_needs_stays),
		IN_BOTH_MODES(is_not_removed_while_a_job_names_it_among_others),
		IN_BOTH_MODES(removal_and_use_do_not_cross),
		IN_BOTH_MODES(lists_by_kind_newest_first),
		IN_BOTH_MODES(an_id_is_not_given_again),
		{ "uploads_leave_room_for_devices", uploads_leave_room_for_devices, setup_threaded, teardown,
		  NULL },
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
