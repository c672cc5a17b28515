/* What the device does when a registration fails, as the server object says. */
#include "retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "misbehave.h"

struct desk {
	struct options options;
	struct misbehaviour misbehaviour;
	struct device *device;
};

static int set_up(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	char *words[] = { "cardea-device", "--retry-ms=100", "--se-count=0", NULL };
	bool wants_help;

	assert_non_null(desk);
	assert_int_equal(options_parse(3, words, &desk->options, &wants_help, NULL), ERR_NONE);
	desk->misbehaviour = misbehaviour_of(&desk->options);
	assert_int_equal(device_open(&desk->options, &desk->misbehaviour, "dev", &desk->device, NULL),
			 ERR_NONE);
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	device_close(desk->device);
	free(desk);
	return 0;
}

static void say(struct desk *desk, uint16_t instance, uint16_t resource, struct value value)
{
	assert_int_equal(values_set(&desk->device->values, RESOURCE_PATH(1, instance, resource), value),
			 ERR_NONE);
}

static int64_t delay(const struct desk *desk, uint32_t failures)
{
	return retry_delay_ms(desk->device, desk->device->servers.served, failures);
}

static bool bootstraps(const struct desk *desk, uint32_t failures)
{
	return retry_wants_bootstrap(desk->device, desk->device->servers.served, failures);
}

static void waits_double_until_they_are_long_enough(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(delay(desk, 1), 100);
	assert_int_equal(delay(desk, 2), 200);
	assert_int_equal(delay(desk, 7), 6400);
	assert_int_equal(delay(desk, 8), 6400);
	assert_int_equal(delay(desk, UINT32_MAX), 6400);
	assert_false(bootstraps(desk, 4));
	assert_true(bootstraps(desk, 5));
}

static void a_sequence_is_as_long_as_the_server_says(void **state)
{
	struct desk *desk = *state;

	say(desk, 0, RETRY_COUNT, UNSIGNED_VALUE(3));
	say(desk, 0, RETRY_TIMER, UNSIGNED_VALUE(10));
	say(desk, 0, SEQUENCE_DELAY, UNSIGNED_VALUE(500));
	say(desk, 0, SEQUENCE_COUNT, UNSIGNED_VALUE(2));
	assert_int_equal(delay(desk, 1), 10000);
	assert_int_equal(delay(desk, 2), 20000);
	assert_int_equal(delay(desk, 3), 500000); /* the next sequence */
	assert_int_equal(delay(desk, 4), 10000);
	assert_int_equal(delay(desk, 5), 20000);
	assert_int_equal(delay(desk, 6), 500000);
	assert_false(bootstraps(desk, 5));
	assert_true(bootstraps(desk, 6));
	say(desk, 0, BOOTSTRAP_ON_FAILURE, BOOLEAN_VALUE(false));
	assert_false(bootstraps(desk, 6));

	say(desk, 0, RETRY_COUNT, UNSIGNED_VALUE(0)); /* once, rather than never */
	assert_int_equal(delay(desk, 1), 500000);
}

static void the_first_registration_may_be_late(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(retry_initial_delay_ms(desk->device, desk->device->servers.served), 0);
	say(desk, 0, INITIAL_DELAY, UNSIGNED_VALUE(7));
	assert_int_equal(retry_initial_delay_ms(desk->device, desk->device->servers.served), 7000);
}

static void lower_numbers_come_first_and_may_block(void **state)
{
	struct desk *desk = *state;
	const struct server one = { .instance = 1 }, two = { .instance = 2 };

	assert_false(retry_comes_first(desk->device, &one, &two));
	say(desk, 1, PRIORITY_ORDER, UNSIGNED_VALUE(1));
	assert_false(retry_comes_first(desk->device, &one, &two)); /* that has none */
	say(desk, 2, PRIORITY_ORDER, UNSIGNED_VALUE(0));
	assert_true(retry_comes_first(desk->device, &two, &one));
	assert_false(retry_comes_first(desk->device, &one, &two));
	assert_false(retry_comes_first(desk->device, &one, &one));
	assert_false(retry_blocks_others(desk->device, &two));
	say(desk, 2, FAILURE_BLOCK, BOOLEAN_VALUE(true));
	assert_true(retry_blocks_others(desk->device, &two));
}

#define desk_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		desk_test(waits_double_until_they_are_long_enough),
		desk_test(a_sequence_is_as_long_as_the_server_says),
		desk_test(the_first_registration_may_be_late),
		desk_test(lower_numbers_come_first_and_may_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
