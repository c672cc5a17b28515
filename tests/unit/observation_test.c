#include "registry_lab.h"

#include <stdio.h>
#include <string.h>

#define NOTHING bytes_of(NULL, 0)
#define PLAIN   "ep=a&lt=600&lwm2m=1.0"
#define OTHER   "ep=b&lt=600&lwm2m=1.0"

static const struct lwm2m_path battery = { 3, 0, 9, LWM2M_ID_NONE, 3 };
static const uint8_t battery_50[] = { 0xC1, 0x09, 50 }, battery_51[] = { 0xC1, 0x09, 51 };
/* [{-2: "/3/0/9", 2: 42}] */
static const uint8_t senml_battery_42[] = { 0x81, 0xA2, 0x21, 0x66, '/',  '3', '/',
					    '0',  '/',  '9',  0x02, 0x18, 42 };

#define VALUE(array) bytes_of(array, sizeof(array))

static struct operation_request request_of(enum lwm2m_operation operation, uint64_t job_id)
{
	return (struct operation_request){
		.operation = operation,
		.path = battery,
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
		.job_id = job_id,
	};
}

/* Observes and answers the token. */
static uint64_t observe_as(struct registry_lab *lab, struct lab_device *device, uint64_t job_id, uint16_t accept)
{
	struct operation_request request = request_of(LWM2M_OBSERVE, job_id);
	unsigned before = lab->answer.count;
	uint64_t token;

	request.accept = accept;
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	device_await(lab, device);
	assert_int_equal(device->message.code, COAP_GET);
	assert_true(device->message.has_observe);
	assert_int_equal(device->message.observe, 0);
	token = device_token(device);
	device_answer(device, COAP_CODE(2, 5), 1, FORMAT_TLV, VALUE(battery_50));
	lab_until(lab, lab->answer.count > before);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.record.value.integer, 50);
	return token;
}

static uint64_t observe(struct registry_lab *lab, struct lab_device *device, uint64_t job_id)
{
	return observe_as(lab, device, job_id, FORMAT_NONE);
}

static size_t observation_count(const struct registry_lab *lab)
{
	struct arena *arena = arena_create(0);
	struct observation_view *views;
	size_t count;

	assert_int_equal(operation_observations(lab->registry, arena, "a", &views, &count), ERR_NONE);
	arena_free(arena);
	return count;
}

static bool count_row(void *self, const struct observation_row *row)
{
	unsigned *count = self;

	*count += 1;
	return true;
}

static unsigned row_count(const struct registry_lab *lab)
{
	unsigned count = 0;

	assert_int_equal(store_read_observations(lab->store, count_row, &count), ERR_NONE);
	return count;
}

static void notify(struct registry_lab *lab, struct lab_device *device, uint64_t token, int number)
{
	unsigned before = lab->heard.notified;

	device_notify(device, token, COAP_CODE(2, 5), number, FORMAT_TLV, VALUE(battery_51));
	lab_until(lab, lab->heard.notified > before);
}

/* The notification is refused with RST. */
static void expect_refusal(struct registry_lab *lab, struct lab_device *device, uint64_t token, int number)
{
	unsigned before = lab->heard.notified;
	uint8_t reset[64];

	device_notify(device, token, COAP_CODE(2, 5), number, FORMAT_TLV, VALUE(battery_51));
	lab_until(lab, recv(device->fd, reset, sizeof(reset), MSG_DONTWAIT) == 4);
	assert_int_equal(reset[0], 0x70);
	assert_int_equal(lab->heard.notified, before);
}

/* ---- observe ---- */

static void notification_reaches_listener_and_events(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	assert_int_equal(observation_count(lab), 1);
	notify(lab, &device, token, 2);
	assert_string_equal(lab->heard.endpoint, "a");
	assert_int_equal(lab->heard.job_id, 0);
	assert_int_equal(lab->heard.fault.kind, ERR_NONE);
	assert_int_equal(lab->heard.format, FORMAT_TLV);
	assert_int_equal(lab->heard.record_count, 1);
	assert_int_equal(lab->heard.record.value.integer, 51);
	assert_string_equal(lab->event_type, "notification");
	assert_string_equal(lab->event_json,
			    "{\"endpoint\":\"a\",\"path\":\"/3/0/9\",\"values\":[{\"path\":\"/3/0/9\","
			    "\"name\":\"Battery Level\",\"type\":\"integer\",\"value\":51}]}");
	device_close(&device);
}

