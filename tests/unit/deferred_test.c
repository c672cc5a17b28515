/* Requests that wait for a device in queue mode, which listens for 200 ms after it was heard. */
#include "registry_lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deferred.h"
#include "deferred_json.h"
#include "path.h"
#include "value.h"
#include "vault.h"

#define KEK "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

struct bench {
	struct registry_lab *lab;
	struct vault *vault;
	struct deferred *deferred;
	struct arena *arena;
	unsigned durable;
	enum err result;
	unsigned ended;
	char state[32], json[LAB_TEXT]; /* of the last request that has ended */
};

static void on_event(void *self, const struct event *event)
{
	struct bench *bench = self;
	const char *at = strstr(event->json, "\"state\":\"");

	if (strcmp(event->type, "request.ended") != 0)
		return;
	bench->ended++;
	snprintf(bench->json, sizeof(bench->json), "%s", event->json);
	assert_non_null(at);
	at += strlen("\"state\":\"");
	snprintf(bench->state, sizeof(bench->state), "%.*s", (int)strcspn(at, "\""), at);
}

static void begin(struct bench *bench)
{
	const struct deferred_parts parts = { bench->lab->loop, bench->lab->store, bench->vault,
					      bench->lab->registry, bench->lab->events };

	assert_int_equal(deferred_create(&parts, &bench->deferred), ERR_NONE);
}

static int open_bench(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct subscription *subscription;
	bool has_gap;

	assert_non_null(bench);
	assert_int_equal(registry_lab_open((void **)&bench->lab), 0);
	assert_int_equal(vault_open("", KEK, &bench->vault, NULL), ERR_NONE);
	bench->arena = arena_create(1 << 20);
	assert_int_equal(events_subscribe(bench->lab->events, 0, on_event, bench, &subscription, &has_gap),
			 ERR_NONE);
	begin(bench);
	*state = bench;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;

	deferred_free(bench->deferred);
	registry_lab_close((void **)&bench->lab);
	vault_close(bench->vault);
	arena_free(bench->arena);
	free(bench);
	return 0;
}

static void restart(struct bench *bench)
{
	deferred_free(bench->deferred);
	registry_lab_restart(bench->lab);
	begin(bench);
}

static void durable(void *self, uint64_t id, enum err result)
{
	struct bench *bench = self;

	bench->durable++;
	bench->result = result;
}

static struct operation_request request_of(enum lwm2m_operation operation, struct lwm2m_path path)
{
	return (struct operation_request){
		.operation = operation, .path = path, .payload_format = FORMAT_NONE, .accept = FORMAT_NONE
	};
}

static uint64_t add(struct bench *bench, const struct operation_request *request, bool is_urgent,
		    uint32_t wait_s)
{
	const struct deferred_order order = { "a", request, wait_s, is_urgent };
	unsigned before = bench->durable;
	uint64_t id = 0;
	struct fault fault = { 0 };

	if (deferred_add(bench->deferred, &order, &id, (struct store_done){ durable, bench, 0 }, &fault) !=
	    ERR_NONE)
		fail_msg("%s", fault.text);
	assert_int_equal(bench->durable, before + 1);
	assert_int_equal(bench->result, ERR_NONE);
	return id;
}

static uint64_t add_read(struct bench *bench, uint16_t resource, bool is_urgent)
{
	const struct operation_request request = request_of(LWM2M_READ, LWM2M_RESOURCE(3, 0, resource));

	return add(bench, &request, is_urgent, 600);
}

static struct lab_device register_sleepy(struct bench *bench)
{
	struct lab_device device = device_open(bench->lab);

	device_register(bench->lab, &device, "ep=a&lt=600&lwm2m=1.1&b=U&Q");
	return device;
}

static bool is_awake(struct bench *bench)
{
	return registry_find(bench->lab->registry, "a")->is_awake;
}

static struct lab_device register_and_sleep(struct bench *bench)
{
	struct lab_device device = register_sleepy(bench);

	lab_until(bench->lab, !is_awake(bench));
	return device;
}

static void wake(struct bench *bench, struct lab_device *device)
{
	assert_int_equal(device_update(bench->lab, device, ""), COAP_CODE(2, 4));
}

static void answer_text(struct lab_device *device, const char *text)
{
	device_answer(device, COAP_CODE(2, 5), -1, FORMAT_TEXT, bytes_of_text(text));
}

static const char *stored_state(struct bench *bench, uint64_t id)
{
	struct deferred_row row;

	assert_int_equal(store_read_deferred(bench->lab->store, bench->arena, id, &row), ERR_NONE);
	return row.state;
}

/* ---- waiting ---- */

