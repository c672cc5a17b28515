/* A hierarchical timer wheel: start, stop and expiry cost the same for ten timers and for a million. */
#ifndef CARDEA_CORE_WHEEL_H
#define CARDEA_CORE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include <cardea/error.h>

struct timer {
	struct timer *next, **link;     /* the wheel's; link is NULL while the timer rests */
	int64_t due_ms;
	void (*fire)(void *self);
	void *self;
};

static inline struct timer timer_of(void (*fire)(void *self), void *self)
{
	return (struct timer){ .fire = fire, .self = self };
}

struct wheel;

/* Ticks of 16 ms. */
MUST_CHECK enum err wheel_create(int64_t now_ms, struct wheel **ret_wheel);
void wheel_free(struct wheel *wheel);           /* accepts NULL; what still runs rests from now on */

/* Fires at `due_ms` or up to one tick later, never before; when that is past, at the next tick. */
void wheel_start(struct wheel *wheel, struct timer *timer, int64_t due_ms);     /* restarts one that runs */
void wheel_stop(struct wheel *wheel, struct timer *timer);
static inline bool timer_runs(const struct timer *timer)
{
	return timer->link != 0;
}

/* Fires what is due; a callback may start and stop any timer. */
void wheel_advance(struct wheel *wheel, int64_t now_ms);

/* How long until wheel_advance is worth calling; -1 when nothing runs. */
int wheel_wait_ms(const struct wheel *wheel, int64_t now_ms);

#endif
