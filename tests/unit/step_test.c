#include <cardea/step.h>

#include <stdlib.h>

#include "se_test.h"

struct cardea_out {
	char name[16], json[32];
	enum err answer;
};

static enum err report(cardea_out *out, const char *name, const char *json)
{
	strncpy(out->name, name, sizeof(out->name) - 1);
	strncpy(out->json, json, sizeof(out->json) - 1);
	return out->answer;
}

static const struct cardea_host_api api = { .size = sizeof(api), .report = report };

__attribute__((format(printf, 2, 3))) static void print(char *ret_reason, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	step_reason(ret_reason, format, arguments);
	va_end(arguments);
}

static void a_reason_is_formatted(void **state)
{
	char reason[FAULT_TEXT_SIZE];

	print(reason, "%s answered %d", "gr\xC3\xBCn", 7);
	assert_string_equal(reason, "gr\xC3\xBCn answered 7");
	print(reason, "%s", "");
	assert_string_equal(reason, "");
}

static void a_reason_is_cut_between_characters(void **state)
{
	char reason[FAULT_TEXT_SIZE], text[FAULT_TEXT_SIZE + 10];

	/* the last one that fits would end in the middle of its two bytes */
	memset(text, 'x', sizeof(text));
	memcpy(text + FAULT_TEXT_SIZE - 2, "\xC3\xBC", 2);
	text[sizeof(text) - 1] = '\0';
	print(reason, "%s", text);
	assert_int_equal(strlen(reason), FAULT_TEXT_SIZE - 2);
	print(reason, "-%s", text + 1);
	assert_int_equal(strlen(reason), FAULT_TEXT_SIZE - 2);
	print(reason, "%s", text + 1);
	assert_int_equal(strlen(reason), FAULT_TEXT_SIZE - 1);
}

static void what_is_no_text_ends_a_reason(void **state)
{
	char reason[FAULT_TEXT_SIZE];

	print(reason, "it said %s and more", "\xFF\xFE");
	assert_string_equal(reason, "it said ");
}

static void a_result_is_handed_over(void **state)
{
	struct cardea_out out = { .answer = ERR_LIMIT };

	assert_int_equal(step_report(&api, &out, "name", strdup("[1]")), ERR_LIMIT);
	assert_string_equal(out.name, "name");
	assert_string_equal(out.json, "[1]");
}

static void no_result_is_no_memory(void **state)
{
	struct cardea_out out = { .answer = ERR_NONE };

	assert_int_equal(step_report(&api, &out, "name", NULL), ERR_NOMEM);
	assert_string_equal(out.name, "");
}

static void the_first_failure_is_remembered(void **state)
{
	enum err first = ERR_NONE;

	assert_true(step_is_good(&first, ERR_NONE));
	assert_false(step_is_good(&first, ERR_LIMIT));
	assert_false(step_is_good(&first, ERR_NOMEM));
	assert_true(step_is_good(&first, ERR_NONE));
	assert_int_equal(first, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_formatted),
		cmocka_unit_test(a_reason_is_cut_between_characters),
		cmocka_unit_test(what_is_no_text_ends_a_reason),
		cmocka_unit_test(a_result_is_handed_over),
		cmocka_unit_test(no_result_is_no_memory),
		cmocka_unit_test(the_first_failure_is_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
