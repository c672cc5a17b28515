/* One thread's epoll set and timers. Everything that a loop calls runs on the thread that is in loop_run. */
#ifndef CARDEA_CORE_LOOP_H
#define CARDEA_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <cardea/error.h>

#include "wheel.h"

struct loop;
struct watch;

MUST_CHECK enum err loop_create(struct loop **ret_loop);
void loop_free(struct loop *loop);              /* accepts NULL; watches are gone with it */

/* Runs until loop_stop; a turn above 50 ms logs loop.slow. loop_stop may be called from a signal handler or from
 * another thread. */
MUST_CHECK enum err loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* One turn: waits for at most `timeout_ms`, then serves what is ready. For tests and programs with their own loop. */
MUST_CHECK enum err loop_turn(struct loop *loop, int timeout_ms);

/* Times as of the begin of this turn: monotonic for timers, wall clock (ms since 1970) for what people see. */
int64_t loop_now_ms(const struct loop *loop);
int64_t loop_wall_ms(const struct loop *loop);

/* Calls `ready` whenever one of `events` (EPOLLIN, EPOLLOUT, ...) is there. ERR_IO, ERR_NOMEM. */
MUST_CHECK enum err loop_watch(struct loop *loop, int fd, uint32_t events, void (*ready)(void *self, uint32_t events),
                               void *self, struct watch **ret_watch);
MUST_CHECK enum err loop_watch_events(struct watch *watch, uint32_t events);
void loop_unwatch(struct watch *watch);         /* accepts NULL; the fd stays open; safe inside any callback */

/* (Re)starts a timer; it fires once. The timer lives inside its owner, who stops it before it goes. */
void loop_start_timer(struct loop *loop, struct timer *timer, int64_t after_ms);
void loop_stop_timer(struct loop *loop, struct timer *timer);

#endif
