/* Each rule of tolerance acts when it should, is counted and told, and does not act when it should not. */
#include "registry_lab.h"

#include <stdio.h>
#include <string.h>

#include "tolerant_read.h"

#define NOTHING    bytes_of(NULL, 0)
#define TEXT(text) bytes_of_text(text)
#define BYTES(...) bytes_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define PLAIN      "ep=a&lt=600&lwm2m=1.1"

static const struct lwm2m_path battery = { 3, 0, 9, LWM2M_ID_NONE, 3 };

static uint32_t count_of(const struct registry_lab *lab, enum tolerance rule)
{
	return registry_tolerated(lab->registry, "a", rule);
}

/* These and no other. */
static void assert_rules(const struct registry_lab *lab, uint32_t rules)
{
	for (enum tolerance rule = 0; rule < TOLERANCE_COUNT; rule++) {
		bool is_expected = (rules & TOLERANCE_BIT(rule)) != 0;

		if ((count_of(lab, rule) > 0) != is_expected)
			fail_msg("%s: %s", tolerance_name(rule), is_expected ? "missing" : "not expected");
	}
}

/* ---- Register and Update ---- */

struct register_case {
	const char *query, *links;
	uint16_t format;
	uint32_t rules;
};

#define LINKS    "</1/0>,</3/0>"
#define RULE(it) TOLERANCE_BIT(TOLERANCE_##it)

/* clang-format off */
static const struct register_case register_cases[] = {
	{ PLAIN, LINKS, FORMAT_LINK, 0 },
	{ "ep=a&lt=600&lwm2m=1.2&b=U&Q", LINKS, FORMAT_LINK, 0 },
	{ "ep=a&lt=600&lwm2m=1.0&b=UQ", LINKS, FORMAT_LINK, 0 },
	{ PLAIN, "</l>;rt=\"oma.lwm2m\",</l/1/0>,</l/3/0>", FORMAT_LINK, 0 },
	{ "ep=a&lt=600&lwm2m=1.0.0", LINKS, FORMAT_LINK, RULE(VERSION_WITH_PATCH) },
	{ "ep=a&lt=600", LINKS, FORMAT_LINK, RULE(MISSING_VERSION) },
	{ "ep=a&lwm2m=1.1", LINKS, FORMAT_LINK, RULE(MISSING_LIFETIME) },
	{ "ep=a&lt=600&b=UQ&lwm2m=1.1", LINKS, FORMAT_LINK, RULE(QUEUE_LETTER) },
	{ PLAIN, LINKS, COAP_NO_FORMAT, RULE(MISSING_LINK_FORMAT) },
	{ PLAIN, "</l>;rt=\"oma.lwm2m\",</1/0>,</3/0>", FORMAT_LINK, RULE(OBJECT_OUTSIDE_ROOT) },
	{ PLAIN, "</0/0>,</1/0>,</3/0>", FORMAT_LINK, RULE(BOOTSTRAP_OBJECT_LISTED) },
	{ "ep=a", "</l>;rt=\"oma.lwm2m\",</21/0>,</1/0>", COAP_NO_FORMAT,
	  RULE(MISSING_VERSION) | RULE(MISSING_LIFETIME) | RULE(MISSING_LINK_FORMAT) | RULE(OBJECT_OUTSIDE_ROOT) |
	  RULE(BOOTSTRAP_OBJECT_LISTED) },
};
/* clang-format on */

static void register_is_taken_by_rules(void **state)
{
	for (size_t i = 0; i < sizeof(register_cases) / sizeof(register_cases[0]); i++) {
		const struct register_case *it = &register_cases[i];
		void *own;
		struct registry_lab *lab;
		struct lab_device device;
		char target[LAB_TEXT];

		assert_int_equal(registry_lab_open(&own), 0);
		lab = own;
		device = device_open(lab);
		snprintf(target, sizeof(target), "/rd?%s", it->query);
		assert_int_equal(device_ask(lab, &device, COAP_POST, target, it->format, TEXT(it->links)),
				 COAP_CODE(2, 1));
		assert_rules(lab, it->rules);
		device_close(&device);
		assert_int_equal(registry_lab_close(&own), 0);
	}
}

