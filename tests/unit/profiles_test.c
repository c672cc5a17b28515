/* Profile ids: which lists they stand for, and what an operator may say of them. */
#include "profiles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define KNOWN "{\"6:27354b9a\": \"</1/0>,</3/0>\", \"v:meter\": \"</3303/0>;ver=1.1\"}"

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

static void an_id_stands_for_its_list(void **state)
{
	static const struct {
		const char *pid, *links, *expanded;
	} rows[] = {
		{ "6:27354b9a", "", "</1/0>,</3/0>" },
		{ "6:27354b9a", "</4/0>", "</1/0>,</3/0>,</4/0>" },
		{ "\"6:27354b9a,v:meter\"", "", "</1/0>,</3/0>,</3303/0>;ver=1.1" },
		{ "6:00000000", "</4/0>", "</4/0>" },
		{ "6:00000000", "", "" },
		{ "\"6:00000000,v:meter\"", "", "</3303/0>;ver=1.1" },
		{ "", "</4/0>", "</4/0>" },
		{ "\"", "", "" },
	};
	struct profiles *profiles;
	struct bytes expanded;

	assert_int_equal(profiles_create(KNOWN, &profiles, NULL), ERR_NONE);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(profiles_expand(profiles, *state, bytes_of_text(rows[i].pid),
						 bytes_of_text(rows[i].links), &expanded),
				 ERR_NONE);
		if (!bytes_equal_text(expanded, rows[i].expanded))
			fail_msg("%s: %.*s", rows[i].pid, (int)expanded.len, (const char *)expanded.at);
	}
	profiles_free(profiles);
}

static void without_profiles_the_links_are_what_they_are(void **state)
{
	struct bytes expanded;

	assert_int_equal(profiles_expand(NULL, *state, bytes_of_text("6:27354b9a"), bytes_of_text("</4/0>"),
					 &expanded),
			 ERR_NONE);
	assert_true(bytes_equal_text(expanded, "</4/0>"));
}

static void wrong_profiles_are_named(void **state)
{
	static const struct {
		const char *json, *says;
	} rows[] = {
		{ "[]", "no JSON object" },
		{ "{", "no JSON object" },
		{ "{\"a\": 1}", "a: must be a list" },
		{ "{\"a\": \"\"}", "a: names no object" },
		{ "{\"a\": \"</1/0\"}", "a: " },
		{ "{\"a,b\": \"</1/0>\"}", "\"a,b\" is no profile id" },
		{ "{\"\": \"</1/0>\"}", "\"\" is no profile id" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profiles *profiles = NULL;
		struct fault fault = { 0 };

		assert_int_equal(profiles_create(rows[i].json, &profiles, &fault), ERR_MALFORMED);
		assert_null(profiles);
		if (strstr(fault.text, rows[i].says) == NULL)
			fail_msg("%s: %s", rows[i].json, fault.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_id_stands_for_its_list, open_arena, close_arena),
		cmocka_unit_test_setup_teardown(without_profiles_the_links_are_what_they_are, open_arena,
						close_arena),
		cmocka_unit_test(wrong_profiles_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
