#include "observation_target.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int open_arena(void **state)
{
	*state = arena_create(0);
	return *state == NULL;
}

static int close_arena(void **state)
{
	arena_free(*state);
	return 0;
}

static void what_is_printed_can_be_read(void **state)
{
	static const char *const texts[] = { "/3", "/3/0/6/1", "/3/0/9?pmin=1&pmax=9", "/,/3/0/9",
					     "/,/3/0/9,/1,/5/0" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct observation_target target, again;
		const char *text;

		assert_int_equal(observation_target_parse(*state, texts[i], &target), ERR_NONE);
		assert_int_equal(observation_target_print(*state, &target, &text), ERR_NONE);
		assert_string_equal(text, texts[i]);
		assert_int_equal(observation_target_parse(*state, text, &again), ERR_NONE);
		assert_true(observation_target_equal(&target, &again));
	}
}

static void targets_differ_in_path_names_and_their_order(void **state)
{
	static const char *const texts[] = { "/3/0/9", "/3/0", "/,/3/0/9", "/,/3/0/9,/1", "/,/1,/3/0/9" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t k = 0; k < i; k++) {
			struct observation_target a, b;

			assert_int_equal(observation_target_parse(*state, texts[i], &a), ERR_NONE);
			assert_int_equal(observation_target_parse(*state, texts[k], &b), ERR_NONE);
			assert_false(observation_target_equal(&a, &b));
		}
	}
}

static void refuses_what_is_no_target(void **state)
{
	static const char *const texts[] = { "", "/", "/3,/1", "/,", "/,/3/", "x", "/,/3,x", "?pmin=1" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct observation_target target;

		assert_int_equal(observation_target_parse(*state, texts[i], &target), ERR_MALFORMED);
	}
}

static void refuses_more_names_than_it_keeps(void **state)
{
	struct lwm2m_record records[OBSERVATION_TARGET_MAX_NAMES + 1] = { 0 };
	struct operation_request request = { .operation = LWM2M_OBSERVE,
					     .records = { records, OBSERVATION_TARGET_MAX_NAMES } };
	struct observation_target target;

	for (size_t i = 0; i < OBSERVATION_TARGET_MAX_NAMES + 1; i++)
		records[i].path = LWM2M_OBJECT((uint16_t)i);
	assert_int_equal(observation_target_of(*state, &request, &target), ERR_NONE);
	request.records.count++;
	assert_int_equal(observation_target_of(*state, &request, &target), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_printed_can_be_read, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(targets_differ_in_path_names_and_their_order, open_arena,
						close_arena),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_target, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(refuses_more_names_than_it_keeps, open_arena, close_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
