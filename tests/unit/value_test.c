#include "value.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "date_time.h"
#include "decimal.h"
#include "lwm2m_support.h"

static struct lwm2m_value parse(void **state, enum lwm2m_type type, const char *text)
{
	struct lwm2m_value value;
	struct fault fault = { 0 };

	if (value_parse(*state, type, bytes_of_text(text), &value, &fault) != ERR_NONE)
		fail_msg("%s: %s", text, fault.text);
	assert_int_equal(value.type, type);
	return value;
}

static void refuses(void **state, enum lwm2m_type type, const char *text)
{
	struct lwm2m_value value = { .type = LWM2M_NONE };
	struct fault fault = { 0 };

	if (value_parse(*state, type, bytes_of_text(text), &value, &fault) != ERR_MALFORMED)
		fail_msg("'%s' was taken for %s", text, value_type_name(type));
	assert_int_equal(value.type, LWM2M_NONE);
	assert_string_not_equal(fault.text, "");
}

static void prints(void **state, struct lwm2m_value value, const char *expected)
{
	struct bytes text;

	assert_int_equal(value_print(*state, &value, &text), ERR_NONE);
	assert_text(text, expected);
}

static void integers_reach_the_edges_of_64_bits(void **state)
{
	assert_true(parse(state, LWM2M_INTEGER, "9223372036854775807").integer == INT64_MAX);
	assert_true(parse(state, LWM2M_INTEGER, "-9223372036854775808").integer == INT64_MIN);
	refuses(state, LWM2M_INTEGER, "9223372036854775808");
	refuses(state, LWM2M_INTEGER, "-9223372036854775809");
	assert_true(parse(state, LWM2M_UNSIGNED, "18446744073709551615").whole == UINT64_MAX);
	refuses(state, LWM2M_UNSIGNED, "18446744073709551616");
	refuses(state, LWM2M_UNSIGNED, "184467440737095516150");
	prints(state, (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = INT64_MIN },
	       "-9223372036854775808");
	prints(state, (struct lwm2m_value){ .type = LWM2M_UNSIGNED, .whole = UINT64_MAX },
	       "18446744073709551615");
}

static void integers_are_digits_and_a_minus(void **state)
{
	refuses(state, LWM2M_INTEGER, "");
	refuses(state, LWM2M_INTEGER, "-");
	refuses(state, LWM2M_INTEGER, "+1");
	refuses(state, LWM2M_INTEGER, " 1");
	refuses(state, LWM2M_INTEGER, "1 ");
	refuses(state, LWM2M_INTEGER, "0x10");
	refuses(state, LWM2M_INTEGER, "1.0");
	refuses(state, LWM2M_UNSIGNED, "-0");
	assert_true(parse(state, LWM2M_TIME, "-1").integer == -1);
	assert_true(parse(state, LWM2M_INTEGER, "007").integer == 7);
}

static void floats_are_plain_decimals(void **state)
{
	assert_true(parse(state, LWM2M_FLOAT, "-0.5").real == -0.5);
	assert_true(parse(state, LWM2M_FLOAT, "100").real == 100);
	refuses(state, LWM2M_FLOAT, "");
	refuses(state, LWM2M_FLOAT, "1e3");
	refuses(state, LWM2M_FLOAT, ".5");
	refuses(state, LWM2M_FLOAT, "5.");
	refuses(state, LWM2M_FLOAT, "nan");
	refuses(state, LWM2M_FLOAT, "inf");
	refuses(state, LWM2M_FLOAT, "0x1");
	refuses(state, LWM2M_FLOAT, "1,5");
}

static void a_float_too_large_is_refused(void **state)
{
	char digits[2000];

	memset(digits, '9', sizeof(digits));
	digits[400] = 0;
	refuses(state, LWM2M_FLOAT, digits);
	digits[400] = '9';
	digits[1999] = 0;
	refuses(state, LWM2M_FLOAT, digits);
}

