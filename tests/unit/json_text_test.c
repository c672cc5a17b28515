#include "json_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int open_arena(void **state)
{
	*state = arena_create(1 << 20);
	return *state == NULL;
}

static int close_arena(void **state)
{
	arena_free(*state);
	return 0;
}

static void assert_built(const struct builder *b, const char *expected)
{
	struct bytes built;

	assert_int_equal(builder_bytes(b, &built), ERR_NONE);
	assert_int_equal(built.len, strlen(expected));
	assert_memory_equal(built.at, expected, built.len);
}

static void quotes_and_escapes_strings(void **state)
{
	struct builder b = builder_in(*state);

	build_json_string(&b, bytes_of_text("a\"b\\c\nd\x01\xC3\xA9"));
	assert_built(&b, "\"a\\\"b\\\\c\\nd\\u0001\xC3\xA9\"");
}

static void empty_string_stays_a_string(void **state)
{
	struct builder b = builder_in(*state);

	build_json_string(&b, bytes_of(NULL, 0));
	assert_built(&b, "\"\"");
}

static void bytes_that_are_no_text_become_null(void **state)
{
	struct builder b = builder_in(*state);

	build_json_string(&b, bytes_of_text("\xFF\xFE"));
	assert_built(&b, "null");
}

static void numbers_without_a_json_form_become_null(void **state)
{
	struct builder b = builder_in(*state);

	build_json_real(&b, 2.5);
	build_json_real(&b, NAN);
	build_json_real(&b, INFINITY);
	assert_built(&b, "2.5nullnull");
}

static void objects_mix_strings_and_json(void **state)
{
	const struct json_member members[] = { { "endpoint", "a\"b", NULL }, { "values", NULL, "[1]" } };
	struct builder b = builder_in(*state);

	build_json_object(&b, members, 2);
	assert_built(&b, "{\"endpoint\":\"a\\\"b\",\"values\":[1]}");
}

static void object_may_be_empty(void **state)
{
	struct builder b = builder_in(*state);

	build_json_object(&b, NULL, 0);
	assert_built(&b, "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(quotes_and_escapes_strings, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(empty_string_stays_a_string, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(bytes_that_are_no_text_become_null, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(numbers_without_a_json_form_become_null, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(objects_mix_strings_and_json, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(object_may_be_empty, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
