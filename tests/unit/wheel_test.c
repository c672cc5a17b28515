#include "wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define TICK_MS 16
#define DAY_MS  INT64_C(86400000)

/* A timer that notes when it fired, by the time that the wheel was last advanced to. */
struct probe {
	struct timer timer;
	int64_t fired_ms;
	unsigned count;
};

static int64_t now_ms;

static void note(void *self)
{
	struct probe *probe = self;

	probe->fired_ms = now_ms;
	probe->count++;
}

static void advance(struct wheel *wheel, int64_t to_ms)
{
	now_ms = to_ms;
	wheel_advance(wheel, to_ms);
}

static struct wheel *open_wheel(int64_t at_ms)
{
	struct wheel *wheel;

	now_ms = at_ms;
	assert_int_equal(wheel_create(at_ms, &wheel), ERR_NONE);
	return wheel;
}

static void fires_at_its_time_and_at_most_one_tick_late(void **state)
{
	static const int64_t distances[] = { 0,       1,       15,     16,          17,
					     1000,    4095,    4096,   4097,        65536,
					     1048575, 1048576, DAY_MS, 30 * DAY_MS, 900 * DAY_MS };

	for (int64_t begin = 1000000; begin < 1000000 + 3 * TICK_MS; begin += 5) {
		for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
			struct wheel *wheel = open_wheel(begin);
			struct probe probe = { .timer = timer_of(note, &probe) };
			int64_t at_ms = begin;

			wheel_start(wheel, &probe.timer, begin + distances[i]);
			while (probe.count == 0) {
				int wait_ms = wheel_wait_ms(wheel, at_ms);

				assert_in_range(wait_ms, 0, INT32_MAX);
				assert_true(at_ms < begin + distances[i] + TICK_MS + 1);
				at_ms += wait_ms;
				advance(wheel, at_ms);
			}
			assert_true(probe.fired_ms >= begin + distances[i]);
			assert_true(probe.fired_ms <= begin + distances[i] + TICK_MS);
			assert_false(timer_runs(&probe.timer));
			assert_int_equal(wheel_wait_ms(wheel, at_ms), -1);
			wheel_free(wheel);
		}
	}
}

static void wakes_rarely_for_a_far_timer(void **state)
{
	struct wheel *wheel = open_wheel(0);
	struct probe probe = { .timer = timer_of(note, &probe) };
	unsigned wakes = 0;

	wheel_start(wheel, &probe.timer, 700 * DAY_MS);
	for (int64_t at_ms = 0; probe.count == 0; wakes++) {
		at_ms += wheel_wait_ms(wheel, at_ms);
		advance(wheel, at_ms);
	}
	/* One per level, and one whenever the wait is longer than an int of milliseconds. */
	assert_in_range(wakes, 1, 4 + 700 * DAY_MS / INT32_MAX);
	wheel_free(wheel);
}

static void a_stopped_timer_does_not_fire(void **state)
{
	struct wheel *wheel = open_wheel(0);
	struct probe probe = { .timer = timer_of(note, &probe) };

	wheel_stop(wheel, &probe.timer);
	wheel_start(wheel, &probe.timer, 100);
	assert_true(timer_runs(&probe.timer));
	wheel_stop(wheel, &probe.timer);
	assert_false(timer_runs(&probe.timer));
	assert_int_equal(wheel_wait_ms(wheel, 0), -1);
	advance(wheel, 1000);
	assert_int_equal(probe.count, 0);
	wheel_free(wheel);
}

static void a_restarted_timer_fires_once_at_the_later_time(void **state)
{
	struct wheel *wheel = open_wheel(0);
	struct probe probe = { .timer = timer_of(note, &probe) };

	wheel_start(wheel, &probe.timer, 100);
	wheel_start(wheel, &probe.timer, 500);
	advance(wheel, 300);
	assert_int_equal(probe.count, 0);
	advance(wheel, 512);
	assert_int_equal(probe.count, 1);
	advance(wheel, 5000);
	assert_int_equal(probe.count, 1);
	wheel_free(wheel);
}

/* Every timer of one tick stops all the others: exactly one may fire. */
struct rivals {
	struct wheel *wheel;
	struct timer timers[10];
	unsigned fired;
};

static void stop_rivals(void *self)
{
	struct rivals *rivals = self;

	rivals->fired++;
	for (size_t i = 0; i < 10; i++)
		wheel_stop(rivals->wheel, &rivals->timers[i]);
}

