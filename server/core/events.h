/* What happened, in order: the source of event streams, metrics and audit. The last 4096 events are
 * kept in memory, fewer when they take more than 16 MiB. */
#ifndef CARDEA_CORE_EVENTS_H
#define CARDEA_CORE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <cardea/error.h>

struct events;
struct subscription;

struct event {
	uint64_t id;                    /* grows by one; starts from the wall clock in ms << 20, so that it grows over restarts */
	int64_t at_ms;                  /* since 1970 */
	const char *type;               /* "device.registered", "device.updated", "device.deregistered", "device.expired",
	                                 * "notification", "job.updated", "package.added", ... */
	const char *json;               /* object */
};

MUST_CHECK enum err events_create(int64_t wall_ms, struct events **ret_events);
void events_free(struct events *events);         /* accepts NULL; subscriptions are gone with it */

/* Copies both texts. */
void events_publish(struct events *events, int64_t wall_ms, const char *type, const char *json);

/* Calls `happened` for every later event; first, before it returns, for those kept after `after_id` (0: none of the
 * past). Inside another's `happened` these come right after it instead. Every subscriber sees the events in order,
 * also those that are published inside `happened`. *ret_gap is true when some after `after_id` are no longer kept. */
MUST_CHECK enum err events_subscribe(struct events *events, uint64_t after_id,
                                     void (*happened)(void *self, const struct event *event), void *self,
                                     struct subscription **ret_subscription, bool *ret_gap);
void events_unsubscribe(struct events *events, struct subscription *subscription);      /* safe inside `happened` */

#endif
