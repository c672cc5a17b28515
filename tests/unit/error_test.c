#include <cardea/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_kind_has_a_name_of_its_own(void **state)
{
	for (int kind = 0; kind < ERR_COUNT; kind++) {
		assert_non_null(err_name((enum err)kind));
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(err_name((enum err)kind), err_name((enum err)other));
	}
}

static void classes_of_codes_agree_about_whose_fault_it_is(void **state)
{
	for (int kind = ERR_MALFORMED; kind < ERR_COUNT; kind++) {
		unsigned class = kind < ERR_TIMEOUT ? 4 : 5;

		assert_int_equal(err_coap_code((enum err)kind) >> 5, class);
		assert_int_equal(err_http_status((enum err)kind) / 100, class);
	}
}

static void gives_the_codes_that_callers_know(void **state)
{
	assert_string_equal(err_name(ERR_NOT_FOUND), "not-found");
	assert_int_equal(err_coap_code(ERR_NOT_FOUND), 0x84);
	assert_int_equal(err_http_status(ERR_NOT_FOUND), 404);
	assert_int_equal(err_coap_code(ERR_UNAVAILABLE), 0xA3);
	assert_int_equal(err_http_status(ERR_UNAVAILABLE), 503);
}

static void a_number_that_is_no_kind_is_an_internal_error(void **state)
{
	assert_string_equal(err_name((enum err)ERR_COUNT), "internal");
	assert_int_equal(err_http_status((enum err)9999), 500);
}

static void the_first_fault_wins(void **state)
{
	struct fault fault = { 0 };

	assert_int_equal(fault_set_at(&fault, ERR_MALFORMED, 12, "tag %02X", 0x9F), ERR_MALFORMED);
	assert_int_equal(fault_set(&fault, ERR_LIMIT, "later"), ERR_LIMIT);
	assert_int_equal(fault.kind, ERR_MALFORMED);
	assert_int_equal(fault.offset, 12);
	assert_string_equal(fault.text, "tag 9F");
}

static void cuts_a_long_text_and_needs_no_fault(void **state)
{
	struct fault fault = { 0 };

	assert_int_equal(fault_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
	fault_set(&fault, ERR_IO, "%0500d", 1);
	assert_int_equal(strlen(fault.text), FAULT_TEXT_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
		cmocka_unit_test(classes_of_codes_agree_about_whose_fault_it_is),
		cmocka_unit_test(gives_the_codes_that_callers_know),
		cmocka_unit_test(a_number_that_is_no_kind_is_an_internal_error),
		cmocka_unit_test(the_first_fault_wins),
		cmocka_unit_test(cuts_a_long_text_and_needs_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
