#include "registry_lab.h"

#include <string.h>

#include "format.h"
#include "path.h"

#define NOTHING bytes_of(NULL, 0)
#define OK      "OK"

static const struct lwm2m_path manufacturer = { 3, 0, 0, LWM2M_ID_NONE, 3 };
static const struct lwm2m_path lifetime = { 1, 0, 1, LWM2M_ID_NONE, 3 };
static const uint8_t manufacturer_tlv[] = { 0xC2, 0x00, 'O', 'K' };
static const uint8_t lifetime_tlv[] = { 0xC2, 0x01, 0x0E, 0x10 };

static struct operation_request request_of(enum lwm2m_operation operation, struct lwm2m_path path)
{
	return (struct operation_request){
		.operation = operation, .path = path, .payload_format = FORMAT_NONE, .accept = FORMAT_NONE
	};
}

static enum err start(struct registry_lab *lab, const char *endpoint, const struct operation_request *request,
		      uint64_t id, struct fault *fault)
{
	unsigned before = lab->answer.count;
	enum err err = operation_start(lab->registry, endpoint, request, lab_answered, lab, id, fault);

	assert_int_equal(lab->answer.count, before); /* never before it returns */
	return err;
}

/* Starts it and waits until the device has it. */
static void start_on(struct registry_lab *lab, struct lab_device *device,
		     const struct operation_request *request)
{
	struct fault fault = { 0 };

	if (start(lab, "a", request, 1, &fault) != ERR_NONE)
		fail_msg("%s", fault.text);
	device_await(lab, device);
}

static void await_answer(struct registry_lab *lab)
{
	unsigned before = lab->answer.count;

	lab_until(lab, lab->answer.count > before);
}

static void write_lifetime(struct operation_request *request, struct lwm2m_record *record, int64_t value)
{
	*record = (struct lwm2m_record){ .path = lifetime,
					 .value = { .type = LWM2M_INTEGER, .integer = value } };
	*request = request_of(LWM2M_WRITE_REPLACE, lifetime);
	request->records = (struct lwm2m_records){ record, 1 };
}

/* ---- reading ---- */

static void reads_and_decodes_a_value(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_GET);
	assert_string_equal(device_path(&device), "3/0/0");
	assert_int_equal(device.message.accept, FORMAT_TLV);
	assert_false(device.message.has_observe);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV,
		      bytes_of(manufacturer_tlv, sizeof(manufacturer_tlv)));
	await_answer(lab);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 5));
	assert_int_equal(lab->answer.id, 1);
	assert_int_equal(lab->answer.record_count, 1);
	assert_int_equal(lab->answer.record.value.type, LWM2M_STRING);
	assert_string_equal(lab->answer.text, OK);
	device_close(&device);
}

static void refused_format_is_followed_by_the_next_one(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.accept, FORMAT_SENML_CBOR);
	device_answer(&device, COAP_CODE(4, 6), -1, COAP_NO_FORMAT, NOTHING);
	device_await(lab, &device);
	assert_int_equal(device.message.accept, FORMAT_SENML_JSON);
	device_answer(&device, COAP_CODE(4, 6), -1, COAP_NO_FORMAT, NOTHING);
	device_await(lab, &device);
	assert_int_equal(device.message.accept, FORMAT_TLV);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV,
		      bytes_of(manufacturer_tlv, sizeof(manufacturer_tlv)));
	await_answer(lab);
	assert_string_equal(lab->answer.text, OK);
	/* What it took is asked for first from now on. */
	assert_int_equal(registry_find(lab->registry, "a")->preferred_format, FORMAT_TLV);
	device_close(&device);
}

static void last_choice_is_the_devices(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	for (unsigned i = 0; i < 3; i++) {
		device_answer(&device, COAP_CODE(4, 6), -1, COAP_NO_FORMAT, NOTHING);
		device_await(lab, &device);
	}
	assert_int_equal(device.message.accept, COAP_NO_FORMAT);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TEXT, bytes_of_text(OK));
	await_answer(lab);
	assert_int_equal(lab->answer.record_count, 1);
	assert_string_equal(lab->answer.text, OK);
	device_close(&device);
}

