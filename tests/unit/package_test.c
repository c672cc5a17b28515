/* Uploads with a real store, vault and worker; the kinds are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "loop.h"
#include "package.h"
#include "plugin_host.h"
#include "vault.h"
#include "work.h"

#define KEK       "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MAX_BYTES 300000

/* A kind that wants its content to begin with 'C'. */
static enum err inspect(void *self, struct bytes content, struct arena *arena, const char **ret_json,
			struct fault *fault)
{
	if (content.len == 0 || content.at[0] != 'C')
		return fault_set(fault, ERR_MALFORMED, "it does not begin with C");
	*ret_json = arena_printf(arena, "{\"length\":%zu}", content.len);
	return ERR_NONE;
}

static const struct cardea_package_kind kind = { .name = "test", .inspect = inspect };
static const struct loaded_package_kind loaded = { .kind = &kind };

const struct loaded_package_kind *plugin_host_package_kind(const struct plugin_host *host, const char *name)
{
	return strcmp(name, kind.name) == 0 ? &loaded : NULL;
}

const struct loaded_operation *plugin_host_operation(const struct plugin_host *host, const char *name)
{
	return NULL;
}

struct stage {
	struct loop *loop;
	struct store *store;
	struct vault *vault;
	struct events *events;
	struct work_pool *workers;
	struct packages *packages;
	bool is_told;
	uint64_t id;
	struct fault fault;
};

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof *stage);
	struct fault fault = { .kind = ERR_NONE };
	assert_non_null(stage);
	assert_int_equal(loop_create(&stage->loop), ERR_NONE);
	assert_int_equal(store_open("", STORE_INLINE, stage->loop, &stage->store, &fault), ERR_NONE);
	assert_int_equal(vault_open("", KEK, &stage->vault, &fault), ERR_NONE);
	assert_int_equal(events_create(1, &stage->events), ERR_NONE);
	assert_int_equal(work_pool_create(stage->loop, 1, 16, NULL, &stage->workers), ERR_NONE);
	const struct packages_parts parts = { .loop = stage->loop,
					      .store = stage->store,
					      .vault = stage->vault,
					      .workers = stage->workers,
					      .events = stage->events,
					      .max_package_bytes = MAX_BYTES };
	assert_int_equal(packages_create(&parts, &stage->packages), ERR_NONE);
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;
	work_pool_free(stage->workers);
	packages_free(stage->packages);
	events_free(stage->events);
	store_close(stage->store);
	vault_close(stage->vault);
	loop_free(stage->loop);
	free(stage);
	return 0;
}

static void told(void *self, uint64_t id, const struct fault *fault)
{
	struct stage *stage = self;
	stage->is_told = true;
	stage->id = id;
	stage->fault = *fault;
}

static void upload(struct stage *stage, struct bytes content, size_t part_bytes)
{
	struct package_upload *begun;
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(package_upload_begin(stage->packages, "test", "a name", &begun, &fault), ERR_NONE);
	for (struct reader r = reader_of(content); reader_left(&r) > 0;) {
		size_t taken = 0, left = reader_left(&r);
		struct bytes part = read_bytes(&r, left < part_bytes ? left : part_bytes);
		assert_int_equal(package_upload_add(begun, part, &taken, &fault), ERR_NONE);
		assert_int_equal(taken, part.len);
	}
	stage->is_told = false;
	assert_int_equal(package_upload_end(begun, told, stage), ERR_NONE);
	for (int i = 0; i < 100 && !stage->is_told; i++)
		assert_int_equal(loop_turn(stage->loop, 50), ERR_NONE);
	assert_true(stage->is_told);
}

static size_t count_packages(struct stage *stage)
{
	struct arena *arena = arena_create(0);
	struct package_row *rows;
	struct bytes chunk;
	size_t count;
	assert_int_equal(store_read_packages(stage->store, arena, NULL, 0, 0, &rows, &count), ERR_NONE);
	if (count == 0)
		assert_int_equal(store_read_package_chunk(stage->store, arena, 1, 0, &chunk), ERR_NOT_FOUND);
	arena_free(arena);
	return count;
}