static void what_a_job_observes_is_no_event(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	unsigned events;
	uint64_t token;

	device_register(lab, &device, PLAIN);
	events = lab->event_count;
	token = observe(lab, &device, 77);
	notify(lab, &device, token, 2);
	assert_int_equal(lab->heard.job_id, 77);
	assert_int_equal(lab->event_count, events);
	device_close(&device);
}

static void answer_without_observe_is_not_kept(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_OBSERVE, 0);

	device_register(lab, &device, PLAIN);
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	device_await(lab, &device);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV, VALUE(battery_50));
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.fault.kind, ERR_UNSUPPORTED);
	assert_int_equal(observation_count(lab), 0);
	assert_int_equal(row_count(lab), 0);
	device_close(&device);
}

static void second_observe_of_a_path_keeps_its_token(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	assert_true(observe(lab, &device, 0) == token);
	assert_int_equal(observation_count(lab), 1);
	assert_true(observe(lab, &device, 5) != token); /* a job has its own */
	assert_int_equal(observation_count(lab), 2);
	device_close(&device);
}

static void observe_in_another_format_takes_the_place_of_the_first(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token, other;

	device_register(lab, &device, PLAIN);
	token = observe_as(lab, &device, 0, FORMAT_TLV);
	assert_true(observe_as(lab, &device, 0, FORMAT_TLV) == token);
	other = observe_as(lab, &device, 0, FORMAT_SENML_CBOR);
	assert_true(other != token);
	assert_int_equal(observation_count(lab), 1);
	assert_int_equal(row_count(lab), 1);
	notify(lab, &device, other, 2);
	expect_refusal(lab, &device, token, 3);
	device_close(&device);
}

static void expect_query(const struct lab_device *device, const char *first, const char *second)
{
	assert_int_equal(device->message.query_count, 2);
	assert_true(bytes_equal_text(device->message.query[0], first));
	assert_true(bytes_equal_text(device->message.query[1], second));
}

/* An observation is renewed and ended with the attributes that it was asked for with, also after a restart.
 */
static void attributes_stay_with_their_observation(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_OBSERVE, 0);
	uint64_t token;

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.2");
	request.attributes = "pmin=1&pmax=9";
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	device_await(lab, &device);
	expect_query(&device, "pmin=1", "pmax=9");
	token = device_token(&device);
	device_answer(&device, COAP_CODE(2, 5), 1, FORMAT_TLV, VALUE(battery_50));
	lab_until(lab, lab->answer.count == 1);

	registry_lab_restart(lab);
	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.2");
	device_await(lab, &device);
	assert_true(device_token(&device) == token);
	expect_query(&device, "pmin=1", "pmax=9");
	device_answer(&device, COAP_CODE(2, 5), 1, FORMAT_TLV, VALUE(battery_50));

	/* Others take their place. */
	request.attributes = "pmin=2&pmax=5";
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 2, NULL), ERR_NONE);
	device_await(lab, &device);
	assert_true(device_token(&device) == token);
	expect_query(&device, "pmin=2", "pmax=5");
	device_answer(&device, COAP_CODE(2, 5), 1, FORMAT_TLV, VALUE(battery_50));
	lab_until(lab, lab->answer.id == 2);

	request = request_of(LWM2M_CANCEL_OBSERVE, 0);
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 3, NULL), ERR_NONE);
	device_await(lab, &device);
	assert_int_equal(device.message.observe, 1);
	expect_query(&device, "pmin=2", "pmax=5");
	device_close(&device);
}

static void attributes_of_an_observation_are_checked(void **state)
{
	/* clang-format off */
	static const struct { const char *version, *attributes, *says; enum err err; } rows[] = {
		{ "1.1", "pmin=1",         "needs LwM2M 1.2",      ERR_UNSUPPORTED },
		{ "1.2", "pmin=9&pmax=1",  "pmin",                 ERR_MALFORMED   },
		{ "1.2", "pmax",           "pmax: an observation", ERR_MALFORMED   },
		{ "1.2", "colour=1",       "colour",               ERR_MALFORMED   },
	};
	/* clang-format on */
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = request_of(LWM2M_OBSERVE, 0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char query[64];
		struct fault fault = { 0 };

		snprintf(query, sizeof(query), "ep=a&lt=600&lwm2m=%s", rows[i].version);
		device_register(lab, &device, query);
		request.attributes = rows[i].attributes;
		assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, &fault),
				 rows[i].err);
		assert_non_null(strstr(fault.text, rows[i].says));
	}
	assert_int_equal(observation_count(lab), 0);
	device_close(&device);
}

