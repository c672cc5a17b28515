/* The device's own TLV, SenML CBOR, CBOR and text, against the answers known from other implementations. */
#include "format.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

static struct bytes hex(struct arena *arena, const char *text)
{
	struct bytes bytes;

	assert_int_equal(bytes_from_hex(arena, text, &bytes), ERR_NONE);
	return bytes;
}

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static struct path path_of(const char *text)
{
	struct path path;

	assert_int_equal(path_parse(bytes_of_text(text), &path), ERR_NONE);
	return path;
}

/* ---- known answers ---- */

static const struct {
	const char *name;
	enum kind kind;
} kinds[] = {
	{ "string", KIND_STRING },     { "corelnk", KIND_STRING }, { "integer", KIND_INTEGER },
	{ "unsigned", KIND_UNSIGNED }, { "float", KIND_FLOAT },    { "boolean", KIND_BOOLEAN },
	{ "opaque", KIND_OPAQUE },     { "time", KIND_TIME },      { "objlnk", KIND_LINK },
	{ "name-only", KIND_NONE },
};

static bool kind_of(const json_t *expected, enum kind *ret_kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(text_of(expected, "type"), kinds[i].name) == 0) {
			*ret_kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static double number_of(const json_t *value)
{
	return json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);
}

static void assert_value(struct arena *arena, struct value got, const json_t *expected)
{
	const json_t *value = json_object_get(expected, "value");
	struct builder b = builder_in(arena);

	switch (got.kind) {
	case KIND_STRING:
		assert_true(bytes_equal_text(got.bytes, json_string_value(value)));
		break;
	case KIND_OPAQUE:
		assert_true(bytes_equal(got.bytes, hex(arena, json_string_value(value))));
		break;
	case KIND_BOOLEAN:
		assert_int_equal(got.boolean, json_is_true(value));
		break;
	case KIND_LINK:
		build_value_text(&b, got);
		assert_true(bytes_equal_text(bytes_of(b.at, b.len), json_string_value(value)));
		break;
	case KIND_NONE:
		break;
	default:
		assert_true(fabs(value_number(got) - number_of(value)) <= fabs(number_of(value)) * 1e-12);
	}
}

static bool has_time(const json_t *expected)
{
	const json_t *record;
	size_t i;

	json_array_foreach(expected, i, record) if (json_object_get(record, "time") != NULL) return true;
	return false;
}

static void assert_records(struct arena *arena, const json_t *vector, struct records *records)
{
	const json_t *expected = json_object_get(vector, "expect"), *record;
	size_t i;

	if (records->count != json_array_size(expected))
		fail_msg("%s has %zu records", text_of(vector, "id"), records->count);
	json_array_foreach(expected, i, record)
	{
		enum kind kind = KIND_NONE;

		assert_true(path_equal(records->at[i].path, path_of(text_of(record, "path"))));
		assert_true(kind_of(record, &kind));
		if (kind == KIND_INTEGER && records->at[i].value.kind == KIND_UNSIGNED)
			kind = KIND_UNSIGNED; /* above 2^63, where a payload cannot tell the two apart */
		if (value_convert(records->at[i].value, kind, arena, &records->at[i].value) != ERR_NONE)
			fail_msg("%s: record %zu is not %s", text_of(vector, "id"), i,
				 text_of(record, "type"));
		assert_value(arena, records->at[i].value, record);
	}
}

/* A vector has its payload in hexadecimal or as text. */
static struct bytes payload_of(struct arena *arena, const json_t *vector)
{
	const char *text = text_of(vector, "text");

	return text != NULL ? bytes_of_text(text) : hex(arena, text_of(vector, "hex"));
}

