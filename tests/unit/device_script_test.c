/* ETSI TS 102 226 scripts, as the device's agent reads and writes them. */
#include "script.h"

#include <jansson.h>
#include <stdlib.h>

#include "arena_support.h"

static void assert_commands(struct arena *arena, const json_t *vector)
{
	json_t *expected = json_object_get(vector, "c_apdus");
	enum script_bad_format bad_format;
	struct script script;

	assert_int_equal(script_parse(arena,
				      hex(arena, json_string_value(json_object_get(vector, "encoded"))),
				      &script, &bad_format, NULL),
			 ERR_NONE);
	assert_int_equal(script.count, json_array_size(expected));
	for (size_t i = 0; i < script.count; i++) {
		assert_int_equal(script.commands[i].tag, SCRIPT_COMMAND_APDU);
		assert_true(bytes_equal(script.commands[i].value,
					hex(arena, json_string_value(json_array_get(expected, i)))));
	}
}

static struct script_end end_of(const json_t *decoded)
{
	static const struct {
		const char *name;
		uint8_t tag;
	} ends[] = { { "immediate_action_response", 0x81 },
		     { "script_chaining_response", 0x83 },
		     { "bad_format", 0x90 } };

	for (size_t i = 0; i < 3; i++) {
		const char *value = json_string_value(json_object_get(decoded, ends[i].name));
		if (value != NULL)
			return (struct script_end){ ends[i].tag, (uint8_t)strtoul(value, NULL, 16) };
	}
	return SCRIPT_END_NONE;
}

/* A decoded response, built again, has the bytes of the vector. */
static void assert_response(struct arena *arena, const json_t *vector)
{
	const json_t *decoded = json_object_get(vector, "decoded"),
		     *responses = json_object_get(decoded, "responses");
	bool is_indefinite = strcmp(json_string_value(json_object_get(decoded, "template")), "AF") == 0;
	struct builder answers = builder_in(arena), b = builder_in(arena);

	for (size_t i = 0; i < json_array_size(responses); i++) {
		const json_t *response = json_array_get(responses, i);
		char *apdu = arena_printf(arena, "%s%s",
					  json_string_value(json_object_get(response, "r_apdu_data")),
					  json_string_value(json_object_get(response, "sw")));
		build_script_answer(&answers, hex(arena, apdu));
	}
	build_script_response(&b, is_indefinite,
			      (size_t)json_integer_value(json_object_get(decoded, "number_executed")),
			      bytes_of(answers.at, answers.len), end_of(decoded));
	assert_true(bytes_equal(bytes_of(b.at, b.len),
				hex(arena, json_string_value(json_object_get(vector, "encoded")))));
}

static void agrees_with_the_known_answers(void **state)
{
	json_t *file = json_load_file("tests/vectors/ts102226-script.json", 0, NULL), *vector;
	size_t i;

	assert_non_null(file);
	json_array_foreach (json_object_get(file, "vectors"), i, vector) {
		const char *name = json_string_value(json_object_get(vector, "name"));
		if (json_object_get(vector, "format") != NULL) /* compact scripts are not for agents */
			continue;
		if (strcmp(json_string_value(json_object_get(vector, "direction")), "command") == 0)
			assert_commands(*state, vector);
		else if (strcmp(name, "indef_with_count") != 0) /* a count that TS 102 226 leaves out there */
			assert_response(*state, vector);
	}
	json_decref(file);
}

static void assert_bad(struct arena *arena, const char *text, enum script_bad_format expected)
{
	enum script_bad_format bad_format = 0;
	struct script script;

	assert_int_equal(script_parse(arena, hex(arena, text), &script, &bad_format, NULL), ERR_MALFORMED);
	assert_int_equal(bad_format, expected);
}

static void says_what_is_wrong_with_a_script(void **state)
{
	assert_bad(*state, "", BAD_FORMAT_UNKNOWN_TAG);
	assert_bad(*state, "AC00", BAD_FORMAT_UNKNOWN_TAG); /* an old table's indefinite template */
	assert_bad(*state, "AA03850100", BAD_FORMAT_UNKNOWN_TAG);
	assert_bad(*state, "AA", BAD_FORMAT_LENGTH_NOT_FOUND);
	assert_bad(*state, "AA8422050000", BAD_FORMAT_LENGTH_NOT_FOUND);
	assert_bad(*state, "AA08220580CA008500", BAD_FORMAT_WRONG_LENGTH);
	assert_bad(*state, "AA07220680CA008500", BAD_FORMAT_WRONG_LENGTH);
	assert_bad(*state, "AA05220380CA00", BAD_FORMAT_WRONG_LENGTH);
	assert_bad(*state, "AA09220780E2900003AABB", BAD_FORMAT_WRONG_LENGTH); /* Lc 3, two bytes */
	assert_bad(*state, "AE80220580CA008500", BAD_FORMAT_LENGTH_NOT_FOUND); /* no 0000 */
	assert_bad(*state, "AE80220580CA008500000001", BAD_FORMAT_WRONG_LENGTH);
	assert_bad(*state, "AE07220580CA0085000000", BAD_FORMAT_LENGTH_NOT_FOUND);
	assert_bad(*state, "AA0A220580CA008500830101", BAD_FORMAT_UNKNOWN_TAG); /* chaining not first */
	assert_bad(*state, "AA03830105", BAD_FORMAT_WRONG_LENGTH);
}

static void takes_control_elements(void **state)
{
	enum script_bad_format bad_format;
	struct script script;

	assert_int_equal(script_parse(*state,
				      hex(*state, "AA0F"
						  "830101"
						  "8200"
						  "810182"
						  "2205"
						  "80CA004200"),
				      &script, &bad_format, NULL),
			 ERR_NONE);
	assert_int_equal(script.count, 4);
	assert_int_equal(script.commands[0].tag, SCRIPT_CHAINING);
	assert_int_equal(script.commands[1].tag, SCRIPT_ERROR_ACTION);
	assert_int_equal(script.commands[2].tag, SCRIPT_IMMEDIATE_ACTION);
	assert_int_equal(script.commands[3].tag, SCRIPT_COMMAND_APDU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ARENA(agrees_with_the_known_answers),
		IN_ARENA(says_what_is_wrong_with_a_script),
		IN_ARENA(takes_control_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
