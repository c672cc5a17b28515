#include <math.h>

#include "format_support.h"
#include "path.h"

static struct model *model;

static int open_test_model(void **state)
{
	model = test_model();
	return 0;
}

static int close_test_model(void **state)
{
	model_free(model);
	return 0;
}

static struct format_desk desk(void **state)
{
	return (struct format_desk){ .arena = *state, .format = FORMAT_SENML_JSON, .base = "/" };
}

static struct format_desk desk_with_model(void **state)
{
	struct format_desk with = desk(state);

	with.model = model;
	return with;
}

static struct lwm2m_value read_value(void **state, const char *member)
{
	const struct format_desk at = desk(state);
	const char *text = arena_printf(*state, "[{\"n\":\"/3/0/9\",%s}]", member);

	return format_reads(&at, bytes_of_text(text)).at[0].value;
}

static void refuses(void **state, const char *text, const char *reason)
{
	const struct format_desk at = desk(state);

	format_refuses(&at, bytes_of_text(text), reason);
}

static void refuses_member(void **state, const char *member, const char *reason)
{
	refuses(state, arena_printf(*state, "[{\"n\":\"/3/0/9\",%s}]", member), reason);
}

static void writes(void **state, const struct lwm2m_record *records, size_t count, const char *text)
{
	const struct format_desk at = desk(state);

	assert_text(format_writes(&at, records, count), text);
}

/* ---- reading ---- */

static void every_cut_is_refused(void **state)
{
	const struct format_desk at = desk(state);

	format_refuses_every_cut(
		&at, bytes_of_text("[{\"bn\":\"/3/0/\",\"n\":\"9\",\"v\":18446744073709551615},"
				   "{\"n\":\"8\",\"vs\":\"a\\u20ac\\n\",\"x\":[1,{\"y\":null}]}]"));
}

static void only_an_array_of_objects_is_a_pack(void **state)
{
	refuses(state, "", "broken or cut off");
	refuses(state, "{}", "not an array");
	refuses(state, "5", "not an array");
	refuses(state, "[5]", "record 0: not an object");
	refuses(state, "[{\"n\":\"/3/0/9\",\"v\":1},[]]", "record 1: not an object");
	refuses(state, "[]]", "broken");
	refuses(state, "[],", "broken");
	refuses(state, "[{\"n\":\"/3/0/9\",\"v\":1},]", "broken");
}

static void integers_keep_64_bits(void **state)
{
	assert_true(read_value(state, "\"v\":9223372036854775807").integer == INT64_MAX);
	assert_true(read_value(state, "\"v\":-9223372036854775808").integer == INT64_MIN);
	assert_true(read_value(state, "\"v\":9223372036854775808").whole == (uint64_t)INT64_MAX + 1);
	assert_true(read_value(state, "\"v\":18446744073709551615").whole == UINT64_MAX);
	assert_int_equal(read_value(state, "\"v\":18446744073709551615").type, LWM2M_UNSIGNED);
}

static void larger_integers_are_reals(void **state)
{
	assert_true(read_value(state, "\"v\":18446744073709551616").real == 0x1p64);
	assert_true(read_value(state, "\"v\":-9223372036854775809").real == -0x1p63);
	assert_true(read_value(state, "\"v\":1e3").real == 1000);
	assert_true(read_value(state, "\"v\":1.5E-1").real == 0.15);
	refuses_member(state, "\"v\":1e999", "broken");
}

