/* Devices behind a gateway, and alternate paths: what stands in front of a path. */
#include "registry_lab.h"

#include <string.h>

#include "end_devices.h"
#include "format.h"

static struct operation_request request_of(enum lwm2m_operation operation, struct lwm2m_path path)
{
	return (struct operation_request){
		.operation = operation, .path = path, .payload_format = FORMAT_NONE, .accept = FORMAT_NONE
	};
}

static void register_with(struct registry_lab *lab, struct lab_device *device, const char *links)
{
	assert_int_equal(device_ask(lab, device, COAP_POST, "/rd?ep=a&lt=60&lwm2m=1.1", FORMAT_LINK,
				    bytes_of_text(links)),
			 COAP_CODE(2, 1));
}

static void start_on(struct registry_lab *lab, struct lab_device *device,
		     const struct operation_request *request)
{
	struct fault fault = { 0 };

	if (operation_start(lab->registry, "a", request, lab_answered, lab, 1, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	device_await(lab, device);
}

static void answer_json(struct registry_lab *lab, struct lab_device *device, const char *json)
{
	unsigned before = lab->answer.count;

	device_answer(device, COAP_CODE(2, 5), -1, FORMAT_SENML_JSON, bytes_of_text(json));
	lab_until(lab, lab->answer.count > before);
}

static bool says(const struct lab_device *device, const char *text)
{
	return memmem(device->message.payload.at, device->message.payload.len, text, strlen(text)) != NULL;
}

/* ---- alternate path ---- */

#define ALTERNATE "</lwm2m>;rt=\"oma.lwm2m\";ct=110,</lwm2m/1/0>,</lwm2m/3/0>"

static void senml_names_have_the_alternate_path(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, LWM2M_INSTANCE(3, 0));

	register_with(lab, &device, ALTERNATE);
	start_on(lab, &device, &request);
	assert_string_equal(device_path(&device), "lwm2m/3/0");
	assert_int_equal(device.message.accept, FORMAT_SENML_JSON);
	answer_json(lab, &device, "[{\"bn\":\"/lwm2m/3/0/\",\"n\":\"0\",\"vs\":\"OK\"}]");
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_string_equal(lab->answer.text, "OK");
	assert_int_equal(lab->answer.record.path.object, 3);

	/* A client that forgot it is understood too; one that says another is not. */
	start_on(lab, &device, &request);
	answer_json(lab, &device, "[{\"n\":\"/3/0/0\",\"vs\":\"OK\"}]");
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	start_on(lab, &device, &request);
	answer_json(lab, &device, "[{\"n\":\"/other/3/0/0\",\"vs\":\"OK\"}]");
	assert_int_equal(lab->answer.fault.kind, ERR_MALFORMED);
	device_close(&device);
}

static void composites_name_the_alternate_path(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct lwm2m_record names[] = { { .path = LWM2M_RESOURCE(3, 0, 0) },
					      { .path = LWM2M_RESOURCE(1, 0, 1) } };
	struct operation_request request = request_of(LWM2M_READ, (struct lwm2m_path){ .depth = 0 });

	request.records = (struct lwm2m_records){ names, 2 };
	register_with(lab, &device, ALTERNATE);
	start_on(lab, &device, &request);
	assert_true(says(&device, "/lwm2m/"));
	assert_true(says(&device, "3/0/0"));
	answer_json(lab, &device,
		    "[{\"n\":\"/lwm2m/3/0/0\",\"vs\":\"OK\"},{\"n\":\"/lwm2m/1/0/1\",\"v\":60}]");
	assert_int_equal(lab->answer.record_count, 2);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	device_close(&device);
}

/* ---- prefix ---- */

#define GATEWAY "</>;ct=110,</1/0>,</3/0>,</25/0>"

static void prefix_stands_before_path_and_names(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_READ, LWM2M_RESOURCE(3303, 0, 5700));
	struct lwm2m_record record = { .path = LWM2M_RESOURCE(1, 0, 1),
				       .value = { .type = LWM2M_INTEGER, .integer = 77 } };

	request.prefix = "d01";
	register_with(lab, &device, GATEWAY);
	start_on(lab, &device, &request);
	assert_string_equal(device_path(&device), "d01/3303/0/5700");
	answer_json(lab, &device, "[{\"n\":\"/d01/3303/0/5700\",\"v\":20.5}]");
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.record_count, 1);

	/* The lifetime of the gateway's registration is not that of what is behind it. */
	request = request_of(LWM2M_WRITE_PARTIAL, LWM2M_INSTANCE(1, 0));
	request.prefix = "d01";
	request.records = (struct lwm2m_records){ &record, 1 };
	start_on(lab, &device, &request);
	assert_string_equal(device_path(&device), "d01/1/0");
	assert_true(says(&device, "/d01/1/0/1"));
	device_answer(&device, COAP_CODE(2, 4), -1, COAP_NO_FORMAT, bytes_of(NULL, 0));
	lab_until(lab, lab->answer.count == 2);
	assert_int_equal(registry_find(lab->registry, "a")->lifetime_s, 60);
	device_close(&device);
}

