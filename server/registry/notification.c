/* LwM2M Core TS 1.1, 6.4.3 Notify and 6.4.6 Send; RFC 7641 */
#include "notification.h"

#include <string.h>

#include "awake.h"
#include "end_devices.h"
#include "format.h"
#include "json_text.h"
#include "log.h"
#include "observation.h"
#include "operation_message.h"
#include "path.h"
#include "records_json.h"
#include "reply.h"
#include "tolerated.h"

/* ---- telling what was learned ---- */

/* {"endpoint": "x", "prefix": "d01", "path": "/3/0/9", "values": [...]}; a Send has no path, and most no
 * prefix. */
static void build_event(struct builder *b, const struct notification *notification, const char *values)
{
	struct json_member members[4];
	char path[PATH_TEXT_SIZE];
	size_t count = 0;

	members[count++] = (struct json_member){ "endpoint", notification->endpoint, NULL };
	if (notification->prefix != NULL)
		members[count++] = (struct json_member){ "prefix", notification->prefix, NULL };
	if (!notification->is_sent)
		members[count++] = (struct json_member){ "path", path_print(notification->path, path), NULL };
	members[count++] = (struct json_member){ "values", NULL, values };
	build_json_object(b, members, count);
	build_u8(b, 0);
}

/* What a job observes is the job's business: it may be the inside of a secure component. */
static void publish(struct registry *registry, const struct notification *notification)
{
	struct builder values = builder_in(registry->event_arena), b = builder_in(registry->event_arena);
	struct bytes values_text, text;

	if (notification->job_id != 0 || notification->fault.kind != ERR_NONE)
		return;
	arena_reset(registry->event_arena);
	build_records_json(&values, notification->model, notification->records);
	build_u8(&values, 0);
	if (builder_bytes(&values, &values_text) == ERR_NONE)
		build_event(&b, notification, (const char *)values_text.at);
	if (values.bad || builder_bytes(&b, &text) != ERR_NONE) {
		log_warn("notification.not_published", "endpoint=%s reason=too large",
			 notification->endpoint);
		return;
	}
	events_publish(registry->parts.events, loop_wall_ms(registry->parts.loop),
		       notification->is_sent ? "send" : "notification", (const char *)text.at);
}

void notification_tell(struct registry *registry, const struct notification *notification)
{
	for (size_t i = 0; i < registry->listener_count; i++) {
		const struct registry_listener *listener = &registry->listeners[i];

		if (listener->notified != NULL)
			listener->notified(listener->self, notification->endpoint, notification->job_id,
					   notification->path, notification->format, notification->payload,
					   notification->records, &notification->fault);
	}
	publish(registry, notification);
}

/* ---- notifications ---- */

/* RFC 7641 3.4: a notification may overtake another one. */
static bool is_newer(const struct observation *observation, uint32_t number, int64_t now_ms)
{
	uint32_t before = observation->number;

	return !observation->has_number || now_ms - observation->heard_ms > 128000 ||
	       (before < number && number - before < 1u << 23) ||
	       (before > number && before - number > 1u << 23);
}

static void read_notification(struct registry *registry, const struct observation *observation,
			      const struct coap_message *message, struct notification *ret_notification,
			      uint32_t *rules)
{
	const char *root = NULL;
	struct notification notification = {
		.endpoint = observation->entry->device.endpoint,
		.job_id = observation->job_id,
		.prefix = observation->prefix,
		.path = observation->target.path,
		.format = message->content_format,
		.payload = message->payload,
	};

	arena_reset(registry->scratch);
	notification.fault.kind = end_device_root(registry->scratch, observation->prefix, &root);
	const struct device device = operation_message_device(&observation->entry->device, root);
	if (notification.fault.kind == ERR_NONE)
		notification.fault.kind =
			device_model(&device, registry->parts.model, registry->scratch, &notification.model);
	if (message->code >> 5 != 2)
		fault_set(&notification.fault, ERR_CONFLICT, "the device ended the observation with %u.%02u",
			  message->code >> 5, message->code & 31u);
	else if (notification.fault.kind == ERR_NONE)
		notification.records = operation_message_records(
			registry->scratch, notification.model, observation->target.path, observation->format,
			message, rules, &notification.fault);
	*ret_notification = notification;
}