static void what_no_rule_allows_is_refused(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct {
		const char *query;
		uint16_t format;
		uint8_t code;
	} cases[] = {
		{ "ep=a&lt=600&lwm2m=1.0.x", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "ep=a&lt=600&lwm2m=1.", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "ep=a&lt=600&lwm2m=2.0.0", FORMAT_LINK, COAP_CODE(4, 12) },
		{ "ep=a&lt=&lwm2m=1.1", FORMAT_LINK, COAP_CODE(4, 0) },
		{ "ep=a&lt=600&lwm2m=1.1&b=Q", FORMAT_LINK, COAP_CODE(4, 0) },
		{ PLAIN, FORMAT_TEXT, COAP_CODE(4, 0) },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char target[LAB_TEXT];

		snprintf(target, sizeof(target), "/rd?%s", cases[i].query);
		assert_int_equal(device_ask(lab, &device, COAP_POST, target, cases[i].format, TEXT(LINKS)),
				 cases[i].code);
	}
	assert_null(registry_find(lab->registry, "a"));
	device_close(&device);
}

static void new_registration_replaces_the_old_one(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, PLAIN);
	assert_rules(lab, 0);
	device_register(lab, &device, PLAIN);
	device_register(lab, &device, PLAIN);
	assert_int_equal(count_of(lab, TOLERANCE_REGISTERED_AGAIN), 2);
	assert_int_equal(device_ask(lab, &device, COAP_DELETE, device.location, COAP_NO_FORMAT, NOTHING),
			 COAP_CODE(2, 2));
	device_register(lab, &device, PLAIN);
	assert_rules(lab, 0);
	device_close(&device);
}

static void update_from_another_port_moves_the_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab), moved = device_open(lab);

	device_register(lab, &device, PLAIN);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_rules(lab, 0);
	memcpy(moved.location, device.location, sizeof(moved.location));
	assert_int_equal(device_update(lab, &moved, ""), COAP_CODE(2, 4));
	assert_rules(lab, RULE(UPDATE_FROM_NEW_PORT));
	assert_int_equal(device_update(lab, &moved, ""), COAP_CODE(2, 4));
	assert_int_equal(count_of(lab, TOLERANCE_UPDATE_FROM_NEW_PORT), 1);
	device_close(&device);
	device_close(&moved);
}

static void update_may_repeat_the_register(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, PLAIN);
	assert_int_equal(device_update(lab, &device, "lt=600&lwm2m=1.1"), COAP_CODE(2, 4));
	assert_rules(lab, RULE(REGISTER_PARAMETER_IN_UPDATE));
	device_close(&device);
}

static void update_may_come_a_little_late(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device;

	lab->parts.grace_ms = 60000;
	registry_lab_recreate(lab);
	device = device_open(lab);
	device_register(lab, &device, "ep=a&lt=1&lwm2m=1.1");
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_rules(lab, 0);
	lab_turn_for(lab, 1100);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_rules(lab, RULE(LATE_UPDATE));
	device_close(&device);
}

static void first_application_is_told(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, PLAIN);
	assert_int_equal(device_update(lab, &device, "lwm2m=1.1"), COAP_CODE(2, 4));
	assert_string_equal(lab->event_type, "tolerance.applied");
	assert_non_null(strstr(lab->event_json, "\"endpoint\":\"a\""));
	assert_non_null(strstr(lab->event_json, "\"rule\":\"register-parameter-in-update\""));
	lab->event_type[0] = 0;
	assert_int_equal(device_update(lab, &device, "lwm2m=1.1"), COAP_CODE(2, 4));
	assert_string_equal(lab->event_type, "");
	assert_int_equal(count_of(lab, TOLERANCE_REGISTER_PARAMETER_IN_UPDATE), 2);
	device_close(&device);
}

/* ---- answers ---- */

struct read_case {
	struct lwm2m_path path;
	uint16_t said, asked;
	struct bytes payload;
	enum err err;
	uint32_t rules;
	int64_t value; /* of the battery */
};

