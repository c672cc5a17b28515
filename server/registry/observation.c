/* LwM2M Core TS 1.1, 6.4: information reporting; RFC 7641 */
#include "observation.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "awake.h"
#include "format.h"
#include "json_text.h"
#include "log.h"
#include "operation_message.h"
#include "path.h"
#include "records_json.h"
#include "reply.h"

/* ---- the observations of a device ---- */

struct observation *observation_find(const struct device_entry *entry, struct lwm2m_path path,
				     uint64_t job_id)
{
	struct observation *observation;

	LL_FOREACH(entry->observations, observation)
	{
		if (observation->job_id == job_id && path_equal(observation->path, path))
			return observation;
	}
	return NULL;
}

const struct observation *observation_of_job(const struct device_entry *entry, uint64_t job_id)
{
	const struct observation *observation;

	LL_FOREACH(entry->observations, observation)
	{
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
	LL_FOREACH(entry->observations, observation)
	views[count++] =
		(struct observation_view){ observation->path, observation->job_id, observation->format };
	*ret_views = views;
	*ret_count = count;
	return ERR_NONE;
}

static struct observation *find_token(const struct registry *registry, uint64_t token)
{
	struct observation *observation;

	HASH_FIND(hh, registry->by_token, &token, sizeof(token), observation);
	return observation;
}

/* In memory. ERR_NOMEM. */
static enum err add(struct registry *registry, struct device_entry *entry, const struct observation *from,
		    struct observation **ret_observation)
{
	struct observation *observation = malloc(sizeof(*observation));

	if (observation == NULL)
		return ERR_NOMEM;
	*observation = *from;
	observation->entry = entry;
	HASH_ADD(hh, registry->by_token, token, sizeof(observation->token), observation);
	if (observation->hh.tbl == NULL) {
		free(observation);
		return ERR_NOMEM;
	}
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
	free(observation);
}

static enum err put_row(struct registry *registry, const struct observation *observation)
{
	char path[PATH_TEXT_SIZE];
	const struct observation_row row = {
		.endpoint = observation->entry->device.endpoint,
		.path = path_print(observation->path, path),
		.token = observation->token,
		.format = observation->format,
		.job_id = observation->job_id,
	};

	return store_put_observation(registry->parts.store, &row, (struct store_done){ 0 });
}

enum err observation_keep(struct registry *registry, struct device_entry *entry, uint64_t token,
			  const struct operation_request *request)
{
	struct observation *observation = find_token(registry, token);
	const struct observation wanted = {
		.token = token,
		.job_id = request->job_id,
		.path = request->path,
		.format = request->accept,
	};
	enum err err = ERR_NONE;

	if (observation == NULL)
		err = add(registry, entry, &wanted, &observation);
	if (err != ERR_NONE)
		return err;
	observation->format = request->accept;
	observation->has_number = false; /* the device counts anew */
	err = put_row(registry, observation);
	if (err != ERR_NONE)
		forget(registry, observation);
	return err;
}

enum err observation_restore(struct registry *registry, struct device_entry *entry,
			     const struct observation_row *row, struct lwm2m_path path)
{
	const struct observation from = {
		.token = row->token, .job_id = row->job_id, .path = path, .format = row->format
	};
	struct observation *observation;

	return add(registry, entry, &from, &observation);
}

void observation_end(struct registry *registry, uint64_t token)
{
	struct observation *observation = find_token(registry, token);
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

	LL_FOREACH_SAFE(entry->observations, observation, next)
	{
		if (observation->job_id != 0)
			observation_end(registry, observation->token);
	}
}

void observation_forget_all(struct registry *registry, struct device_entry *entry)
{
	while (entry->observations != NULL)
		forget(registry, entry->observations);
}

/* ---- telling what was learned ---- */

struct report {
	const char *endpoint;
	uint64_t job_id;
	struct lwm2m_path path;
	uint16_t format;
	struct bytes payload;
	struct lwm2m_records records;
	struct fault fault;
};

/* What a job observes is the job's business: it may be the inside of a secure component. */
static void publish(struct registry *registry, const struct report *report)
{
	struct builder values = builder_in(registry->event_arena), b = builder_in(registry->event_arena);
	char path[PATH_TEXT_SIZE];
	struct bytes values_text, text;

	if (report->job_id != 0 || report->fault.kind != ERR_NONE)
		return;
	arena_reset(registry->event_arena);
	build_records_json(&values, registry->parts.model, report->records);
	build_u8(&values, 0);
	if (builder_bytes(&values, &values_text) == ERR_NONE) {
		const struct json_member members[] = {
			{ "endpoint", report->endpoint, NULL },
			{ "path", path_print(report->path, path), NULL },
			{ "values", NULL, (const char *)values_text.at },
		};

		build_json_object(&b, members, sizeof(members) / sizeof(members[0]));
		build_u8(&b, 0);
	}
	if (values.bad || builder_bytes(&b, &text) != ERR_NONE) {
		log_warn("notification.not_published", "endpoint=%s reason=too large", report->endpoint);
		return;
	}
	events_publish(registry->parts.events, loop_wall_ms(registry->parts.loop), "notification",
		       (const char *)text.at);
}

static void tell(struct registry *registry, const struct report *report)
{
	for (size_t i = 0; i < registry->listener_count; i++) {
		const struct registry_listener *listener = &registry->listeners[i];

		if (listener->notified != NULL)
			listener->notified(listener->self, report->endpoint, report->job_id, report->path,
					   report->format, report->payload, report->records, &report->fault);
	}
	publish(registry, report);
}

/* ---- notifications ---- */

static bool is_from(const struct device_entry *entry, const struct coap_address *from, const char *identity)
{
	if (entry->device.identity[0] != 0 || identity[0] != 0)
		return strcmp(entry->device.identity, identity) == 0;
	return coap_address_equal(&entry->device.address, from);
}

/* RFC 7641 3.4: a notification may overtake another one. */
static bool is_newer(const struct observation *observation, uint32_t number, int64_t now_ms)
{
	uint32_t before = observation->number;

	return !observation->has_number || now_ms - observation->heard_ms > 128000 ||
	       (before < number && number - before < 1u << 23) ||
	       (before > number && before - number > 1u << 23);
}

static void read_report(struct registry *registry, const struct observation *observation,
			const struct coap_message *message, struct report *ret_report)
{
	struct report report = {
		.endpoint = observation->entry->device.endpoint,
		.job_id = observation->job_id,
		.path = observation->path,
		.format = message->content_format,
		.payload = message->payload,
	};

	arena_reset(registry->scratch);
	if (message->code >> 5 != 2)
		fault_set(&report.fault, ERR_CONFLICT, "the device ended the observation with %u.%02u",
			  message->code >> 5, message->code & 31u);
	else
		report.records =
			operation_message_records(registry->scratch, registry->parts.model, observation->path,
						  observation->format, message, &report.fault);
	*ret_report = report;
}

bool observation_notified(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			  const struct coap_message *message)
{
	struct registry *registry = self;
	struct observation *observation = find_token(registry, token);
	int64_t now_ms = loop_now_ms(registry->parts.loop);
	struct device_entry *entry;
	struct report report;

	if (observation == NULL || !is_from(observation->entry, from, identity))
		return false;
	entry = observation->entry;
	if (message->has_observe && !is_newer(observation, message->observe, now_ms))
		return true;
	observation->has_number = message->has_observe;
	observation->number = message->observe;
	observation->heard_ms = now_ms;
	read_report(registry, observation, message, &report);
	if (message->code >> 5 != 2 || !message->has_observe)
		observation_end(registry, token);
	tell(registry, &report);
	awake_begin(registry, entry);
	return true;
}

bool observation_observed(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			  struct coap_message *ret_request)
{
	struct registry *registry = self;
	const struct observation *observation = find_token(registry, token);
	struct coap_message request = { .code = COAP_GET, .content_format = COAP_NO_FORMAT };

	if (observation == NULL || !is_from(observation->entry, from, identity))
		return false;
	request.accept = observation->format;
	arena_reset(registry->scratch);
	if (operation_message_path(registry->scratch, observation->entry->device.root, observation->path,
				   &request) != ERR_NONE)
		return false;
	*ret_request = request;
	return true;
}

/* ---- a new registration ---- */

/* The answer to an observe is the value of now: as good as a notification. */
static void renewed(void *self, uint64_t token, const struct operation_answer *answer)
{
	struct registry *registry = self;
	const struct observation *observation = find_token(registry, token);
	struct report report;

	if (observation == NULL || answer->code == 0)
		return;
	report = (struct report){
		.endpoint = observation->entry->device.endpoint,
		.path = observation->path,
		.format = answer->format,
		.payload = answer->payload,
		.records = answer->records,
		.fault = answer->fault,
	};
	tell(registry, &report);
}

void observation_renew(struct registry *registry, struct device_entry *entry)
{
	const struct observation *observation;

	LL_FOREACH(entry->observations, observation)
	{
		const struct operation_request request = {
			.operation = LWM2M_OBSERVE,
			.path = observation->path,
			.payload_format = FORMAT_NONE,
			.accept = observation->format,
			.may_wait = true,
		};
		struct fault fault = { 0 };

		if (observation->job_id != 0)
			continue;
		if (operation_start(registry, entry->device.endpoint, &request, renewed, registry,
				    observation->token, &fault) != ERR_NONE)
			log_warn("observation.not_renewed", "endpoint=%s reason=%s", entry->device.endpoint,
				 fault.text);
	}
}

/* ---- Send ---- */

/* The formats whose names are absolute, so that they can speak of any object. */
static bool is_send_format(uint16_t number)
{
	const struct format *format = format_find(number);

	return format != NULL && (number == 110 || number == FORMAT_SENML_CBOR || number == 11544);
}

static uint8_t read_send(const struct registry *registry, const struct device *device,
			 const struct coap_request *request, struct lwm2m_records *ret_records,
			 struct fault *fault)
{
	const struct coap_message *message = request->message;
	const struct lwm2m_path root = { .depth = 0 };
	enum err err;

	if (!is_send_format(message->content_format)) {
		fault_set(fault, ERR_UNSUPPORTED, "content format %u", message->content_format);
		return COAP_CODE(4, 15);
	}
	err = format_find(message->content_format)
		      ->read(request->arena, registry->parts.model, root, message->payload, ret_records,
			     fault);
	if (err != ERR_NONE)
		return COAP_CODE(4, 0);
	for (size_t i = 0; i < ret_records->count; i++) {
		uint16_t object = ret_records->at[i].path.object;

		if (!device_has(device, object, LWM2M_ID_NONE)) {
			fault_set(fault, ERR_NOT_FOUND, "object %u was not registered", object);
			return COAP_CODE(4, 4);
		}
	}
	return COAP_CODE(2, 4);
}

void observation_receive(struct registry *registry, const struct coap_request *request)
{
	struct device_entry *entry = registry_entry_from(registry, request->from, request->identity);
	struct report report = { .format = request->message->content_format,
				 .payload = request->message->payload };
	struct fault fault = { 0 };
	uint8_t code;

	if (entry == NULL) {
		fault_set(&fault, ERR_NOT_FOUND, "register first");
		reply_fault(registry, request->reply, COAP_CODE(4, 4), &fault);
		return;
	}
	code = read_send(registry, &entry->device, request, &report.records, &fault);
	if (code != COAP_CODE(2, 4)) {
		reply_fault(registry, request->reply, code, &fault);
		return;
	}
	reply_code(registry, request->reply, code);
	report.endpoint = entry->device.endpoint;
	tell(registry, &report);
	awake_begin(registry, entry);
}