static void every_float_reads_back_as_itself(void **state)
{
	const double values[] = { 0.0,           -0.0,    1.0,     -1.5,     0.1,        1.0 / 3, 6.667e-11,
				  123456789.125, DBL_MAX, DBL_MIN, -DBL_MAX, 1e21,       1e-7,    5e-324,
				  100.0,         1e15,    0.3,     2.5e-8,   4.35e17 + 1 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct lwm2m_value value = { .type = LWM2M_FLOAT, .real = values[i] }, again;
		struct bytes text;

		assert_int_equal(value_print(*state, &value, &text), ERR_NONE);
		assert_null(memchr(text.at, 'e', text.len));
		assert_int_equal(value_parse(*state, LWM2M_FLOAT, text, &again, NULL), ERR_NONE);
		assert_memory_equal(&again.real, &values[i], sizeof(double));
	}
	prints(state, (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = 0.1 }, "0.1");
	prints(state, (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = 1e21 }, "1000000000000000000000");
	prints(state, (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = -120.5 }, "-120.5");
	prints(state, (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = 6.667e-11 }, "0.00000000006667");
}

static void what_is_not_finite_has_no_text(void **state)
{
	struct lwm2m_value value = { .type = LWM2M_FLOAT, .real = NAN };
	struct bytes text;

	assert_int_equal(value_print(*state, &value, &text), ERR_UNSUPPORTED);
	value.real = -INFINITY;
	assert_int_equal(value_print(*state, &value, &text), ERR_UNSUPPORTED);
	value.type = LWM2M_NONE;
	assert_int_equal(value_print(*state, &value, &text), ERR_UNSUPPORTED);
}

static void booleans_are_0_and_1(void **state)
{
	assert_true(parse(state, LWM2M_BOOLEAN, "1").boolean);
	assert_false(parse(state, LWM2M_BOOLEAN, "0").boolean);
	refuses(state, LWM2M_BOOLEAN, "");
	refuses(state, LWM2M_BOOLEAN, "2");
	refuses(state, LWM2M_BOOLEAN, "01");
	refuses(state, LWM2M_BOOLEAN, "true");
}

static void links_are_two_numbers_of_16_bits(void **state)
{
	struct lwm2m_value link = parse(state, LWM2M_OBJLNK, "65535:65535");

	assert_int_equal(link.link.object, 65535);
	assert_int_equal(link.link.instance, 65535);
	prints(state, parse(state, LWM2M_OBJLNK, "3:0"), "3:0");
	refuses(state, LWM2M_OBJLNK, "3");
	refuses(state, LWM2M_OBJLNK, "3:");
	refuses(state, LWM2M_OBJLNK, ":0");
	refuses(state, LWM2M_OBJLNK, "3:0:1");
	refuses(state, LWM2M_OBJLNK, "65536:0");
	refuses(state, LWM2M_OBJLNK, "0:65536");
	refuses(state, LWM2M_OBJLNK, "-1:0");
	refuses(state, LWM2M_OBJLNK, "");
}

static void texts_are_utf8(void **state)
{
	assert_text(parse(state, LWM2M_STRING, "\xE2\x82\xAC").bytes, "\xE2\x82\xAC");
	assert_text(parse(state, LWM2M_STRING, "").bytes, "");
	refuses(state, LWM2M_STRING, "\xFF");
	refuses(state, LWM2M_CORELNK, "\xC3");
}

static void opaques_are_base64(void **state)
{
	prints(state, parse(state, LWM2M_OPAQUE, "AQIDBAU="), "AQIDBAU=");
	refuses(state, LWM2M_OPAQUE, "AQIDB");
	refuses(state, LWM2M_OPAQUE, "AQID!");
}

static void an_opaque_without_memory_is_not_malformed(void **state)
{
	struct arena *small = arena_create(16);
	struct lwm2m_value value;

	assert_int_equal(value_parse(small, LWM2M_OPAQUE, bytes_of_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
				     &value, NULL),
			 ERR_NOMEM);
	arena_free(small);
}

