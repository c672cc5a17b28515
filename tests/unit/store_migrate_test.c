/* From the oldest schema to this one, and what is refused. */
#include "store_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

static void execute(struct bench *bench, const char *sql)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(bench_path(bench, "cardea.db"), &database), SQLITE_OK);
	char *reason = NULL;
	if (sqlite3_exec(database, sql, NULL, NULL, &reason) != SQLITE_OK)
		fail_msg("%s", reason);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static enum err try_open(struct bench *bench, struct fault *fault)
{
	struct store *store = NULL;
	*fault = (struct fault){ 0 };
	enum err err = store_open(bench->data_dir, bench->mode, bench->loop, &store, fault);
	store_close(store);
	return err;
}

static void start_over(struct bench *bench)
{
	bench_close(bench);
	assert_int_equal(remove(bench_path(bench, "cardea.db")), 0);
}

/* The text of a step of the schema; the caller frees. */
static char *read_schema(const char *path)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	char *text = calloc(1, 65536);
	assert_non_null(text);
	size_t size = fread(text, 1, 65535, file);
	assert_in_range(size, 1, 65534);
	fclose(file);
	return text;
}

static bool count_row(void *self, const struct registration_row *row)
{
	assert_string_equal(row->endpoint, "dev-1");
	assert_string_equal(row->links, "</3/0>");
	assert_int_equal(row->expires_ms, 3);
	++*(unsigned *)self;
	return true;
}

/* A database as the first release made it: its rows are there after every later step. */
static void keeps_the_rows_of_version_1(void **state)
{
	struct bench *bench = *state;
	start_over(bench);
	char *schema = read_schema("db/schema/001_initial.sql");
	execute(bench, schema);
	free(schema);
	execute(bench,
		"PRAGMA application_id = 1128354916; PRAGMA user_version = 1;"
		"INSERT INTO registrations VALUES (8, 'dev-1', 'a', '192.0.2.1:5683', 0, 0, '', 60, '1.1', "
		"'U',"
		" '</3/0>', '', 0, 1);"
		"INSERT INTO registration_times VALUES (8, 2, 3);"
		"INSERT INTO jobs VALUES (4, 'dev-1', 'se.install', '{}', 'waiting', 0, x'0102', '', '', 0, "
		"0,"
		" 1, 0, 1, 2, 3, '', 0);"
		"INSERT INTO keysets VALUES ('dev-1', 'scp03', '', 48, x'aabb', '{}', 1);"
		"INSERT INTO credentials VALUES ('dev-1', 'psk', 'id-1', x'ccdd', 1);");
	bench_open(bench);

	unsigned count = 0;
	assert_int_equal(store_read_registrations(bench->store, count_row, &count), ERR_NONE);
	assert_int_equal(count, 1);
	struct job_row job;
	assert_int_equal(store_read_job(bench->store, bench->arena, 4, &job), ERR_NONE);
	assert_string_equal(job.state, "waiting");
	assert_true(bytes_equal(job.sealed_state, bytes_of("\1\2", 2)));
	struct keyset_row *keysets;
	size_t keyset_count;
	assert_int_equal(store_read_keysets(bench->store, bench->arena, NULL, &keysets, &keyset_count),
			 ERR_NONE);
	assert_int_equal(keyset_count, 1);
	assert_int_equal(keysets[0].version, 48);
	struct credential_row *credentials;
	size_t credential_count;
	assert_int_equal(store_read_credentials(bench->store, bench->arena, &credentials, &credential_count),
			 ERR_NONE);
	assert_int_equal(credential_count, 1);
	assert_string_equal(credentials[0].identity, "id-1");
	assert_true(bytes_equal(credentials[0].sealed, bytes_of("\xcc\xdd", 2)));
}

static void refuses_a_newer_schema(void **state)
{
	struct bench *bench = *state;
	struct fault fault;
	bench_close(bench);
	execute(bench, "PRAGMA user_version = 999");
	assert_int_equal(try_open(bench, &fault), ERR_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "999"));
	execute(bench, "PRAGMA user_version = 10");
	bench_open(bench);
}

static void refuses_the_database_of_another_program(void **state)
{
	struct bench *bench = *state;
	struct fault fault;
	start_over(bench);
	execute(bench, "CREATE TABLE songs (title TEXT)");
	assert_int_equal(try_open(bench, &fault), ERR_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "not one of Cardea"));
}

static void overwrite(struct bench *bench, long offset, size_t size)
{
	FILE *file = fopen(bench_path(bench, "cardea.db"), "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, offset, SEEK_SET), 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(fputc(0xa5, file), 0xa5);
	assert_int_equal(fclose(file), 0);
}

static void refuses_a_file_that_is_no_database(void **state)
{
	struct bench *bench = *state;
	struct fault fault;
	bench_close(bench);
	overwrite(bench, 0, 100);
	assert_int_equal(try_open(bench, &fault), ERR_IO);
	assert_non_null(strstr(fault.text, "not a database"));
}

static void put_registrations(struct bench *bench, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[16];
		snprintf(name, sizeof name, "dev-%04u", i);
		struct registration_row row = {
			.endpoint = name,
			.location = "a",
			.address = "192.0.2.1:5683",
			.identity = "",
			.version = "1.1",
			.binding = "U",
			.links = "</3/0>",
			.root = "",
		};
		assert_int_equal(store_put_registration(bench->store, &row, bench_done(bench)), ERR_NONE);
	}
	bench_wait(bench, count);
}

static void refuses_a_damaged_page(void **state)
{
	struct bench *bench = *state;
	struct fault fault;
	put_registrations(bench, 500);
	bench_close(bench);
	FILE *file = fopen(bench_path(bench, "cardea.db"), "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	long size = ftell(file);
	fclose(file);
	overwrite(bench, size - 4096, 4096); /* the last pages hold registrations */
	assert_int_equal(try_open(bench, &fault), ERR_IO);
	assert_non_null(strstr(fault.text, "damaged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOTH_MODES(keeps_the_rows_of_version_1),
		IN_BOTH_MODES(refuses_a_newer_schema),
		IN_BOTH_MODES(refuses_the_database_of_another_program),
		IN_BOTH_MODES(refuses_a_file_that_is_no_database),
		IN_BOTH_MODES(refuses_a_damaged_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