/* ---- notifications ---- */

static void unknown_token_is_refused(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	expect_refusal(lab, &device, token ^ 1, 2);
	device_close(&device);
}

static void token_of_another_device_is_refused(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab), other = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	device_register(lab, &other, OTHER);
	expect_refusal(lab, &other, token, 2);
	device_close(&device);
	device_close(&other);
}

static void overtaken_notification_is_dropped(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	notify(lab, &device, token, 5);
	device_notify(&device, token, COAP_CODE(2, 5), 4, FORMAT_TLV, VALUE(battery_50));
	notify(lab, &device, token, 6);
	assert_int_equal(lab->heard.notified, 2);
	notify(lab, &device, token, 6 + (1 << 23) - 1); /* the furthest that is still ahead */
	assert_int_equal(lab->heard.notified, 3);
	device_close(&device);
}

static void nonsense_in_a_notification_is_told(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;
	unsigned events;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	events = lab->event_count;
	device_notify(&device, token, COAP_CODE(2, 5), 2, FORMAT_TLV, bytes_of_text("\xC8\x09\x05x"));
	lab_until(lab, lab->heard.notified == 1);
	assert_int_equal(lab->heard.fault.kind, ERR_MALFORMED);
	assert_int_equal(lab->heard.record_count, 0);
	assert_int_equal(lab->event_count, events);
	assert_int_equal(observation_count(lab), 1);
	device_close(&device);
}

static void error_notification_ends_the_observation(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	device_notify(&device, token, COAP_CODE(4, 4), -1, COAP_NO_FORMAT, NOTHING);
	lab_until(lab, lab->heard.notified == 1);
	assert_int_equal(lab->heard.fault.kind, ERR_CONFLICT);
	assert_int_equal(observation_count(lab), 0);
	assert_int_equal(row_count(lab), 0);
	expect_refusal(lab, &device, token, 3);
	device_close(&device);
}

static void notification_wakes_a_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.0&b=UQ");
	token = observe(lab, &device, 0);
	lab_until(lab, !registry_find(lab->registry, "a")->is_awake);
	notify(lab, &device, token, 2);
	assert_true(registry_find(lab->registry, "a")->is_awake);
	assert_int_equal(lab->heard.awake, 2);
	device_close(&device);
}

/* ---- ends ---- */

static void cancel_is_told_to_the_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_CANCEL_OBSERVE, 0);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 9, NULL), ERR_NONE);
	assert_int_equal(observation_count(lab), 0);
	assert_int_equal(row_count(lab), 0);
	device_await(lab, &device);
	assert_true(device_token(&device) == token);
	assert_int_equal(device.message.observe, 1);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV, VALUE(battery_50));
	lab_until(lab, lab->answer.id == 9);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 5));
	expect_refusal(lab, &device, token, 3);
	device_close(&device);
}

static void cancel_does_not_wait_for_a_sleeping_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = request_of(LWM2M_CANCEL_OBSERVE, 0);
	uint64_t token;

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.0&b=UQ");
	token = observe(lab, &device, 0);
	lab_until(lab, !registry_find(lab->registry, "a")->is_awake);
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 9, NULL), ERR_NONE);
	lab_until(lab, lab->answer.id == 9);
	assert_int_equal(lab->answer.code, COAP_CODE(2, 5));
	expect_refusal(lab, &device, token, 3);
	device_close(&device);
}

static void end_of_a_job_ends_its_observations_alone(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token, jobs_token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	jobs_token = observe(lab, &device, 77);
	operation_end_job(lab->registry, "a", 78);
	assert_int_equal(observation_count(lab), 2);
	operation_end_job(lab->registry, "a", 77);
	assert_int_equal(observation_count(lab), 1);
	device_await(lab, &device);
	assert_true(device_token(&device) == jobs_token);
	assert_int_equal(device.message.observe, 1);
	device_answer(&device, COAP_CODE(2, 5), -1, FORMAT_TLV, VALUE(battery_50));
	notify(lab, &device, token, 2);
	device_close(&device);
}

/* ---- breaks ---- */

static void token_is_known_after_a_restart(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	registry_lab_restart(lab);
	notify(lab, &device, token, 2);
	assert_int_equal(lab->heard.record.value.integer, 51);
	device_close(&device);
}

