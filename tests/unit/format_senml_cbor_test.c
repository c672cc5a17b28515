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

static const struct lwm2m_path root = { .depth = 0 };

static struct lwm2m_path at(const char *text)
{
	struct lwm2m_path path;

	assert_int_equal(path_parse(bytes_of_text(text), &path, NULL), ERR_NONE);
	return path;
}

static const struct format *senml(void)
{
	return format_find(FORMAT_SENML_CBOR);
}

static struct lwm2m_records read_with(void **state, const struct model *definitions, struct lwm2m_path base,
				      const char *digits)
{
	struct lwm2m_records records;
	struct fault fault = { 0 };

	if (senml()->read(*state, definitions, base, hex(*state, digits), &records, &fault) != ERR_NONE)
		fail_msg("%s: %s", digits, fault.text);
	return records;
}

static struct lwm2m_records read_from(void **state, const char *digits)
{
	return read_with(state, NULL, root, digits);
}

static void refuses_with(void **state, const struct model *definitions, struct lwm2m_path base,
			 const char *digits, const char *reason)
{
	struct lwm2m_records records = { .count = 77 };
	struct fault fault = { 0 };

	assert_int_equal(senml()->read(*state, definitions, base, hex(*state, digits), &records, &fault),
			 ERR_MALFORMED);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("%s: '%s' does not say '%s'", digits, fault.text, reason);
	assert_int_equal(records.count, 77);
}

static void refuses(void **state, const char *digits, const char *reason)
{
	refuses_with(state, NULL, root, digits, reason);
}

static void writes(void **state, struct lwm2m_path base, const struct lwm2m_record *records, size_t count,
		   const char *digits)
{
	struct bytes payload;
	struct fault fault = { 0 };

	if (senml()->write(*state, NULL, base, (struct lwm2m_records){ records, count }, &payload, &fault) !=
	    ERR_NONE)
		fail_msg("%s", fault.text);
	assert_bytes(payload, hex(*state, digits));
}

/* Names in hexadecimal: "/3/0/9" is NAME_9, as a text of 6 bytes. */
#define NAME_9 "66 2F332F302F39"
#define NAME_8 "66 2F332F302F38"

/* ---- packs and records ---- */

static void arrays_and_maps_may_be_indefinite(void **state)
{
	assert_int_equal(read_from(state, "9F BF 00" NAME_9 "02 05 FF FF").count, 1);
	assert_int_equal(read_from(state, "9F FF").count, 0);
	refuses(state, "9F BF 00" NAME_9 "02 05 FF", "broken or cut off");
	refuses(state, "81 BF 00" NAME_9 "02 FF", "v");
	refuses(state, "81 A2 00" NAME_9 "FF", "");
	refuses(state, "81 FF", "not a map");
}

static void every_cut_is_refused(void **state)
{
	struct bytes whole =
		hex(*state, "82 A4 21 65 2F332F302F 00 61 39 02 1B 0020000000000001 63 666F6F 82 01 02"
			    "A2 00 61 38 03 63 414243");
	struct lwm2m_records records;

	assert_int_equal(senml()->read(*state, NULL, root, whole, &records, NULL), ERR_NONE);
	for (size_t length = 0; length < whole.len; length++)
		assert_int_equal(
			senml()->read(*state, NULL, root, bytes_first(whole, length), &records, NULL),
			ERR_MALFORMED);
}

static void nothing_follows_the_pack(void **state)
{
	refuses(state, "80 80", "bytes after");
	refuses(state, "", "not an array");
	refuses(state, "A0", "not an array");
	refuses(state, "81 01", "record 0: not a map");
}

static void a_count_beyond_the_bytes_is_refused(void **state)
{
	refuses(state, "9B FFFFFFFFFFFFFFFF", "not an array");
	refuses(state, "81 BB 7FFFFFFFFFFFFFFF", "broken or cut off");
}

static void a_label_stands_there_once(void **state)
{
	refuses(state, "81 A3 00" NAME_9 "02 01 02 01", "v: stands there twice");
	refuses(state, "81 A3 00" NAME_9 "63766C6F 63333A30 63766C6F 63333A30", "vlo: stands there twice");
}

static void a_record_has_one_value(void **state)
{
	refuses(state, "81 A3 00" NAME_9 "02 01 04 F5", "more than one value");
	refuses(state, "81 A3 00" NAME_9 "02 F6 03 61 41", "more than one value");
}

