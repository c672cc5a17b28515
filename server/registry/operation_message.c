/* LwM2M Transport TS 1.1, 6.4.2 to 6.4.4: device management and information reporting over CoAP */
#include "operation_message.h"

#include <stdio.h>

#include "format.h"
#include "path.h"

#define MAX_ATTEMPTS 4

/* clang-format off */
static const uint8_t methods[] = {
	[LWM2M_READ]             = COAP_GET,
	[LWM2M_DISCOVER]         = COAP_GET,
	[LWM2M_WRITE_REPLACE]    = COAP_PUT,
	[LWM2M_WRITE_PARTIAL]    = COAP_POST,
	[LWM2M_WRITE_ATTRIBUTES] = COAP_PUT,
	[LWM2M_EXECUTE]          = COAP_POST,
	[LWM2M_CREATE]           = COAP_POST,
	[LWM2M_DELETE]           = COAP_DELETE,
	[LWM2M_OBSERVE]          = COAP_GET,
	[LWM2M_CANCEL_OBSERVE]   = COAP_GET,
};
/* clang-format on */

static bool is_reading(const struct operation *operation)
{
	return methods[operation->request.operation] == COAP_GET;
}

static bool has_records(const struct operation *operation)
{
	const struct operation_request *request = &operation->request;

	return request->payload_format == FORMAT_NONE &&
	       (request->operation == LWM2M_WRITE_REPLACE || request->operation == LWM2M_WRITE_PARTIAL ||
		request->operation == LWM2M_CREATE);
}

/* ---- paths ---- */

static enum err add_segment(struct coap_message *message, struct bytes segment)
{
	if (message->path_count >= COAP_MAX_SEGMENTS)
		return ERR_LIMIT;
	message->path[message->path_count++] = segment;
	return ERR_NONE;
}

/* Adds what is between the separators; empty parts are left out, since clients refuse them. */
static enum err add_parts(struct coap_message *message, const char *text, char separator,
			  enum err (*add)(struct coap_message *message, struct bytes part))
{
	struct reader r = reader_of(bytes_of_text(text));
	enum err err = ERR_NONE;

	while (reader_left(&r) > 0 && err == ERR_NONE) {
		const uint8_t *end = memchr(r.at, separator, reader_left(&r));
		struct bytes part = read_bytes(&r, end == NULL ? reader_left(&r) : (size_t)(end - r.at));

		if (end != NULL)
			(void)read_u8(&r);
		if (part.len > 0)
			err = add(message, part);
	}
	return err;
}

enum err operation_message_path(struct arena *arena, const char *root, struct lwm2m_path path,
				struct coap_message *message)
{
	enum err err = add_parts(message, root, '/', add_segment);

	for (unsigned level = 1; level <= path.depth && err == ERR_NONE; level++) {
		char *text = arena_printf(arena, "%u", path_id(path, level));

		err = text == NULL ? ERR_NOMEM : add_segment(message, bytes_of_text(text));
	}
	return err;
}

static enum err add_query(struct coap_message *message, struct bytes part)
{
	if (message->query_count >= COAP_MAX_QUERIES)
		return ERR_LIMIT;
	message->query[message->query_count++] = part;
	return ERR_NONE;
}

/* ---- formats ---- */

struct attempts {
	uint16_t formats[MAX_ATTEMPTS];
	size_t count;
};

static void try(struct attempts *attempts, uint16_t format)
{
	for (size_t i = 0; i < attempts->count; i++) {
		if (attempts->formats[i] == format)
			return;
	}
	attempts->formats[attempts->count++] = format;
}

/* What is tried one after another while the device answers 4.06 or 4.15. SenML would need the alternate path
 * in its names, TLV has none. At last: what the device chooses, or the plain form of one value. */
static struct attempts attempts_of(const struct operation *operation)
{
	const struct operation_request *request = &operation->request;
	const struct device *device = &operation->entry->device;
	struct attempts attempts = { .count = 0 };