static void jobs_observations_end_with_a_restart(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 77);
	assert_int_equal(row_count(lab), 1);
	registry_lab_restart(lab);
	assert_int_equal(row_count(lab), 0);
	expect_refusal(lab, &device, token, 2);
	device_close(&device);
}

static void new_registration_renews_the_operators_observations(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token, jobs_token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	jobs_token = observe(lab, &device, 77);
	device_register(lab, &device, PLAIN);
	assert_int_equal(observation_count(lab), 1);
	assert_int_equal(row_count(lab), 1);
	device_await(lab, &device);
	assert_true(device_token(&device) == token);
	assert_int_equal(device.message.observe, 0);
	device_answer(&device, COAP_CODE(2, 5), 1, FORMAT_TLV, VALUE(battery_50));
	lab_until(lab, lab->heard.notified == 1); /* the value of now */
	assert_int_equal(lab->heard.record.value.integer, 50);
	notify(lab, &device, token, 2);
	expect_refusal(lab, &device, jobs_token, 2);
	device_close(&device);
}

static void move_renews_observations(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device before = device_open(lab), after = device_open(lab);
	uint64_t token;

	device_register(lab, &before, PLAIN);
	token = observe(lab, &before, 0);
	memcpy(after.location, before.location, sizeof(after.location));
	assert_int_equal(device_update(lab, &after, ""), COAP_CODE(2, 4));
	device_await(lab, &after);
	assert_true(device_token(&after) == token);
	device_close(&before);
	device_close(&after);
}

static void observations_leave_with_their_device(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	uint64_t token;

	device_register(lab, &device, PLAIN);
	token = observe(lab, &device, 0);
	assert_int_equal(registry_remove(lab->registry, "a"), ERR_NONE);
	assert_int_equal(row_count(lab), 0);
	expect_refusal(lab, &device, token, 2);
	device_close(&device);
}

/* ---- composite ---- */

static const struct lwm2m_record two_names[] = {
	{ .path = { 3, 0, 9, LWM2M_ID_NONE, 3 } },
	{ .path = { 1, 0, LWM2M_ID_NONE, LWM2M_ID_NONE, 2 } },
};

static struct operation_request composite_of(enum lwm2m_operation operation)
{
	return (struct operation_request){
		.operation = operation,
		.records = { two_names, 2 },
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
	};
}

/* Answers the token; the body that was asked with is in `body`. */
static uint64_t await_composite(struct registry_lab *lab, struct lab_device *device, uint32_t observe,
				uint8_t *body, size_t *body_len)
{
	device_await(lab, device);
	assert_int_equal(device->message.code, COAP_FETCH);
	assert_int_equal(device->message.observe, observe);
	assert_true(device->message.payload.len < 64);
	*body_len = device->message.payload.len;
	memcpy(body, device->message.payload.at, *body_len);
	device_answer(device, COAP_CODE(2, 5), observe == 0 ? 1 : -1, FORMAT_SENML_CBOR,
		      VALUE(senml_battery_42));
	return device_token(device);
}

static void composite_outlasts_breaks_and_ends_with_the_same_body(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = composite_of(LWM2M_OBSERVE),
				       cancel = composite_of(LWM2M_CANCEL_OBSERVE);
	uint8_t first[64], again[64], last[64];
	size_t first_len, again_len, last_len;
	uint64_t token;

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.1");
	assert_int_equal(operation_start(lab->registry, "a", &request, lab_answered, lab, 1, NULL), ERR_NONE);
	token = await_composite(lab, &device, 0, first, &first_len);
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.fault.kind, ERR_NONE);
	assert_int_equal(lab->answer.record.value.integer, 42);

	registry_lab_restart(lab);
	device_notify(&device, token, COAP_CODE(2, 5), 2, FORMAT_SENML_CBOR, VALUE(senml_battery_42));
	lab_until(lab, lab->heard.notified == 1);
	assert_int_equal(lab->heard.path.depth, 0);
	assert_int_equal(lab->heard.record.value.integer, 42);

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.1");
	assert_true(await_composite(lab, &device, 0, again, &again_len) == token);
	assert_true(bytes_equal(bytes_of(again, again_len), bytes_of(first, first_len)));
	lab_until(lab, lab->heard.notified == 2);

	assert_int_equal(operation_start(lab->registry, "a", &cancel, lab_answered, lab, 2, NULL), ERR_NONE);
	assert_int_equal(observation_count(lab), 0);
	assert_true(await_composite(lab, &device, 1, last, &last_len) == token);
	assert_true(bytes_equal(bytes_of(last, last_len), bytes_of(first, first_len)));
	lab_until(lab, lab->answer.count == 2);
	device_close(&device);
}