static void answers_are_read_by_rules(void **state)
{
	struct registry_lab *lab = *state;
	struct arena *arena = arena_create(0);
	const struct lwm2m_path device = LWM2M_INSTANCE(3, 0), clock = LWM2M_RESOURCE(3, 0, 13);
	const struct lwm2m_path muted = LWM2M_RESOURCE(1, 0, 6), name = LWM2M_RESOURCE(3, 0, 0);
	/* clang-format off */
	const struct read_case cases[] = {
		{ battery, FORMAT_TLV, FORMAT_TLV, BYTES(0xC1, 9, 42), ERR_NONE, 0, 42 },
		{ battery, FORMAT_TEXT, FORMAT_TLV, TEXT("42"), ERR_NONE, 0, 42 },
		/* no format: what was asked for, else text, else nothing */
		{ battery, FORMAT_NONE, FORMAT_TLV, BYTES(0xC1, 9, 42), ERR_NONE, RULE(MISSING_CONTENT_FORMAT), 42 },
		{ battery, FORMAT_NONE, FORMAT_TLV, TEXT("42"), ERR_NONE, RULE(MISSING_CONTENT_FORMAT), 42 },
		{ battery, FORMAT_NONE, FORMAT_NONE, TEXT("42"), ERR_NONE, RULE(MISSING_CONTENT_FORMAT), 42 },
		{ battery, FORMAT_NONE, FORMAT_TLV, TEXT("full"), ERR_MALFORMED, 0, 0 },
		{ battery, FORMAT_TLV, FORMAT_TLV, TEXT("42"), ERR_MALFORMED, 0, 0 },
		{ device, FORMAT_NONE, FORMAT_NONE, BYTES(0xC1, 9, 42), ERR_UNSUPPORTED, 0, 0 },
		{ device, FORMAT_NONE, FORMAT_TLV, TEXT("42"), ERR_MALFORMED, 0, 0 },
		/* numbers from before the registration */
		{ battery, 1542, FORMAT_TLV, BYTES(0xC1, 9, 42), ERR_NONE, RULE(LEGACY_CONTENT_FORMAT), 42 },
		{ battery, 1541, FORMAT_TLV, TEXT("42"), ERR_NONE, RULE(LEGACY_CONTENT_FORMAT), 42 },
		{ battery, 1544, FORMAT_TLV, BYTES(0xC1, 9, 42), ERR_UNSUPPORTED, 0, 0 },
		/* lengths of values */
		{ battery, FORMAT_TLV, FORMAT_TLV, BYTES(0xC3, 9, 0, 0, 42), ERR_NONE, RULE(TLV_VALUE_LENGTH), 42 },
		{ battery, FORMAT_TLV, FORMAT_TLV, BYTES(0xC3, 9, 0xFF, 0xFF, 0xD6), ERR_NONE, RULE(TLV_VALUE_LENGTH), -42 },
		{ battery, FORMAT_TLV, FORMAT_TLV, BYTES(0xC7, 9, 0, 0, 0, 0, 0, 1, 2), ERR_NONE, RULE(TLV_VALUE_LENGTH), 258 },
		{ battery, FORMAT_TLV, FORMAT_TLV, BYTES(0xC0, 9), ERR_MALFORMED, 0, 0 },
		{ battery, FORMAT_TLV, FORMAT_TLV, BYTES(0xC8, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 42), ERR_MALFORMED, 0, 0 },
		{ clock, FORMAT_TLV, FORMAT_TLV, BYTES(0xC5, 13, 0, 0x51, 0x82, 0x42, 0x8F), ERR_NONE, RULE(TLV_VALUE_LENGTH), 1367491215 },
		{ muted, FORMAT_TLV, FORMAT_TLV, BYTES(0xC4, 6, 0, 0, 0, 1), ERR_NONE, RULE(TLV_VALUE_LENGTH), 1 },
		{ muted, FORMAT_TLV, FORMAT_TLV, BYTES(0xC4, 6, 1, 0, 0, 1), ERR_MALFORMED, 0, 0 },
		{ muted, FORMAT_TLV, FORMAT_TLV, BYTES(0xC1, 6, 2), ERR_MALFORMED, 0, 0 },
		/* lengths of an instance: 3 bytes are there */
		{ device, FORMAT_TLV, FORMAT_TLV, BYTES(0x03, 0, 0xC1, 9, 42), ERR_NONE, 0, 42 },
		{ device, FORMAT_TLV, FORMAT_TLV, BYTES(0x06, 0, 0xC1, 9, 42), ERR_NONE, RULE(TLV_INSTANCE_LENGTH), 42 },
		{ device, FORMAT_TLV, FORMAT_TLV, BYTES(0x02, 0, 0xC1, 9, 42), ERR_NONE, RULE(TLV_INSTANCE_LENGTH), 42 },
		{ LWM2M_OBJECT(3), FORMAT_TLV, FORMAT_TLV, BYTES(0x06, 0, 0xC3, 9, 0, 0, 42), ERR_NONE,
		  RULE(TLV_INSTANCE_LENGTH) | RULE(TLV_VALUE_LENGTH), 42 },
		{ device, FORMAT_TLV, FORMAT_TLV, BYTES(0x06, 1, 0xC1, 9, 42), ERR_MALFORMED, 0, 0 },
		{ device, FORMAT_TLV, FORMAT_TLV, BYTES(0x06, 0, 0xC2, 9, 42), ERR_MALFORMED, 0, 0 },
		/* base names, when together with the name they are nothing else */
		{ device, FORMAT_LWM2M_JSON, FORMAT_TLV, TEXT("{\"bn\":\"/3/0/\",\"e\":[{\"n\":\"9\",\"v\":42}]}"), ERR_NONE, 0, 42 },
		{ device, FORMAT_LWM2M_JSON, FORMAT_TLV, TEXT("{\"bn\":\"/3/0\",\"e\":[{\"n\":\"9\",\"v\":42}]}"), ERR_NONE,
		  RULE(JSON_BASE_WITHOUT_SLASH), 42 },
		{ battery, FORMAT_LWM2M_JSON, FORMAT_TLV, TEXT("{\"bn\":\"/3/0/9\",\"e\":[{\"n\":\"\",\"v\":42}]}"), ERR_NONE, 0, 42 },
		{ device, FORMAT_LWM2M_JSON, FORMAT_TLV, TEXT("{\"bn\":\"/3/1\",\"e\":[{\"n\":\"9\",\"v\":42}]}"), ERR_MALFORMED, 0, 0 },
		{ name, FORMAT_TLV, FORMAT_TLV, BYTES(0xC3, 0, 'a', 'b'), ERR_MALFORMED, 0, 0 },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct read_case *it = &cases[i];
		struct lwm2m_records records = { NULL, 0 };
		struct fault fault = { 0 };
		uint32_t rules = 0;
		enum err err = tolerant_read(arena, lab->model, it->path, it->said, it->asked, it->payload,
					     &records, &rules, &fault);

		if (err != it->err || rules != it->rules)
			fail_msg("case %zu: %s, rules %x: %s", i, err_name(err), rules, fault.text);
		assert_int_equal(records.count, err == ERR_NONE ? 1 : 0);
		if (err != ERR_NONE)
			assert_true(fault.text[0] != 0);
		else if (records.at[0].value.type == LWM2M_BOOLEAN)
			assert_int_equal(records.at[0].value.boolean, it->value);
		else
			assert_int_equal(records.at[0].value.integer, it->value);
	}
	arena_free(arena);
}

