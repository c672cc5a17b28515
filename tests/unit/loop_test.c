#include "loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int open_loop(void **state)
{
	struct loop *loop = NULL;

	if (loop_create(&loop) != ERR_NONE)
		return 1;
	*state = loop;
	return 0;
}

static int close_loop(void **state)
{
	loop_free(*state);
	return 0;
}

/* One end of a pair of sockets on the loop. */
struct station {
	struct loop *loop;
	int near_fd, far_fd;
	struct watch *watch;
	struct station *other; /* to be unwatched by this one's callback */
	unsigned calls;
	uint32_t events;
};

static void on_ready(void *self, uint32_t events)
{
	struct station *station = self;

	station->calls++;
	station->events = events;
	if (station->other != NULL && station->other->watch != NULL) {
		loop_unwatch(station->other->watch);
		station->other->watch = NULL;
	}
}

static void station_open(struct station *station, struct loop *loop)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	*station = (struct station){ .loop = loop, .near_fd = fds[0], .far_fd = fds[1] };
	assert_int_equal(loop_watch(loop, fds[0], EPOLLIN, on_ready, station, &station->watch), ERR_NONE);
}

static void station_close(struct station *station)
{
	loop_unwatch(station->watch);
	close(station->near_fd);
	if (station->far_fd >= 0)
		close(station->far_fd);
}

static void calls_a_watch_while_its_event_is_there(void **state)
{
	struct station station;
	char byte;

	station_open(&station, *state);
	assert_int_equal(loop_turn(*state, 0), ERR_NONE);
	assert_int_equal(station.calls, 0);
	assert_int_equal(write(station.far_fd, "x", 1), 1);
	assert_int_equal(loop_turn(*state, 1000), ERR_NONE);
	assert_int_equal(loop_turn(*state, 1000), ERR_NONE);
	assert_int_equal(station.calls, 2);
	assert_int_equal(station.events, EPOLLIN);
	assert_int_equal(read(station.near_fd, &byte, 1), 1);
	assert_int_equal(loop_turn(*state, 0), ERR_NONE);
	assert_int_equal(station.calls, 2);
	station_close(&station);
}

static void a_watch_can_change_its_events(void **state)
{
	struct station station;

	station_open(&station, *state);
	assert_int_equal(loop_watch_events(station.watch, EPOLLOUT), ERR_NONE);
	assert_int_equal(loop_turn(*state, 1000), ERR_NONE);
	assert_int_equal(station.calls, 1);
	assert_int_equal(station.events, EPOLLOUT);
	assert_int_equal(loop_watch_events(station.watch, 0), ERR_NONE);
	assert_int_equal(loop_turn(*state, 0), ERR_NONE);
	assert_int_equal(station.calls, 1);
	station_close(&station);
}

static void tells_of_a_closed_peer(void **state)
{
	struct station station;

	station_open(&station, *state);
	close(station.far_fd);
	station.far_fd = -1;
	assert_int_equal(loop_turn(*state, 1000), ERR_NONE);
	assert_true((station.events & EPOLLHUP) != 0);
	station_close(&station);
}

/* Both are ready in the same turn, and whichever is called first takes the other off the loop. */
static void a_callback_may_unwatch_another_that_is_ready(void **state)
{
	struct station first, second;

	station_open(&first, *state);
	station_open(&second, *state);
	first.other = &second;
	second.other = &first;
	assert_int_equal(write(first.far_fd, "x", 1), 1);
	assert_int_equal(write(second.far_fd, "x", 1), 1);
	assert_int_equal(loop_turn(*state, 1000), ERR_NONE);
	assert_int_equal(first.calls + second.calls, 1);
	station_close(&first);
	station_close(&second);
}

static void a_callback_may_unwatch_itself(void **state)
{
	struct station station;

	station_open(&station, *state);
	station.other = &station;
	assert_int_equal(write(station.far_fd, "x", 1), 1);
	assert_int_equal(loop_turn(*state, 1000), ERR_NONE);
	assert_int_equal(loop_turn(*state, 0), ERR_NONE);
	assert_int_equal(station.calls, 1);
	station_close(&station);
}

static void refuses_a_closed_descriptor(void **state)
{
	struct watch *watch = NULL;

	assert_int_equal(loop_watch(*state, -1, EPOLLIN, on_ready, NULL, &watch), ERR_IO);
	assert_null(watch);
	loop_unwatch(NULL);
}

static void stop_loop(void *self)
{
	loop_stop(self);
}

static void a_timer_fires_not_before_its_time(void **state)
{
	struct timer timer = timer_of(stop_loop, *state);
	int64_t begin_ms = loop_now_ms(*state);

	loop_start_timer(*state, &timer, 30);
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_true(loop_now_ms(*state) >= begin_ms + 30);
	assert_true(loop_wall_ms(*state) > INT64_C(1700000000000));
	assert_false(timer_runs(&timer));
}

static void a_turn_waits_no_longer_than_asked(void **state)
{
	struct timer timer = timer_of(stop_loop, *state);

	loop_start_timer(*state, &timer, 3600000);
	assert_int_equal(loop_turn(*state, 1), ERR_NONE);
	assert_true(timer_runs(&timer));
	loop_stop_timer(*state, &timer);
	assert_false(timer_runs(&timer));
}

static void *stop_from_thread(void *self)
{
	loop_stop(self);
	return NULL;
}

static void stops_from_another_thread(void **state)
{
	pthread_t thread;

	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, *state), 0);
		assert_int_equal(loop_run(*state), ERR_NONE);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

static struct loop *signalled_loop;

static void on_signal(int signal)
{
	loop_stop(signalled_loop);
}

static void raise_signal(void *self)
{
	raise(SIGUSR1);
}

static void stops_from_a_signal_handler(void **state)
{
	struct timer timer = timer_of(raise_signal, NULL);
	struct sigaction action = { .sa_handler = on_signal }, before;

	signalled_loop = *state;
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	loop_start_timer(*state, &timer, 0);
	assert_int_equal(loop_run(*state), ERR_NONE);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

static void free_takes_the_watches_with_it(void **state)
{
	struct loop *loop;
	struct watch *watch;
	int fds[2];

	assert_int_equal(loop_create(&loop), ERR_NONE);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loop_watch(loop, fds[0], EPOLLIN, on_ready, NULL, &watch), ERR_NONE);
	loop_free(loop);
	loop_free(NULL);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls_a_watch_while_its_event_is_there, open_loop,
						close_loop),
		cmocka_unit_test_setup_teardown(a_watch_can_change_its_events, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(tells_of_a_closed_peer, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(a_callback_may_unwatch_another_that_is_ready, open_loop,
						close_loop),
		cmocka_unit_test_setup_teardown(a_callback_may_unwatch_itself, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(refuses_a_closed_descriptor, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(a_timer_fires_not_before_its_time, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(a_turn_waits_no_longer_than_asked, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(stops_from_another_thread, open_loop, close_loop),
		cmocka_unit_test_setup_teardown(stops_from_a_signal_handler, open_loop, close_loop),
		cmocka_unit_test(free_takes_the_watches_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