static void numbers_follow_their_grammar(void **state)
{
	static const char *const wrong[] = { "01",  "018446744073709551615", "-",   "+1",  "1.", ".5", "1e",
					     "--1", "18446744073709551615.", "NaN", "0x10" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refuses_member(state, arena_printf(*state, "\"v\":%s", wrong[i]), "broken");
}

static void no_text_passes_for_a_number(void **state)
{
	refuses_member(state, "\"v\":\"18446744073709551615\"", "v: not a number");
	refuses_member(state, "\"v\":\"\\u000018446744073709551615\"", "a text with a 0");
	refuses_member(state, "\"vs\":18446744073709551615", "vs: not a text");
	refuses_member(state, "\"vd\":18446744073709551615", "vd: not a text");
	refuses_member(state, "\"vlo\":18446744073709551615", "vlo: not a text");
	refuses(state, "[{\"n\":18446744073709551615,\"v\":1}]", "n: not a text");
}

static void texts_keep_what_looks_like_a_number(void **state)
{
	assert_text(read_value(state, "\"vs\":\"18446744073709551615\"").bytes, "18446744073709551615");
	assert_text(read_value(state, "\"vs\":\"\\\\u0000\"").bytes, "\\u0000");
	assert_text(read_value(state, "\"vs\":\"\\\"1\\\"\"").bytes, "\"1\"");
}

static void values_have_the_type_of_their_label(void **state)
{
	refuses_member(state, "\"v\":true", "v: not a number");
	refuses_member(state, "\"vs\":1", "vs: not a text");
	refuses_member(state, "\"vb\":0", "vb: not a boolean");
	refuses_member(state, "\"vd\":\"?\"", "vd: not base64");
	refuses_member(state, "\"vlo\":\"3\"", "vlo: not an object link");
	refuses_member(state, "\"t\":\"1\",\"v\":1", "t: not a number");
	refuses_member(state, "\"t\":null,\"v\":1", "t: not a number");
	refuses_member(state, "\"vs\":null", "vs: not a text");
	assert_int_equal(read_value(state, "\"v\":null").type, LWM2M_NULL);
}

static void a_member_stands_there_once(void **state)
{
	refuses_member(state, "\"v\":1,\"v\":1", "twice");
	refuses_member(state, "\"v\":1,\"vs\":\"1\"", "more than one value");
}

static void unknown_members_pass_unless_they_must_be_understood(void **state)
{
	assert_int_equal(read_value(state, "\"u\":\"Cel\",\"s\":18446744073709551615,\"v\":1").integer, 1);
	refuses_member(state, "\"u_\":1,\"v\":1", "not understood");
}

static void types_follow_the_definition(void **state)
{
	const struct format_desk at = desk_with_model(state);
	struct lwm2m_records records = format_reads(
		&at, bytes_of_text(
			     "[{\"bn\":\"/42769/0/\",\"n\":\"2\",\"v\":5},{\"n\":\"3\",\"v\":1},{\"n\":\"5\","
			     "\"vd\":\"AQI\"},{\"n\":\"6\",\"v\":7},{\"n\":\"8\",\"vs\":\"x\"}]"));
	static const enum lwm2m_type types[] = { LWM2M_UNSIGNED, LWM2M_FLOAT, LWM2M_OPAQUE, LWM2M_TIME,
						 LWM2M_CORELNK };

	assert_int_equal(records.count, 5);
	for (size_t i = 0; i < records.count; i++)
		assert_int_equal(records.at[i].value.type, types[i]);
	format_refuses(&at, bytes_of_text("[{\"n\":\"/42769/0/5\",\"vs\":\"AQI\"}]"), "/42769/0/5");
	format_refuses(&at, bytes_of_text("[{\"n\":\"/42769/0/1\",\"v\":1.5}]"), "/42769/0/1");
}

/* ---- writing ---- */

static void members_are_written_in_one_order(void **state)
{
	struct lwm2m_record records[] = { text_at("/3/0/0", "a\"\\\n"), integer_at("/3/0/9", -5) };

	writes(state, records, 2,
	       "[{\"bn\":\"/3/0/\",\"n\":\"0\",\"vs\":\"a\\\"\\\\\\n\"},{\"n\":\"9\",\"v\":-5}]");
	records[0].has_time = records[1].has_time = true;
	records[0].time_s = 1700000000;
	records[1].time_s = 1699999999.5;
	writes(state, records, 2,
	       "[{\"bn\":\"/3/0/\",\"bt\":1700000000,\"n\":\"0\",\"vs\":\"a\\\"\\\\\\n\"},"
	       "{\"n\":\"9\",\"t\":-0.5,\"v\":-5}]");
	writes(state, NULL, 0, "[]");
}

static void names_alone_are_the_body_of_a_fetch(void **state)
{
	struct lwm2m_record records[] = { { .path = path_at("/3") }, { .path = path_at("/1/0/1") } };

	writes(state, records, 2, "[{\"bn\":\"/\",\"n\":\"3\"},{\"n\":\"1/0/1\"}]");
}

static void each_type_comes_back(void **state)
{
	static const uint8_t bytes[] = { 0xFB, 0xFF, 0x00 };
	struct lwm2m_value values[] = {
		{ .type = LWM2M_STRING, .bytes = bytes_of_text("\xE2\x82\xAC \x01") },
		{ .type = LWM2M_INTEGER, .integer = INT64_MIN },
		{ .type = LWM2M_UNSIGNED, .whole = UINT64_MAX },
		{ .type = LWM2M_FLOAT, .real = 0.1 },
		{ .type = LWM2M_FLOAT, .real = 1 },
		{ .type = LWM2M_FLOAT, .real = 5e-324 },
		{ .type = LWM2M_FLOAT, .real = -1.7976931348623157e308 },
		{ .type = LWM2M_BOOLEAN, .boolean = true },
		{ .type = LWM2M_OPAQUE, .bytes = bytes_of(bytes, sizeof(bytes)) },
		{ .type = LWM2M_OBJLNK, .link = { 65535, 65535 } },
		{ .type = LWM2M_NULL },
	};
	const struct format_desk at = desk(state);

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct lwm2m_record record = { .path = path_at("/3/0/9"), .value = values[i] };

		format_keeps(&at, &record, 1);
	}
}

