#include "format.h"

#include <math.h>
#include <string.h>

#include "lwm2m_support.h"
#include "path.h"
#include "value.h"

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

static const struct lwm2m_path object = { TEST_OBJECT, LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, 1 };
static const struct lwm2m_path instance = { TEST_OBJECT, 0, LWM2M_ID_NONE, LWM2M_ID_NONE, 2 };

static struct lwm2m_path resource(uint16_t id)
{
	return LWM2M_RESOURCE(TEST_OBJECT, 0, id);
}

static struct lwm2m_path at(const char *text)
{
	struct lwm2m_path path;

	assert_int_equal(path_parse(bytes_of_text(text), &path, NULL), ERR_NONE);
	return path;
}

static struct lwm2m_records read_from(void **state, struct lwm2m_path base, const char *digits)
{
	struct lwm2m_records records;
	struct fault fault = { 0 };

	if (format_find(FORMAT_TLV)->read(*state, model, base, hex(*state, digits), &records, &fault) !=
	    ERR_NONE)
		fail_msg("%s: %s", digits, fault.text);
	return records;
}

static void refuses(void **state, struct lwm2m_path base, const char *digits, const char *reason)
{
	struct lwm2m_records records = { .count = 77 };
	struct fault fault = { 0 };
	enum err err =
		format_find(FORMAT_TLV)->read(*state, model, base, hex(*state, digits), &records, &fault);

	assert_true(err == ERR_MALFORMED || err == ERR_UNSUPPORTED);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("%s: '%s' does not say '%s'", digits, fault.text, reason);
	assert_int_equal(records.count, 77);
}