static void start_read(struct registry_lab *lab, enum lwm2m_operation operation)
{
	const struct operation_request request = {
		.operation = operation,
		.path = battery,
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
	};

	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
}

static void answer_without_format_is_counted(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, PLAIN);
	start_read(lab, LWM2M_READ);
	device_await(lab, &device);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_NONE, TEXT("42"));
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.record.value.integer, 42);
	assert_rules(lab, RULE(MISSING_CONTENT_FORMAT));
	device_close(&device);
}

static void second_acknowledgement_may_carry_the_answer(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, PLAIN);
	start_read(lab, LWM2M_READ);
	device_await(lab, &device);
	device_acknowledge(&device);
	lab_turn_for(lab, 20);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TEXT, TEXT("42"));
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.record.value.integer, 42);
	assert_rules(lab, RULE(LATE_ACK));
	device_close(&device);
}

static void acknowledgement_of_nothing_carries_no_answer(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, PLAIN);
	start_read(lab, LWM2M_READ);
	device_await(lab, &device);
	device.pdu.mid ^= 1; /* ours is not acknowledged */
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TEXT, TEXT("41"));
	lab_turn_for(lab, 20);
	assert_int_equal(lab->answer.count, 0);
	device_await(lab, &device); /* so it comes again */
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TEXT, TEXT("42"));
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.record.value.integer, 42);
	assert_rules(lab, 0);
	device_close(&device);
}

