/* LwM2M Core TS 1.1, 6.4: information reporting; RFC 7641 */
#include "observation.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "end_devices.h"
#include "log.h"
#include "notification.h"
#include "operation_message.h"

/* ---- finding ---- */

struct observation *observation_by_token(const struct registry *registry, uint64_t token)
{
	struct observation *observation;

	HASH_FIND(hh, registry->by_token, &token, sizeof(token), observation);
	return observation;
}

struct observation *observation_find(const struct device_entry *entry,
				     const struct observation_target *target, uint64_t job_id)
{
	struct observation *observation;

	LL_FOREACH (entry->observations, observation) {
		if (observation->job_id == job_id && observation_target_equal(&observation->target, target))
			return observation;
	}
	return NULL;
}

const struct observation *observation_of_job(const struct device_entry *entry, uint64_t job_id)
{
	const struct observation *observation;

	LL_FOREACH (entry->observations, observation) {
		if (observation->job_id == job_id)
			return observation;
	}
	return NULL;
}

enum err observation_views(const struct device_entry *entry, struct arena *arena,
			   struct observation_view **ret_views, size_t *ret_count)
{
	struct observation_view *views =
		arena_alloc_array(arena, entry->observation_count + 1u, sizeof(*views));
	const struct observation *observation;
	size_t count = 0;

	if (views == NULL)
		return ERR_NOMEM;
	LL_FOREACH (entry->observations, observation) {
		views[count++] = (struct observation_view){
			.prefix = observation->prefix,
			.path = observation->target.path,
			.names = observation->names,
			.attributes = observation->attributes,
			.name_count = observation->target.name_count,
			.job_id = observation->job_id,
			.format = observation->format,
		};
	}
	*ret_views = views;
	*ret_count = count;
	return ERR_NONE;
}

enum err observation_request(const struct observation *observation, enum lwm2m_operation operation,
			     struct arena *arena, struct operation_request *ret_request)
{
	struct operation_request request = {
		.operation = operation,
		.prefix = observation->prefix,
		.path = observation->target.path,
		.payload_format = FORMAT_NONE,
		.accept = observation->format,
		.attributes = observation->attributes,
		.job_id = observation->job_id,
	};
	enum err err = observation_target_records(arena, &observation->target, &request.records);

	if (err == ERR_NONE)
		*ret_request = request;
	return err;
}

/* ---- coming and going ---- */

/* A copy of its own in place of the text before; NULL: none. */
static enum err set_text(char **text, const char *to)
{
	char *copy = to == NULL ? NULL : strdup(to);

	if (to != NULL && copy == NULL)
		return ERR_NOMEM;
	free(*text);
	*text = copy;
	return ERR_NONE;
}

static enum err set_attributes(struct observation *observation, const char *attributes)
{
	enum err err = set_text(&observation->attributes, attributes);

	observation->target.attributes = observation->attributes;
	return err;
}

static void observation_free(struct observation *observation)
{
	free(observation->prefix);
	free(observation->attributes);
	free(observation);
}

/* In memory. ERR_NOMEM. */
static enum err add(struct registry *registry, struct device_entry *entry, uint64_t token,
		    const struct observation_target *target, uint64_t job_id,
		    struct observation **ret_observation)
{
	size_t names_size = target->name_count * sizeof(target->names[0]);
	struct observation *observation = calloc(1, sizeof(*observation) + names_size);

	if (observation == NULL)
		return ERR_NOMEM;
	if (names_size > 0)
		memcpy(observation->names, target->names, names_size);
	observation->entry = entry;
	observation->token = token;
	observation->job_id = job_id;
	observation->target = *target;
	observation->target.names = observation->names;
	if (set_text(&observation->prefix, target->prefix) == ERR_NONE &&
	    set_attributes(observation, target->attributes) == ERR_NONE)
		HASH_ADD(hh, registry->by_token, token, sizeof(observation->token), observation);
	if (observation->hh.tbl == NULL) {
		observation_free(observation);
		return ERR_NOMEM;
	}
	observation->target.prefix = observation->prefix;
	LL_PREPEND(entry->observations, observation);
	entry->observation_count++;
	*ret_observation = observation;
	return ERR_NONE;
}

static void forget(struct registry *registry, struct observation *observation)
{
	HASH_DELETE(hh, registry->by_token, observation);
	LL_DELETE(observation->entry->observations, observation);
	observation->entry->observation_count--;
	observation_free(observation);
}

static enum err put_row(struct registry *registry, const struct observation *observation)
{
	struct observation_row row = {
		.endpoint = observation->entry->device.endpoint,
		.token = observation->token,
		.format = observation->format,
		.job_id = observation->job_id,
	};
	enum err err;

