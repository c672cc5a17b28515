/* LwM2M Transport TS 1.1, 6.4.2 to 6.4.4: device management and information reporting over CoAP */
#include "operation_message.h"

#include <stdio.h>

#include "format.h"
#include "format_choice.h"
#include "path.h"
#include "tolerant_read.h"

#define MAX_ATTEMPTS      5
#define LARGE_VALUE_BYTES 1024 /* [ours] more than a block */

struct shape {
	uint8_t method, composite_method; /* 0: there is no composite form */
	bool is_reading;                  /* its answer is values */
	bool is_writing;                  /* its body is values */
	bool has_query;                   /* attributes go along */
};

/* clang-format off */
static const struct shape shapes[] = {
	[LWM2M_READ]             = { COAP_GET,    COAP_FETCH,  true,  false, false },
	[LWM2M_DISCOVER]         = { COAP_GET,    0,           false, false, true  },
	[LWM2M_WRITE_REPLACE]    = { COAP_PUT,    0,           false, true,  false },
	[LWM2M_WRITE_PARTIAL]    = { COAP_POST,   COAP_IPATCH, false, true,  false },
	[LWM2M_WRITE_ATTRIBUTES] = { COAP_PUT,    0,           false, false, true  },
	[LWM2M_EXECUTE]          = { COAP_POST,   0,           false, false, false },
	[LWM2M_CREATE]           = { COAP_POST,   0,           false, true,  false },
	[LWM2M_DELETE]           = { COAP_DELETE, 0,           false, false, false },
	[LWM2M_OBSERVE]          = { COAP_GET,    COAP_FETCH,  true,  false, true  },
	[LWM2M_CANCEL_OBSERVE]   = { COAP_GET,    COAP_FETCH,  true,  false, true  },
};
/* clang-format on */

static const struct shape *shape_of(const struct operation_request *request)
{
	return &shapes[request->operation];
}

static bool is_composite(const struct operation_request *request)
{
	return request->path.depth == 0;
}

