/* A device is found by three keys: its endpoint name (a tree, since lists are shown in order), its location
 * (a hash: every Update comes that way) and its address (a hash: a Send without security says nothing else).
 */
#include "registry.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "awake.h"
#include "file.h"
#include "json_text.h"
#include "log.h"
#include "notification.h"
#include "observation.h"
#include "operation_queue.h"
#include "registration.h"
#include "reply.h"
#include "restore.h"
#include "routes.h"
#include "settings.h"
#include "state.h"
#include "tolerated.h"

#define CACHE_LINE        64
#define SCRATCH_MAX_BYTES (4u << 20) /* of one request or answer, decoded */

/* ---- the tree of names ---- */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct device *)a)->endpoint, ((const struct device *)b)->endpoint);
}

/* tfind goes down the tree from the root; the last device on that way which is behind `after` is the next
 * one. */
struct name_search {
	const char *after;
	const struct device *next;
};

static int compare_after(const void *key, const void *element)
{
	struct name_search *search = (struct name_search *)key;
	const struct device *device = element;

	if (strcmp(search->after, device->endpoint) >= 0)
		return 1;
	search->next = device;
	return -1;
}

/* ---- finding ---- */

struct device_entry *registry_entry(const struct registry *registry, const char *endpoint)
{
	const struct device key = { .endpoint = endpoint };
	void *const *node = tfind(&key, &registry->by_name, compare_names);

	return node == NULL ? NULL : *node;
}

static bool is_at_location(const void *item, const void *key)
{
	return bytes_equal_text(*(const struct bytes *)key, ((const struct device_entry *)item)->location);
}

static bool is_at_address(const void *item, const void *key)
{
	const struct address_key its = address_key_of(&((const struct device_entry *)item)->device.address);

	return memcmp(&its, key, sizeof(its)) == 0;
}

/* 0 stands for being in no index. */
static uint64_t hash_of(const struct index *index, const void *key, size_t len)
{
	uint64_t hash = index_hash(index, bytes_of(key, len));

	return hash != 0 ? hash : 1;
}

struct device_entry *registry_entry_at(const struct registry *registry, struct bytes location)
{
	const struct index *index = &registry->by_location;
	const uint64_t hash = hash_of(index, location.at, location.len);
	const uint8_t *guess = index_guess(index, hash);

	/* Most of it is wanted next: to wait once for all of its cache lines is better than for one after the
	 * other. */
	for (size_t at = 0; guess != NULL && at < sizeof(struct device_entry); at += CACHE_LINE)
		__builtin_prefetch(guess + at);
	return index_find(index, hash, is_at_location, &location);
}

static struct device_entry *entry_at_address(const struct registry *registry, const struct address_key *key)
{
	const struct index *index = &registry->by_address;

	return index_find(index, hash_of(index, key, sizeof(*key)), is_at_address, key);
}

struct device_entry *registry_entry_from(const struct registry *registry, const struct coap_address *from,
					 const char *identity)
{
	const struct address_key key = address_key_of(from);

	return identity[0] != 0 ? registry_entry(registry, identity) : entry_at_address(registry, &key);
}

const struct device *registry_find(const struct registry *registry, const char *endpoint)
{
	const struct device_entry *entry = registry_entry(registry, endpoint);

	return entry == NULL ? NULL : &entry->device;
}

const struct device *registry_next(const struct registry *registry, const char *after)
{
	struct name_search search = { .after = after };

	(void)tfind(&search, &registry->by_name, compare_after);
	return search.next;
}

size_t registry_count(const struct registry *registry)
{
	return registry->count;
}

/* ---- the indexes ---- */

static void take_out(struct index *index, uint64_t *hash, const struct device_entry *entry)
{
	if (*hash != 0)
		index_remove(index, *hash, entry);
	*hash = 0;
}

static enum err put_in(struct index *index, const void *key, size_t len, uint64_t *hash,
		       struct device_entry *entry)
{
	const uint64_t new_hash = hash_of(index, key, len);
	enum err err = index_put(index, new_hash, entry);

	if (err == ERR_NONE)
		*hash = new_hash;
	return err;
}

enum err registry_index_location(struct registry *registry, struct device_entry *entry)
{
	take_out(&registry->by_location, &entry->location_hash, entry);
	return put_in(&registry->by_location, entry->location, strlen(entry->location), &entry->location_hash,
		      entry);
}

enum err registry_index_address(struct registry *registry, struct device_entry *entry)
{
	const struct address_key key = address_key_of(&entry->device.address);
	struct device_entry *before;

	take_out(&registry->by_address, &entry->address_hash, entry);
	before = entry_at_address(registry, &key);
	if (before != NULL)
		take_out(&registry->by_address, &before->address_hash, before);
	return put_in(&registry->by_address, &key, sizeof(key), &entry->address_hash, entry);
}