static void format_that_was_asked_for_is_the_only_one(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_READ, manufacturer);

	request.accept = FORMAT_TEXT;
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.accept, FORMAT_TEXT);
	device_answer(&device, COAP_CODE(4, 6), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(4, 6));
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	device_close(&device);
}

static void nonsense_in_an_answer_is_told(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &request);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV, bytes_of("\xC8\x00\x05x", 4));
	await_answer(lab);
	assert_int_equal(lab->answer.fault.kind, ERR_MALFORMED);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 5));
	assert_int_equal(lab->answer.payload_len, 4);
	device_close(&device);
}

static void errors_of_the_device_are_answers(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &request);
	device_answer(&device, COAP_CODE(4, 4), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.code, COAP_CODE(4, 4));
	device_close(&device);
}

static void discover_asks_for_links_and_leaves_them_as_they_are(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_DISCOVER, LWM2M_OBJECT(3));

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_GET);
	assert_int_equal(device.message.accept, FORMAT_LINK);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_LINK, bytes_of_text("</3>,</3/0>"));
	await_answer(lab);
	assert_int_equal(lab->answer.format, FORMAT_LINK);
	assert_string_equal(lab->answer.text, "</3>,</3/0>");
	device_close(&device);
}

static void discover_to_a_depth_needs_a_device_of_1_2(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_DISCOVER, LWM2M_OBJECT(3));
	struct fault fault = { 0 };

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	request.attributes = "depth=1";
	assert_int_equal(start(lab, "a", &request, 1, &fault), ERR_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "1.2"));

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.2");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.query_count, 1);
	assert_true(bytes_equal_text(device.message.query[0], "depth=1"));
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_LINK, bytes_of_text("</3>,</3/0>"));
	await_answer(lab);
	request.attributes = "depth=4";
	fault = (struct fault){ 0 };
	assert_int_equal(start(lab, "a", &request, 1, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "depth=4"));
	device_close(&device);
}

static void alternate_root_stands_before_every_path(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	assert_int_equal(device_ask(lab, &device, COAP_POST, "/rd?ep=a&lt=60&lwm2m=1.0", FORMAT_LINK,
				    bytes_of_text("</lwm2m>;rt=\"oma.lwm2m\",</lwm2m/1/0>,</lwm2m/3/0>")),
			 COAP_CODE(2, 1));
	start_on(lab, &device, &request);
	assert_string_equal(device_path(&device), "lwm2m/3/0/0");
	device_close(&device);
}

/* ---- writing ---- */

static void writes_in_the_format_of_the_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request;
	struct lwm2m_record record;

	write_lifetime(&request, &record, 3600);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_PUT);
	assert_string_equal(device_path(&device), "1/0/1");
	assert_int_equal(device.message.content_format, FORMAT_TLV);
	assert_int_equal(device.message.accept, COAP_NO_FORMAT);
	assert_true(bytes_equal(device.message.payload, bytes_of(lifetime_tlv, sizeof(lifetime_tlv))));
	device_answer(&device, COAP_CODE(2, 4), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 4));
	/* Clients do not repeat a lifetime that was written. */
	assert_int_equal(registry_find(lab->registry, "a")->lifetime_s, 3600);
	device_close(&device);
}

static void refused_content_format_is_followed_by_the_next_one(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request;
	struct lwm2m_record record;

	write_lifetime(&request, &record, 3600);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.content_format, FORMAT_SENML_CBOR);
	device_answer(&device, COAP_CODE(4, 15), -1, COAP_NO_FORMAT, NOTHING);
	device_await(lab, &device);
	assert_int_equal(device.message.content_format, FORMAT_SENML_JSON);
	assert_true(bytes_equal_text(device.message.payload, "[{\"bn\":\"/1/0/1\",\"v\":3600}]"));
	device_answer(&device, COAP_CODE(4, 15), -1, COAP_NO_FORMAT, NOTHING);
	device_await(lab, &device);
	assert_int_equal(device.message.content_format, FORMAT_TLV);
	assert_true(bytes_equal(device.message.payload, bytes_of(lifetime_tlv, sizeof(lifetime_tlv))));
	device_answer(&device, COAP_CODE(4, 15), -1, COAP_NO_FORMAT, NOTHING);
	device_await(lab, &device);
	assert_int_equal(device.message.content_format, FORMAT_TEXT);
	assert_true(bytes_equal_text(device.message.payload, "3600"));
	device_answer(&device, COAP_CODE(4, 15), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(4, 15));
	assert_int_equal(registry_find(lab->registry, "a")->lifetime_s, 60);
	device_close(&device);
}

