#include "presented.h"

#include <string.h>

#include <cardea/crypto.h>

#include "awake.h"
#include "change.h"
#include "format.h"
#include "log.h"
#include "notification.h"
#include "observation.h"
#include "path.h"
#include "presented_state.h"
#include "register_request.h"
#include "registration.h"

#define MAX_ANSWER_BYTES (4u << 20)
#define VERSION          "1.1"
#define BINDING          "H" /* LwM2M Core TS 1.2, 6.2.1.2: HTTP */

/* ---- what is asked of it ---- */

/* As if it had come over CoAP: who keeps an answer keeps its payload. */
static void encode(struct arena *arena, const struct model *model, struct lwm2m_path path, uint16_t format,
		   struct lwm2m_records records, struct bytes *ret_payload, struct fault *fault)
{
	const struct format *row = format_find(format);
	enum err err =
		row == NULL ? ERR_UNSUPPORTED : row->write(arena, model, path, records, ret_payload, fault);

	if (err != ERR_NONE)
		fault_set(fault, err, "what is presented cannot be told in format %u", format);
}

static void observe(struct registry *registry, struct operation *operation, struct operation_answer *answer)
{
	uint64_t token = operation->observation_token;
	enum err err = ERR_NONE;

	if (token == 0)
		err = random_bytes((uint8_t *)&token, sizeof(token));
	if (err == ERR_NONE)
		err = observation_keep(registry, operation->entry, token, &operation->target,
				       operation->message.accept, operation->request.job_id);
	if (err == ERR_NONE)
		observation_end(registry, operation->replaced_token);
	else
		fault_set(&answer->fault, err, "the observation cannot be kept");
}

struct operation_answer presented_answer(struct registry *registry, struct operation *operation)
{
	const struct operation_request *request = &operation->request;
	const struct presenter *presenter = &operation->entry->presenter;
	struct operation_answer answer = { .format = FORMAT_NONE, .model = operation->model };

	operation->was_sent = true;
	if (request->operation == LWM2M_CANCEL_OBSERVE) {
		answer.code = COAP_CODE(2, 5); /* it has ended here, and he does not know of it */
		return answer;
	}
	answer.code = presenter->ask(presenter->self, operation->entry->device.endpoint, request,
				     operation->arena, &answer.records);
	if (answer.code != COAP_CODE(2, 5))
		return answer;
	answer.format = operation->message.accept;
	encode(operation->arena, operation->model, request->path, answer.format, answer.records,
	       &answer.payload, &answer.fault);
	if (request->operation == LWM2M_OBSERVE && answer.fault.kind == ERR_NONE)
		observe(registry, operation, &answer);
	return answer;
}

/* ---- what it tells ---- */

static void tell(struct registry *registry, const struct observation *observation, struct arena *arena)
{
	struct device_entry *entry = observation->entry;
	struct notification notification = {
		.endpoint = entry->device.endpoint,
		.job_id = observation->job_id,
		.path = observation->target.path,
		.format = observation->format,
	};
	struct operation_request request;
	enum err err = observation_request(observation, LWM2M_READ, arena, &request);

	if (err == ERR_NONE)
		err = device_model(&entry->device, registry->parts.model, arena, &notification.model);
	if (err != ERR_NONE || entry->presenter.ask(entry->presenter.self, entry->device.endpoint, &request,
						    arena, &notification.records) != COAP_CODE(2, 5))
		return;
	encode(arena, notification.model, notification.path, notification.format, notification.records,
	       &notification.payload, &notification.fault);
	notification_tell(registry, &notification);
}

static struct device_entry *presented_entry(const struct registry *registry, const char *endpoint)
{
	struct device_entry *entry = registry_entry(registry, endpoint);

	return entry != NULL && entry->presenter.ask != NULL ? entry : NULL;
}

/* Whoever is told may end observations: they are looked up one by one. */
void presented_changed(struct registry *registry, const char *endpoint, struct lwm2m_path path)
{
	const struct device_entry *entry = presented_entry(registry, endpoint);
	const struct observation *observation;
	uint64_t tokens[OBSERVATION_MAX];
	size_t count = 0;

	for (observation = entry != NULL ? entry->observations : NULL;
	     observation != NULL && count < OBSERVATION_MAX; observation = observation->next) {
		const struct lwm2m_path target = observation->target.path;

		if (path_starts_with(path, target) || path_starts_with(target, path))
			tokens[count++] = observation->token;
	}
	for (size_t i = 0; i < count; i++) {
		struct arena *arena = arena_create(MAX_ANSWER_BYTES);

		observation = observation_by_token(registry, tokens[i]);
		if (observation != NULL && arena != NULL)
			tell(registry, observation, arena);
		arena_free(arena);
	}
}

/* ---- coming and going ---- */

static enum err describe(struct registry *registry, const struct presented_description *description,
			 struct change *ret_change, struct fault *fault)
{
	const int64_t now_ms = loop_wall_ms(registry->parts.loop);
	const struct device before = { .registered_ms = now_ms,
				       .lifetime_s = description->lifetime_s,
				       .is_presented = true };
	const struct bytes links = bytes_of_text(description->links);
	struct device_description device;
	struct register_request asked;
	enum err err;

	arena_reset(registry->brief);
	err = register_request_parse(registry->brief, NULL, 0, links, true, &asked, fault);
	if (err != ERR_NONE)
		return err;
	asked.version = bytes_of_text(VERSION);
	asked.binding = bytes_of_text(BINDING);
	asked.is_queue_mode = true;
	err = device_describe(registry->brief, &asked, bytes_of_text(description->endpoint),
			      bytes_of(NULL, 0), links, &device);
	return err == ERR_NONE ? change_prepare(registry, &device, &before, ret_change) : err;
}

static void announce(struct registry *registry, struct device_entry *entry)
{
	log_info("registration.presented", "endpoint=%s lifetime_s=%u", entry->device.endpoint,
		 entry->device.lifetime_s);
	registration_announce(registry, entry);
}

enum err presented_register(struct registry *registry, const struct presented_description *description,
			    const struct presenter *presenter, struct fault *fault)
{
	struct device_entry *entry = registry_entry(registry, description->endpoint);
	struct change change = { 0 };
	enum err err;

	if (entry != NULL && entry->presenter.ask == NULL)
		return fault_set(fault, ERR_CONFLICT, "%s has registered over CoAP", description->endpoint);
	if (entry == NULL && registry->count >= registry->parts.max_devices)
		return fault_set(fault, ERR_UNAVAILABLE, "as many devices are registered as may be");
	err = describe(registry, description, &change, fault);
	if (err != ERR_NONE)
		return err;
	if (entry == NULL) {
		err = change_create_presented(registry, &change, presenter, &entry);
		if (err != ERR_NONE)
			return err;
	} else {
		awake_end(registry, entry);
		change_apply(entry, &change);
		entry->presenter = *presenter;
	}
	entry->is_acknowledged = true;
	registration_touch(entry);
	announce(registry, entry);
	return ERR_NONE;
}

void presented_set_awake(struct registry *registry, const char *endpoint, bool is_awake)
{
	struct device_entry *entry = presented_entry(registry, endpoint);

	if (entry == NULL)
		return;
	if (!is_awake) {
		awake_end(registry, entry);
		return;
	}
	registration_touch(entry);
	awake_begin(registry, entry);
}