static void each_type_has_a_name_and_back(void **state)
{
	for (enum lwm2m_type type = LWM2M_NONE; type <= LWM2M_NULL; type++)
		assert_int_equal(value_type_of(value_type_name(type)), type);
	assert_int_equal(value_type_of("Integer"), LWM2M_NONE);
	assert_string_equal(value_type_name((enum lwm2m_type)99), "none");
}

static void equality_needs_type_and_value(void **state)
{
	struct lwm2m_value integer = { .type = LWM2M_INTEGER, .integer = 1 };
	struct lwm2m_value time = { .type = LWM2M_TIME, .integer = 1 };
	struct lwm2m_value nan_a = { .type = LWM2M_FLOAT, .real = NAN },
			   nan_b = { .type = LWM2M_FLOAT, .real = -NAN };

	assert_true(value_equal(&integer, &integer));
	assert_false(value_equal(&integer, &time));
	assert_true(value_equal(&nan_a, &nan_b));
}

static bool converts(struct lwm2m_value *value, enum lwm2m_type to)
{
	return value_convert(to, value, NULL) == ERR_NONE;
}

static void converts_numbers_that_fit(void **state)
{
	struct lwm2m_value value = { .type = LWM2M_INTEGER, .integer = 5 };

	assert_true(converts(&value, LWM2M_TIME) && value.type == LWM2M_TIME && value.integer == 5);
	assert_true(converts(&value, LWM2M_UNSIGNED) && value.whole == 5);
	assert_true(converts(&value, LWM2M_FLOAT) && value.real == 5.0);
	assert_true(converts(&value, LWM2M_INTEGER) && value.integer == 5);
}

