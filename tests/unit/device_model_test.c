/* Two versions of one object, 1.0 and 2.0, whose resource 1 was an integer and became a text. */
#include "registry_lab.h"

#include <string.h>

#include "format.h"
#include "model.h"

#define ITEM(type)                                                                                           \
	"<Item ID=\"1\"><Name>Value of " type "</Name><Operations>RW</Operations>"                           \
	"<MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type>" type "</Type>"  \
	"<RangeEnumeration></RangeEnumeration></Item>"
#define OBJECT(version, type)                                                                                \
	"<Object><Name>O</Name><ObjectID>42769</ObjectID><ObjectURN>urn</ObjectURN><ObjectVersion>" version  \
	"</ObjectVersion><MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory>"     \
	"<Resources>" ITEM(type) "</Resources></Object>"

static const struct lwm2m_path path = { 42769, 0, 1, LWM2M_ID_NONE, 3 };
static const uint8_t one_tlv[] = { 0xC1, 0x01, '1' };
static const uint8_t object_tlv[] = { 0x08, 0x00, 0x03, 0xC1, 0x01, '1' };

static int open_versions(void **state)
{
	int failed = registry_lab_open(state);
	struct registry_lab *lab = *state;

	assert_int_equal(model_add_ddf(lab->model,
				       bytes_of_text("<LWM2M>" OBJECT("1.0", "Integer")
							     OBJECT("2.0", "String") "</LWM2M>"),
				       NULL),
			 ERR_NONE);
	return failed;
}

static void register_with(struct registry_lab *lab, struct lab_device *device, const char *links)
{
	assert_int_equal(device_ask(lab, device, COAP_POST, "/rd?ep=a&lt=60&lwm2m=1.0", FORMAT_LINK,
				    bytes_of_text(links)),
			 COAP_CODE(2, 1));
}

/* The type that a value of the resource has by the registration. */
static enum lwm2m_type type_read(struct registry_lab *lab, const char *links)
{
	struct lab_device device = device_open(lab);
	const struct operation_request request = {
		.operation = LWM2M_READ, .path = path, .payload_format = FORMAT_NONE, .accept = FORMAT_NONE
	};
	unsigned before = lab->answer.count;

	register_with(lab, &device, links);
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	device_await(lab, &device);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV, bytes_of(one_tlv, sizeof(one_tlv)));
	lab_until(lab, lab->answer.count > before);
	device_close(&device);
	return lab->answer.record.value.type;
}

static void values_are_decoded_by_the_registered_version(void **state)
{
	assert_int_equal(type_read(*state, "</1/0>,</3/0>,</42769>;ver=1.0,</42769/0>"), LWM2M_INTEGER);
	assert_int_equal(type_read(*state, "</1/0>,</3/0>,</42769>;ver=\"2.0\",</42769/0>"), LWM2M_STRING);
	assert_int_equal(type_read(*state, "</1/0>,</3/0>,</42769/0>;ver=2.0"), LWM2M_STRING);
}

static void without_a_version_an_object_has_its_first(void **state)
{
	assert_int_equal(type_read(*state, "</1/0>,</3/0>,</42769/0>"), LWM2M_INTEGER);
}

static void unknown_version_is_taken_for_the_newest(void **state)
{
	assert_int_equal(type_read(*state, "</1/0>,</3/0>,</42769>;ver=3.1,</42769/0>"), LWM2M_STRING);
}

static enum err write_number(struct registry_lab *lab, struct fault *fault)
{
	struct lwm2m_record record = { .path = path, .value = { .type = LWM2M_INTEGER, .integer = 7 } };
	const struct operation_request request = { .operation = LWM2M_WRITE_REPLACE,
						   .path = path,
						   .records = { &record, 1 },
						   .payload_format = FORMAT_NONE,
						   .accept = FORMAT_NONE };

	return operation_start(lab->registry, "a", &request, lab_answered, lab, 1, fault);
}

static void values_are_checked_by_the_registered_version(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct fault fault = { 0 };

	register_with(lab, &device, "</1/0>,</3/0>,</42769>;ver=2.0,</42769/0>");
	assert_int_equal(write_number(lab, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "Value of String"));
	register_with(lab, &device, "</1/0>,</3/0>,</42769>;ver=1.0,</42769/0>");
	assert_int_equal(write_number(lab, NULL), ERR_NONE);
	device_await(lab, &device);
	device_close(&device);
}

static void notifications_are_decoded_by_the_registered_version(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = { .operation = LWM2M_OBSERVE,
						   .path = LWM2M_OBJECT(42769),
						   .payload_format = FORMAT_NONE,
						   .accept = FORMAT_NONE };
	struct bytes payload = bytes_of(object_tlv, sizeof(object_tlv));

	register_with(lab, &device, "</1/0>,</3/0>,</42769>;ver=1.0,</42769/0>");
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	device_await(lab, &device);
	device_answer(&device, COAP_CODE(2, 5), 1, FORMAT_TLV, payload);
	lab_until(lab, lab->answer.count == 1);
	device_notify(&device, device_token(&device), COAP_CODE(2, 5), 2, FORMAT_TLV, payload);
	lab_until(lab, lab->heard.notified == 1);
	assert_int_equal(lab->heard.record.value.type, LWM2M_INTEGER);
	assert_non_null(strstr(lab->event_json, "Value of Integer"));
	device_close(&device);
}

static void enabler_implies_the_versions_of_its_own_objects(void **state)
{
	struct registry_lab *lab = *state;
	struct arena *arena = arena_create(1 << 16);
	const struct device_object objects[] = { { 3, 0, 0 }, { 7, 0, 0 } };
	struct device device = { .version = "1.2", .root = "", .objects = objects, .object_count = 2 };
	const struct model *model;

	assert_int_equal(model_add_ddf(lab->model,
				       bytes_of_text("<LWM2M><Object><Name>Later</Name><ObjectID>3</ObjectID>"
						     "<ObjectURN>urn</ObjectURN><ObjectVersion>1.3"
						     "</ObjectVersion><MultipleInstances>Single"
						     "</MultipleInstances><Mandatory>Mandatory</Mandatory>"
						     "<Resources></Resources></Object></LWM2M>"),
				       NULL),
			 ERR_NONE);
	assert_int_equal(device_model(&device, lab->model, arena, &model), ERR_NONE);
	assert_int_equal(model_object(lab->model, 3, NULL)->minor, 3);
	assert_int_equal(model_object(model, 3, NULL)->minor, 2);
	assert_int_equal(model_object(model, 3, "1.3")->minor, 3);
	assert_int_equal(model_object(model, 7, NULL)->minor, 0);
	assert_null(model_object(model, 42770, NULL));
	device.version = "1.1"; /* whose definition of object 3 nobody has given us */
	assert_int_equal(device_model(&device, lab->model, arena, &model), ERR_NONE);
	assert_int_equal(model_object(model, 3, NULL)->minor, 3);
	arena_free(arena);
}

#define versions_test(name) cmocka_unit_test_setup_teardown(name, open_versions, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		versions_test(values_are_decoded_by_the_registered_version),
		versions_test(without_a_version_an_object_has_its_first),
		versions_test(unknown_version_is_taken_for_the_newest),
		versions_test(values_are_checked_by_the_registered_version),
		versions_test(notifications_are_decoded_by_the_registered_version),
		versions_test(enabler_implies_the_versions_of_its_own_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
