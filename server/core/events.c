/* A ring of the latest events, and for each subscription the id of the next event to tell it. Publishing
 * appends and then tells whoever is behind; when a subscriber publishes in turn, the outer call carries on
 * until nobody is behind. So every subscriber sees all events in their order, whatever the others do
 * meanwhile. */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

#define KEPT_EVENTS 4096
#define KEPT_BYTES  (16 << 20) /* notifications may be large: then fewer are kept */

struct kept {
	struct event event;
	size_t size;
	char text[]; /* type, 0, JSON, 0 */
};

struct subscription {
	struct subscription *next;
	/* NULL when it was dropped while events were told */
	void (*happened)(void *self, const struct event *event);
	void *self;
	uint64_t next_id;
};

struct events {
	struct kept *ring[KEPT_EVENTS]; /* by id; NULL: not kept, or lost for want of memory */
	uint64_t oldest_id, next_id;    /* what is kept: from the one to before the other */
	size_t bytes;
	struct subscription *subscriptions;
	const struct kept *in_use; /* by the subscriber that is being told */
	bool is_telling;
};

enum err events_create(int64_t wall_ms, struct events **ret_events)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return ERR_NOMEM;
	events->oldest_id = ((uint64_t)wall_ms << 20) + 1;
	events->next_id = events->oldest_id;
	*ret_events = events;
	return ERR_NONE;
}

static void free_subscriptions(struct events *events, bool are_all)
{
	struct subscription **link = &events->subscriptions;

	while (*link != NULL) {
		struct subscription *subscription = *link;

		if (are_all || subscription->happened == NULL) {
			*link = subscription->next;
			free(subscription);
		} else {
			link = &subscription->next;
		}
	}
}

void events_free(struct events *events)
{
	if (events == NULL)
		return;
	free_subscriptions(events, true);
	for (size_t i = 0; i < KEPT_EVENTS; i++)
		free(events->ring[i]);
	free(events);
}

static bool is_behind(const struct events *events, const struct subscription *subscription)
{
	return subscription->happened != NULL && subscription->next_id < events->next_id;
}

/* Tells the next event. A subscriber that itself publishes more than is kept loses the oldest. */
static void tell_one(struct events *events, struct subscription *subscription)
{
	struct kept **place;
	struct kept *kept;

	if (subscription->next_id < events->oldest_id)
		subscription->next_id = events->oldest_id;
	place = &events->ring[subscription->next_id++ % KEPT_EVENTS];
	kept = *place;
	if (kept == NULL)
		return;
	events->in_use = kept;
	subscription->happened(subscription->self, &kept->event);
	events->in_use = NULL;
	if (*place != kept) /* it was to go meanwhile */
		free(kept);
}

static void tell_all(struct events *events)
{
	bool was_behind = true;

	if (events->is_telling)
		return;
	events->is_telling = true;
	while (was_behind) { /* again: they may have published or subscribed meanwhile */
		was_behind = false;
		for (struct subscription *each = events->subscriptions; each != NULL; each = each->next) {
			while (is_behind(events, each)) {
				tell_one(events, each);
				was_behind = true;
			}
		}
	}
	events->is_telling = false;
	free_subscriptions(events, false);
}

static struct kept *kept_create(uint64_t id, int64_t wall_ms, const char *type, const char *json)
{
	size_t type_size = strlen(type) + 1;
	size_t json_size = strlen(json) + 1;
	size_t size = sizeof(struct kept) + type_size + json_size;
	struct kept *kept = malloc(size);

	if (kept == NULL)
		return NULL;
	kept->size = size;
	memcpy(kept->text, type, type_size);
	memcpy(kept->text + type_size, json, json_size);
	kept->event = (struct event){ id, wall_ms, kept->text, kept->text + type_size };
	return kept;
}

static void drop_oldest(struct events *events)
{
	struct kept **place = &events->ring[events->oldest_id++ % KEPT_EVENTS];

	if (*place == NULL)
		return;
	events->bytes -= (*place)->size;
	if (*place != events->in_use)
		free(*place);
	*place = NULL;
}

void events_publish(struct events *events, int64_t wall_ms, const char *type, const char *json)
{
	struct kept *kept = kept_create(events->next_id, wall_ms, type, json);

	if (kept == NULL)
		log_error("events.lost", "type=%s", type);
	else
		events->bytes += kept->size;
	if (events->next_id - events->oldest_id == KEPT_EVENTS)
		drop_oldest(events);
	events->ring[events->next_id++ % KEPT_EVENTS] = kept;
	while (events->bytes > KEPT_BYTES && events->next_id - events->oldest_id > 1)
		drop_oldest(events);
	tell_all(events);
}

enum err events_subscribe(struct events *events, uint64_t after_id,
			  void (*happened)(void *self, const struct event *event), void *self,
			  struct subscription **ret_subscription, bool *ret_gap)
{
	struct subscription *subscription = malloc(sizeof(*subscription));
	uint64_t wanted_id = after_id == 0 || after_id >= events->next_id ? events->next_id : after_id + 1;

	if (subscription == NULL)
		return ERR_NOMEM;
	*subscription = (struct subscription){
		.next = events->subscriptions,
		.happened = happened,
		.self = self,
		.next_id = wanted_id < events->oldest_id ? events->oldest_id : wanted_id,
	};
	events->subscriptions = subscription;
	*ret_subscription = subscription;
	*ret_gap = wanted_id < events->oldest_id;
	tell_all(events);
	return ERR_NONE;
}

void events_unsubscribe(struct events *events, struct subscription *subscription)
{
	if (subscription == NULL)
		return;
	subscription->happened = NULL;
	if (!events->is_telling)
		free_subscriptions(events, false);
}