	if (is_reading(operation) && request->accept != FORMAT_NONE) {
		try(&attempts, request->accept);
		return attempts;
	}
	try(&attempts, device->preferred_format);
	if (device->root[0] == 0)
		try(&attempts, FORMAT_SENML_CBOR);
	try(&attempts, FORMAT_TLV);
	if (is_reading(operation))
		try(&attempts, FORMAT_NONE);
	else if (request->operation == LWM2M_WRITE_REPLACE && request->path.depth >= 3 &&
		 request->records.count == 1)
		try(&attempts,
		    request->records.at[0].value.type == LWM2M_OPAQUE ? FORMAT_OPAQUE : FORMAT_TEXT);
	return attempts;
}

/* ---- the message ---- */

/* A format may be unable to say it, as SenML a new instance whose id the device chooses: then the next one is
 * tried. */
static enum err write_records(struct operation *operation, const struct model *model,
			      struct coap_message *message, struct fault *fault)
{
	const struct attempts attempts = attempts_of(operation);
	struct fault first = { .kind = ERR_NONE };

	for (; operation->attempt < attempts.count; operation->attempt++) {
		const struct format *format = format_find(attempts.formats[operation->attempt]);
		enum err err = ERR_UNSUPPORTED;

		if (format != NULL)
			err = format->write(operation->arena, model, operation->request.path,
					    operation->request.records, &message->payload, &first);
		if (err == ERR_NONE) {
			message->content_format = format->number;
			return ERR_NONE;
		}
		if (err != ERR_UNSUPPORTED)
			return fault_set(fault, err, "%s", first.text);
	}
	return fault_set(fault, ERR_UNSUPPORTED, "%s",
			 first.text[0] != 0 ? first.text : "no format that the device takes");
}

static void ask(const struct operation *operation, struct coap_message *message)
{
	const struct attempts attempts = attempts_of(operation);

	message->accept = operation->request.operation == LWM2M_DISCOVER
				  ? FORMAT_LINK
				  : attempts.formats[operation->attempt];
	message->has_observe = operation->request.operation == LWM2M_OBSERVE ||
			       operation->request.operation == LWM2M_CANCEL_OBSERVE;
	message->observe = operation->request.operation == LWM2M_CANCEL_OBSERVE ? 1 : 0;
}

enum err operation_message_make(struct operation *operation, const struct model *model, struct fault *fault)
{
	const struct operation_request *request = &operation->request;
	struct coap_message *message = &operation->message;
	enum err err;

	*message = (struct coap_message){
		.code = methods[request->operation],
		.content_format = request->payload_format,
		.accept = COAP_NO_FORMAT,
		.payload = request->payload,
	};
	err = operation_message_path(operation->arena, operation->entry->device.root, request->path, message);
	if (err == ERR_NONE && request->operation == LWM2M_WRITE_ATTRIBUTES)
		err = add_parts(message, request->attributes, '&', add_query);
	if (err != ERR_NONE)
		return fault_set(fault, err, "path or attributes are too long");
	if (request->operation == LWM2M_EXECUTE && request->arguments != NULL && request->arguments[0] != 0) {
		message->content_format = FORMAT_TEXT;
		message->payload = bytes_of_text(request->arguments);
	}
	if (is_reading(operation))
		ask(operation, message);
	if (has_records(operation))
		err = write_records(operation, model, message, fault);
	return err;
}

bool operation_message_again(struct operation *operation, const struct model *model, uint8_t code)
{
	if (code != COAP_CODE(4, 6) && code != COAP_CODE(4, 15))
		return false;
	if (!has_records(operation) &&
	    !(is_reading(operation) && operation->request.operation != LWM2M_DISCOVER))
		return false;
	while (++operation->attempt < attempts_of(operation).count) {
		if (operation_message_make(operation, model, NULL) == ERR_NONE)
			return true;
	}
	return false;
}