static void gives_back_what_was_uploaded_in_parts(void **state)
{
	struct stage *stage = *state;
	uint8_t *content = malloc(200000);
	struct arena *arena = arena_create(0);
	struct bytes read;
	assert_non_null(content);
	for (size_t i = 0; i < 200000; i++)
		content[i] = (uint8_t)(i * 7 + i / 256);
	content[0] = 'C';
	upload(stage, bytes_of(content, 200000), 7001);
	assert_int_equal(stage->fault.kind, ERR_NONE);
	assert_int_equal(package_read(stage->packages, arena, stage->id, &read), ERR_NONE);
	assert_true(bytes_equal(read, bytes_of(content, 200000)));
	arena_free(arena);
	free(content);
}

static void keeps_the_content_sealed(void **state)
{
	static const char content[] = "Clear text that must not be found in the store";
	struct stage *stage = *state;
	struct arena *arena = arena_create(0);
	struct bytes chunk;
	upload(stage, bytes_of_text(content), 100);
	assert_int_equal(store_read_package_chunk(stage->store, arena, stage->id, 0, &chunk), ERR_NONE);
	assert_null(memmem(chunk.at, chunk.len, content, 16));
	arena_free(arena);
}

static void describes_it_as_the_plugin_does(void **state)
{
	struct stage *stage = *state;
	struct arena *arena = arena_create(0);
	struct package_row row;
	upload(stage, bytes_of_text("Cabc"), 100);
	assert_int_equal(store_read_package(stage->store, arena, stage->id, &row), ERR_NONE);
	assert_string_equal(row.description, "{\"length\":4}");
	assert_string_equal(row.name, "a name");
	assert_int_equal(row.size, 4);
	assert_string_equal(row.sha256, "A553AE69865B1C3EFEED181D40CDB793AB9505A8C4F76C8387485BBCBED2DE74");
	arena_free(arena);
}

static void leaves_nothing_of_what_the_plugin_refuses(void **state)
{
	struct stage *stage = *state;
	upload(stage, bytes_of_text("wrong"), 100);
	assert_int_equal(stage->fault.kind, ERR_MALFORMED);
	assert_string_equal(stage->fault.text, "it does not begin with C");
	assert_int_equal(count_packages(stage), 0);
}

static void leaves_nothing_of_an_upload_that_breaks(void **state)
{
	static const uint8_t zeros[150000];
	struct stage *stage = *state;
	struct package_upload *begun;
	struct fault fault = { .kind = ERR_NONE };
	size_t taken;
	assert_int_equal(package_upload_begin(stage->packages, "test", "", &begun, &fault), ERR_NONE);
	assert_int_equal(package_upload_add(begun, bytes_of(zeros, sizeof zeros), &taken, &fault), ERR_NONE);
	package_upload_abort(begun);
	assert_int_equal(count_packages(stage), 0);
}

static void refuses_too_much_and_unknown_kinds(void **state)
{
	static const uint8_t zeros[MAX_BYTES];
	struct stage *stage = *state;
	struct package_upload *begun;
	struct fault fault = { .kind = ERR_NONE };
	size_t taken;
	assert_int_equal(package_upload_begin(stage->packages, "test", "", &begun, &fault), ERR_NONE);
	assert_int_equal(package_upload_add(begun, bytes_of(zeros, MAX_BYTES), &taken, &fault), ERR_NONE);
	assert_int_equal(package_upload_add(begun, bytes_of(zeros, 1), &taken, &fault), ERR_LIMIT);
	assert_string_equal(fault.text, "a package may have 300000 bytes");
	package_upload_abort(begun);
	fault.kind = ERR_NONE;
	assert_int_equal(package_upload_begin(stage->packages, "nothing", "", &begun, &fault), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CLAIM(gives_back_what_was_uploaded_in_parts),
		CLAIM(keeps_the_content_sealed),
		CLAIM(describes_it_as_the_plugin_does),
		CLAIM(leaves_nothing_of_what_the_plugin_refuses),
		CLAIM(leaves_nothing_of_an_upload_that_breaks),
		CLAIM(refuses_too_much_and_unknown_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