static void given_payload_is_sent_as_it_is(void **state)
{
	const char *text = "{ \"bn\": \"/3/0/\", \"e\": [ { \"n\": \"14\", \"sv\": \"+02\" } ] }";
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_WRITE_PARTIAL, LWM2M_INSTANCE(3, 0));

	request.payload = bytes_of_text(text);
	request.payload_format = 11543;
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_POST);
	assert_int_equal(device.message.content_format, 11543);
	assert_true(bytes_equal_text(device.message.payload, text));
	device_close(&device);
}

static void given_payload_is_checked_like_values(void **state)
{
	static const uint8_t short_server_id_0[] = { 0xC1, 0x00, 0x00 };
	const struct {
		struct lwm2m_path path;
		uint16_t format;
		struct bytes payload;
		enum err err;
		const char *reason;
	} refused[] = {
		{ lifetime, FORMAT_TEXT, bytes_of_text("soon"), ERR_MALFORMED, "/1/0/1" },
		{ LWM2M_INSTANCE(1, 0), FORMAT_TLV, bytes_of(short_server_id_0, 3), ERR_MALFORMED,
		  "/1/0/0 (Short Server ID): 0 is not in 1..65534" },
		{ lifetime, FORMAT_SENML_JSON, bytes_of_text("[{\"bn\":\"/1/0/2\",\"v\":60}]"), ERR_MALFORMED,
		  "/1/0/2" },
		{ LWM2M_INSTANCE(1, 0), FORMAT_TEXT, bytes_of_text("60"), ERR_UNSUPPORTED, "" },
		{ lifetime, 9999, bytes_of_text("60"), ERR_UNSUPPORTED, "9999" },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct operation_request request = request_of(LWM2M_WRITE_REPLACE, refused[i].path);
		struct fault fault = { 0 };

		request.payload = refused[i].payload;
		request.payload_format = refused[i].format;
		assert_int_equal(start(lab, "a", &request, 1, &fault), refused[i].err);
		if (strstr(fault.text, refused[i].reason) == NULL)
			fail_msg("'%s' does not say '%s'", fault.text, refused[i].reason);
	}
	device_expect_nothing(lab, &device, 20);
	device_close(&device);
}

static void payload_of_one_value_may_be_all_of_a_multiple_resource(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_WRITE_REPLACE, LWM2M_RESOURCE(19, 0, 0));

	request.payload = bytes_of_text("meter");
	request.payload_format = FORMAT_OPAQUE;
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_string_equal(device_path(&device), "19/0/0");
	assert_true(bytes_equal_text(device.message.payload, "meter"));
	device_close(&device);
}

static void payload_of_a_create_may_leave_the_instance_to_the_device(void **state)
{
	static const uint8_t identity[] = { 0x83, 0x00, 0x41, 0x00, 'A' }; /* no object instance around it */
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_CREATE, LWM2M_OBJECT(16));

	request.payload = bytes_of(identity, sizeof(identity));
	request.payload_format = FORMAT_TLV;
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_POST);
	assert_int_equal(device.message.payload.len, sizeof(identity));
	device_close(&device);
}

static void lifetime_written_as_a_payload_counts_from_then_on(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_WRITE_REPLACE, lifetime);

	request.payload = bytes_of_text("3600");
	request.payload_format = FORMAT_TEXT;
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	device_answer(&device, COAP_CODE(2, 4), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(registry_find(lab->registry, "a")->lifetime_s, 3600);
	device_close(&device);
}