static void waits_until_the_device_is_awake(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);
	uint64_t id = add_read(bench, 0, false);

	device_expect_nothing(bench->lab, &device, 20);
	assert_string_equal(stored_state(bench, id), "queued");
	wake(bench, &device);
	device_await(bench->lab, &device);
	assert_string_equal(device_path(&device), "3/0/0");
	answer_text(&device, "OK");
	lab_until(bench->lab, bench->ended == 1);
	assert_string_equal(bench->state, "done");
	assert_non_null(strstr(bench->json, "\"code\":\"2.05\""));
	assert_non_null(strstr(bench->json, "\"value\":\"OK\""));
	assert_string_equal(stored_state(bench, id), "done");
	device_close(&device);
}

static void goes_at_once_to_a_device_that_is_awake(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_sleepy(bench);

	add_read(bench, 0, false);
	device_await(bench->lab, &device);
	answer_text(&device, "OK");
	lab_until(bench->lab, bench->ended == 1);
	device_close(&device);
}

static void urgent_ones_go_first_and_one_at_a_time(void **state)
{
	static const char *const order[] = { "3/0/2", "3/0/3", "3/0/0", "3/0/1" };
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);

	add_read(bench, 0, false);
	add_read(bench, 1, false);
	add_read(bench, 2, true);
	add_read(bench, 3, true);
	wake(bench, &device);
	for (size_t i = 0; i < 4; i++) {
		device_await(bench->lab, &device);
		assert_string_equal(device_path(&device), order[i]);
		assert_int_equal(bench->ended, i);
		answer_text(&device, "OK");
	}
	lab_until(bench->lab, bench->ended == 4);
	device_close(&device);
}

static void restart_keeps_them_in_order(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);

	add_read(bench, 0, false);
	add_read(bench, 1, true);
	restart(bench);
	device_expect_nothing(bench->lab, &device, 20);
	wake(bench, &device);
	device_await(bench->lab, &device);
	assert_string_equal(device_path(&device), "3/0/1");
	answer_text(&device, "OK");
	device_await(bench->lab, &device);
	assert_string_equal(device_path(&device), "3/0/0");
	answer_text(&device, "OK");
	lab_until(bench->lab, bench->ended == 2);
	assert_int_equal(add_read(bench, 2, false), 3); /* no number is given twice */
	device_close(&device);
}

static void new_registration_is_an_awake_device_too(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);

	add_read(bench, 0, false);
	device_register(bench->lab, &device, "ep=a&lt=600&lwm2m=1.1&b=U&Q");
	device_await(bench->lab, &device);
	answer_text(&device, "OK");
	lab_until(bench->lab, bench->ended == 1);
	device_close(&device);
}

/* ---- ends ---- */

static void refusal_of_the_device_is_its_answer(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_sleepy(bench);

	add_read(bench, 0, false);
	device_await(bench->lab, &device);
	device_answer(&device, COAP_CODE(4, 4), -1, COAP_NO_FORMAT, bytes_of_text("none here"));
	lab_until(bench->lab, bench->ended == 1);
	assert_string_equal(bench->state, "failed");
	assert_non_null(strstr(bench->json, "{\"code\":\"4.04\",\"detail\":\"none here\"}"));
	device_close(&device);
}

static void unanswered_read_goes_again_when_the_device_wakes(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_sleepy(bench);

	add_read(bench, 0, false);
	device_await(bench->lab, &device);
	lab_until(bench->lab, !is_awake(bench)); /* and what was sent is lost */
	lab_turn_for(bench->lab, 200);
	assert_int_equal(bench->ended, 0);
	wake(bench, &device);
	device_await(bench->lab, &device);
	answer_text(&device, "OK");
	lab_until(bench->lab, bench->ended == 1);
	assert_string_equal(bench->state, "done");
	device_close(&device);
}

static void unanswered_execute_is_unknown(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_sleepy(bench);
	const struct operation_request request = request_of(LWM2M_EXECUTE, LWM2M_RESOURCE(3, 0, 4));
	uint64_t id = add(bench, &request, false, 600);

	device_await(bench->lab, &device);
	assert_string_equal(stored_state(bench, id), "sent");
	lab_until(bench->lab, bench->ended == 1);
	assert_string_equal(bench->state, "unknown");
	device_close(&device);
}

static void execute_is_not_repeated_after_a_restart(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_sleepy(bench);
	const struct operation_request request = request_of(LWM2M_EXECUTE, LWM2M_RESOURCE(3, 0, 4));
	uint64_t id = add(bench, &request, false, 600);

	device_await(bench->lab, &device);
	restart(bench);
	assert_string_equal(stored_state(bench, id), "unknown");
	assert_string_equal(bench->state, "unknown");
	wake(bench, &device);
	device_expect_nothing(bench->lab, &device, 20);
	device_close(&device);
}