/* Values to write, or the names of a composite read. */
static bool has_records(const struct operation_request *request)
{
	return request->payload_format == FORMAT_NONE &&
	       (shape_of(request)->is_writing || (shape_of(request)->is_reading && is_composite(request)));
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

static enum err add_path(struct arena *arena, const char *root, struct lwm2m_path path,
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

/* What is tried one after another while the device answers 4.06 or 4.15. */
static struct format_choices choices_of(const struct device *device, const struct operation_request *request)
{
	const struct shape *shape = shape_of(request);

	if (shape->is_reading)
		return is_composite(request) ? format_choices_fetch(device, request->accept)
					     : format_choices_read(device, request->accept);
	return is_composite(request) ? format_choices_patch(device, request)
				     : format_choices_write(device, request);
}

/* Of an end device nobody has said anything; its names in LwM2M CBOR, which came with 1.2, would have the
 * prefix. */
struct device operation_message_device(const struct device *from, const char *root)
{
	struct device device = *from;

	if (root == NULL)
		return device;
	device.root = root;
	device.object_count = 0;
	device.announced_formats = 0;
	if (strcmp(device.version, "1.0") != 0)
		device.version = "1.1";
	device.preferred_format =
		format_choice_first(format_choice_minor(bytes_of_text(device.version)), true, 0);
	return device;
}

/* ---- the message ---- */

static enum err write_records(struct arena *arena, const struct model *model,
			      const struct operation_request *request, uint16_t number,
			      struct coap_message *message, struct fault *fault)
{
	const struct format *format = format_find(number);

	if (format == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "no format that the device takes");
	message->content_format = format->number;
	return format->write(arena, model, request->path, request->records, &message->payload, fault);
}

static void ask(const struct operation_request *request, uint16_t number, struct coap_message *message)
{
	message->accept = number;
	message->has_observe = request->operation != LWM2M_READ;
	message->observe = request->operation == LWM2M_CANCEL_OBSERVE ? 1 : 0;
}

enum err operation_message_of(struct arena *arena, const struct model *model, const struct device *device,
			      const struct operation_request *request, size_t attempt,
			      struct coap_message *ret_message, struct fault *fault)
{
	const struct shape *shape = shape_of(request);
	const struct format_choice choice = choices_of(device, request).at[attempt];
	struct coap_message message = {
		.code = is_composite(request) ? shape->composite_method : shape->method,
		.content_format = request->payload_format,
		.accept = request->operation == LWM2M_DISCOVER ? FORMAT_LINK : COAP_NO_FORMAT,
		.payload = request->payload,
	};
	enum err err = add_path(arena, device->root, request->path, &message);

	if (err == ERR_NONE && shape->has_query && request->attributes != NULL)
		err = add_parts(&message, request->attributes, '&', add_query);
	if (err != ERR_NONE)
		return fault_set(fault, err, "path or attributes are too long");
	if (request->operation == LWM2M_EXECUTE && request->arguments != NULL && request->arguments[0] != 0) {
		message.content_format = FORMAT_TEXT;
		message.payload = bytes_of_text(request->arguments);
	}
	if (shape->is_reading)
		ask(request, choice.accept, &message);
	if (has_records(request))
		err = write_records(arena, model, request, choice.body, &message, fault);
	if (err == ERR_NONE)
		*ret_message = message;
	return err;
}

/* In the format of the attempt, or the next one that can carry the records. */
enum err operation_message_make(struct operation *operation, struct fault *fault)
{
	const struct device device = operation_message_device(&operation->entry->device, operation->root);
	size_t count = choices_of(&device, &operation->request).count;
	struct fault why = { 0 };
	enum err err;

	do {
		why = (struct fault){ 0 };
		err = operation_message_of(operation->arena, operation->model, &device, &operation->request,
					   operation->attempt, &operation->message, &why);
	} while (err == ERR_UNSUPPORTED && ++operation->attempt < count);
	if (err != ERR_NONE)
		fault_set(fault, err, "%s", why.text);
	return err;
}

bool operation_message_again(struct operation *operation, uint8_t code)
{
	const struct operation_request *request = &operation->request;
	const struct device device = operation_message_device(&operation->entry->device, operation->root);

	if (code != COAP_CODE(4, 6) && code != COAP_CODE(4, 15))
		return false;
	if (!has_records(request) && !shape_of(request)->is_reading)
		return false;
	if (++operation->attempt >= choices_of(&device, request).count)
		return false;
	operation->was_refused = true;
	return operation_message_make(operation, NULL) == ERR_NONE;
}

/* ---- the answer ---- */

struct lwm2m_records operation_message_records(struct arena *arena, const struct model *model,
					       struct lwm2m_path path, uint16_t asked,
					       const struct coap_message *message, uint32_t *rules,
					       struct fault *fault)
{
	struct lwm2m_records records = { .count = 0 };
	struct fault why = { 0 };
	enum err err;

	if (message->payload.len == 0)
		return records;
	err = tolerant_read(arena, model, path, message->content_format, asked, message->payload, &records,
			    rules, &why);
	if (err != ERR_NONE)
		fault_set(fault, err, "%s", why.text);
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
	struct device *device = &operation->entry->device;
	const struct operation_request *request = &operation->request;
	const struct format_choice choice = choices_of(device, request).at[operation->attempt];
	const struct format *format =
		format_find(shape_of(request)->is_reading ? choice.accept : choice.body);
	bool is_etch = choice.body == FORMAT_SENML_ETCH_CBOR || choice.body == FORMAT_SENML_ETCH_JSON;

	if (format != NULL && !format->single && (shape_of(request)->is_reading || !is_etch))
		device->preferred_format = format->number;
}

void operation_message_read(struct operation *operation, const struct coap_message *message,
			    struct operation_answer *ret_answer, uint32_t *rules)
{
	const struct operation_request *request = &operation->request;
	struct operation_answer answer = {
		.code = message->code,
		.format = message->content_format,
		.payload = message->payload,
		.model = operation->model,
		.sent = &operation->message,
		.received = message,
	};

	if (request->operation == LWM2M_CREATE && message->code == COAP_CODE(2, 1))
		answer.location = read_location(operation, message);
	if (message->code == COAP_CODE(2, 5) && shape_of(request)->is_reading)
		answer.records = operation_message_records(operation->arena, operation->model, request->path,
							   operation->message.accept, message,
							   &answer.tolerated, &answer.fault);
	*rules |= answer.tolerated;
	if (message->code >> 5 == 2 && operation->was_refused && operation->root == NULL)
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

	if (code != COAP_CODE(2, 4) || operation->root != NULL || !shape_of(request)->is_writing ||
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