/* ---- Send ---- */

static void send_is_taken_and_told(void **state)
{
	static const char json[] = "[{\"n\":\"/3/0/9\",\"v\":42}]";
	static const uint8_t lwm2m_cbor[] = { 0xA1, 0x83, 0x03, 0x00, 0x09, 0x18, 42 };
	const struct {
		uint16_t format;
		struct bytes payload;
	} rows[] = {
		{ FORMAT_SENML_CBOR, VALUE(senml_battery_42) },
		{ FORMAT_SENML_JSON, bytes_of_text(json) },
		{ FORMAT_LWM2M_CBOR, VALUE(lwm2m_cbor) },
	};
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.2");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(device_ask(lab, &device, COAP_POST, "/dp", rows[i].format, rows[i].payload),
				 COAP_CODE(2, 4));
		assert_int_equal(lab->heard.notified, i + 1);
		assert_int_equal(lab->heard.path.depth, 0);
		assert_int_equal(lab->heard.format, rows[i].format);
		assert_int_equal(lab->heard.record.value.integer, 42);
		assert_string_equal(lab->event_type, "send");
		assert_string_equal(lab->event_json,
				    "{\"endpoint\":\"a\",\"values\":[{\"path\":\"/3/0/9\","
				    "\"name\":\"Battery Level\",\"type\":\"integer\",\"value\":42}]}");
	}
	device_close(&device);
}

static void wrong_sends_are_refused_with_their_code(void **state)
{
	static const uint8_t object_9[] = { 0x81, 0xA2, 0x21, 0x66, '/',  '9', '/',
					    '0',  '/',  '9',  0x02, 0x18, 42 };
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab), stranger = device_open(lab);

	device_register(lab, &device, "ep=a&lt=600&lwm2m=1.1");
	assert_int_equal(
		device_ask(lab, &stranger, COAP_POST, "/dp", FORMAT_SENML_CBOR, VALUE(senml_battery_42)),
		COAP_CODE(4, 4));
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/dp", FORMAT_SENML_CBOR, VALUE(object_9)),
			 COAP_CODE(4, 4));
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/dp", FORMAT_TLV, VALUE(battery_50)),
			 COAP_CODE(4, 15));
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/dp", FORMAT_SENML_JSON,
				    bytes_of_text("[{\"n\":\"/3/0/9\"}]")),
			 COAP_CODE(4, 0));
	assert_int_equal(device_ask(lab, &device, COAP_POST, "/dp", FORMAT_LWM2M_CBOR,
				    bytes_of("\xA1\x83\x03\x00\x09\xF6", 6)),
			 COAP_CODE(4, 0));
	assert_int_equal(
		device_ask(lab, &device, COAP_POST, "/dp", FORMAT_SENML_CBOR, bytes_of_text("\x81\xA1")),
		COAP_CODE(4, 0));
	assert_int_equal(lab->heard.notified, 0);
	device_close(&device);
	device_close(&stranger);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(notification_reaches_listener_and_events),
		lab_test(what_a_job_observes_is_no_event),
		lab_test(answer_without_observe_is_not_kept),
		lab_test(second_observe_of_a_path_keeps_its_token),
		lab_test(observe_in_another_format_takes_the_place_of_the_first),
		lab_test(attributes_stay_with_their_observation),
		lab_test(attributes_of_an_observation_are_checked),
		lab_test(unknown_token_is_refused),
		lab_test(token_of_another_device_is_refused),
		lab_test(overtaken_notification_is_dropped),
		lab_test(nonsense_in_a_notification_is_told),
		lab_test(error_notification_ends_the_observation),
		lab_test(notification_wakes_a_device),
		lab_test(cancel_is_told_to_the_device),
		lab_test(cancel_does_not_wait_for_a_sleeping_device),
		lab_test(end_of_a_job_ends_its_observations_alone),
		lab_test(token_is_known_after_a_restart),
		lab_test(jobs_observations_end_with_a_restart),
		lab_test(new_registration_renews_the_operators_observations),
		lab_test(move_renews_observations),
		lab_test(observations_leave_with_their_device),
		lab_test(composite_outlasts_breaks_and_ends_with_the_same_body),
		lab_test(send_is_taken_and_told),
		lab_test(wrong_sends_are_refused_with_their_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