static void unindex(struct registry *registry, struct device_entry *entry)
{
	take_out(&registry->by_location, &entry->location_hash, entry);
	take_out(&registry->by_address, &entry->address_hash, entry);
	if (tdelete(&entry->device, &registry->by_name, compare_names) != NULL)
		registry->count--;
}

enum err registry_add(struct registry *registry, struct device_entry *entry)
{
	if (tsearch(&entry->device, &registry->by_name, compare_names) == NULL)
		return ERR_NOMEM;
	registry->count++;
	if (entry->presenter.ask != NULL)
		return ERR_NONE;
	if (registry_index_location(registry, entry) != ERR_NONE ||
	    registry_index_address(registry, entry) != ERR_NONE) {
		unindex(registry, entry);
		return ERR_NOMEM;
	}
	return ERR_NONE;
}

/* ---- leaving ---- */

void device_entry_free(struct device_entry *entry)
{
	if (entry == NULL)
		return;
	device_texts_free(entry->texts);
	free(entry->tolerated);
	free(entry);
}

static void sweep_removed(void *self)
{
	struct registry *registry = self;

	while (registry->removed != NULL) {
		struct device_entry *entry = registry->removed;

		registry->removed = entry->next_removed;
		device_entry_free(entry);
	}
}

void registry_drop(struct registry *registry, struct device_entry *entry, const char *event)
{
	loop_stop_timer(registry->parts.loop, &entry->timer);
	unindex(registry, entry);
	entry->is_removed = true;
	entry->device.is_awake = false;
	entry->next_removed = registry->removed;
	registry->removed = entry;
	loop_start_timer(registry->parts.loop, &registry->sweep, 0);

	log_info(event, "endpoint=%s", entry->device.endpoint);
	observation_forget_all(registry, entry);
	operation_queue_end(registry, entry, ERR_UNAVAILABLE, "the device is no longer registered");
	for (size_t i = 0; i < registry->listener_count; i++) {
		if (registry->listeners[i].gone != NULL)
			registry->listeners[i].gone(registry->listeners[i].self, entry->device.endpoint);
	}
	if (entry->presenter.gone != NULL)
		entry->presenter.gone(entry->presenter.self, entry->device.endpoint);
	registry_publish(registry, &entry->device, event);
}

enum err registry_remove(struct registry *registry, const char *endpoint)
{
	struct device_entry *entry = registry_entry(registry, endpoint);
	enum err err;

	if (entry == NULL)
		return ERR_NOT_FOUND;
	err = store_remove_registration(registry->parts.store, endpoint, (struct store_done){ 0 });
	if (err != ERR_NONE)
		return err;
	registry_drop(registry, entry, "device.deregistered");
	return ERR_NONE;
}

/* ---- time ---- */

static void device_due(void *self)
{
	struct device_entry *entry = self;
	struct registry *registry = entry->registry;
	int64_t now_ms = loop_now_ms(registry->parts.loop);

	if (now_ms >= entry->expiry_due_ms) {
		registration_expire(registry, entry);
		return;
	}
	if (now_ms >= entry->sleep_due_ms)
		awake_end(registry, entry);
	if (now_ms >= entry->retry_due_ms) {
		entry->retry_due_ms = TIME_NEVER;
		observation_renew(registry, entry);
		awake_begin(registry, entry);
	}
	registry_schedule(entry);
}

void registry_schedule(struct device_entry *entry)
{
	struct loop *loop = entry->registry->parts.loop;
	int64_t due_ms = entry->expiry_due_ms;

	if (entry->timer.fire == NULL)
		entry->timer = timer_of(device_due, entry);
	if (entry->sleep_due_ms < due_ms)
		due_ms = entry->sleep_due_ms;
	if (entry->retry_due_ms < due_ms)
		due_ms = entry->retry_due_ms;
	/* A timer that runs and ends earlier is left alone: most refreshes then cost nothing here. */
	if (due_ms != TIME_NEVER && (!timer_runs(&entry->timer) || due_ms < entry->timer.due_ms))
		loop_start_timer(loop, &entry->timer, due_ms - loop_now_ms(loop));
}

/* ---- telling ---- */

void registry_publish(struct registry *registry, const struct device *device, const char *event)
{
	const struct json_member members[] = { { "endpoint", device->endpoint, NULL } };
	struct builder b = builder_in(registry->event_arena);
	struct bytes json;

	arena_reset(registry->event_arena);
	build_json_object(&b, members, sizeof(members) / sizeof(members[0]));
	build_u8(&b, 0);
	if (builder_bytes(&b, &json) == ERR_NONE)
		events_publish(registry->parts.events, loop_wall_ms(registry->parts.loop), event,
			       (const char *)json.at);
	else
		log_error("registry.event_lost", "type=%s endpoint=%s", event, device->endpoint);
}

