#include "arguments.h"

#include "lwm2m_support.h"

static struct arguments parse(const char *text)
{
	struct arguments arguments;
	struct fault fault = { 0 };

	if (arguments_parse(bytes_of_text(text), &arguments, &fault) != ERR_NONE)
		fail_msg("%s: %s", text, fault.text);
	return arguments;
}

static void refuses(const char *text, size_t offset)
{
	struct arguments arguments = { .count = 77 };
	struct fault fault = { 0 };

	assert_int_equal(arguments_parse(bytes_of_text(text), &arguments, &fault), ERR_MALFORMED);
	assert_int_equal(fault.offset, offset);
	assert_int_equal(arguments.count, 77);
}

static void no_text_is_no_arguments(void **state)
{
	struct bytes text;
	struct arguments none = parse("");

	assert_int_equal(none.count, 0);
	assert_int_equal(arguments_print(*state, &none, &text), ERR_NONE);
	assert_int_equal(text.len, 0);
}

static void takes_every_digit_once(void **state)
{
	struct arguments all = parse("9,8,7,6,5,4,3,2,1,0");
	struct bytes text;

	assert_int_equal(all.count, 10);
	refuses("9,8,7,6,5,4,3,2,1,0,0", 20);
	refuses("1='a',1", 6);
	assert_int_equal(arguments_print(*state, &all, &text), ERR_NONE);
	assert_text(text, "9,8,7,6,5,4,3,2,1,0");
}

static void tells_no_value_from_an_empty_one(void **state)
{
	assert_false(parse("3").at[0].has_value);
	assert_true(parse("3=''").at[0].has_value);
	assert_int_equal(parse("3=''").at[0].value.len, 0);
}

static void tolerates_blanks_after_a_comma_only(void **state)
{
	assert_int_equal(parse("0='a', 1").count, 2);
	refuses(" 1", 0);
	refuses("1 ", 1);
	refuses("1 ,2", 1);
}

static void refuses_what_the_grammar_leaves_out(void **state)
{
	refuses("1,", 2);
	refuses(",1", 0);
	refuses("a", 0);
	refuses("10", 1);
	refuses("1='", 3);
	refuses("1='a", 4);
	refuses("1='a\\'", 4);
	refuses("1='a b'", 4);
	refuses("1='\x7F'", 3);
	refuses("1='\xC3\xA9'", 3);
}

static void a_zero_byte_is_no_end(void **state)
{
	struct arguments arguments;

	assert_int_equal(arguments_parse(bytes_of("1\0", 2), &arguments, NULL), ERR_MALFORMED);
	assert_int_equal(arguments_parse(bytes_of("1='\0'", 5), &arguments, NULL), ERR_MALFORMED);
}

static void writes_nothing_that_it_would_not_read(void **state)
{
	struct arguments twice = { .at = { { .digit = 1 }, { .digit = 1 } }, .count = 2 };
	struct arguments wide = { .at = { { .digit = 10 } }, .count = 1 };
	struct arguments quote = { .at = { { .has_value = true, .value = bytes_of_text("it's") } },
				   .count = 1 };
	struct arguments many = { .count = 11 };
	struct bytes text;

	assert_int_equal(arguments_print(*state, &twice, &text), ERR_MALFORMED);
	assert_int_equal(arguments_print(*state, &wide, &text), ERR_MALFORMED);
	assert_int_equal(arguments_print(*state, &quote, &text), ERR_MALFORMED);
	assert_int_equal(arguments_print(*state, &many, &text), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(no_text_is_no_arguments),
		IN_ARENA(takes_every_digit_once),
		cmocka_unit_test(tells_no_value_from_an_empty_one),
		cmocka_unit_test(tolerates_blanks_after_a_comma_only),
		cmocka_unit_test(refuses_what_the_grammar_leaves_out),
		cmocka_unit_test(a_zero_byte_is_no_end),
		IN_ARENA(writes_nothing_that_it_would_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
