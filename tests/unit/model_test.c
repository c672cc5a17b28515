#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lwm2m_support.h"

#define OBJECT(id, version, resources)                                                                       \
	"<Object><Name>O</Name><ObjectID>" id "</ObjectID><ObjectURN>urn</ObjectURN>" version                \
	"<MultipleInstances>Single"                                                                          \
	"</MultipleInstances><Mandatory>Optional</Mandatory><Resources>" resources "</Resources></Object>"
#define VERSION(text) "<ObjectVersion>" text "</ObjectVersion>"
#define RESOURCE(id, operations, type, range)                                                                \
	"<Item ID=\"" id "\"><Name>R</Name><Operations>" operations "</Operations><MultipleInstances>Single" \
	"</MultipleInstances><Mandatory>Mandatory</Mandatory><Type>" type "</Type><RangeEnumeration>" range  \
	"</RangeEnumeration></Item>"
#define FILE_OF(objects) "<LWM2M>" objects "</LWM2M>"

static int open_model(void **state)
{
	return model_create((struct model **)state) != ERR_NONE;
}

static int close_model(void **state)
{
	model_free(*state);
	return 0;
}

static void add(struct model *model, const char *xml)
{
	struct fault fault = { 0 };

	if (model_add_ddf(model, bytes_of_text(xml), &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
}

static void refuses(struct model *model, const char *xml, const char *reason)
{
	struct fault fault = { 0 };

	assert_int_equal(model_add_ddf(model, bytes_of_text(xml), &fault), ERR_MALFORMED);
	if (strstr(fault.text, reason) == NULL)
		fail_msg("'%s' does not say '%s'", fault.text, reason);
	assert_null(model_at(model, 0));
}

/* ---- definitions ---- */

static void our_definitions_are_the_registered_objects_that_devices_bring(void **state)
{
	static const uint16_t ids[] = { 0,   1,   2,    3,    4,    5,    6,    7,    8,     9,
					10,  11,  12,   13,   14,   15,   16,   19,   20,    21,
					22,  23,  24,   25,   26,   27,   28,   504,  505,   507,
					508, 3303, 3308, 3311, 3441, 3442, 3443, 10252, 10308 };
	struct model *model = *state;
	struct fault fault = { 0 };
	size_t count = sizeof(ids) / sizeof(ids[0]);

	if (model_add_folder(model, "server/lwm2m/objects", &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(model_at(model, i)->id, ids[i]);
	assert_null(model_at(model, count));
	assert_string_equal(model_object(model, 3, NULL)->name, "Device");
	assert_int_equal(model_object(model, 3, "1.2")->resource_count, 23);
	assert_int_equal(object_resource(model_object(model, 0, NULL), 5)->access, 0);
	assert_true(object_resource(model_object(model, 2, NULL), 2)->is_multiple);
	assert_int_equal(object_resource(model_object(model, 3, NULL), 4)->access, MODEL_EXECUTE);
	assert_null(object_resource(model_object(model, 5, NULL), 4));
	assert_int_equal(object_resource(model_object(model, 23, NULL), 2)->access, 0);
	assert_int_equal(object_resource(model_object(model, 3443, NULL), 2)->type, LWM2M_OPAQUE);
}

static void versions_stand_side_by_side(void **state)
{
	struct model *model = *state;

	add(model,
	    FILE_OF(OBJECT("9", VERSION("1.10"), "") OBJECT("9", VERSION("1.9"), "") OBJECT("8", "", "")));
	add(model, FILE_OF(OBJECT("9", VERSION("2.0"), "")));
	assert_int_equal(model_object(model, 9, NULL)->major, 2);
	assert_int_equal(model_object(model, 9, "1.10")->minor, 10);
	assert_int_equal(model_object(model, 9, "1.9")->minor, 9);
	assert_int_equal(model_object(model, 8, NULL)->major, 1);
	assert_int_equal(model_object(model, 8, "1.0")->minor, 0);
	assert_null(model_object(model, 9, "1.1"));
	assert_null(model_object(model, 9, "x"));
	assert_null(model_object(model, 10, NULL));
	assert_null(model_object(model, 7, NULL));
}

static void the_same_version_is_replaced_and_the_old_one_stays_readable(void **state)
{
	struct model *model = *state;
	const struct object_model *old;

	add(model, FILE_OF(OBJECT("9", "", RESOURCE("1", "R", "String", ""))));
	old = model_object(model, 9, NULL);
	add(model, FILE_OF(OBJECT("9", "", RESOURCE("2", "R", "String", ""))));
	assert_null(model_at(model, 1));
	assert_non_null(object_resource(model_object(model, 9, NULL), 2));
	assert_null(object_resource(model_object(model, 9, NULL), 1));
	assert_string_equal(object_resource(old, 1)->name, "R");
}

static void a_file_is_added_whole_or_not(void **state)
{
	refuses(*state, FILE_OF(OBJECT("9", "", "") OBJECT("10", VERSION("x"), "")),
		"object 10: ObjectVersion");
}

static void resources_come_in_any_order(void **state)
{
	struct model *model = *state;
	const struct object_model *object;

	add(model, FILE_OF(OBJECT("9", "",
				  RESOURCE("7", "R", "String", "") RESOURCE("1", "E", "", "")
					  RESOURCE("65534", "RW", "Time", ""))));
	object = model_object(model, 9, NULL);
	assert_int_equal(object->resources[0].id, 1);
	assert_int_equal(object_resource(object, 7)->type, LWM2M_STRING);
	assert_int_equal(object_resource(object, 65534)->type, LWM2M_TIME);
	assert_null(object_resource(object, 0));
	assert_null(object_resource(object, 65535));
}

static void faults_name_element_and_object(void **state)
{
	refuses(*state, "", "nothing");
	refuses(*state, "<LWM2M>", "XML, line 1");
	refuses(*state, "<html/>", "LWM2M");
	refuses(*state, "<LWM2M/>", "Object");
	refuses(*state, FILE_OF(OBJECT("65535", "", "")), "ObjectID '65535'");
	refuses(*state, FILE_OF(OBJECT("", "", "")), "ObjectID");
	refuses(*state, "<LWM2M><Object><ObjectID>9</ObjectID></Object></LWM2M>", "object 9 has no Name");
	refuses(*state, FILE_OF(OBJECT("9", "", RESOURCE("65535", "R", "String", ""))),
		"object 9: the ID '65535'");
	refuses(*state, FILE_OF(OBJECT("9", "", RESOURCE("1", "X", "String", ""))), "object 9, resource 1");
	refuses(*state, FILE_OF(OBJECT("9", "", RESOURCE("1", "R", "Strng", ""))), "unknown Type 'Strng'");
	refuses(*state,
		FILE_OF(OBJECT("9", "", RESOURCE("1", "R", "String", "") RESOURCE("1", "R", "String", ""))),
		"object 9 has resource 1 twice");
	refuses(*state, FILE_OF(OBJECT("9", "", "<Item><Name>x</Name></Item>")), "ID ''");
	refuses(*state, FILE_OF(OBJECT("9", "", "<Item ID=\"1\"><Name>x</Name></Item>")),
		"MultipleInstances");
}

/* Billions of characters from a few lines, and a file of ours: neither is looked at. */
static void a_document_type_is_refused(void **state)
{
	refuses(*state, "<!DOCTYPE a SYSTEM \"/etc/hostname\">" FILE_OF(OBJECT("9", "", "")),
		"document type");
	refuses(*state,
		"<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>" FILE_OF(
			OBJECT("9", VERSION("&b;"), "")),
		"document type");
}

static void a_folder_stops_at_the_first_broken_file(void **state)
{
	char folder[] = "/tmp/cardea-model-XXXXXX", path[64];
	struct fault fault = { 0 };
	FILE *file;

	assert_int_equal(model_add_folder(*state, "/nowhere", &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "/nowhere"));
	assert_non_null(mkdtemp(folder));
	assert_int_equal(model_add_folder(*state, folder, NULL), ERR_NONE);
	snprintf(path, sizeof(path), "%s/bad.xml", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("<LWM2M>", file);
	fclose(file);
	fault = (struct fault){ 0 };
	assert_int_equal(model_add_folder(*state, folder, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "bad.xml"));
	unlink(path);
	rmdir(folder);
}

static void ranges_are_read_leniently(void **state)
{
	const struct {
		const char *text;
		bool has_range;
		double min, max;
	} rows[] = {
		{ "0..255", true, 0, 255 },
		{ "0..255 bytes", true, 0, 255 },
		{ "1...15", true, 1, 15 },
		{ "-110..-48", true, -110, -48 },
		{ "0.0..100.0", true, 0, 100 },
		{ "-90.5 .. 90.5", true, -90.5, 90.5 },
		{ "8-Bits", false, 0, 0 },
		{ "16,32,48", false, 0, 0 },
		{ "", false, 0, 0 },
		{ "6", false, 0, 0 },
		{ "0..", false, 0, 0 },
		{ "..5", false, 0, 0 },
		{ "5..1", false, 0, 0 },
		{ "0..2^64-1", false, 0, 0 },
		{ "1..5 or 7", false, 0, 0 },
		{ "0.5", false, 0, 0 },
		{ "any text", false, 0, 0 },
		{ "0..1e9", false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model *model;
		const struct resource_model *resource;
		char xml[1024];

		snprintf(xml, sizeof(xml), FILE_OF(OBJECT("9", "", RESOURCE("1", "R", "String", "%s"))),
			 rows[i].text);
		assert_int_equal(model_create(&model), ERR_NONE);
		add(model, xml);
		resource = object_resource(model_object(model, 9, NULL), 1);
		assert_string_equal(resource->range, rows[i].text);
		if (resource->has_range != rows[i].has_range || resource->min != rows[i].min ||
		    resource->max != rows[i].max)
			fail_msg("'%s' is %d: %g to %g", rows[i].text, resource->has_range, resource->min,
				 resource->max);
		model_free(model);
	}
}

static void versions_are_two_numbers(void **state)
{
	static const char *const broken[] = { "",    "1",       "1.",      ".1",   "1.0.0",
					      "a.b", "1.65536", "65536.0", "-1.0", " 1.0" };
	uint16_t major, minor;

	assert_true(version_parse(bytes_of_text("1.10"), &major, &minor) && major == 1 && minor == 10);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_false(version_parse(bytes_of_text(broken[i]), &major, &minor));
}

/* ---- checks ---- */

static struct lwm2m_record record(uint16_t resource, int instance, struct lwm2m_value value)
{
	struct lwm2m_record made = { .path = LWM2M_RESOURCE(TEST_OBJECT, 0, resource), .value = value };

	if (instance >= 0) {
		made.path.resource_instance = (uint16_t)instance;
		made.path.depth = 4;
	}
	return made;
}

static int open_test_model(void **state)
{
	*state = test_model();
	return 0;
}

static void accepts(const struct model *model, struct lwm2m_record made)
{
	struct fault fault = { 0 };

	if (model_check(model, &made, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
}

static void complains(const struct model *model, struct lwm2m_record made, enum err kind, const char *text)
{
	struct fault fault = { 0 };

	assert_int_equal(model_check(model, &made, &fault), kind);
	assert_string_equal(fault.text, text);
}

static struct lwm2m_value text(const char *characters)
{
	return (struct lwm2m_value){ .type = LWM2M_STRING, .bytes = bytes_of_text(characters) };
}

static struct lwm2m_value integer(int64_t number)
{
	return (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = number };
}

static struct lwm2m_value real(double number)
{
	return (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = number };
}

static void a_range_bounds_numbers_and_octets(void **state)
{
	struct lwm2m_value opaque = { .type = LWM2M_OPAQUE, .bytes = bytes_of("\1", 1) };

	accepts(*state, record(1, -1, integer(-10)));
	accepts(*state, record(1, -1, integer(10)));
	complains(*state, record(1, -1, integer(11)), ERR_MALFORMED,
		  "/42769/0/1 (Resource 1): 11 is not in -10..10");
	accepts(*state, record(0, -1, text("12345678")));
	complains(*state, record(0, -1, text("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9")), ERR_MALFORMED,
		  "/42769/0/0 (Resource 0): 10 octets is not in 0..8");
	complains(*state, record(5, -1, opaque), ERR_MALFORMED,
		  "/42769/0/5 (Resource 5): 1 octets is not in 2..4 bytes");
	accepts(*state, record(3, -1, real(1.0)));
	complains(*state, record(3, -1, real(1.5)), ERR_MALFORMED,
		  "/42769/0/3 (Resource 3): 1.5 is not in 0.0..1.0");
	complains(*state, record(3, -1, real(NAN)), ERR_MALFORMED,
		  "/42769/0/3 (Resource 3): nan is not in 0.0..1.0");
}

static void types_have_to_agree(void **state)
{
	complains(*state, record(1, -1, text("1")), ERR_MALFORMED,
		  "/42769/0/1 (Resource 1): string where the definition says integer");
	complains(*state, record(6, -1, integer(1)), ERR_MALFORMED,
		  "/42769/0/6 (Resource 6): integer where the definition says time");
	complains(*state, record(0, -1, text("\xFF")), ERR_MALFORMED,
		  "/42769/0/0 (Resource 0): the text is not UTF-8");
}

static void instances_belong_to_multiple_resources(void **state)
{
	struct lwm2m_value none = { .type = LWM2M_NONE }, null = { .type = LWM2M_NULL };

	accepts(*state, record(10, 5, integer(1000)));
	accepts(*state, record(10, -1, none));
	accepts(*state, record(10, 5, null));
	complains(*state, record(10, -1, integer(1)), ERR_MALFORMED,
		  "/42769/0/10 (Resource 10): the resource has instances, and none is named");
	complains(*state, record(1, 0, integer(1)), ERR_MALFORMED,
		  "/42769/0/1/0 (Resource 1): the resource has no instances");
	complains(*state, record(1, -1, none), ERR_MALFORMED,
		  "/42769/0/1 (Resource 1): the value is missing");
}

static void what_has_no_value_or_definition_is_refused(void **state)
{
	struct lwm2m_record elsewhere = record(1, -1, integer(1)), above = elsewhere;

	complains(*state, record(9, -1, integer(1)), ERR_MALFORMED,
		  "/42769/0/9 (Resource 9): the resource is executed and has no value");
	complains(*state, record(99, -1, integer(1)), ERR_UNSUPPORTED,
		  "/42769/0/99: object 42769 (Test) has no resource 99");
	elsewhere.path.object = 42770;
	complains(*state, elsewhere, ERR_UNSUPPORTED, "/42770/0/1: object 42770 has no definition");
	above.path.depth = 2;
	complains(*state, above, ERR_MALFORMED, "/42769/0: a value belongs to a resource");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(our_definitions_are_the_registered_objects_that_devices_bring,
						open_model, close_model),
		cmocka_unit_test_setup_teardown(versions_stand_side_by_side, open_model, close_model),
		cmocka_unit_test_setup_teardown(the_same_version_is_replaced_and_the_old_one_stays_readable,
						open_model, close_model),
		cmocka_unit_test_setup_teardown(a_file_is_added_whole_or_not, open_model, close_model),
		cmocka_unit_test_setup_teardown(resources_come_in_any_order, open_model, close_model),
		cmocka_unit_test_setup_teardown(faults_name_element_and_object, open_model, close_model),
		cmocka_unit_test_setup_teardown(a_document_type_is_refused, open_model, close_model),
		cmocka_unit_test_setup_teardown(a_folder_stops_at_the_first_broken_file, open_model,
						close_model),
		cmocka_unit_test(ranges_are_read_leniently),
		cmocka_unit_test(versions_are_two_numbers),
		cmocka_unit_test_setup_teardown(a_range_bounds_numbers_and_octets, open_test_model,
						close_model),
		cmocka_unit_test_setup_teardown(types_have_to_agree, open_test_model, close_model),
		cmocka_unit_test_setup_teardown(instances_belong_to_multiple_resources, open_test_model,
						close_model),
		cmocka_unit_test_setup_teardown(what_has_no_value_or_definition_is_refused, open_test_model,
						close_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