static void value_that_the_model_forbids_is_not_sent(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct lwm2m_record record = { .path = LWM2M_RESOURCE(3, 0, 15),
				       .value = { .type = LWM2M_BOOLEAN, .boolean = true } };
	struct operation_request request = request_of(LWM2M_WRITE_REPLACE, record.path);
	struct fault fault = { 0 };

	request.records = (struct lwm2m_records){ &record, 1 };
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	assert_int_equal(start(lab, "a", &request, 1, &fault), ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "/3/0/15"));
	device_expect_nothing(lab, &device, 20);
	device_close(&device);
}

static void attributes_go_into_the_query(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_WRITE_ATTRIBUTES, manufacturer);

	request.attributes = "pmin=10&pmax";
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_PUT);
	assert_int_equal(device.message.query_count, 2);
	assert_true(bytes_equal_text(device.message.query[0], "pmin=10"));
	assert_true(bytes_equal_text(device.message.query[1], "pmax"));
	assert_int_equal(device.message.content_format, COAP_NO_FORMAT);
	assert_int_equal(device.message.payload.len, 0);
	device_close(&device);
}

static void execute_has_a_format_only_with_arguments(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_EXECUTE, LWM2M_RESOURCE(3, 0, 4));

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_POST);
	assert_int_equal(device.message.content_format, COAP_NO_FORMAT);
	assert_int_equal(device.message.payload.len, 0);
	device_answer(&device, COAP_CODE(2, 4), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	request.arguments = "0='U',3";
	start_on(lab, &device, &request);
	assert_int_equal(device.message.content_format, FORMAT_TEXT);
	assert_true(bytes_equal_text(device.message.payload, "0='U',3"));
	device_close(&device);
}

static void create_tells_where_the_instance_is(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_CREATE, LWM2M_OBJECT(2));

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_POST);
	assert_string_equal(device_path(&device), "2");
	device_answer_created(&device, "2", "7");
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 1));
	assert_int_equal(lab->answer.location.depth, 2);
	assert_int_equal(lab->answer.location.instance, 7);
	device_close(&device);
}

static void location_of_another_object_is_not_believed(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_CREATE, LWM2M_OBJECT(2));

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	device_answer_created(&device, "3", "7");
	await_answer(lab);
	assert_int_equal(lab->answer.location.depth, 0);
	device_close(&device);
}

/* ---- composite ---- */

static const struct lwm2m_record two_names[] = {
	{ .path = { 3, 0, 0, LWM2M_ID_NONE, 3 } },
	{ .path = { 1, 0, LWM2M_ID_NONE, LWM2M_ID_NONE, 2 } },
};

static struct operation_request composite_of(enum lwm2m_operation operation,
					     const struct lwm2m_record *records, size_t count)
{
	struct operation_request request = request_of(operation, (struct lwm2m_path){ .depth = 0 });

	request.records = (struct lwm2m_records){ records, count };
	return request;
}

static void composite_read_fetches_the_root_by_names(void **state)
{
	/* [{-2: "/3/0/0", 3: "OK"}] */
	static const uint8_t answer[] = { 0x81, 0xA2, 0x21, 0x66, '/',  '3', '/',
					  '0',  '/',  '0',  0x03, 0x62, 'O', 'K' };
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = composite_of(LWM2M_READ, two_names, 2);
	const struct lwm2m_path root = { .depth = 0 };
	struct arena *arena = arena_create(0);
	struct lwm2m_records names;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_FETCH);
	assert_int_equal(device.message.path_count, 0);
	assert_int_equal(device.message.content_format, FORMAT_SENML_CBOR);
	assert_int_equal(device.message.accept, FORMAT_SENML_CBOR);
	assert_false(device.message.has_observe);
	assert_int_equal(
		format_find(FORMAT_SENML_CBOR)->read(arena, NULL, root, device.message.payload, &names, NULL),
		ERR_NONE);
	assert_int_equal(names.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(path_equal(names.at[i].path, two_names[i].path));
		assert_int_equal(names.at[i].value.type, LWM2M_NONE);
	}
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_SENML_CBOR, bytes_of(answer, sizeof(answer)));
	await_answer(lab);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.record_count, 1);
	assert_string_equal(lab->answer.text, OK);
	arena_free(arena);
	device_close(&device);
}

