#include "restore.h"

#include <string.h>

#include "change.h"
#include "log.h"
#include "observation.h"

/* ---- registrations ---- */

/* The row's texts as a Register would have brought them. */
static enum err load_description(struct arena *arena, const struct registration_row *row,
				 struct device_description *ret_description, struct fault *fault)
{
	struct bytes links = bytes_of_text(row->links);
	struct register_request asked;
	enum err err = register_request_parse(arena, NULL, 0, links, true, &asked, fault);

	if (err != ERR_NONE)
		return err;
	asked.version = bytes_of_text(row->version);
	asked.binding = bytes_of_text(row->binding);
	asked.is_queue_mode = row->is_queue_mode;
	return device_describe(arena, &asked, bytes_of_text(row->endpoint), bytes_of_text(row->identity),
			       links, ret_description);
}

static enum err load_change(struct registry *registry, const struct registration_row *row,
			    struct change *ret_change, struct fault *fault)
{
	struct device before = {
		.lifetime_s = row->lifetime_s,
		.registered_ms = row->registered_ms,
		.updated_ms = row->updated_ms,
		.seen_ms = row->updated_ms,
		.expires_ms = row->expires_ms,
	};
	struct device_description description;
	enum err err = ERR_NONE;

	if (row->location[0] == 0 || strlen(row->location) >= LOCATION_SIZE)
		return fault_set(fault, ERR_MALFORMED, "location %s", row->location);
	err = coap_address_parse(row->address, &before.address);
	if (err != ERR_NONE)
		return fault_set(fault, err, "address %s", row->address);
	before.address.socket = row->socket;
	before.address.is_secure = row->is_secure;
	before.address.is_stream = row->is_stream;
	err = load_description(registry->scratch, row, &description, fault);
	if (err == ERR_NONE)
		err = change_prepare(registry, &description, &before, ret_change);
	if (err == ERR_NONE)
		memcpy(ret_change->location, row->location, strlen(row->location) + 1);
	return err;
}

/* A lifetime that ended while we were away still gets its grace: nobody could have heard an Update. */
static void load_times(struct device_entry *entry)
{
	struct loop *loop = entry->registry->parts.loop;
	int64_t left_ms = entry->device.expires_ms - loop_wall_ms(loop);

	if (entry->device.expires_ms != 0)
		entry->expiry_due_ms =
			loop_now_ms(loop) + (left_ms > 0 ? left_ms : 0) + entry->registry->parts.grace_ms;
	registry_schedule(entry);
}

static bool restore_registration(void *self, const struct registration_row *row)
{
	struct registry *registry = self;
	struct device_entry *entry;
	struct change change;
	struct fault fault = { 0 };
	enum err err;

	arena_reset(registry->scratch);
	err = load_change(registry, row, &change, &fault);
	if (err == ERR_NONE)
		err = change_create(registry, &change, &entry);
	if (err != ERR_NONE) {
		log_error("registration.not_loaded", "endpoint=%s error=%s reason=%s", row->endpoint,
			  err_name(err), fault.text);
		return true;
	}
	entry->is_acknowledged = true;
	/* No session and no connection outlives a restart. */
	entry->device.is_awake = !row->is_queue_mode && !row->is_secure && !row->is_stream;
	load_times(entry);
	return true;
}

/* ---- observations ---- */

/* Rows that are not wanted any more are removed when reading has ended. */
struct stale {
	struct stale *next;
	uint64_t token;
};

struct restoring {
	struct registry *registry;
	struct stale *stale;
};

static enum err note_stale(struct restoring *restoring, uint64_t token)
{
	struct stale *stale = arena_alloc(restoring->registry->scratch, sizeof(*stale));

	if (stale == NULL)
		return ERR_NOMEM;
	*stale = (struct stale){ restoring->stale, token };
	restoring->stale = stale;
	return ERR_NONE;
}

static bool restore_observation(void *self, const struct observation_row *row)
{
	struct restoring *restoring = self;
	struct device_entry *entry = registry_entry(restoring->registry, row->endpoint);
	struct observation_target target;
	enum err err;

	arena_reset(restoring->registry->brief);
	err = observation_target_parse(restoring->registry->brief, row->path, &target);

	/* A job asks again for what it wants to observe. */
	if (err == ERR_NONE && entry != NULL && row->job_id == 0)
		err = observation_restore(restoring->registry, entry, row, &target);
	else
		err = note_stale(restoring, row->token);
	if (err != ERR_NONE)
		log_error("observation.not_loaded", "endpoint=%s path=%s error=%s", row->endpoint, row->path,
			  err_name(err));
	return true;
}

static void remove_stale(struct registry *registry, const struct stale *stale)
{
	for (; stale != NULL; stale = stale->next) {
		enum err err = store_remove_observation(registry->parts.store, stale->token,
							(struct store_done){ 0 });

		if (err != ERR_NONE)
			log_warn("observation.row_stays", "error=%s", err_name(err));
	}
}

/* ---- both ---- */

enum err restore_all(struct registry *registry)
{
	struct restoring restoring = { .registry = registry };
	enum err err = store_read_registrations(registry->parts.store, restore_registration, registry);

	arena_reset(registry->scratch);
	if (err == ERR_NONE)
		err = store_read_observations(registry->parts.store, restore_observation, &restoring);
	remove_stale(registry, restoring.stale);
	return err;
}