/* Reads the vector; what the device writes for it reads the same, and has the same bytes where `is_exact`. */
static void check_good(struct arena *arena, const json_t *vector, const struct format *format, bool is_exact)
{
	struct path base = path_of(text_of(vector, "base_path"));
	struct bytes payload = payload_of(arena, vector);
	struct records records = records_in(arena), again = records_in(arena);
	struct builder b = builder_in(arena);

	if (format->read(payload, base, &records, NULL) != ERR_NONE)
		fail_msg("%s is not read", text_of(vector, "id"));
	assert_records(arena, vector, &records);
	if (strcmp(text_of(vector, "direction"), "both") != 0)
		return;
	assert_int_equal(format->write(&records, base, &b), ERR_NONE);
	if (is_exact && !bytes_equal(bytes_of(b.at, b.len), payload))
		fail_msg("%s is written as %s", text_of(vector, "id"),
			 bytes_to_hex(arena, bytes_of(b.at, b.len)));
	assert_int_equal(format->read(bytes_of(b.at, b.len), base, &again, NULL), ERR_NONE);
	assert_records(arena, vector, &again);
}

static bool is_listed(const json_t *vector, const char *const *ids)
{
	for (; *ids != NULL; ids++)
		if (strcmp(text_of(vector, "id"), *ids) == 0)
			return true;
	return false;
}

/* What a device has no use for: history, and structures without a path. */
static bool has_use(const json_t *vector)
{
	const char *base = text_of(vector, "base_path");
	struct path path;

	return base != NULL && path_parse(bytes_of_text(base), &path) == ERR_NONE &&
	       !has_time(json_object_get(vector, "expect"));
}

static void check_file(struct arena *arena, const char *name, uint16_t number, bool is_exact,
		       const char *const *skipped, size_t least)
{
	json_t *file = json_load_file(name, 0, NULL), *vector;
	const struct format *format = format_find(number, 2);
	size_t i, checked = 0;

	assert_non_null(file);
	json_array_foreach(json_object_get(file, "vectors"), i, vector)
	{
		struct records records = records_in(arena);

		if (!has_use(vector) || is_listed(vector, skipped))
			continue;
		checked++;
		if (!json_is_true(json_object_get(vector, "expect_error")))
			check_good(arena, vector, format, is_exact);
		else if (format->read(payload_of(arena, vector),
				      path_of(text_of(vector, "base_path")), &records, NULL) == ERR_NONE)
			fail_msg("%s is read", text_of(vector, "id"));
	}
	json_decref(file);
	assert_true(checked >= least);
}

static void agrees_with_the_known_answers_in_tlv(void **state)
{
	static const char *const skipped[] = {
		"tlv-leshan-array-as-instances", /* read below; a device writes the multiple resource */
		"tlv-leshan-core-link",          /* a device leaves out the instance that the path names */
		"tlv-leshan-create-no-id",       /* below */
		"tlv-leshan-empty-single", /* refused by the type of the resource: device_objects_test */
		"tlv-leshan-empty-multi",  /* below */
		NULL,
	};

	check_file(*state, "tests/vectors/lwm2m-tlv.json", FORMAT_TLV, true, skipped, 35);
}

/* The device names records after a base name, which is another of the good forms. */
static void agrees_with_the_known_answers_in_senml_cbor(void **state)
{
	static const char *const skipped[] = {
		"senml-cbor-own-null-delete", /* SenML-ETCH, which the device does not speak */
		"senml-cbor-leshan-empty",    /* below */
		NULL,
	};

	check_file(*state, "tests/vectors/lwm2m-senml-cbor.json", FORMAT_SENML_CBOR, false, skipped, 25);
}

static void agrees_with_the_known_answers_in_senml_json(void **state)
{
	static const char *const skipped[] = {
		"senml-json-own-etch-delete", /* SenML-ETCH: below */
		"senml-json-u64",             /* no resource of the device is that large */
		NULL,
	};

	check_file(*state, "tests/vectors/lwm2m-senml-json.json", FORMAT_SENML_JSON, false, skipped, 18);
}

static void agrees_with_the_known_answers_in_lwm2m_cbor(void **state)
{
	static const char *const skipped[] = {
		"lwm2mcbor-own-null-executable", /* no executable has a value here */
		"lwm2mcbor-spec-create-noid",    /* below */
		"lwm2mcbor-own-time-tag0",       /* no date as text is written to a device */
		NULL,
	};

	check_file(*state, "tests/vectors/lwm2m-lwm2mcbor.json", FORMAT_LWM2M_CBOR, false, skipped, 20);
}