static void composite_write_patches_the_root(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request;
	struct lwm2m_record record;

	write_lifetime(&request, &record, 3600);
	request = composite_of(LWM2M_WRITE_PARTIAL, &record, 1);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.code, COAP_IPATCH);
	assert_int_equal(device.message.path_count, 0);
	assert_int_equal(device.message.content_format, FORMAT_SENML_CBOR);
	device_answer(&device, COAP_CODE(2, 4), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 4));
	assert_int_equal(registry_find(lab->registry, "a")->lifetime_s, 3600);
	device_close(&device);
}

/* What a device is asked with, step by step, while it refuses. */
static void expect_formats(struct registry_lab *lab, struct lab_device *device,
			   const struct operation_request *request, const uint16_t *formats, size_t count)
{
	start_on(lab, device, request);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(device->message.content_format, formats[2 * i]);
		assert_int_equal(device->message.accept, formats[2 * i + 1]);
		device_answer(device, COAP_CODE(4, 15), -1, COAP_NO_FORMAT, NOTHING);
		if (i + 1 < count)
			device_await(lab, device);
	}
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(4, 15));
}

#define REGISTER_1_2_ALL "</>;ct=\"60 110 112 320 322 11542 11544\",</1/0>,</3/0>"

static void register_with_formats(struct registry_lab *lab, struct lab_device *device, const char *links)
{
	assert_int_equal(device_ask(lab, device, COAP_POST, "/rd?ep=a&lt=60&lwm2m=1.2", FORMAT_LINK,
				    bytes_of_text(links)),
			 COAP_CODE(2, 1));
}

static void composite_read_goes_through_the_forms_of_senml(void **state)
{
	static const uint16_t announced[] = {
		FORMAT_SENML_ETCH_CBOR, FORMAT_LWM2M_CBOR, FORMAT_SENML_CBOR, FORMAT_LWM2M_CBOR,
		FORMAT_SENML_ETCH_CBOR, FORMAT_SENML_CBOR, FORMAT_SENML_CBOR, FORMAT_SENML_CBOR,
		FORMAT_SENML_ETCH_JSON, FORMAT_SENML_JSON, FORMAT_SENML_JSON, FORMAT_SENML_JSON,
	};
	static const uint16_t silent[] = {
		FORMAT_SENML_CBOR, FORMAT_SENML_CBOR, FORMAT_SENML_ETCH_CBOR, FORMAT_SENML_CBOR,
		FORMAT_SENML_JSON, FORMAT_SENML_JSON, FORMAT_SENML_ETCH_JSON, FORMAT_SENML_JSON,
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = composite_of(LWM2M_READ, two_names, 2);

	register_with_formats(lab, &device, REGISTER_1_2_ALL);
	expect_formats(lab, &device, &request, announced, 6);
	register_with_formats(lab, &device, "</1/0>,</3/0>");
	expect_formats(lab, &device, &request, silent, 4);
	device_close(&device);
}

static void composite_write_deletes_in_a_patch_alone(void **state)
{
	static const uint16_t formats[] = { FORMAT_SENML_ETCH_CBOR, COAP_NO_FORMAT, FORMAT_SENML_ETCH_JSON,
					    COAP_NO_FORMAT };
	static const struct lwm2m_record deletion[] = { { .path = { 16, 0, 0, 1, 4 },
							  .value = { .type = LWM2M_NULL } } };
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = composite_of(LWM2M_WRITE_PARTIAL, deletion, 1);

	register_with_formats(lab, &device, REGISTER_1_2_ALL);
	expect_formats(lab, &device, &request, formats, 2);
	device_close(&device);
}

static void composite_write_takes_lwm2m_cbor_where_it_is_announced(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request;
	struct lwm2m_record record;

	write_lifetime(&request, &record, 3600);
	request = composite_of(LWM2M_WRITE_PARTIAL, &record, 1);
	register_with_formats(lab, &device, REGISTER_1_2_ALL);
	start_on(lab, &device, &request);
	assert_int_equal(device.message.content_format, FORMAT_LWM2M_CBOR);
	assert_int_equal(device.message.accept, COAP_NO_FORMAT);
	device_answer(&device, COAP_CODE(2, 4), -1, COAP_NO_FORMAT, NOTHING);
	await_answer(lab);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 4));
	device_close(&device);
}

