#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "schema.h"

#define SCHEMA                                                                                               \
	"{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"package\"], "              \
	"\"properties\": {"                                                                                  \
	"\"package\": {\"type\": \"string\", \"x-cardea-package\": \"se-load-file\"},"                       \
	"\"se\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 7},"                                   \
	"\"aidHex\": {\"type\": \"string\", \"pattern\": \"^([0-9A-Fa-f]{2}){5,16}$\"},"                     \
	"\"level\": {\"type\": \"string\", \"enum\": [\"auto\", \"full\"]},"                                 \
	"\"privileges\": {\"type\": \"array\", \"maxItems\": 2, \"items\": {\"type\": \"string\", "          \
	"\"minLength\": 1}}}}"

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(json);
	return json;
}

static void assert_refused(const char *value, const char *expected_text)
{
	json_t *schema = parse(SCHEMA), *json = parse(value);
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(schema_check(schema, json, &fault), ERR_MALFORMED);
	assert_string_equal(fault.text, expected_text);
	json_decref(schema);
	json_decref(json);
}

static void accepts_what_the_schema_describes(void **state)
{
	json_t *schema = parse(SCHEMA);
	json_t *json = parse("{\"package\": \"3\", \"se\": 7, \"aidHex\": \"A000000151\", \"privileges\": "
			     "[\"x\", \"y\"]}");
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(schema_verify(schema, &fault), ERR_NONE);
	assert_int_equal(schema_check(schema, json, &fault), ERR_NONE);
	json_decref(schema);
	json_decref(json);
}

static void names_the_member_and_the_reason(void **state)
{
	assert_refused("[]", "parameters: must be of type object");
	assert_refused("{}", "package: is required");
	assert_refused("{\"package\": 3}", "package: must be of type string");
	assert_refused("{\"package\": \"3\", \"se\": 8}", "se: must be at most 7");
	assert_refused("{\"package\": \"3\", \"se\": 1.5}", "se: must be of type integer");
	assert_refused("{\"package\": \"3\", \"colour\": 1}", "colour: is not a parameter");
	assert_refused("{\"package\": \"3\", \"level\": \"none\"}", "level: must be one of auto, full");
	assert_refused("{\"package\": \"3\", \"aidHex\": \"A0\"}",
		       "aidHex: must match ^([0-9A-Fa-f]{2}){5,16}$");
	assert_refused("{\"package\": \"3\", \"privileges\": [\"\"]}",
		       "privileges[0]: its length must be at least 1");
	assert_refused("{\"package\": \"3\", \"privileges\": [\"a\", \"b\", \"c\"]}",
		       "privileges: its number of items must be at most 2");
}

static void refuses_a_schema_with_a_keyword_it_would_not_honour(void **state)
{
	json_t *schema = parse("{\"type\": \"object\", \"properties\": {\"se\": {\"oneOf\": []}}}");
	struct fault fault = { .kind = ERR_NONE };
	assert_int_equal(schema_verify(schema, &fault), ERR_UNSUPPORTED);
	assert_string_equal(fault.text, "schema se: keyword oneOf is not supported");
	json_decref(schema);
}

static void finds_the_member_that_names_a_package(void **state)
{
	json_t *schema = parse(SCHEMA), *without = parse("{\"type\": \"object\", \"properties\": {}}");
	const char *kind = NULL;
	assert_string_equal(schema_package_member(schema, &kind), "package");
	assert_string_equal(kind, "se-load-file");
	assert_null(schema_package_member(without, &kind));
	json_decref(schema);
	json_decref(without);
}

static enum err note_package(void *self, const char *place, const char *kind, const char *id,
			     struct fault *fault)
{
	char *text = self;
	size_t len = strlen(text);
	snprintf(text + len, 200 - len, "%s %s %s;", place, kind, id);
	return strcmp(id, "bad") == 0 ? ERR_MALFORMED : ERR_NONE;
}

static void finds_packages_below_the_first_level(void **state)
{
	static const char text[] =
		"{\"properties\":{\"package\":{\"x-cardea-package\":\"a\"},"
		"\"all\":{\"items\":{\"properties\":{\"one\":{\"x-cardea-package\":\"b\"}}}},"
		"\"flat\":{\"items\":{\"x-cardea-package\":\"c\"}}}}";
	json_t *schema = json_loads(text, 0, NULL);
	json_t *value = json_loads("{\"package\":\"1\",\"all\":[{\"one\":\"2\"},{},{\"one\":\"3\"}],"
				   "\"flat\":[\"bad\",\"5\"]}",
				   0, NULL);
	char found[200] = "";
	struct fault fault = { .kind = ERR_NONE };
	assert_non_null(schema);
	assert_non_null(value);
	assert_int_equal(schema_packages_below(schema, value, note_package, found, &fault), ERR_MALFORMED);
	assert_string_equal(found, "all[0].one b 2;all[2].one b 3;flat[0] c bad;");
	json_decref(schema);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_the_schema_describes),
		cmocka_unit_test(names_the_member_and_the_reason),
		cmocka_unit_test(refuses_a_schema_with_a_keyword_it_would_not_honour),
		cmocka_unit_test(finds_the_member_that_names_a_package),
		cmocka_unit_test(finds_packages_below_the_first_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