static void bytes_are_base64url_without_padding(void **state)
{
	static const uint8_t bytes[] = { 0xFB, 0xFF };
	struct lwm2m_record record = { .path = path_at("/0/0/3"),
				       .value = { .type = LWM2M_OPAQUE, .bytes = bytes_of(bytes, 2) } };

	writes(state, &record, 1, "[{\"bn\":\"/0/0/3\",\"vd\":\"-_8\"}]");
}

static void what_json_cannot_say_is_not_written(void **state)
{
	const struct format_desk at = desk(state);
	struct lwm2m_record record = { .path = path_at("/3/0/9"),
				       .value = { .type = LWM2M_FLOAT, .real = INFINITY } };

	assert_int_equal(format_write_error(&at, &record, 1), ERR_UNSUPPORTED);
	record.value.real = NAN;
	assert_int_equal(format_write_error(&at, &record, 1), ERR_UNSUPPORTED);
	record = text_at("/3/0/9", "\xFF");
	assert_int_equal(format_write_error(&at, &record, 1), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(every_cut_is_refused),
		IN_ARENA(only_an_array_of_objects_is_a_pack),
		IN_ARENA(integers_keep_64_bits),
		IN_ARENA(larger_integers_are_reals),
		IN_ARENA(numbers_follow_their_grammar),
		IN_ARENA(no_text_passes_for_a_number),
		IN_ARENA(texts_keep_what_looks_like_a_number),
		IN_ARENA(values_have_the_type_of_their_label),
		IN_ARENA(a_member_stands_there_once),
		IN_ARENA(unknown_members_pass_unless_they_must_be_understood),
		IN_ARENA(types_follow_the_definition),
		IN_ARENA(members_are_written_in_one_order),
		IN_ARENA(names_alone_are_the_body_of_a_fetch),
		IN_ARENA(each_type_comes_back),
		IN_ARENA(bytes_are_base64url_without_padding),
		IN_ARENA(what_json_cannot_say_is_not_written),
	};

	return cmocka_run_group_tests(tests, open_test_model, close_test_model);
}