static void values_have_the_type_of_their_label(void **state)
{
	refuses(state, "81 A2 00" NAME_9 "02 61 31", "v: not a number");
	refuses(state, "81 A2 00" NAME_9 "02 F5", "v: not a number");
	refuses(state, "81 A2 00" NAME_9 "02 F7", "v: no value");
	refuses(state, "81 A2 00" NAME_9 "03 41 41", "vs: not a text");
	refuses(state, "81 A2 00" NAME_9 "03 61 FF", "vs");
	refuses(state, "81 A2 00" NAME_9 "04 01", "vb: not a boolean");
	refuses(state, "81 A2 00" NAME_9 "08 61 41", "vd: not a byte string");
	refuses(state, "81 A2 00" NAME_9 "63766C6F 61 33", "vlo: not an object link");
	refuses(state, "81 A2 00" NAME_9 "63766C6F 41 33", "vlo");
	refuses(state, "81 A2 00 41 41 02 01", "n: not a text");
	refuses(state, "81 A3 00" NAME_9 "02 01 06 61 31", "t: not a number");
	refuses(state, "81 A2 F5 01 00" NAME_9, "label");
}

static void numbers_keep_64_bits(void **state)
{
	assert_true(read_from(state, "81 A2 00" NAME_9 "02 1B FFFFFFFFFFFFFFFF").at[0].value.whole ==
		    UINT64_MAX);
	assert_true(read_from(state, "81 A2 00" NAME_9 "02 1B 7FFFFFFFFFFFFFFF").at[0].value.integer ==
		    INT64_MAX);
	assert_true(read_from(state, "81 A2 00" NAME_9 "02 3B 7FFFFFFFFFFFFFFF").at[0].value.integer ==
		    INT64_MIN);
	refuses(state, "81 A2 00" NAME_9 "02 3B 8000000000000000", "below 64 bits");
	assert_true(read_from(state, "81 A2 00" NAME_9 "02 FB 7FEFFFFFFFFFFFFF").at[0].value.real ==
		    0x1.FFFFFFFFFFFFFp1023);
}

static void decimal_fractions_are_numbers(void **state)
{
	assert_true(read_from(state, "81 A2 00" NAME_9 "02 C4 82 21 19 0D05").at[0].value.real == 33.33);
	assert_true(read_from(state, "81 A2 00" NAME_9 "02 C4 82 00 3A 00000063").at[0].value.integer ==
		    -100);
	refuses(state, "81 A2 00" NAME_9 "02 C4 82 19 FFFF 01", "decimal fraction");
	refuses(state, "81 A2 00" NAME_9 "02 C4 82 F93C00 01", "decimal fraction");
	refuses(state, "81 A2 00" NAME_9 "02 C4 83 00 01 02", "decimal fraction");
	refuses(state, "81 A2 00" NAME_9 "02 C4 01", "decimal fraction");
	refuses(state, "81 A2 00" NAME_9 "02 C4 82 19 0190 1A FFFFFFFF", "decimal fraction"); /* infinite */
	refuses(state, "81 A2 00" NAME_9 "02 C1 C1 01", "tag inside a tag");
}

static void unknown_labels_pass_unless_they_must_be_understood(void **state)
{
	assert_int_equal(
		read_from(state, "81 A5 00" NAME_9 "02 01 01 63 43656C 18 64 A1 01 82 02 03 61 78 F6").count,
		1);
	refuses(state, "81 A3 00" NAME_9 "02 01 62 785F 01", "not understood");
	refuses(state, "81 A3 00" NAME_9 "02 01 18 64 FF", "broken or cut off");
}

static void the_version_is_10_at_most(void **state)
{
	assert_int_equal(read_from(state, "81 A3 20 0A 00" NAME_9 "02 01").count, 1);
	refuses(state, "81 A3 20 0B 00" NAME_9 "02 01", "bver");
	refuses(state, "81 A3 20 61 39 00" NAME_9 "02 01", "bver");
}

/* ---- names ---- */

static void names_are_paths_from_the_root(void **state)
{
	refuses(state, "81 A1 02 01", "no name");
	refuses(state, "81 A2 00 60 02 01", "no name");
	refuses(state, "81 A2 00 65 332F302F39 02 01", "is not a path");
	refuses(state, "81 A2 00 67 2F332F302F392F 02 01", "'/3/0/9/' is not a path");
	refuses(state, "81 A2 00 68 2F332F302F2F3930 02 01", "is not a path");
	refuses(state, "81 A2 00 66 2F3635353335 02 01", "is not a path");
	refuses(state, "81 A2 00 64 2F332F30 02 01", "belongs to a resource");
	refuses(state,
		"81 A2 00 78 41 2F3333333333333333333333333333333333333333333333333333333333333333"
		"3333333333333333333333333333333333333333333333333333333333333333 02 01",
		"too long");
}