static void wrong_composites_say_what_is_wrong(void **state)
{
	static const struct lwm2m_record secret[] = { { .path = { 0, 0, LWM2M_ID_NONE, LWM2M_ID_NONE, 2 } } };
	static const struct lwm2m_record value[] = { { .path = { 1, 0, 1, LWM2M_ID_NONE, 3 },
						       .value = { .type = LWM2M_INTEGER, .integer = 1 } } };
	static const struct lwm2m_record deletion[] = { { .path = { 16, 0, 0, 1, 4 },
							  .value = { .type = LWM2M_NULL } } },
					 large_deletion[] = { { .path = { 3, 0, 14, LWM2M_ID_NONE, 3 },
								.value = { .type = LWM2M_NULL } } };
	const struct {
		const char *registration;
		enum lwm2m_operation operation;
		const struct lwm2m_record *records;
		size_t count;
		enum err err;
	} rows[] = {
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_WRITE_PARTIAL, deletion, 1, ERR_UNSUPPORTED },
		{ "ep=a&lt=60&lwm2m=1.2", LWM2M_WRITE_PARTIAL, large_deletion, 1, ERR_MALFORMED },
		{ "ep=a&lt=60&lwm2m=1.0", LWM2M_READ, two_names, 2, ERR_UNSUPPORTED },
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_READ, NULL, 0, ERR_MALFORMED },
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_READ, value, 1, ERR_MALFORMED },
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_READ, secret, 1, ERR_DENIED },
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_WRITE_PARTIAL, two_names, 2, ERR_MALFORMED },
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_WRITE_REPLACE, value, 1, ERR_MALFORMED },
		{ "ep=a&lt=60&lwm2m=1.1", LWM2M_CANCEL_OBSERVE, two_names, 2, ERR_NOT_FOUND },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct operation_request request =
			composite_of(rows[i].operation, rows[i].records, rows[i].count);
		struct fault fault = { 0 };

		device_register(lab, &device, rows[i].registration);
		assert_int_equal(start(lab, "a", &request, 1, &fault), rows[i].err);
		assert_true(fault.text[0] != 0);
	}
	device_expect_nothing(lab, &device, 20);
	device_close(&device);
}

static void create_without_instance_id_takes_a_format_that_can_leave_it_out(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct lwm2m_record record = { .path = LWM2M_RESOURCE(2, LWM2M_ID_NONE, 3),
					     .value = { .type = LWM2M_INTEGER, .integer = 1 } };
	struct operation_request request = request_of(LWM2M_CREATE, LWM2M_OBJECT(2));

	request.records = (struct lwm2m_records){ &record, 1 };
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	assert_int_equal(device.message.content_format, FORMAT_TLV); /* SenML needs the id */
	device_answer_created(&device, "2", "0");
	await_answer(lab);
	assert_int_equal(registry_find(lab->registry, "a")->preferred_format, FORMAT_SENML_CBOR);
	device_close(&device);
}

/* ---- refused before anything is sent ---- */