void registry_listen(struct registry *registry, const struct registry_listener *listener)
{
	assert(registry->listener_count < REGISTRY_MAX_LISTENERS);
	registry->listeners[registry->listener_count++] = *listener;
}

/* ---- the endpoint ---- */

static void moved(void *self, const char *identity, const struct coap_address *to)
{
	struct registry *registry = self;
	struct device_entry *entry = registry_entry(registry, identity);

	if (entry == NULL || strcmp(entry->device.identity, identity) != 0)
		return;
	if (!coap_address_equal(&entry->device.address, to))
		registration_move(registry, entry, to);
	awake_begin(registry, entry);
}

/* Once it is awake: its notifications so far were refused. */
static void renewed(void *self, const char *identity)
{
	struct registry *registry = self;
	struct device_entry *entry = registry_entry(registry, identity);

	if (entry != NULL && strcmp(entry->device.identity, identity) == 0)
		observation_renew(registry, entry);
}

/* Its observations went with the connection; they are asked for when it comes again. */
static void lost(void *self, const struct coap_address *from, const char *identity)
{
	struct registry *registry = self;
	struct device_entry *entry = registry_entry_from(registry, from, identity);

	if (entry == NULL || !coap_address_equal(&entry->device.address, from))
		return;
	log_info("device.unreachable", "endpoint=%s reason=the connection has ended", entry->device.endpoint);
	awake_end(registry, entry);
}

static void message_tolerated(void *self, const struct coap_address *from, const char *identity,
			      enum tolerance rule)
{
	struct registry *registry = self;
	struct device_entry *entry = registry_entry_from(registry, from, identity);

	if (entry != NULL)
		tolerated(registry, entry, TOLERANCE_BIT(rule));
}

struct endpoint_handlers registry_handlers(struct registry *registry)
{
	return (struct endpoint_handlers){
		.request = routes_serve,
		.notification = notification_arrived,
		.observed = observation_observed,
		.moved = moved,
		.renewed = renewed,
		.lost = lost,
		.tolerated = message_tolerated,
		.self = registry,
	};
}

/* Without an endpoint nothing is under way, and nobody can be answered. */
static void detach(struct registry *registry)
{
	const struct device *device;

	for (device = registry_next(registry, ""); device != NULL;
	     device = registry_next(registry, device->endpoint))
		operation_queue_forget(registry, registry_entry(registry, device->endpoint));
	registry->endpoint = NULL;
}

void registry_attach(struct registry *registry, struct endpoint *endpoint)
{
	if (endpoint == NULL)
		detach(registry);
	registry->endpoint = endpoint;
}

/* ---- beginning and end ---- */

enum err registry_create(const struct registry_parts *parts, struct registry **ret_registry)
{
	struct registry *registry = calloc(1, sizeof(*registry));
	enum err err = ERR_NOMEM;

	if (registry == NULL)
		return ERR_NOMEM;
	registry->parts = *parts;
	registry->begun_ms = loop_now_ms(parts->loop);
	registry->sweep = timer_of(sweep_removed, registry);
	registry->scratch = arena_create(SCRATCH_MAX_BYTES);
	registry->brief = arena_create(SCRATCH_MAX_BYTES);
	registry->event_arena = arena_create(SCRATCH_MAX_BYTES);
	if (registry->scratch != NULL && registry->brief != NULL && registry->event_arena != NULL)
		err = index_begin(&registry->by_location);
	if (err == ERR_NONE)
		err = index_begin(&registry->by_address);
	if (err == ERR_NONE)
		err = index_begin(&registry->kinds);
	if (err == ERR_NONE)
		err = settings_load(registry);
	if (err == ERR_NONE)
		err = restore_all(registry);
	if (err != ERR_NONE) {
		registry_free(registry);
		return err;
	}
	*ret_registry = registry;
	return ERR_NONE;
}

void registry_free(struct registry *registry)
{
	const struct device *device;

	if (registry == NULL)
		return;
	detach(registry);
	while ((device = registry_next(registry, "")) != NULL) {
		struct device_entry *entry = registry_entry(registry, device->endpoint);

		observation_forget_all(registry, entry);
		loop_stop_timer(registry->parts.loop, &entry->timer);
		unindex(registry, entry);
		device_entry_free(entry);
	}
	loop_stop_timer(registry->parts.loop, &registry->sweep);
	sweep_removed(registry);
	acknowledgement_cancel_all(registry);
	settings_free(registry);
	index_end(&registry->by_location);
	index_end(&registry->by_address);
	index_end(&registry->kinds);
	file_forget_all(registry);
	arena_free(registry->scratch);
	arena_free(registry->brief);
	arena_free(registry->event_arena);
	free(registry);
}