static void a_callback_may_stop_timers_of_the_same_tick(void **state)
{
	struct rivals rivals = { .wheel = open_wheel(0) };

	for (size_t i = 0; i < 10; i++) {
		rivals.timers[i] = timer_of(stop_rivals, &rivals);
		wheel_start(rivals.wheel, &rivals.timers[i], 100);
	}
	advance(rivals.wheel, 1000);
	assert_int_equal(rivals.fired, 1);
	assert_int_equal(wheel_wait_ms(rivals.wheel, 1000), -1);
	wheel_free(rivals.wheel);
}

struct repeating {
	struct wheel *wheel;
	struct timer timer;
	int64_t period_ms;
	unsigned count;
};

static void repeat(void *self)
{
	struct repeating *repeating = self;

	repeating->count++;
	wheel_start(repeating->wheel, &repeating->timer, repeating->timer.due_ms + repeating->period_ms);
}

static void a_callback_may_start_its_own_timer_again(void **state)
{
	struct repeating repeating = { .wheel = open_wheel(0), .period_ms = 160 };

	repeating.timer = timer_of(repeat, &repeating);
	wheel_start(repeating.wheel, &repeating.timer, 160);
	for (int64_t at_ms = 0; at_ms <= 16000; at_ms += 10)
		advance(repeating.wheel, at_ms);
	assert_int_equal(repeating.count, 100);
	advance(repeating.wheel, 32000); /* what was missed is made up for */
	assert_int_equal(repeating.count, 200);
	wheel_free(repeating.wheel);
}

static void a_timer_that_is_always_due_does_not_hang_the_wheel(void **state)
{
	struct repeating repeating = { .wheel = open_wheel(0), .period_ms = 0 };

	repeating.timer = timer_of(repeat, &repeating);
	wheel_start(repeating.wheel, &repeating.timer, 0);
	advance(repeating.wheel, 160);
	assert_int_equal(repeating.count, 10);
	wheel_free(repeating.wheel);
}

static void free_lets_running_timers_rest(void **state)
{
	struct wheel *wheel = open_wheel(0);
	struct probe near = { .timer = timer_of(note, &near) }, far = { .timer = timer_of(note, &far) };

	wheel_start(wheel, &near.timer, 100);
	wheel_start(wheel, &far.timer, 50 * DAY_MS);
	wheel_free(wheel);
	assert_false(timer_runs(&near.timer));
	assert_false(timer_runs(&far.timer));
	wheel_free(NULL);
}

/* The wheel against a plain list of due times, over random starts, stops and steps. */
static void agrees_with_a_list_of_due_times(void **state)
{
	enum { COUNT = 500, STEPS = 20000 };
	struct wheel *wheel = open_wheel(123456789);
	static struct probe probes[COUNT];
	static int64_t due_ms[COUNT]; /* 0: rests */
	unsigned seed = 20240501;

	for (size_t i = 0; i < COUNT; i++)
		probes[i] = (struct probe){ .timer = timer_of(note, &probes[i]) };
	for (unsigned step = 0; step < STEPS; step++) {
		size_t i = (unsigned)rand_r(&seed) % COUNT;
		int64_t to_ms = now_ms + rand_r(&seed) % (step % 500 == 0 ? 10000000 : 100);

		if (rand_r(&seed) % 4 == 0) {
			wheel_stop(wheel, &probes[i].timer);
			due_ms[i] = 0;
		} else {
			due_ms[i] = now_ms + ((int64_t)rand_r(&seed) >> rand_r(&seed) % 31);
			wheel_start(wheel, &probes[i].timer, due_ms[i]);
		}
		advance(wheel, to_ms);
		for (size_t k = 0; k < COUNT; k++) {
			if (due_ms[k] != 0 && due_ms[k] + TICK_MS <= now_ms)
				assert_int_equal(probes[k].fired_ms, now_ms);
			if (probes[k].fired_ms == now_ms && probes[k].count > 0) {
				assert_true(due_ms[k] != 0 && due_ms[k] <= now_ms);
				due_ms[k] = 0;
				probes[k].count = 0;
			}
			assert_int_equal(timer_runs(&probes[k].timer), due_ms[k] != 0);
		}
	}
	wheel_free(wheel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_at_its_time_and_at_most_one_tick_late),
		cmocka_unit_test(wakes_rarely_for_a_far_timer),
		cmocka_unit_test(a_stopped_timer_does_not_fire),
		cmocka_unit_test(a_restarted_timer_fires_once_at_the_later_time),
		cmocka_unit_test(a_callback_may_stop_timers_of_the_same_tick),
		cmocka_unit_test(a_callback_may_start_its_own_timer_again),
		cmocka_unit_test(a_timer_that_is_always_due_does_not_hang_the_wheel),
		cmocka_unit_test(free_lets_running_timers_rest),
		cmocka_unit_test(agrees_with_a_list_of_due_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