static void expires_while_the_device_sleeps(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);
	const struct operation_request request = request_of(LWM2M_READ, LWM2M_RESOURCE(3, 0, 0));
	uint64_t id = add(bench, &request, false, 1);

	lab_turn_for(bench->lab, 500);
	assert_int_equal(bench->ended, 0);
	lab_until(bench->lab, bench->ended == 1);
	assert_string_equal(bench->state, "expired");
	assert_string_equal(stored_state(bench, id), "expired");
	wake(bench, &device);
	device_expect_nothing(bench->lab, &device, 20);
	device_close(&device);
}

static void cancelled_one_is_not_sent(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);
	uint64_t id = add_read(bench, 0, false);
	const struct store_done done = { durable, bench, 0 };

	assert_int_equal(deferred_cancel(bench->deferred, "b", id, done, NULL), ERR_NOT_FOUND);
	assert_int_equal(deferred_cancel(bench->deferred, "a", id, done, NULL), ERR_NONE);
	assert_int_equal(bench->durable, 2);
	assert_string_equal(bench->state, "cancelled");
	assert_int_equal(deferred_cancel(bench->deferred, "a", id, done, NULL), ERR_NOT_FOUND);
	wake(bench, &device);
	device_expect_nothing(bench->lab, &device, 20);
	id = add_read(bench, 0, false);
	assert_int_equal(deferred_cancel(bench->deferred, "a", id, done, NULL), ERR_CONFLICT);
	device_close(&device);
}

/* ---- what is refused ---- */

static void wrong_request_is_refused_at_once(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);
	const struct operation_request request = request_of(LWM2M_READ, LWM2M_RESOURCE(0, 0, 5));
	struct deferred_order order = { "a", &request, 60, false };
	const struct store_done done = { durable, bench, 0 };
	uint64_t id = 0;

	assert_int_equal(deferred_add(bench->deferred, &order, &id, done, NULL), ERR_DENIED);
	order.endpoint = "b";
	assert_int_equal(deferred_add(bench->deferred, &order, &id, done, NULL), ERR_NOT_FOUND);
	order.wait_s = 0;
	assert_int_equal(deferred_add(bench->deferred, &order, &id, done, NULL), ERR_MALFORMED);
	assert_int_equal(bench->durable, 0);
	device_close(&device);
}

static void only_so_many_wait_for_a_device(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);
	const struct operation_request request = request_of(LWM2M_READ, LWM2M_RESOURCE(3, 0, 0));
	const struct deferred_order order = { "a", &request, 60, false };
	struct fault fault = { 0 };
	uint64_t id = 0;

	for (unsigned i = 0; i < DEFERRED_MAX_PER_DEVICE; i++)
		add_read(bench, 0, false);
	assert_int_equal(deferred_add(bench->deferred, &order, &id, (struct store_done){ 0 }, &fault),
			 ERR_UNAVAILABLE);
	assert_non_null(strstr(fault.text, "64"));
	device_close(&device);
}

/* ---- how long a device listens ---- */

static void device_listens_as_long_as_was_said(void **state)
{
	struct bench *bench = *state;
	struct lab_device device = register_and_sleep(bench);
	const struct store_done done = { durable, bench, 0 };

	assert_int_equal(registry_set_awake(bench->lab->registry, "b", 60000, done), ERR_NOT_FOUND);
	assert_int_equal(registry_set_awake(bench->lab->registry, "a", 60000, done), ERR_NONE);
	assert_int_equal(bench->durable, 1);
	restart(bench);
	device_register(bench->lab, &device, "ep=a&lt=600&lwm2m=1.1&b=U&Q");
	assert_int_equal(registry_find(bench->lab->registry, "a")->awake_ms, 60000);
	lab_turn_for(bench->lab, 300);
	assert_true(is_awake(bench));
	assert_int_equal(registry_set_awake(bench->lab->registry, "a", 0, done), ERR_NONE);
	wake(bench, &device);
	lab_until(bench->lab, !is_awake(bench));
	device_close(&device);
}

/* ---- documents ---- */