static void names_are_below_what_was_asked(void **state)
{
	assert_int_equal(read_with(state, NULL, at("/3/0"), "81 A2 00" NAME_9 "02 01").count, 1);
	refuses_with(state, NULL, at("/3/1"), "81 A2 00" NAME_9 "02 01", "was not asked for");
	refuses_with(state, NULL, at("/3/0/9/0"), "81 A2 00" NAME_9 "02 01", "was not asked for");
}

static void a_base_name_holds_until_the_next(void **state)
{
	static const char *const paths[] = { "/3/0/9", "/3/0/8", "/1/0/1", "/4/0/1" };
	struct lwm2m_records records =
		read_from(state, "84 A3 21 65 2F332F302F 00 61 39 02 01  A2 00 61 38 02 02"
				 "A2 21 66 2F312F302F31 02 03  A3 21 60 00 66 2F342F302F31 02 04");

	assert_int_equal(records.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(path_equal(records.at[i].path, at(paths[i])));
}

static void a_path_is_told_once_per_time(void **state)
{
	refuses(state, "82 A2 00" NAME_9 "02 01 A2 00" NAME_9 "02 02", "/3/0/9 stands there twice");
	refuses(state, "83 A3 00" NAME_9 "02 01 06 01 A3 00" NAME_8 "02 02 06 01 A3 00" NAME_9 "02 02 06 01",
		"twice");
	assert_int_equal(read_from(state, "82 A3 00" NAME_9 "02 01 06 01 A3 00" NAME_9 "02 01 06 02").count,
			 2);
	refuses(state, "82 A1 00" NAME_9 "A1 00" NAME_9, "twice");
}

static void records_may_be_names_of_any_depth(void **state)
{
	struct lwm2m_records records = read_from(state, "83 A1 00 61 2F  A1 00 62 2F33  A1 00" NAME_9);

	assert_int_equal(records.count, 3);
	assert_int_equal(records.at[0].path.depth, 0);
	assert_int_equal(records.at[1].path.depth, 1);
	assert_int_equal(records.at[2].value.type, LWM2M_NONE);
}

static void null_is_more_than_no_value(void **state)
{
	struct lwm2m_records records = read_from(state, "81 A2 00 69 2F31362F302F302F31 02 F6");

	assert_int_equal(records.at[0].value.type, LWM2M_NULL);
}

/* ---- base values and times ---- */

static void a_base_value_is_added(void **state)
{
	struct lwm2m_records records = read_from(state, "83 A3 24 0A 00" NAME_9 "02 05  A2 00" NAME_8
							"02 F93800  A2 00 66 2F332F302F37 03 61 41");

	assert_true(records.at[0].value.type == LWM2M_INTEGER && records.at[0].value.integer == 15);
	assert_true(records.at[1].value.real == 10.5);
	assert_int_equal(records.at[2].value.type, LWM2M_STRING);
	refuses(state, "81 A3 24 01 00" NAME_9 "02 1B 7FFFFFFFFFFFFFFF", "together");
	refuses(state, "81 A3 24 01 00" NAME_9 "02 1B FFFFFFFFFFFFFFFF", "together");
	assert_int_equal(read_from(state, "81 A3 24 01 00" NAME_9 "02 F6").at[0].value.type, LWM2M_NULL);
}

static void times_add_up(void **state)
{
	struct lwm2m_records records = read_from(state, "82 A3 22 1A 6553F100 00" NAME_9 "02 01  A3 00" NAME_8
							"02 02 06 FB BFE0000000000000");

	assert_true(records.at[0].has_time && records.at[0].time_s == 1700000000);
	assert_true(records.at[1].time_s == 1699999999.5);
	assert_false(read_from(state, "81 A2 00" NAME_9 "02 01").at[0].has_time);
	refuses(state, "81 A3 00" NAME_9 "02 01 06 F97E00", "not finite");
	refuses(state, "81 A3 00" NAME_9 "02 01 06 F97C00", "not finite");
}

/* ---- object definitions ---- */

#define TEST_NAME(digit) "6A 2F34323736392F302F" digit

static void types_follow_the_definition(void **state)
{
	struct lwm2m_records time = read_with(state, model, root, "81 A2 00" TEST_NAME("36") "02 05");

	assert_int_equal(time.at[0].value.type, LWM2M_TIME);
	assert_int_equal(read_with(state, model, root, "81 A2 00" TEST_NAME("32") "02 05").at[0].value.type,
			 LWM2M_UNSIGNED);
	assert_true(read_with(state, model, root, "81 A2 00" TEST_NAME("33") "02 01").at[0].value.real ==
		    1.0);
	assert_int_equal(
		read_with(state, model, root, "81 A2 00" TEST_NAME("37") "03 63 333A30").at[0].value.type,
		LWM2M_OBJLNK);
	assert_int_equal(
		read_with(state, model, root, "81 A2 00" TEST_NAME("38") "03 61 41").at[0].value.type,
		LWM2M_CORELNK);
	refuses_with(state, model, root, "81 A2 00" TEST_NAME("32") "02 20",
		     "/42769/0/2: a value of type integer where the object definition says unsigned");
	refuses_with(state, model, root, "81 A2 00" TEST_NAME("31") "03 61 31", "/42769/0/1");
	refuses_with(state, model, root, "81 A2 00" TEST_NAME("31") "02 F93800", "/42769/0/1");
	assert_int_equal(read_with(state, model, root, "81 A1 00" TEST_NAME("31")).at[0].value.type,
			 LWM2M_NONE);
}

/* ---- writing ---- */

static struct lwm2m_record integer_at(const char *path, int64_t number)
{
	return (struct lwm2m_record){ .path = at(path),
				      .value = { .type = LWM2M_INTEGER, .integer = number } };
}

static void one_path_is_all_base_name(void **state)
{
	struct lwm2m_record record = integer_at("/3/0/9", 5);

	writes(state, at("/3"), &record, 1, "81 A2 21" NAME_9 "02 05");
}

static void common_levels_are_the_base_name(void **state)
{
	struct lwm2m_record records[] = { integer_at("/3/0/9", 5), integer_at("/3/0/6/1", 6) };

	writes(state, at("/3"), records, 2, "82 A3 21 65 2F332F302F 00 61 39 02 05 A2 00 63 362F31 02 06");
	records[1] = integer_at("/30/0/9", 6);
	writes(state, root, records, 2, "82 A3 21 61 2F 00 65 332F302F39 02 05 A2 00 66 33302F302F39 02 06");
}

static void names_alone_stand_below_the_root(void **state)
{
	struct lwm2m_record records[] = { { .path = at("/3") }, { .path = at("/3/0/9") }, { .path = root } };

	writes(state, root, records, 2, "82 A2 21 61 2F 00 61 33 A1 00 65 332F302F39");
	writes(state, root, records, 3, "83 A1 00 62 2F33 A1 00" NAME_9 "A1 00 61 2F");
	writes(state, root, &records[2], 1, "81 A1 21 61 2F");
	writes(state, root, NULL, 0, "80");
}

static void an_empty_resource_leaves_no_record_in_a_write(void **state)
{
	struct lwm2m_record records[] = { { .path = at("/42769/0/10") }, integer_at("/42769/0/1", 5) };

	writes(state, at("/42769/0/10"), records, 1, "80");
	writes(state, at("/42769/0"), records, 2, "81 A2 21" TEST_NAME("31") "02 05");
}

static void each_type_has_its_label(void **state)
{
	const struct {
		struct lwm2m_value value;
		const char *digits;
	} rows[] = {
		{ { .type = LWM2M_STRING, .bytes = { (const uint8_t *)"A", 1 } }, "03 61 41" },
		{ { .type = LWM2M_CORELNK, .bytes = { (const uint8_t *)"A", 1 } }, "03 61 41" },
		{ { .type = LWM2M_INTEGER, .integer = INT64_MIN }, "02 3B 7FFFFFFFFFFFFFFF" },
		{ { .type = LWM2M_UNSIGNED, .whole = UINT64_MAX }, "02 1B FFFFFFFFFFFFFFFF" },
		{ { .type = LWM2M_FLOAT, .real = 1.5 }, "02 F9 3E00" },
		{ { .type = LWM2M_BOOLEAN, .boolean = true }, "04 F5" },
		{ { .type = LWM2M_OPAQUE, .bytes = { (const uint8_t *)"A", 1 } }, "08 41 41" },
		{ { .type = LWM2M_TIME, .integer = -1 }, "02 20" },
		{ { .type = LWM2M_OBJLNK, .link = { 65535, 65535 } }, "63766C6F 6B 36353533353A3635353335" },
		{ { .type = LWM2M_NULL }, "02 F6" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lwm2m_record record = { .path = at("/3/0/9"), .value = rows[i].value };
		const char *digits = arena_printf(*state, "81 A2 21" NAME_9 "%s", rows[i].digits);

		writes(state, root, &record, 1, digits);
	}
}

static void a_base_time_needs_times_everywhere(void **state)
{
	struct lwm2m_record records[] = { integer_at("/3/0/9", 1), integer_at("/3/0/9", 2) };

	records[0].has_time = records[1].has_time = true;
	records[0].time_s = 1700000000;
	records[1].time_s = 1699999999.5;
	writes(state, root, records, 2, "82 A3 21" NAME_9 "22 1A 6553F100 02 01 A2 06 F9 B800 02 02");
	records[1].has_time = false;
	writes(state, root, records, 2, "82 A3 21" NAME_9 "06 1A 6553F100 02 01 A1 02 02");
	records[0].time_s = NAN;
	assert_int_equal(senml()->write(*state, NULL, root, (struct lwm2m_records){ records, 1 },
					&(struct bytes){ NULL, 0 }, NULL),
			 ERR_MALFORMED);
}

static void writes_nothing_that_it_would_not_read(void **state)
{
	struct lwm2m_record records[] = { integer_at("/3/0/9", 1), integer_at("/3/0/9", 2) };
	struct bytes payload;

	assert_int_equal(
		senml()->write(*state, NULL, root, (struct lwm2m_records){ records, 2 }, &payload, NULL),
		ERR_MALFORMED);
	assert_int_equal(
		senml()->write(*state, NULL, at("/4"), (struct lwm2m_records){ records, 1 }, &payload, NULL),
		ERR_MALFORMED);
	records[0].path.depth = 2;
	assert_int_equal(
		senml()->write(*state, NULL, root, (struct lwm2m_records){ records, 1 }, &payload, NULL),
		ERR_MALFORMED);
	records[0].path = LWM2M_RESOURCE(3, LWM2M_ID_NONE, 9);
	assert_int_equal(
		senml()->write(*state, NULL, root, (struct lwm2m_records){ records, 1 }, &payload, NULL),
		ERR_UNSUPPORTED);
}

static void thousands_of_records_read_back(void **state)
{
	struct lwm2m_record *records = arena_alloc_array(*state, 10000, sizeof(*records));
	struct lwm2m_records again;
	struct bytes payload;

	for (size_t i = 0; i < 10000; i++) {
		records[i] = integer_at("/3303/0/5700", (int64_t)i);
		records[i].path.instance = (uint16_t)(9999 - i);
	}
	assert_int_equal(
		senml()->write(*state, NULL, root, (struct lwm2m_records){ records, 10000 }, &payload, NULL),
		ERR_NONE);
	assert_int_equal(senml()->read(*state, NULL, root, payload, &again, NULL), ERR_NONE);
	assert_int_equal(again.count, 10000);
	for (size_t i = 0; i < 10000; i++)
		assert_true(path_equal(again.at[i].path, records[i].path) &&
			    again.at[i].value.integer == (int64_t)i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(arrays_and_maps_may_be_indefinite),
		IN_ARENA(every_cut_is_refused),
		IN_ARENA(nothing_follows_the_pack),
		IN_ARENA(a_count_beyond_the_bytes_is_refused),
		IN_ARENA(a_label_stands_there_once),
		IN_ARENA(a_record_has_one_value),
		IN_ARENA(values_have_the_type_of_their_label),
		IN_ARENA(numbers_keep_64_bits),
		IN_ARENA(decimal_fractions_are_numbers),
		IN_ARENA(unknown_labels_pass_unless_they_must_be_understood),
		IN_ARENA(the_version_is_10_at_most),
		IN_ARENA(names_are_paths_from_the_root),
		IN_ARENA(names_are_below_what_was_asked),
		IN_ARENA(a_base_name_holds_until_the_next),
		IN_ARENA(a_path_is_told_once_per_time),
		IN_ARENA(records_may_be_names_of_any_depth),
		IN_ARENA(null_is_more_than_no_value),
		IN_ARENA(a_base_value_is_added),
		IN_ARENA(times_add_up),
		IN_ARENA(types_follow_the_definition),
		IN_ARENA(one_path_is_all_base_name),
		IN_ARENA(common_levels_are_the_base_name),
		IN_ARENA(names_alone_stand_below_the_root),
		IN_ARENA(an_empty_resource_leaves_no_record_in_a_write),
		IN_ARENA(each_type_has_its_label),
		IN_ARENA(a_base_time_needs_times_everywhere),
		IN_ARENA(writes_nothing_that_it_would_not_read),
		IN_ARENA(thousands_of_records_read_back),
	};

	return cmocka_run_group_tests(tests, open_test_model, close_test_model);
}