	arena_reset(registry->brief);
	err = observation_target_print(registry->brief, &observation->target, &row.path);
	return err != ERR_NONE ? err
			       : store_put_observation(registry->parts.store, &row, (struct store_done){ 0 });
}

enum err observation_keep(struct registry *registry, struct device_entry *entry, uint64_t token,
			  const struct observation_target *target, uint16_t format, uint64_t job_id)
{
	struct observation *observation = observation_by_token(registry, token);
	enum err err = ERR_NONE;

	if (observation == NULL)
		err = add(registry, entry, token, target, job_id, &observation);
	else
		err = set_attributes(observation, target->attributes);
	if (err != ERR_NONE)
		return err;
	observation->format = format;
	observation->has_number = false; /* the device counts anew */
	err = put_row(registry, observation);
	if (err != ERR_NONE)
		forget(registry, observation);
	return err;
}

enum err observation_restore(struct registry *registry, struct device_entry *entry,
			     const struct observation_row *row, const struct observation_target *target)
{
	struct observation *observation;
	enum err err = add(registry, entry, row->token, target, row->job_id, &observation);

	if (err == ERR_NONE)
		observation->format = row->format;
	return err;
}

void observation_end(struct registry *registry, uint64_t token)
{
	struct observation *observation = observation_by_token(registry, token);
	enum err err;

	if (observation == NULL)
		return;
	forget(registry, observation);
	err = store_remove_observation(registry->parts.store, token, (struct store_done){ 0 });
	/* A row that stays behind is an observation after the next start, which its notifications do not
	 * match. */
	if (err != ERR_NONE)
		log_warn("observation.row_stays", "error=%s", err_name(err));
}

void observation_drop_jobs(struct registry *registry, struct device_entry *entry)
{
	struct observation *observation, *next;

	LL_FOREACH_SAFE (entry->observations, observation, next) {
		if (observation->job_id != 0)
			observation_end(registry, observation->token);
	}
}

void observation_forget_all(struct registry *registry, struct device_entry *entry)
{
	while (entry->observations != NULL)
		forget(registry, entry->observations);
}

/* ---- a new registration ---- */

/* The answer to an observe is the value of now: as good as a notification. */
static void renewed(void *self, uint64_t token, const struct operation_answer *answer)
{
	struct registry *registry = self;
	const struct observation *observation = observation_by_token(registry, token);
	struct notification notification;

	if (observation == NULL || answer->code == 0)
		return;
	notification = (struct notification){
		.endpoint = observation->entry->device.endpoint,
		.prefix = observation->prefix,
		.path = observation->target.path,
		.format = answer->format,
		.payload = answer->payload,
		.records = answer->records,
		.model = answer->model,
		.fault = answer->fault,
	};
	notification_tell(registry, &notification);
}

static void renew(struct registry *registry, const struct observation *observation)
{
	const char *endpoint = observation->entry->device.endpoint;
	struct operation_request request;
	struct fault fault = { 0 };
	enum err err;

	arena_reset(registry->brief);
	err = observation_request(observation, LWM2M_OBSERVE, registry->brief, &request);
	if (err == ERR_NONE) {
		request.may_wait = true;
		err = operation_start(registry, endpoint, &request, renewed, registry, observation->token,
				      &fault);
	}
	if (err != ERR_NONE)
		log_warn("observation.not_renewed", "endpoint=%s error=%s reason=%s", endpoint, err_name(err),
			 fault.text);
}

void observation_renew(struct registry *registry, struct device_entry *entry)
{
	const struct observation *observation;

	LL_FOREACH (entry->observations, observation) {
		if (observation->job_id == 0)
			renew(registry, observation);
	}
}

/* ---- the endpoint asks ---- */

bool observation_observed(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			  struct coap_message *ret_request)
{
	struct registry *registry = self;
	const struct observation *observation = observation_by_token(registry, token);
	struct operation_request request;
	const char *root = NULL;
	struct fault fault = { 0 };
	enum err err;

	if (observation == NULL || !device_entry_is_from(observation->entry, from, identity))
		return false;
	arena_reset(registry->scratch);
	err = observation_request(observation, LWM2M_OBSERVE, registry->scratch, &request);
	if (err == ERR_NONE)
		err = end_device_root(registry->scratch, observation->prefix, &root);
	const struct device device = operation_message_device(&observation->entry->device, root);
	if (err == ERR_NONE)
		err = operation_message_of(registry->scratch, registry->parts.model, &device, &request, 0,
					   ret_request, &fault);
	return err == ERR_NONE;
}