static void end_device_knows_nothing_of_the_gateways_formats(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_READ, LWM2M_OBJECT(3303));

	request.prefix = "d01";
	register_with(lab, &device, GATEWAY);
	start_on(lab, &device, &request);
	device_answer(&device, COAP_CODE(4, 6), -1, COAP_NO_FORMAT, bytes_of(NULL, 0));
	device_await(lab, &device);
	answer_json(lab, &device, "[]");
	assert_int_equal(registry_find(lab->registry, "a")->preferred_format, FORMAT_SENML_JSON);
	device_close(&device);
}

static void wrong_prefixes_are_refused(void **state)
{
	static const char *const wrong[] = { "", "a/b", "\xc3\xa4" };
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request;

	register_with(lab, &device, GATEWAY);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		request = request_of(LWM2M_READ, LWM2M_OBJECT(3303));
		request.prefix = wrong[i];
		assert_int_equal(operation_check(lab->registry, "a", &request, NULL), ERR_MALFORMED);
	}
	request.prefix = "d01";
	assert_int_equal(operation_check(lab->registry, "a", &request, NULL), ERR_NONE);
	register_with(lab, &device, "</1/0>,</3/0>");
	assert_int_equal(operation_check(lab->registry, "a", &request, NULL), ERR_UNSUPPORTED);
	device_close(&device);
}

/* ---- object 25 ---- */

static struct lwm2m_record text(uint16_t instance, uint16_t resource, enum lwm2m_type type, const char *value)
{
	return (struct lwm2m_record){ .path = LWM2M_RESOURCE(GATEWAY_OBJECT, instance, resource),
				      .value = { .type = type, .bytes = bytes_of_text(value) } };
}

static void end_devices_are_read_from_object_25(void **state)
{
	const struct lwm2m_record records[] = {
		text(0, 0, LWM2M_STRING, "sensor-1"),
		text(0, 1, LWM2M_STRING, "d01"),
		text(0, 3, LWM2M_CORELNK, "</3/0>,</3303/0>;ver=1.1,</d01/3304/2>,</x>"),
		text(7, 1, LWM2M_STRING, "d07"),
		text(7, 3, LWM2M_OPAQUE, "no links"),
	};
	struct arena *arena = arena_create(1 << 16);
	struct end_device *devices;
	size_t count;

	assert_int_equal(end_devices_read(arena, (struct lwm2m_records){ records, 5 }, &devices, &count),
			 ERR_NONE);
	assert_int_equal(count, 2);
	assert_string_equal(devices[0].id, "sensor-1");
	assert_string_equal(devices[0].prefix, "d01");
	assert_int_equal(devices[0].object_count, 3);
	assert_int_equal(devices[0].objects[1].object, 3303);
	assert_int_equal(devices[0].objects[1].version, 0x101);
	assert_int_equal(devices[0].objects[2].object, 3304);
	assert_int_equal(devices[0].objects[2].instance, 2);
	assert_int_equal(devices[1].instance, 7);
	assert_string_equal(devices[1].id, "");
	assert_int_equal(devices[1].object_count, 0);
	arena_free(arena);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(senml_names_have_the_alternate_path),
		lab_test(composites_name_the_alternate_path),
		lab_test(prefix_stands_before_path_and_names),
		lab_test(end_device_knows_nothing_of_the_gateways_formats),
		lab_test(wrong_prefixes_are_refused),
		cmocka_unit_test(end_devices_are_read_from_object_25),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
