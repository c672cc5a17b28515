#include "registry_lab.h"

#define NOTHING    bytes_of(NULL, 0)
#define SLEEPY     "ep=a&lt=600&lwm2m=1.0&b=UQ"
#define NOT_SLEEPY "ep=a&lt=600&lwm2m=1.0&b=U"

static struct operation_request read_request(uint16_t resource, bool may_wait)
{
	return (struct operation_request){
		.operation = LWM2M_READ,
		.path = LWM2M_RESOURCE(3, 0, resource),
		.payload_format = FORMAT_NONE,
		.accept = FORMAT_NONE,
		.may_wait = may_wait,
	};
}

static enum err start(struct registry_lab *lab, const struct operation_request *request, uint64_t id)
{
	return operation_start(lab->registry, "a", request, lab_answered, lab, id, NULL);
}

static bool is_awake(const struct registry_lab *lab)
{
	return registry_find(lab->registry, "a")->is_awake;
}

static void fall_asleep(struct registry_lab *lab)
{
	lab_until(lab, !is_awake(lab));
}

static void answer(struct lab_device *device)
{
	device_answer(device, COAP_CODE(4, 4), -1, COAP_NO_FORMAT, NOTHING);
}

static void sleeps_when_its_time_is_over(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = read_request(0, false);
	int64_t begin_ms = lab_now_ms();

	device_register(lab, &device, SLEEPY);
	fall_asleep(lab);
	assert_true(lab_now_ms() - begin_ms >= lab->parts.awake_ms - LAB_TICK_MS);
	assert_int_equal(start(lab, &request, 1), ERR_UNAVAILABLE);
	device_expect_nothing(lab, &device, 20);
	device_close(&device);
}

static void each_message_prolongs_it(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = read_request(0, true);
	int64_t begin_ms;

	device_register(lab, &device, SLEEPY);
	lab_turn_for(lab, 100);
	begin_ms = lab_now_ms();
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	fall_asleep(lab);
	assert_true(lab_now_ms() - begin_ms >= lab->parts.awake_ms - LAB_TICK_MS);

	assert_int_equal(start(lab, &request, 1), ERR_NONE);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	device_await(lab, &device);
	begin_ms = lab_now_ms();
	answer(&device); /* an answer is a message too */
	lab_until(lab, lab->answer.count == 1);
	fall_asleep(lab);
	assert_true(lab_now_ms() - begin_ms >= lab->parts.awake_ms - LAB_TICK_MS);
	device_close(&device);
}

static void waking_is_told_once(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	lab->parts.awake_ms = 1000;
	registry_lab_recreate(lab);
	device_register(lab, &device, SLEEPY);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_int_equal(lab->heard.awake, 1);
	fall_asleep(lab);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	assert_int_equal(lab->heard.awake, 2);
	device_close(&device);
}

static void what_may_wait_goes_out_one_by_one_after_the_answer(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);

	device_register(lab, &device, SLEEPY);
	fall_asleep(lab);
	for (uint16_t i = 0; i < 3; i++) {
		const struct operation_request request = read_request(i, true);

		assert_int_equal(start(lab, &request, i), ERR_NONE);
	}
	device_expect_nothing(lab, &device, 30);
	/* device_update fails unless the answer comes before any request */
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	device_await(lab, &device);
	assert_string_equal(device_path(&device), "3/0/0");
	device_expect_nothing(lab, &device, 20);
	answer(&device);
	device_await(lab, &device);
	assert_string_equal(device_path(&device), "3/0/1");
	answer(&device);
	device_await(lab, &device);
	assert_string_equal(device_path(&device), "3/0/2");
	answer(&device);
	lab_until(lab, lab->answer.count == 3);
	device_close(&device);
}

static void patience_has_an_end(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	struct operation_request request = read_request(0, true);

	request.wait_ms = 50;
	device_register(lab, &device, SLEEPY);
	fall_asleep(lab);
	assert_int_equal(start(lab, &request, 1), ERR_NONE);
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.fault.kind, ERR_TIMEOUT);
	assert_int_equal(device_update(lab, &device, ""), COAP_CODE(2, 4));
	device_expect_nothing(lab, &device, 30);
	device_close(&device);
}

static void waiting_outlasts_a_new_registration(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = read_request(0, true);

	device_register(lab, &device, SLEEPY);
	fall_asleep(lab);
	assert_int_equal(start(lab, &request, 1), ERR_NONE);
	device_register(lab, &device, SLEEPY);
	device_await(lab, &device);
	assert_string_equal(device_path(&device), "3/0/0");
	device_close(&device);
}

static void sleep_ends_what_may_not_wait(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request impatient = read_request(0, false), patient = read_request(1, true);

	device_register(lab, &device, SLEEPY);
	assert_int_equal(start(lab, &patient, 1), ERR_NONE); /* under way: the device never answers */
	assert_int_equal(start(lab, &impatient, 2), ERR_NONE);
	assert_int_equal(start(lab, &patient, 3), ERR_NONE);
	lab_until(lab, lab->answer.count == 2);
	lab_turn_for(lab, 50);
	assert_int_equal(lab->answer.count, 2);
	assert_int_equal(lab->answer.kinds[1], ERR_TIMEOUT);
	assert_int_equal(lab->answer.kinds[2], ERR_UNAVAILABLE);
	device_close(&device);
}

static void other_devices_are_always_spoken_to(void **state)
{
	struct registry_lab *lab = *state;
	struct lab_device device = device_open(lab);
	const struct operation_request request = read_request(0, false);

	device_register(lab, &device, NOT_SLEEPY);
	lab_turn_for(lab, 260);
	assert_true(is_awake(lab));
	registry_lab_restart(lab);
	assert_true(is_awake(lab));
	assert_int_equal(start(lab, &request, 1), ERR_NONE);
	device_await(lab, &device); /* without a word from the device */
	answer(&device);
	lab_until(lab, lab->answer.count == 1);
	assert_int_equal(lab->answer.code, COAP_CODE(4, 4));
	device_close(&device);
}

#define lab_test(name) cmocka_unit_test_setup_teardown(name, registry_lab_open, registry_lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(sleeps_when_its_time_is_over),
		lab_test(each_message_prolongs_it),
		lab_test(waking_is_told_once),
		lab_test(what_may_wait_goes_out_one_by_one_after_the_answer),
		lab_test(patience_has_an_end),
		lab_test(waiting_outlasts_a_new_registration),
		lab_test(sleep_ends_what_may_not_wait),
		lab_test(other_devices_are_always_spoken_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