static void writes(void **state, struct lwm2m_path base, const struct lwm2m_record *records, size_t count,
		   const char *digits)
{
	struct bytes payload;
	struct fault fault = { 0 };

	if (format_find(FORMAT_TLV)
		    ->write(*state, model, base, (struct lwm2m_records){ records, count }, &payload,
			    &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	assert_bytes(payload, hex(*state, digits));
}

static void writes_not(void **state, struct lwm2m_path base, const struct lwm2m_record *records, size_t count,
		       enum err kind, const char *reason)
{
	struct bytes payload = bytes_of(NULL, 77);
	struct fault fault = { 0 };

	assert_int_equal(format_find(FORMAT_TLV)
				 ->write(*state, model, base, (struct lwm2m_records){ records, count },
					 &payload, &fault),
			 kind);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("'%s' does not say '%s'", fault.text, reason);
	assert_int_equal(payload.len, 77);
}

static struct lwm2m_value integer(int64_t number)
{
	return (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = number };
}

/* ---- values ---- */

static void values_have_the_type_of_the_definition(void **state)
{
	struct lwm2m_records records = read_from(
		state, instance,
		"C300414243 C101FF C102FF C403 3F000000 C10401 C205FFFE C206FFFE C407 0003FFFF C108 61");

	assert_int_equal(records.count, 9);
	assert_text(records.at[0].value.bytes, "ABC");
	assert_true(records.at[1].value.integer == -1);
	assert_true(records.at[2].value.whole == 255);
	assert_true(records.at[3].value.real == 0.5);
	assert_true(records.at[4].value.boolean);
	assert_int_equal(records.at[5].value.bytes.len, 2);
	assert_true(records.at[6].value.integer == -2);
	assert_int_equal(records.at[7].value.link.object, 3);
	assert_int_equal(records.at[7].value.link.instance, 65535);
	assert_text(records.at[8].value.bytes, "a");
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(records.at[i].value.type, LWM2M_STRING + i);
}

static void what_has_no_definition_is_opaque(void **state)
{
	struct lwm2m_records records = read_from(state, instance, "C163 01");
	struct lwm2m_records unknown;

	assert_int_equal(records.at[0].value.type, LWM2M_OPAQUE);
	assert_int_equal(
		format_find(FORMAT_TLV)->read(*state, NULL, instance, hex(*state, "C10105"), &unknown, NULL),
		ERR_NONE);
	assert_int_equal(unknown.at[0].value.type, LWM2M_OPAQUE);
}

static void integers_have_1_2_4_or_8_bytes(void **state)
{
	assert_true(read_from(state, instance, "C801 08 8000000000000000").at[0].value.integer == INT64_MIN);
	assert_true(read_from(state, instance, "C801 08 7FFFFFFFFFFFFFFF").at[0].value.integer == INT64_MAX);
	assert_true(read_from(state, instance, "C401 FFFFFFFF").at[0].value.integer == -1);
	assert_true(read_from(state, instance, "C402 FFFFFFFF").at[0].value.whole == UINT32_MAX);
	assert_true(read_from(state, instance, "C802 08 FFFFFFFFFFFFFFFF").at[0].value.whole == UINT64_MAX);
	assert_true(read_from(state, instance, "C801 08 00000000000000FF").at[0].value.integer == 255);
	refuses(state, instance, "C001", "42769/0/1: the value is not an integer");
	refuses(state, instance, "C301010203", "integer");
	refuses(state, instance, "C801 09 000000000000000001", "integer");
}

static void other_values_have_their_one_width(void **state)
{
	refuses(state, instance, "C203 3F00", "float");
	refuses(state, instance, "C003", "float");
	refuses(state, instance, "C803 09 000000000000000000", "float");
	refuses(state, instance, "C004", "00 or 01");
	refuses(state, instance, "C10402", "00 or 01");
	refuses(state, instance, "C2040001", "00 or 01");
	refuses(state, instance, "C307000300", "object link");
	refuses(state, instance, "C100FF", "UTF-8");
	assert_true(isnan(read_from(state, instance, "C403 7FC00000").at[0].value.real));
}

/* ---- structure ---- */

static void ids_and_lengths_have_all_widths(void **state)
{
	struct builder b = builder_in(*state);
	struct lwm2m_records records;
	struct bytes payload;

	/* resource 65534 with a 24-bit length, resource 0 with a 16-bit one */
	build_u8(&b, 0xF8);
	build_u16(&b, 65534);
	build_u24(&b, 70000);
	build_zeros(&b, 70000);
	build_u8(&b, 0xD0);
	build_u8(&b, 5);
	build_u16(&b, 300);
	build_zeros(&b, 300);
	assert_int_equal(builder_bytes(&b, &payload), ERR_NONE);
	assert_int_equal(format_find(FORMAT_TLV)->read(*state, model, instance, payload, &records, NULL),
			 ERR_NONE);
	assert_int_equal(records.at[0].path.resource, 65534);
	assert_int_equal(records.at[0].value.bytes.len, 70000);
	assert_int_equal(records.at[1].value.bytes.len, 300);
}

static void lengths_past_the_end_are_refused(void **state)
{
	static const char *const cut[] = { "C8", "C801", "C80105", "C8010501",  "D80100", "F8",
					   "C1", "C101", "8601",   "8602 4100", "0801" };

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
		refuses(state, instance, cut[i], "");
	refuses(state, instance, "860A 41 00 01 41 01", "past the end");
	refuses(state, object, "0800 03 C10501 00", "past the end");
}

static void levels_nest_as_they_should(void **state)
{
	refuses(state, object, "080003 000100", "something else than a resource");
	refuses(state, instance, "860A 860B 4100 01", "");
	refuses(state, instance, "830A C10001", "something else than an instance of the resource");
	refuses(state, instance, "410001", "something else than a resource");
	refuses(state, object, "030A C10101 C10201", "something else than an object instance");
	refuses(state, object, "C10101 030A C10201", "something else than a resource");
}

static void ids_stand_there_once(void **state)
{
	refuses(state, instance, "C10101 C10202 C10103", "twice");
	refuses(state, instance, "830A 410001 830A 410101", "twice");
	refuses(state, instance, "C10A01 830A 410101", "twice");
	refuses(state, instance, "860A 410001 410002", "twice");
	refuses(state, object, "0300C10101 0301C10101 0300C10201", "twice");
	assert_int_equal(read_from(state, instance, "C10201 C10101").count, 2); /* any order */
}

static void id_65535_is_none(void **state)
{
	refuses(state, instance, "E1FFFF01", "65535");
	refuses(state, object, "23FFFF C10101", "");
	refuses(state, instance, "840A 61FFFF01", "");
}

static void an_answer_is_below_what_was_asked(void **state)
{
	refuses(state, resource(1), "C10201", "was not asked for");
	refuses(state, resource(1), "C10101 C10201", "was not asked for");
	refuses(state, instance, "0301 C10101", "another object instance");
	refuses(state, at("/42769/0/10/1"), "410001", "was not asked for");
	refuses(state, (struct lwm2m_path){ .depth = 0 }, "C10101", "path of one");
}

static void wrappers_may_stand_where_they_need_not(void **state)
{
	assert_true(path_equal(read_from(state, instance, "0300 C10105").at[0].path, resource(1)));
	assert_true(path_equal(read_from(state, resource(1), "0300 C10105").at[0].path, resource(1)));
	assert_int_equal(read_from(state, resource(10), "410001 410105").count, 2);
	assert_int_equal(read_from(state, resource(10), "860A 410001 410105").count, 2);
	assert_int_equal(read_from(state, resource(10), "0800 08 860A 410001 410105").count, 2);
	assert_int_equal(read_from(state, at("/42769/0/10/1"), "410105").count, 1);
	assert_int_equal(read_from(state, at("/42769/0/10/1"), "830A 410105").count, 1);
}

static void bare_resources_of_an_object_have_no_instance_id(void **state)
{
	struct lwm2m_records records = read_from(state, object, "C10105 C10401");

	assert_int_equal(records.count, 2);
	assert_int_equal(records.at[0].path.instance, LWM2M_ID_NONE);
	assert_int_equal(records.at[1].path.resource, 4);
}

static void nothing_is_an_answer_but_for_a_single_value(void **state)
{
	assert_int_equal(read_from(state, object, "").count, 0);
	assert_int_equal(read_from(state, instance, "").count, 0);
	assert_int_equal(read_from(state, resource(10), "").count, 0);
	assert_int_equal(read_from(state, resource(99), "").count, 0); /* perhaps a multiple one */
	refuses(state, resource(1), "", "the value is missing");
	refuses(state, at("/42769/0/10/1"), "", "the value is missing");
}

static void a_multiple_resource_without_instances_is_told(void **state)
{
	struct lwm2m_records records = read_from(state, instance, "800A");

	assert_int_equal(records.count, 1);
	assert_true(path_equal(records.at[0].path, resource(10)));
	assert_int_equal(records.at[0].value.type, LWM2M_NONE);
}

static void a_fault_names_the_path(void **state)
{
	refuses(state, object, "0805 08 860A 410001 400102", "/42769/5/10");
}

/* ---- big ones ---- */

static void thousands_of_instances_in_any_order(void **state)
{
	struct builder b = builder_in(*state);
	struct lwm2m_records records;
	struct bytes payload;

	for (unsigned i = 20000; i > 0; i--) {
		build_u8(&b, i > 255 ? 0x61 : 0x41);
		build_uint(&b, i, i > 255 ? 2 : 1);
		build_u8(&b, i & 0x7F);
	}
	assert_int_equal(builder_bytes(&b, &payload), ERR_NONE);
	assert_int_equal(format_find(FORMAT_TLV)->read(*state, model, resource(10), payload, &records, NULL),
			 ERR_NONE);
	assert_int_equal(records.count, 20000);
	assert_int_equal(records.at[19999].path.resource_instance, 1);
}

/* ---- writing ---- */

static void values_are_as_short_as_exact(void **state)
{
	const struct {
		struct lwm2m_value value;
		const char *digits;
	} rows[] = {
		{ integer(127), "C1017F" },
		{ integer(-128), "C10180" },
		{ integer(128), "C2010080" },
		{ integer(-129), "C201FF7F" },
		{ integer(32768), "C40100008000" },
		{ integer(INT64_MIN), "C801088000000000000000" },
		{ { .type = LWM2M_UNSIGNED, .whole = 255 }, "C101FF" },
		{ { .type = LWM2M_UNSIGNED, .whole = 65535 }, "C201FFFF" },
		{ { .type = LWM2M_UNSIGNED, .whole = UINT64_MAX }, "C80108FFFFFFFFFFFFFFFF" },
		{ { .type = LWM2M_FLOAT, .real = 0.5 }, "C4013F000000" },
		{ { .type = LWM2M_FLOAT, .real = 0.1 }, "C801083FB999999999999A" },
		{ { .type = LWM2M_FLOAT, .real = 1e300 }, "C801087E37E43C8800759C" },
		{ { .type = LWM2M_FLOAT, .real = INFINITY }, "C4017F800000" },
		{ { .type = LWM2M_BOOLEAN, .boolean = true }, "C10101" },
		{ { .type = LWM2M_OBJLNK, .link = { 65535, 65535 } }, "C401FFFFFFFF" },
		{ { .type = LWM2M_TIME, .integer = -1 }, "C101FF" },
		{ { .type = LWM2M_STRING }, "C001" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lwm2m_record record = { .path = resource(1), .value = rows[i].value };

		writes(state, instance, &record, 1, rows[i].digits);
	}
}

static void elements_nest_by_path_in_any_order(void **state)
{
	const struct lwm2m_record records[] = {
		{ .path = at("/42769/1/10/300"), .value = integer(3) },
		{ .path = at("/42769/0/1"), .value = integer(1) },
		{ .path = at("/42769/1/10/0"), .value = integer(2) },
		{ .path = at("/42769/1/2"), .value = integer(9) },
	};

	writes(state, object, records, 4, "0300C10101 08010C C10209 870A 410002 61012C03");
}

static void the_base_decides_what_is_wrapped(void **state)
{
	const struct lwm2m_record record = { .path = at("/42769/0/10/1"), .value = integer(5) };
	const struct lwm2m_record created = { .path = LWM2M_RESOURCE(TEST_OBJECT, LWM2M_ID_NONE, 1),
					      .value = integer(5) };

	writes(state, object, &record, 1, "0500 830A 410105");
	writes(state, instance, &record, 1, "830A 410105");
	writes(state, resource(10), &record, 1, "830A 410105");
	writes(state, at("/42769/0/10/1"), &record, 1, "410105");
	writes(state, object, &created, 1, "C10105");
	writes(state, object, NULL, 0, "");
	writes(state, resource(10), NULL, 0, "");
}

static void no_instances_are_written_too(void **state)
{
	const struct lwm2m_record empty = { .path = resource(10) };

	writes(state, instance, &empty, 1, "800A");
}

static void writes_nothing_that_it_would_not_read(void **state)
{
	struct lwm2m_record records[2] = { { .path = resource(1), .value = integer(1) },
					   { .path = resource(1), .value = integer(2) } };

	writes_not(state, instance, records, 2, ERR_MALFORMED, "/42769/0/1 stands there twice");
	records[1].path = at("/42769/0/1/0");
	writes_not(state, instance, records, 2, ERR_MALFORMED, "both a value and instances");
	records[1].path = at("/42769/1/1");
	writes_not(state, instance, records, 2, ERR_MALFORMED, "/42769/1/1 is not below /42769/0");
	records[1].path = LWM2M_RESOURCE(TEST_OBJECT, LWM2M_ID_NONE, 1);
	writes_not(state, object, records, 2, ERR_MALFORMED, "without id");
	records[0].value.type = LWM2M_NULL;
	writes_not(state, instance, records, 1, ERR_UNSUPPORTED, "/42769/0/1 has no value");
	records[0].value = integer(1);
	records[0].has_time = true;
	writes_not(state, instance, records, 1, ERR_UNSUPPORTED, "time");
	records[0].has_time = false;
	records[0].path = instance;
	writes_not(state, object, records, 1, ERR_MALFORMED, "belongs to a resource");
	writes_not(state, (struct lwm2m_path){ .depth = 0 }, records, 1, ERR_UNSUPPORTED, "path of one");
}

static void more_than_24_bits_of_length_are_too_much(void **state)
{
	static uint8_t big[0x1000000];
	struct lwm2m_record record = {
		.path = resource(5), .value = { .type = LWM2M_OPAQUE, .bytes = bytes_of(big, sizeof(big)) }
	};
	struct lwm2m_records records;
	struct bytes payload;

	writes_not(state, instance, &record, 1, ERR_LIMIT, "16777215");
	record.value.bytes.len--;
	assert_int_equal(format_find(FORMAT_TLV)
				 ->write(*state, model, instance, (struct lwm2m_records){ &record, 1 },
					 &payload, NULL),
			 ERR_NONE);
	assert_int_equal(format_find(FORMAT_TLV)->read(*state, model, instance, payload, &records, NULL),
			 ERR_NONE);
	assert_int_equal(records.at[0].value.bytes.len, sizeof(big) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(values_have_the_type_of_the_definition),
		IN_ARENA(what_has_no_definition_is_opaque),
		IN_ARENA(integers_have_1_2_4_or_8_bytes),
		IN_ARENA(other_values_have_their_one_width),
		IN_ARENA(ids_and_lengths_have_all_widths),
		IN_ARENA(lengths_past_the_end_are_refused),
		IN_ARENA(levels_nest_as_they_should),
		IN_ARENA(ids_stand_there_once),
		IN_ARENA(id_65535_is_none),
		IN_ARENA(an_answer_is_below_what_was_asked),
		IN_ARENA(wrappers_may_stand_where_they_need_not),
		IN_ARENA(bare_resources_of_an_object_have_no_instance_id),
		IN_ARENA(nothing_is_an_answer_but_for_a_single_value),
		IN_ARENA(a_multiple_resource_without_instances_is_told),
		IN_ARENA(a_fault_names_the_path),
		IN_ARENA(thousands_of_instances_in_any_order),
		IN_ARENA(values_are_as_short_as_exact),
		IN_ARENA(elements_nest_by_path_in_any_order),
		IN_ARENA(the_base_decides_what_is_wrapped),
		IN_ARENA(no_instances_are_written_too),
		IN_ARENA(writes_nothing_that_it_would_not_read),
		IN_ARENA(more_than_24_bits_of_length_are_too_much),
	};

	return cmocka_run_group_tests(tests, open_test_model, close_test_model);
}