/* ---- notifications ---- */

static uint64_t observe(struct registry_lab *lab, struct lab_device *device)
{
	unsigned before = lab->answer.count;
	uint64_t token;

	start_read(lab, LWM2M_OBSERVE);
	device_await(lab, device);
	token = device_token(device);
	device_answer(device, COAP_CODE(2, 5), 1, FORMAT_TEXT, TEXT("50"));
	lab_until(lab, lab->answer.count > before);
	return token;
}

static void notification_from_another_port_is_taken(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab), moved = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device);
	device_notify(&device, token, COAP_CODE(2, 5), 2, FORMAT_TEXT, TEXT("51"));
	lab_until(lab, lab->heard.notified == 1);
	assert_rules(lab, 0);
	device_notify(&moved, token, COAP_CODE(2, 5), 3, FORMAT_TEXT, TEXT("52"));
	lab_until(lab, lab->heard.notified == 2);
	assert_int_equal(lab->heard.record.value.integer, 52);
	assert_rules(lab, RULE(NOTIFY_FROM_NEW_PORT));
	device_close(&device);
	device_close(&moved);
}

static void notification_may_repeat_its_number(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device);
	for (unsigned i = 1; i <= 2; i++) {
		device_notify(&device, token, COAP_CODE(2, 5), 2, FORMAT_TEXT, TEXT("51"));
		lab_until(lab, lab->heard.notified == i);
	}
	assert_int_equal(count_of(lab, TOLERANCE_REPEATED_OBSERVE_NUMBER), 1);
	device.mid--; /* the same datagram once more */
	device_notify(&device, token, COAP_CODE(2, 5), 2, FORMAT_TEXT, TEXT("51"));
	lab_turn_for(lab, 30);
	assert_int_equal(lab->heard.notified, 2);
	assert_rules(lab, RULE(REPEATED_OBSERVE_NUMBER));
	device_close(&device);
}

/* ---- a device that listens late ---- */

static void reset_after_an_update_is_tried_again(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab), moved = device_open(lab);

	device_register(lab, &device, PLAIN);
	observe(lab, &device);
	memcpy(moved.location, device.location, sizeof(moved.location));
	assert_int_equal(device_update(lab, &moved, "lt=700"), COAP_CODE(2, 4));
	device_await(lab, &moved); /* asks for its notifications again */
	device_reset(&moved);
	device_await(lab, &moved);
	assert_string_equal(device_path(&moved), "3/0/9");
	device_answer(&moved, COAP_CODE(2, 5), 1, FORMAT_TEXT, TEXT("60"));
	lab_until(lab, lab->heard.notified == 1);
	assert_rules(lab, RULE(UPDATE_FROM_NEW_PORT) | RULE(NOT_LISTENING_YET));
	device_close(&device);
	device_close(&moved);
}

static void every_rule_has_a_name_of_its_own(void **state)
{
	for (enum tolerance rule = 0; rule < TOLERANCE_COUNT; rule++) {
		assert_true(strlen(tolerance_name(rule)) > 0);
		assert_true(strlen(tolerance_text(rule)) > strlen(tolerance_name(rule)));
		for (enum tolerance other = 0; other < rule; other++)
			assert_string_not_equal(tolerance_name(rule), tolerance_name(other));
	}
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_has_a_name_of_its_own),
		cmocka_unit_test(register_is_taken_by_rules),
		lab_test(what_no_rule_allows_is_refused),
		lab_test(new_registration_replaces_the_old_one),
		lab_test(update_from_another_port_moves_the_device),
		lab_test(update_may_repeat_the_register),
		lab_test(update_may_come_a_little_late),
		lab_test(first_application_is_told),
		lab_test(answers_are_read_by_rules),
		lab_test(answer_without_format_is_counted),
		lab_test(second_acknowledgement_may_carry_the_answer),
		lab_test(acknowledgement_of_nothing_carries_no_answer),
		lab_test(notification_from_another_port_is_taken),
		lab_test(notification_may_repeat_its_number),
		lab_test(reset_after_an_update_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