static const struct lwm2m_record records[] = {
	{ .path = { 3, 0, 14, LWM2M_ID_NONE, 3 },
	  .value = { .type = LWM2M_STRING, .bytes = { (const uint8_t *)"+\"01\"", 5 } } },
	{ .path = { 3, LWM2M_ID_NONE, 1, LWM2M_ID_NONE, 3 },
	  .value = { .type = LWM2M_OPAQUE, .bytes = { (const uint8_t *)"\0\1\2", 3 } } },
	{ .path = { 3, 0, 2, 65534, 4 }, .value = { .type = LWM2M_INTEGER, .integer = INT64_MIN } },
	{ .path = { 3, 0, 3, LWM2M_ID_NONE, 3 }, .value = { .type = LWM2M_UNSIGNED, .whole = UINT64_MAX } },
	{ .path = { 3, 0, 4, LWM2M_ID_NONE, 3 }, .value = { .type = LWM2M_FLOAT, .real = 0.1 } },
	{ .path = { 3, 0, 5, LWM2M_ID_NONE, 3 }, .value = { .type = LWM2M_BOOLEAN, .boolean = true } },
	{ .path = { 3, 0, 6, LWM2M_ID_NONE, 3 }, .value = { .type = LWM2M_TIME, .integer = 1700000000 } },
	{ .path = { 3, 0, 7, LWM2M_ID_NONE, 3 }, .value = { .type = LWM2M_OBJLNK, .link = { 1, 2 } } },
	{ .path = { 3, LWM2M_ID_NONE, LWM2M_ID_NONE, LWM2M_ID_NONE, 1 }, .value = { .type = LWM2M_NONE } },
	{ .path = { 16, 0, 0, 1, 4 }, .value = { .type = LWM2M_NULL } },
};

static void document_is_the_request_again(void **state)
{
	struct bench *bench = *state;
	struct operation_request before = request_of(LWM2M_WRITE_PARTIAL, LWM2M_INSTANCE(3, 0)), after;
	struct bytes text;

	before.records = (struct lwm2m_records){ records, sizeof(records) / sizeof(records[0]) };
	before.payload = bytes_of("\xff\0", 2);
	before.payload_format = FORMAT_OPAQUE;
	before.accept = FORMAT_TLV;
	before.arguments = "0='a'";
	before.attributes = "pmin=1&pmax";
	before.prefix = "d01";
	assert_int_equal(deferred_document_write(bench->arena, &before, &text, NULL), ERR_NONE);
	assert_int_equal(deferred_document_read(bench->arena, text, &after), ERR_NONE);
	assert_int_equal(after.operation, LWM2M_WRITE_PARTIAL);
	assert_true(path_equal(after.path, before.path));
	assert_true(bytes_equal(after.payload, before.payload));
	assert_int_equal(after.payload_format, FORMAT_OPAQUE);
	assert_int_equal(after.accept, FORMAT_TLV);
	assert_string_equal(after.arguments, before.arguments);
	assert_string_equal(after.attributes, before.attributes);
	assert_string_equal(after.prefix, "d01");
	assert_int_equal(after.records.count, before.records.count);
	for (size_t i = 0; i < before.records.count; i++) {
		assert_true(path_equal(after.records.at[i].path, records[i].path));
		assert_true(value_equal(&after.records.at[i].value, &records[i].value));
	}
}

static void broken_document_is_refused(void **state)
{
	static const char *const broken[] = {
		"",
		"{}",
		"[]",
		"{\"operation\":\"read\"}",
		"{\"operation\":\"x\",\"path\":[3],\"payload\":\"\"}",
		"{\"operation\":\"read\",\"path\":[3,0,0,0,0],\"payload\":\"\"}",
		"{\"operation\":\"read\",\"path\":[70000],\"payload\":\"\"}",
		"{\"operation\":\"read\",\"path\":[3],\"payload\":\"?\"}",
		"{\"operation\":\"read\",\"path\":[3],\"payload\":\"\",\"records\":[{\"path\":[3]}]}",
	};
	struct bench *bench = *state;
	struct operation_request request;

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(deferred_document_read(bench->arena, bytes_of_text(broken[i]), &request),
				 ERR_MALFORMED);
}

#define bench_test(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(waits_until_the_device_is_awake),
		bench_test(goes_at_once_to_a_device_that_is_awake),
		bench_test(urgent_ones_go_first_and_one_at_a_time),
		bench_test(restart_keeps_them_in_order),
		bench_test(new_registration_is_an_awake_device_too),
		bench_test(refusal_of_the_device_is_its_answer),
		bench_test(unanswered_read_goes_again_when_the_device_wakes),
		bench_test(unanswered_execute_is_unknown),
		bench_test(execute_is_not_repeated_after_a_restart),
		bench_test(expires_while_the_device_sleeps),
		bench_test(cancelled_one_is_not_sent),
		bench_test(wrong_request_is_refused_at_once),
		bench_test(only_so_many_wait_for_a_device),
		bench_test(device_listens_as_long_as_was_said),
		bench_test(document_is_the_request_again),
		bench_test(broken_document_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