/* ---- the answer ---- */

struct lwm2m_records operation_message_records(struct arena *arena, const struct model *model,
					       struct lwm2m_path path, uint16_t asked,
					       const struct coap_message *message, struct fault *fault)
{
	uint16_t number = message->content_format == COAP_NO_FORMAT ? asked : message->content_format;
	const struct format *format = format_find(number);
	struct lwm2m_records records = { .count = 0 };
	enum err err;

	if (message->payload.len == 0)
		return records;
	if (format == NULL) {
		fault_set(fault, ERR_UNSUPPORTED, "content format %u", number);
		return records;
	}
	err = format->read(arena, model, path, message->payload, &records, fault);
	if (err != ERR_NONE)
		fault_set(fault, err, "%s", err_name(err));
	return records;
}

/* Location-Path /3303/0 of a Create, below the alternate root; depth 0 when the device gives none, as it may
 * [spec2]. */
static struct lwm2m_path read_location(const struct operation *operation, const struct coap_message *message)
{
	struct lwm2m_path path = { .depth = 0 };
	char text[PATH_TEXT_SIZE];
	int length;

	if (message->path_count < 2)
		return path;
	length = snprintf(text, sizeof(text), "/%.*s/%.*s", (int)message->path[message->path_count - 2].len,
			  (const char *)message->path[message->path_count - 2].at,
			  (int)message->path[message->path_count - 1].len,
			  (const char *)message->path[message->path_count - 1].at);
	if (length < 0 || (size_t)length >= sizeof(text) ||
	    path_parse(bytes_of_text(text), &path, NULL) != ERR_NONE ||
	    path.object != operation->request.path.object)
		return (struct lwm2m_path){ .depth = 0 };
	return path;
}

/* What the device took at last it is offered first from now on. */
static void prefer(const struct operation *operation)
{
	uint16_t number = attempts_of(operation).formats[operation->attempt];
	const struct format *format = format_find(number);

	if (format != NULL && !format->single)
		operation->entry->device.preferred_format = number;
}

void operation_message_read(struct operation *operation, const struct model *model,
			    const struct coap_message *message, struct operation_answer *ret_answer)
{
	const struct operation_request *request = &operation->request;
	struct operation_answer answer = { .code = message->code,
					   .format = message->content_format,
					   .payload = message->payload };

	if (request->operation == LWM2M_CREATE && message->code == COAP_CODE(2, 1))
		answer.location = read_location(operation, message);
	if (message->code == COAP_CODE(2, 5) && is_reading(operation) && request->operation != LWM2M_DISCOVER)
		answer.records = operation_message_records(operation->arena, model, request->path,
							   operation->message.accept, message, &answer.fault);
	if (message->code >> 5 == 2 && operation->attempt > 0)
		prefer(operation);
	*ret_answer = answer;
}

/* Only where there is one server account: which of several is ours the device has not said. */
static bool has_one_account(const struct device *device)
{
	size_t count = 0;

	for (size_t i = 0; i < device->object_count; i++)
		count += device->objects[i].object == 1;
	return count == 1;
}

bool operation_message_wrote_lifetime(const struct operation *operation, uint8_t code,
				      uint32_t *ret_lifetime_s)
{
	const struct operation_request *request = &operation->request;

	if (code != COAP_CODE(2, 4) || !has_records(operation) || request->path.object != 1 ||
	    !has_one_account(&operation->entry->device))
		return false;
	for (size_t i = 0; i < request->records.count; i++) {
		const struct lwm2m_path path = request->records.at[i].path;
		int64_t lifetime_s = lwm2m_integer(request->records, LWM2M_RESOURCE(1, path.instance, 1), -1);

		if (lifetime_s >= 0 && lifetime_s <= UINT32_MAX) {
			*ret_lifetime_s = (uint32_t)lifetime_s;
			return true;
		}
	}
	return false;
}
