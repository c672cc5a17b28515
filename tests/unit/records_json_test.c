#include "records_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct parts {
	struct arena *arena;
	struct model *model;
};

static int open_parts(void **state)
{
	static struct parts parts;

	parts = (struct parts){ .arena = arena_create(0) };
	*state = &parts;
	return model_create(&parts.model) != ERR_NONE ||
	       model_add_folder(parts.model, "server/lwm2m/objects", NULL) != ERR_NONE;
}

static int close_parts(void **state)
{
	struct parts *parts = *state;

	model_free(parts->model);
	arena_free(parts->arena);
	return 0;
}

static void assert_json(const struct parts *parts, const struct lwm2m_record *records, size_t count,
			const char *expected)
{
	struct builder b = builder_in(parts->arena);
	struct bytes json;

	build_records_json(&b, parts->model, (struct lwm2m_records){ records, count });
	build_u8(&b, 0);
	assert_int_equal(builder_bytes(&b, &json), ERR_NONE);
	assert_string_equal((const char *)json.at, expected);
}

/* Of a resource that no model knows, so that there is no name. */
static void assert_value(const struct parts *parts, struct lwm2m_value value, const char *type,
			 const char *json)
{
	const struct lwm2m_record record = { .path = LWM2M_RESOURCE(32000, 0, 1), .value = value };
	char expected[256];

	snprintf(expected, sizeof(expected), "[{\"path\":\"/32000/0/1\",\"type\":\"%s\",\"value\":%s}]", type,
		 json);
	assert_json(parts, &record, 1, expected);
}

static void names_come_from_the_model(void **state)
{
	const struct lwm2m_record records[] = {
		{ .path = LWM2M_RESOURCE(3, 0, 0),
		  .value = { .type = LWM2M_STRING, .bytes = bytes_of("a\"b", 3) } },
		{ .path = { 3, 0, 6, 1, 4 }, .value = { .type = LWM2M_INTEGER, .integer = 5 } },
	};

	assert_json(
		*state, records, 2,
		"[{\"path\":\"/3/0/0\",\"name\":\"Manufacturer\",\"type\":\"string\",\"value\":\"a\\\"b\"},"
		"{\"path\":\"/3/0/6/1\",\"name\":\"Available Power "
		"Sources\",\"type\":\"integer\",\"value\":5}]");
	assert_json(*state, NULL, 0, "[]");
}

static void every_type_has_its_form(void **state)
{
	const struct parts *parts = *state;

	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = INT64_MIN }, "integer",
		     "-9223372036854775808");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_UNSIGNED, .whole = UINT64_MAX }, "unsigned",
		     "18446744073709551615");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_TIME, .integer = 1700000000 }, "time",
		     "1700000000");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = -0.5 }, "float", "-0.5");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_BOOLEAN, .boolean = true }, "boolean",
		     "true");
	assert_value(parts,
		     (struct lwm2m_value){ .type = LWM2M_OPAQUE, .bytes = bytes_of("\xFB\xFF\x00", 3) },
		     "opaque", "\"+/8A\"");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_OBJLNK, .link = { 3, 65535 } }, "objlnk",
		     "\"3:65535\"");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_CORELNK, .bytes = bytes_of("</3>", 4) },
		     "corelnk", "\"</3>\"");
	assert_value(parts, (struct lwm2m_value){ .type = LWM2M_NONE }, "none", "null");
}

static void historical_values_have_their_time(void **state)
{
	const struct lwm2m_record record = {
		.path = LWM2M_RESOURCE(32000, 0, 1),
		.value = { .type = LWM2M_INTEGER, .integer = 1 },
		.has_time = true,
		.time_s = 1700000000.5,
	};

	assert_json(*state, &record, 1,
		    "[{\"path\":\"/32000/0/1\",\"type\":\"integer\",\"value\":1,\"time\":1700000000.5}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_come_from_the_model, open_parts, close_parts),
		cmocka_unit_test_setup_teardown(every_type_has_its_form, open_parts, close_parts),
		cmocka_unit_test_setup_teardown(historical_values_have_their_time, open_parts, close_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