static void lwm2m_cbor_leaves_the_instance_open(void **state)
{
	struct arena *arena = *state;
	struct records records = records_in(arena);

	assert_int_equal(tree_read(hex(arena, "A18219FFFF00"), path_of("/2"), &records, NULL), ERR_MALFORMED);
	assert_int_equal(tree_read(hex(arena, "A1830219FFFF0305"), path_of("/2"), &records, NULL), ERR_NONE);
	assert_int_equal(records.at[0].path.id[1], ID_NONE);
}

static void writes_every_record_once_in_one_tree(void **state)
{
	struct arena *arena = *state;
	struct records records = records_in(arena);
	struct builder b = builder_in(arena);

	records_add(&records, path_of("/3/0/9"), INTEGER_VALUE(100));
	records_add(&records, path_of("/1/0/1"), INTEGER_VALUE(5));
	records_add(&records, path_of("/3/0/9"), INTEGER_VALUE(100));
	assert_int_equal(tree_write(&records, path_of("/"), &b), ERR_NONE);
	assert_true(bytes_equal(bytes_of(b.at, b.len), hex(arena, "A201A100A1010503A100A1091864")));
}

static void null_is_for_packs_that_patch(void **state)
{
	const struct bytes text = bytes_of_text("[{\"n\":\"/16/0/0/1\",\"v\":null}]"),
			   cbor = hex(*state, "81A200692F31362F302F302F3102F6");
	struct records records = records_in(*state);

	assert_int_equal(json_read(text, path_of("/"), &records, NULL), ERR_MALFORMED);
	assert_int_equal(senml_read(cbor, path_of("/"), &records, NULL), ERR_MALFORMED);
	assert_int_equal(json_etch_read(text, path_of("/"), &records, NULL), ERR_NONE);
	assert_int_equal(records.at[0].value.kind, KIND_NULL);
	records.count = 0;
	assert_int_equal(senml_etch_read(cbor, path_of("/"), &records, NULL), ERR_NONE);
	assert_int_equal(records.at[0].value.kind, KIND_NULL);
}

static void formats_of_1_2_need_it(void **state)
{
	assert_null(format_find(FORMAT_SENML_JSON, 1));
	assert_null(format_find(FORMAT_LWM2M_CBOR, 1));
	assert_null(format_find(FORMAT_SENML_ETCH_CBOR, 2)); /* no answer is in it */
	assert_null(format_find_fetch(FORMAT_SENML_ETCH_CBOR, 1));
	assert_non_null(format_find_fetch(FORMAT_SENML_ETCH_CBOR, 2));
	assert_null(format_find_fetch(FORMAT_LWM2M_CBOR, 2)); /* it cannot name without a value */
	assert_non_null(format_find_patch(FORMAT_LWM2M_CBOR, 2));
	assert_null(format_find_patch(FORMAT_SENML_CBOR, 0));
}

static struct records read_as(struct arena *arena, uint16_t number, const char *base, const char *payload)
{
	struct records records = records_in(arena);

	assert_int_equal(format_find(number, 1)->read(hex(arena, payload), path_of(base), &records, NULL),
			 ERR_NONE);
	return records;
}

static void reads_bare_instances_of_a_resource(void **state)
{
	struct records records = read_as(*state, FORMAT_TLV, "/3/0/6", "410001410105");

	assert_int_equal(records.count, 2);
	assert_true(path_equal(records.at[1].path, path_of("/3/0/6/1")));
}

static void leaves_the_instance_open_when_none_is_named(void **state)
{
	struct records records = read_as(*state, FORMAT_TLV, "/2", "C1010BC1020A");

	assert_int_equal(records.count, 2);
	assert_int_equal(records.at[0].path.id[1], ID_NONE);
}

static void tells_an_empty_array_from_nothing(void **state)
{
	struct records records = read_as(*state, FORMAT_TLV, "/16/0", "8000");

	assert_int_equal(records.count, 1);
	assert_int_equal(records.at[0].value.kind, KIND_NONE);
	assert_int_equal(read_as(*state, FORMAT_SENML_CBOR, "/3/0/6", "80").count, 0);
}