static void refuses_numbers_that_do_not_fit(void **state)
{
	const struct {
		struct lwm2m_value value;
		enum lwm2m_type to;
	} rows[] = {
		{ { .type = LWM2M_INTEGER, .integer = -1 }, LWM2M_UNSIGNED },
		{ { .type = LWM2M_UNSIGNED, .whole = (uint64_t)INT64_MAX + 1 }, LWM2M_INTEGER },
		{ { .type = LWM2M_FLOAT, .real = 0.5 }, LWM2M_INTEGER },
		{ { .type = LWM2M_FLOAT, .real = 9223372036854775808.0 }, LWM2M_INTEGER },
		{ { .type = LWM2M_FLOAT, .real = 18446744073709551616.0 }, LWM2M_UNSIGNED },
		{ { .type = LWM2M_FLOAT, .real = -1 }, LWM2M_UNSIGNED },
		{ { .type = LWM2M_FLOAT, .real = NAN }, LWM2M_INTEGER },
		{ { .type = LWM2M_FLOAT, .real = INFINITY }, LWM2M_TIME },
		{ { .type = LWM2M_BOOLEAN, .boolean = true }, LWM2M_INTEGER },
		{ { .type = LWM2M_INTEGER, .integer = 1 }, LWM2M_BOOLEAN },
		{ { .type = LWM2M_OPAQUE }, LWM2M_STRING },
		{ { .type = LWM2M_STRING }, LWM2M_OPAQUE },
		{ { .type = LWM2M_STRING, .bytes = { (const uint8_t *)"3", 1 } }, LWM2M_OBJLNK },
		{ { .type = LWM2M_STRING, .bytes = { (const uint8_t *)"3", 1 } }, LWM2M_INTEGER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lwm2m_value value = rows[i].value;
		struct fault fault = { 0 };

		assert_int_equal(value_convert(rows[i].to, &value, &fault), ERR_MALFORMED);
		assert_int_equal(value.type, rows[i].value.type);
		assert_non_null(strstr(fault.text, value_type_name(rows[i].to)));
	}
}

static void the_edges_of_64_bits_convert(void **state)
{
	struct lwm2m_value low = { .type = LWM2M_FLOAT, .real = -9223372036854775808.0 };
	struct lwm2m_value high = { .type = LWM2M_UNSIGNED, .whole = INT64_MAX };

	assert_true(converts(&low, LWM2M_INTEGER) && low.integer == INT64_MIN);
	assert_true(converts(&high, LWM2M_INTEGER) && high.integer == INT64_MAX);
}

static void a_time_drops_parts_of_a_second_downwards(void **state)
{
	struct lwm2m_value after = { .type = LWM2M_FLOAT, .real = 1363896240.5 };
	struct lwm2m_value before = { .type = LWM2M_FLOAT, .real = -0.5 };

	assert_true(converts(&after, LWM2M_TIME) && after.integer == 1363896240);
	assert_true(converts(&before, LWM2M_TIME) && before.integer == -1);
}

static void texts_become_links_and_no_value_stays_none(void **state)
{
	struct lwm2m_value text = { .type = LWM2M_STRING, .bytes = bytes_of_text("3:7") };
	struct lwm2m_value none = { .type = LWM2M_NONE }, null = { .type = LWM2M_NULL };

	assert_true(converts(&text, LWM2M_OBJLNK) && text.link.object == 3 && text.link.instance == 7);
	assert_true(converts(&none, LWM2M_INTEGER) && none.type == LWM2M_NONE);
	assert_true(converts(&null, LWM2M_INTEGER) && null.type == LWM2M_NULL);
}

static void reads_dates_with_their_offset(void **state)
{
	const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2013-03-21T20:04:00Z", 1363896240 },
		{ "2013-03-21t21:04:00.25+01:00", 1363896240 },
		{ "2013-03-21T14:34:00-05:30", 1363896240 },
		{ "2016-02-29T00:00:00Z", 1456704000 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
	};
	static const char *const broken[] = {
		"",
		"2013-03-21",
		"2013-03-21T20:04:00",
		"2013-3-21T20:04:00Z",
		"2013-13-21T20:04:00Z",
		"2013-00-21T20:04:00Z",
		"2013-02-29T20:04:00Z",
		"2100-02-29T20:04:00Z",
		"2013-04-31T20:04:00Z",
		"2013-03-21T24:00:00Z",
		"2013-03-21T20:60:00Z",
		"2013-03-21T20:04:61Z",
		"2013-03-21T20:04:00.Z",
		"2013-03-21T20:04:00+0100",
		"2013-03-21T20:04:00+24:00",
		"2013-03-21T20:04:00Zx",
		"-013-03-21T20:04:00Z",
	};
	int64_t seconds;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(date_time_parse(bytes_of_text(rows[i].text), &seconds));
		assert_true(seconds == rows[i].seconds);
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (date_time_parse(bytes_of_text(broken[i]), &seconds))
			fail_msg("'%s' was taken for a date", broken[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(integers_reach_the_edges_of_64_bits),
		IN_ARENA(integers_are_digits_and_a_minus),
		IN_ARENA(floats_are_plain_decimals),
		IN_ARENA(a_float_too_large_is_refused),
		IN_ARENA(every_float_reads_back_as_itself),
		IN_ARENA(what_is_not_finite_has_no_text),
		IN_ARENA(booleans_are_0_and_1),
		IN_ARENA(links_are_two_numbers_of_16_bits),
		IN_ARENA(texts_are_utf8),
		IN_ARENA(opaques_are_base64),
		cmocka_unit_test(an_opaque_without_memory_is_not_malformed),
		cmocka_unit_test(each_type_has_a_name_and_back),
		cmocka_unit_test(equality_needs_type_and_value),
		cmocka_unit_test(converts_numbers_that_fit),
		cmocka_unit_test(refuses_numbers_that_do_not_fit),
		cmocka_unit_test(the_edges_of_64_bits_convert),
		cmocka_unit_test(a_time_drops_parts_of_a_second_downwards),
		cmocka_unit_test(texts_become_links_and_no_value_stays_none),
		cmocka_unit_test(reads_dates_with_their_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