static void wrong_requests_say_what_is_wrong(void **state)
{
	const struct {
		enum lwm2m_operation operation;
		struct lwm2m_path path;
		const char *text; /* arguments or attributes */
		enum err err;
	} rows[] = {
		{ LWM2M_READ, { 0 }, NULL, ERR_MALFORMED },
		{ LWM2M_READ, LWM2M_OBJECT(0), NULL, ERR_DENIED },
		{ LWM2M_OBSERVE, LWM2M_OBJECT(21), NULL, ERR_DENIED },
		{ LWM2M_DELETE, LWM2M_INSTANCE(0, 1), NULL, ERR_DENIED },
		{ LWM2M_DELETE, LWM2M_OBJECT(3), NULL, ERR_MALFORMED },
		{ LWM2M_DELETE, LWM2M_RESOURCE(3, 0, 0), NULL, ERR_MALFORMED },
		{ LWM2M_EXECUTE, LWM2M_INSTANCE(3, 0), NULL, ERR_MALFORMED },
		{ LWM2M_EXECUTE, LWM2M_RESOURCE(3, 0, 4), "0='", ERR_MALFORMED },
		{ LWM2M_CREATE, LWM2M_INSTANCE(3, 0), NULL, ERR_MALFORMED },
		{ LWM2M_WRITE_REPLACE, LWM2M_RESOURCE(3, 0, 15), NULL, ERR_MALFORMED },
		{ LWM2M_WRITE_ATTRIBUTES, LWM2M_RESOURCE(3, 0, 0), "pmin=x", ERR_MALFORMED },
		{ LWM2M_WRITE_ATTRIBUTES, LWM2M_RESOURCE(3, 0, 0), "gt=1", ERR_MALFORMED },
		{ LWM2M_WRITE_ATTRIBUTES, LWM2M_RESOURCE(3, 0, 9), "edge=1", ERR_MALFORMED },
		{ LWM2M_WRITE_ATTRIBUTES, LWM2M_RESOURCE(3, 0, 0), NULL, ERR_MALFORMED },
		{ LWM2M_CANCEL_OBSERVE, LWM2M_RESOURCE(3, 0, 0), NULL, ERR_NOT_FOUND },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct operation_request request = request_of(rows[i].operation, rows[i].path);
		struct fault fault = { 0 };

		request.arguments = rows[i].text;
		request.attributes = rows[i].text;
		assert_int_equal(start(lab, "a", &request, 1, &fault), rows[i].err);
		assert_true(fault.text[0] != 0);
	}
	device_expect_nothing(lab, &device, 20);
	device_close(&device);
}

static void record_outside_of_the_path_is_refused(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request;
	struct lwm2m_record record;
	struct fault fault = { 0 };

	write_lifetime(&request, &record, 3600);
	request.path = LWM2M_INSTANCE(3, 0);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	assert_int_equal(start(lab, "a", &request, 1, &fault), ERR_MALFORMED);
	device_close(&device);
}

static void unknown_device_is_not_found(void **state)
{
	struct registry_lab *lab = *state;
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);
	struct fault fault = { 0 };

	assert_int_equal(start(lab, "nobody", &request, 1, &fault), ERR_NOT_FOUND);
}

/* ---- one after the other ---- */

static void next_one_is_sent_when_the_first_is_answered(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request first = request_of(LWM2M_READ, manufacturer),
				       second = request_of(LWM2M_READ, lifetime);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	assert_int_equal(start(lab, "a", &first, 1, NULL), ERR_NONE);
	assert_int_equal(start(lab, "a", &second, 2, NULL), ERR_NONE);
	device_await(lab, &device);
	assert_string_equal(device_path(&device), "3/0/0");
	device_expect_nothing(lab, &device, 20);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV,
		      bytes_of(manufacturer_tlv, sizeof(manufacturer_tlv)));
	device_await(lab, &device);
	assert_string_equal(device_path(&device), "1/0/1");
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV, bytes_of(lifetime_tlv, sizeof(lifetime_tlv)));
	lab_until(lab, lab->answer.count == 2);
	assert_int_equal(lab->answer.id, 2);
	assert_int_equal(lab->answer.record.value.integer, 3600);
	device_close(&device);
}

static void queue_of_a_device_is_bounded(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);
	unsigned started = 0;

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	while (started < 100 && start(lab, "a", &request, started, NULL) == ERR_NONE)
		started++;
	assert_int_equal(started, 32);
	device_close(&device);
}

/* ---- no answer ---- */

/* As some clients do with a FETCH, which they do not know. */
static void device_that_only_acknowledges_is_not_lost(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = composite_of(LWM2M_READ, two_names, 2);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.1");
	start_on(lab, &device, &request);
	device_acknowledge(&device);
	await_answer(lab);
	assert_int_equal(lab->answer.fault.kind, ERR_TIMEOUT);
	assert_string_equal(lab->answer.fault.text,
			    "the device has received the request, but does not answer it");
	assert_true(registry_find(lab->registry, "a")->is_awake);
	device_close(&device);
}

