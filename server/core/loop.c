#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define EVENTS_PER_TURN 256
#define SLOW_TURN_MS    50

struct watch {
	struct watch *next, **link; /* in `watches`, or in `gone` until the end of the turn */
	struct loop *loop;
	int fd;
	void (*ready)(void *self, uint32_t events); /* NULL when gone */
	void *self;
};

/* What of a turn took longest: the cause of a slow one. */
struct longest {
	int64_t ms;
	int fd; /* -1: a timer */
};

struct loop {
	int epoll_fd, wake_fd;
	struct wheel *wheel;
	struct watch *watches, *gone, *wake;
	_Atomic bool is_stopping;
	bool is_in_turn;
	int64_t now_ms, wall_ms;
};

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void read_clocks(struct loop *loop)
{
	loop->now_ms = clock_ms(CLOCK_MONOTONIC);
	loop->wall_ms = clock_ms(CLOCK_REALTIME);
}

static void on_wake(void *self, uint32_t events)
{
	struct loop *loop = self;
	eventfd_t count;

	eventfd_read(loop->wake_fd, &count);
}

enum err loop_create(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	enum err err = ERR_IO;

	if (loop == NULL)
		return ERR_NOMEM;
	read_clocks(loop);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd >= 0 && loop->wake_fd >= 0)
		err = wheel_create(loop->now_ms, &loop->wheel);
	if (err == ERR_NONE)
		err = loop_watch(loop, loop->wake_fd, EPOLLIN, on_wake, loop, &loop->wake);
	if (err != ERR_NONE) {
		loop_free(loop);
		return err;
	}
	*ret_loop = loop;
	return ERR_NONE;
}

static void link_watch(struct watch *watch, struct watch **list)
{
	watch->next = *list;
	watch->link = list;
	if (*list != NULL)
		(*list)->link = &watch->next;
	*list = watch;
}

static void unlink_watch(struct watch *watch)
{
	*watch->link = watch->next;
	if (watch->next != NULL)
		watch->next->link = watch->link;
}

static void free_watches(struct watch **list)
{
	while (*list != NULL) {
		struct watch *watch = *list;

		unlink_watch(watch);
		free(watch);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	assert(!loop->is_in_turn);
	free_watches(&loop->watches);
	wheel_free(loop->wheel);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

enum err loop_watch(struct loop *loop, int fd, uint32_t events, void (*ready)(void *self, uint32_t events),
		    void *self, struct watch **ret_watch)
{
	struct watch *watch = malloc(sizeof(*watch));
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (watch == NULL)
		return ERR_NOMEM;
	*watch = (struct watch){ .loop = loop, .fd = fd, .ready = ready, .self = self };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		free(watch);
		return ERR_IO;
	}
	link_watch(watch, &loop->watches);
	*ret_watch = watch;
	return ERR_NONE;
}

enum err loop_watch_events(struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0 ? ERR_NONE : ERR_IO;
}

void loop_unwatch(struct watch *watch)
{
	struct loop *loop;

	if (watch == NULL)
		return;
	loop = watch->loop;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	unlink_watch(watch);
	if (!loop->is_in_turn) {
		free(watch);
		return;
	}
	/* The turn may still hold an event for it. */
	watch->ready = NULL;
	link_watch(watch, &loop->gone);
}

/* Notes how long what began at `begin_ms` took; answers the time now. */
static int64_t measure(struct longest *longest, int64_t begin_ms, int fd)
{
	int64_t now_ms = clock_ms(CLOCK_MONOTONIC);

	if (now_ms - begin_ms > longest->ms)
		*longest = (struct longest){ .ms = now_ms - begin_ms, .fd = fd };
	return now_ms;
}

static void log_slow(int64_t turn_ms, const struct longest *longest)
{
	if (longest->fd < 0)
		log_warn("loop.slow", "turn_ms=%lld longest_ms=%lld cause=timers", (long long)turn_ms,
			 (long long)longest->ms);
	else
		log_warn("loop.slow", "turn_ms=%lld longest_ms=%lld cause=fd fd=%d", (long long)turn_ms,
			 (long long)longest->ms, longest->fd);
}

static int shorter_wait(int a_ms, int b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

enum err loop_turn(struct loop *loop, int timeout_ms)
{
	int wait_ms = shorter_wait(timeout_ms, wheel_wait_ms(loop->wheel, clock_ms(CLOCK_MONOTONIC)));
	struct epoll_event events[EVENTS_PER_TURN];
	struct longest longest = { 0 };
	int64_t at_ms;
	int count;

	assert(!loop->is_in_turn);
	count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, wait_ms);
	if (count < 0 && errno != EINTR)
		return ERR_IO;
	read_clocks(loop);
	at_ms = loop->now_ms;
	loop->is_in_turn = true;
	/* Sockets first: an answer that is already here is not late. */
	for (int i = 0; i < count; i++) {
		struct watch *watch = events[i].data.ptr;

		if (watch->ready == NULL)
			continue;
		watch->ready(watch->self, events[i].events);
		at_ms = measure(&longest, at_ms, watch->fd);
	}
	wheel_advance(loop->wheel, loop->now_ms);
	at_ms = measure(&longest, at_ms, -1);
	loop->is_in_turn = false;
	free_watches(&loop->gone);
	if (at_ms - loop->now_ms > SLOW_TURN_MS)
		log_slow(at_ms - loop->now_ms, &longest);
	return ERR_NONE;
}

enum err loop_run(struct loop *loop)
{
	enum err err = ERR_NONE;

	while (err == ERR_NONE && !atomic_exchange(&loop->is_stopping, false))
		err = loop_turn(loop, -1);
	return err;
}

void loop_stop(struct loop *loop)
{
	int saved_errno = errno; /* of the code that a signal handler interrupted */

	atomic_store(&loop->is_stopping, true);
	eventfd_write(loop->wake_fd, 1);
	errno = saved_errno;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

int64_t loop_wall_ms(const struct loop *loop)
{
	return loop->wall_ms;
}

void loop_start_timer(struct loop *loop, struct timer *timer, int64_t after_ms)
{
	/* Not from the begin of the turn: a long turn would shorten every wait that is started in it. */
	wheel_start(loop->wheel, timer, clock_ms(CLOCK_MONOTONIC) + after_ms);
}

void loop_stop_timer(struct loop *loop, struct timer *timer)
{
	wheel_stop(loop->wheel, timer);
}