static void assert_text(struct arena *arena, struct value value, const char *text)
{
	struct value back = { .kind = KIND_NONE };
	struct builder b = builder_in(arena);

	build_value_text(&b, value);
	if (!bytes_equal_text(bytes_of(b.at, b.len), text))
		fail_msg("%.*s is not %s", (int)b.len, (const char *)b.at, text);
	assert_int_equal(
		value_convert((struct value){ .kind = KIND_TEXT_BYTES, .bytes = bytes_of_text(text) },
			      value.kind, arena, &back),
		ERR_NONE);
	assert_true(value_equal(value, back));
}

static void writes_and_reads_text(void **state)
{
	assert_text(*state, INTEGER_VALUE(INT64_MIN), "-9223372036854775808");
	assert_text(*state, UNSIGNED_VALUE(UINT64_MAX), "18446744073709551615");
	assert_text(*state, FLOAT_VALUE(22.4), "22.4");
	assert_text(*state, FLOAT_VALUE(-0.5), "-0.5");
	assert_text(*state, BOOLEAN_VALUE(true), "1");
	assert_text(*state, OPAQUE_VALUE(hex(*state, "0001FE")), "AAH+");
	assert_text(*state, ((struct value){ .kind = KIND_LINK, .link = { 65535, 65535 } }), "65535:65535");
}

static void assert_no_value(struct arena *arena, enum kind kind, const char *text)
{
	struct value value;

	assert_int_equal(
		value_convert((struct value){ .kind = KIND_TEXT_BYTES, .bytes = bytes_of_text(text) }, kind,
			      arena, &value),
		ERR_MALFORMED);
}

static void refuses_text_of_another_type(void **state)
{
	assert_no_value(*state, KIND_INTEGER, "");
	assert_no_value(*state, KIND_INTEGER, "1.5");
	assert_no_value(*state, KIND_INTEGER, "9223372036854775808");
	assert_no_value(*state, KIND_UNSIGNED, "-1");
	assert_no_value(*state, KIND_UNSIGNED, "18446744073709551616");
	assert_no_value(*state, KIND_FLOAT, "1e5");
	assert_no_value(*state, KIND_BOOLEAN, "true");
	assert_no_value(*state, KIND_OPAQUE, "A");
	assert_no_value(*state, KIND_LINK, "3:70000");
}

static void reads_and_writes_one_cbor_value(void **state)
{
	struct records records = read_as(*state, FORMAT_CBOR, "/3/0/13", "C11A65920080");
	struct builder b = builder_in(*state);

	assert_int_equal(records.at[0].value.integer, 1704067200);
	assert_int_equal(cbor_write(&records, path_of("/3/0/13"), &b), ERR_NONE);
	assert_true(bytes_equal(bytes_of(b.at, b.len), hex(*state, "1A65920080")));
}

static void has_no_cbor_in_version_1_0(void **state)
{
	assert_null(format_find(FORMAT_CBOR, 0));
	assert_null(format_find(FORMAT_SENML_CBOR, 0));
	assert_non_null(format_find(FORMAT_TLV, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(agrees_with_the_known_answers_in_tlv), TEST(agrees_with_the_known_answers_in_senml_cbor),
		TEST(reads_bare_instances_of_a_resource),   TEST(leaves_the_instance_open_when_none_is_named),
		TEST(tells_an_empty_array_from_nothing),    TEST(writes_and_reads_text),
		TEST(refuses_text_of_another_type),         TEST(reads_and_writes_one_cbor_value),
		TEST(has_no_cbor_in_version_1_0),
		TEST(agrees_with_the_known_answers_in_senml_json),
		TEST(agrees_with_the_known_answers_in_lwm2m_cbor),
		TEST(lwm2m_cbor_leaves_the_instance_open),
		TEST(writes_every_record_once_in_one_tree),
		TEST(null_is_for_packs_that_patch),
		TEST(formats_of_1_2_need_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