static void silent_device_is_lost_until_it_speaks(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	assert_int_equal(lab->heard.awake, 1);
	assert_int_equal(start(lab, "a", &request, 1, NULL), ERR_NONE);
	assert_int_equal(start(lab, "a", &request, 2, NULL), ERR_NONE);
	await_answer(lab);
	assert_int_equal(lab->answer.fault.kind, ERR_TIMEOUT);
	assert_int_equal(lab->answer.code, 0);
	assert_false(registry_find(lab->registry, "a")->is_awake);
	lab_until(lab, lab->answer.count == 2); /* and not tried in turn */
	assert_int_equal(lab->answer.fault.kind, ERR_UNAVAILABLE);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_int_equal(lab->heard.awake, 2);
	device_close(&device);
}

static void leaving_device_ends_its_operations(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &request);
	assert_int_equal(start(lab, "a", &request, 2, NULL), ERR_NONE);
	assert_int_equal(device_ask(lab, &device, COAP_DELETE, device.location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(2, 2));
	assert_int_equal(lab->answer.count, 2);
	assert_int_equal(lab->answer.fault.kind, ERR_UNAVAILABLE);
	device_close(&device);
}

static void new_registration_ends_what_is_under_way(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request first = request_of(LWM2M_READ, manufacturer),
				       second = request_of(LWM2M_READ, lifetime);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &first);
	assert_int_equal(start(lab, "a", &second, 2, NULL), ERR_NONE);
	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	lab_until(lab, lab->answer.count > 0);
	assert_true(lab->answer.fault.kind == ERR_TIMEOUT || lab->answer.fault.kind == ERR_UNAVAILABLE);
	device_close(&device);
}

static void answers_after_the_registry_has_gone_reach_nobody(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_READ, manufacturer);

	device_register(lab, &device, "ep=a&lt=60&lwm2m=1.0");
	start_on(lab, &device, &request);
	registry_lab_restart(lab);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV,
		      bytes_of(manufacturer_tlv, sizeof(manufacturer_tlv)));
	lab_turn_for(lab, 20);
	assert_int_equal(lab->answer.count, 0);
	device_close(&device);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(reads_and_decodes_a_value),
		lab_test(refused_format_is_followed_by_the_next_one),
		lab_test(last_choice_is_the_devices),
		lab_test(format_that_was_asked_for_is_the_only_one),
		lab_test(nonsense_in_an_answer_is_told),
		lab_test(errors_of_the_device_are_answers),
		lab_test(discover_asks_for_links_and_leaves_them_as_they_are),
		lab_test(discover_to_a_depth_needs_a_device_of_1_2),
		lab_test(alternate_root_stands_before_every_path),
		lab_test(writes_in_the_format_of_the_device),
		lab_test(refused_content_format_is_followed_by_the_next_one),
		lab_test(given_payload_is_sent_as_it_is),
		lab_test(given_payload_is_checked_like_values),
		lab_test(payload_of_one_value_may_be_all_of_a_multiple_resource),
		lab_test(payload_of_a_create_may_leave_the_instance_to_the_device),
		lab_test(lifetime_written_as_a_payload_counts_from_then_on),
		lab_test(value_that_the_model_forbids_is_not_sent),
		lab_test(attributes_go_into_the_query),
		lab_test(execute_has_a_format_only_with_arguments),
		lab_test(create_tells_where_the_instance_is),
		lab_test(location_of_another_object_is_not_believed),
		lab_test(composite_read_fetches_the_root_by_names),
		lab_test(composite_write_patches_the_root),
		lab_test(composite_read_goes_through_the_forms_of_senml),
		lab_test(composite_write_deletes_in_a_patch_alone),
		lab_test(composite_write_takes_lwm2m_cbor_where_it_is_announced),
		lab_test(wrong_composites_say_what_is_wrong),
		lab_test(create_without_instance_id_takes_a_format_that_can_leave_it_out),
		lab_test(wrong_requests_say_what_is_wrong),
		lab_test(record_outside_of_the_path_is_refused),
		lab_test(unknown_device_is_not_found),
		lab_test(next_one_is_sent_when_the_first_is_answered),
		lab_test(queue_of_a_device_is_bounded),
		lab_test(device_that_only_acknowledges_is_not_lost),
		lab_test(silent_device_is_lost_until_it_speaks),
		lab_test(leaving_device_ends_its_operations),
		lab_test(new_registration_ends_what_is_under_way),
		lab_test(answers_after_the_registry_has_gone_reach_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