bool notification_arrived(void *self, const struct coap_address *from, const char *identity, uint64_t token,
			  const struct coap_message *message)
{
	struct registry *registry = self;
	struct observation *observation = observation_by_token(registry, token);
	int64_t now_ms = loop_now_ms(registry->parts.loop);
	struct device_entry *entry;
	struct notification notification;
	uint32_t rules = 0;

	if (observation == NULL)
		return false;
	entry = observation->entry;
	if (!device_entry_is_from(entry, from, identity)) {
		if (!is_from_new_port(entry, from, identity) ||
		    registry_entry_from(registry, from, identity) != NULL)
			return false;
		rules |= TOLERANCE_BIT(TOLERANCE_NOTIFY_FROM_NEW_PORT);
	}
	/* Repeated datagrams have not come so far: this is another notification. */
	if (message->has_observe && observation->has_number && observation->number == message->observe)
		rules |= TOLERANCE_BIT(TOLERANCE_REPEATED_OBSERVE_NUMBER);
	else if (message->has_observe && !is_newer(observation, message->observe, now_ms))
		return true;
	observation->has_number = message->has_observe;
	observation->number = message->observe;
	observation->heard_ms = now_ms;
	read_notification(registry, observation, message, &notification, &rules);
	tolerated(registry, entry, rules);
	if (message->code >> 5 != 2 || !message->has_observe)
		observation_end(registry, token);
	notification_tell(registry, &notification);
	awake_begin(registry, entry);
	return true;
}

/* ---- Send ---- */

/* The formats whose names are absolute, so that they can speak of any object. */
static bool is_send_format(uint16_t number)
{
	return (number == FORMAT_SENML_JSON || number == FORMAT_SENML_CBOR || number == FORMAT_LWM2M_CBOR) &&
	       format_find(number) != NULL;
}

static uint8_t read_send(const struct model *model, const struct device *device,
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
		      ->read(request->arena, model, root, message->payload, ret_records, fault);
	if (err != ERR_NONE)
		return COAP_CODE(4, 0);
	for (size_t i = 0; i < ret_records->count; i++) {
		const struct lwm2m_record *record = &ret_records->at[i];

		if (!device_has(device, record->path.object, LWM2M_ID_NONE)) {
			fault_set(fault, ERR_NOT_FOUND, "object %u was not registered", record->path.object);
			return COAP_CODE(4, 4);
		}
		if (record->value.type == LWM2M_NONE || record->value.type == LWM2M_NULL) {
			fault_set(fault, ERR_MALFORMED, "record %zu has no value", i);
			return COAP_CODE(4, 0);
		}
	}
	return COAP_CODE(2, 4);
}

void notification_receive_send(struct registry *registry, const struct coap_request *request)
{
	struct device_entry *entry = registry_entry_from(registry, request->from, request->identity);
	struct notification notification = { .format = request->message->content_format,
					     .payload = request->message->payload,
					     .is_sent = true };
	struct fault fault = { 0 };
	uint8_t code;

	if (entry == NULL) {
		fault_set(&fault, ERR_NOT_FOUND, "register first");
		reply_fault(registry, request->reply, COAP_CODE(4, 4), &fault);
		return;
	}
	if (device_model(&entry->device, registry->parts.model, request->arena, &notification.model) !=
	    ERR_NONE) {
		reply_busy(registry, request->reply);
		return;
	}
	code = read_send(notification.model, &entry->device, request, &notification.records, &fault);
	if (code != COAP_CODE(2, 4)) {
		reply_fault(registry, request->reply, code, &fault);
		return;
	}
	reply_code(registry, request->reply, code);
	notification.endpoint = entry->device.endpoint;
	notification_tell(registry, &notification);
	awake_begin(registry, entry);
}
