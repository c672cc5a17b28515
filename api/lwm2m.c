/* /devices/{ep}/lwm2m/{path}: the operations of LwM2M, as they are. */
#include "lwm2m.h"

#include <stdio.h>
#include <string.h>

#include "api_parts.h"
#include "format.h"
#include "handlers.h"
#include "lwm2m_body.h"
#include "operation.h"
#include "path.h"
#include "queue.h"
#include "records_json.h"
#include "reply.h"
#include "routes.h"

/* What a code of the device is to a caller of REST; others are 502. */
static const struct {
	uint8_t code;
	unsigned status;
} statuses[] = {
	{ COAP_CODE(4, 0), 400 }, { COAP_CODE(4, 1), 403 },  { COAP_CODE(4, 3), 403 },
	{ COAP_CODE(4, 4), 404 }, { COAP_CODE(4, 5), 405 },  { COAP_CODE(4, 6), 406 },
	{ COAP_CODE(4, 9), 409 }, { COAP_CODE(4, 13), 413 }, { COAP_CODE(4, 15), 415 },
	{ COAP_CODE(5, 1), 501 }, { COAP_CODE(5, 3), 503 },
};

static void reply_device_error(struct http_request *request, const struct operation_answer *answer)
{
	unsigned status = 502;
	char code[8], detail[160];
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i].code == answer->code)
			status = statuses[i].status;
	snprintf(code, sizeof code, "%u.%02u", answer->code >> 5, answer->code & 31u);
	bool has_text =
		answer->payload.len > 0 && answer->payload.len < 100 && bytes_are_utf8(answer->payload);
	snprintf(detail, sizeof detail, "the device answered %s%s%.*s", code, has_text ? ": " : "",
		 has_text ? (int)answer->payload.len : 0, has_text ? (const char *)answer->payload.at : "");
	http_add_header(request, "X-Device-Code", code);
	http_reply_problem(request, status, "device-error", detail);
}

/* {"endpoint": ..., "path": ..., "format": ..., "resources": [...]} */
static void reply_records(struct http_request *request, const struct operation_answer *answer)
{
	const struct format *format = format_find(answer->format);
	struct builder b = builder_in(request->arena);
	struct bytes text;
	build_records_json(&b, answer->model, answer->records);
	build_u8(&b, 0);
	if (builder_bytes(&b, &text) != ERR_NONE) {
		http_reply_err(request, ERR_NOMEM);
		return;
	}
	http_reply_json(request, 200,
			json_pack("{s:s, s:s, s:s, s:o}", "endpoint", request->endpoint, "path",
				  (const char *)request->own, "format",
				  format != NULL ? format->name : "none", "resources",
				  json_text((const char *)text.at)));
}

static void reply_links(struct http_request *request, const struct operation_answer *answer)
{
	http_reply_json(request, 200,
			json_pack("{s:s, s:s, s:s%}", "endpoint", request->endpoint, "path",
				  (const char *)request->own, "links", (const char *)answer->payload.at,
				  answer->payload.len));
}

static void reply_created(struct http_request *request, const struct operation_answer *answer)
{
	char path[PATH_TEXT_SIZE], location[512];
	if (answer->location.depth == 2) {
		const char *prefix = http_query(request, "prefix");
		snprintf(location, sizeof location, "/api/v1/devices/%s/lwm2m%s%s%s", request->endpoint,
			 path_print(answer->location, path), prefix != NULL ? "?prefix=" : "",
			 prefix != NULL ? prefix : "");
		http_add_header(request, "Location", location);
	}
	http_reply_empty(request, 201);
}

static void reply_done(struct http_request *request, const struct operation_answer *answer)
{
	http_reply_empty(request, 204);
}

static void (*const successes[])(struct http_request *, const struct operation_answer *) = {
	[LWM2M_READ] = reply_records,          [LWM2M_DISCOVER] = reply_links,
	[LWM2M_WRITE_REPLACE] = reply_done,    [LWM2M_WRITE_PARTIAL] = reply_done,
	[LWM2M_WRITE_ATTRIBUTES] = reply_done, [LWM2M_EXECUTE] = reply_done,
	[LWM2M_CREATE] = reply_created,        [LWM2M_DELETE] = reply_done,
	[LWM2M_OBSERVE] = reply_records,       [LWM2M_CANCEL_OBSERVE] = reply_records,
};

bool lwm2m_reply_failure(struct http_request *request, const struct operation_answer *answer)
{
	struct fault fault = answer->fault;
	if (answer->code == 0 && fault.kind != ERR_MALFORMED)
		http_reply_fault_or(request, &fault, fault.kind);
	else if (answer->code != 0 && answer->code >> 5 != 2)
		reply_device_error(request, answer);
	else if (fault.kind != ERR_NONE)
		http_reply_problem(request, 502, "bad-device-answer",
				   fault.text[0] != 0 ? fault.text : err_name(fault.kind));
	else
		return false;
	return true;
}

/* id: the request's above the operation, which says how to answer. */
static void answered(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct api *api = self;
	struct http_request *request = http_find(api->http, id >> 4);
	if (request == NULL)
		return;
	if (!lwm2m_reply_failure(request, answer))
		successes[id & 15](request, answer);
}

/* The path of the request; its text stays in request->own for the answer. */
static enum err path_of(struct http_request *request, struct lwm2m_path *ret_path, struct fault *fault)
{
	struct builder b = builder_in(request->arena);
	struct bytes text;
	char printed[PATH_TEXT_SIZE];
	for (size_t i = 0; i < request->rest_count; i++)
		build_printf(&b, "/%s", request->segments[request->rest + i]);
	enum err err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		err = path_parse(text, ret_path, fault);
	if (err != ERR_NONE)
		return err;
	request->own = arena_strdup(request->arena, path_print(*ret_path, printed));
	return request->own != NULL ? ERR_NONE : ERR_NOMEM;
}

void lwm2m_start(struct http_request *request, struct operation_request *operation, enum err err,
		 struct fault *fault)
{
	operation->prefix = http_query(request, "prefix");
	if (err == ERR_NONE && queue_is_wanted(request))
		err = queue_start(request, operation, fault);
	else if (err == ERR_NONE)
		err = operation_start(request->api->parts.registry, request->endpoint, operation, answered,
				      request->api, request->id << 4 | operation->operation, fault);
	if (err == ERR_NONE)
		return;
	if (err == ERR_NOT_FOUND)
		fault_set(fault, err, "device %s: not registered", request->endpoint);
	http_reply_fault_or(request, fault, err);
}

static const struct operation_request nothing = { .payload_format = FORMAT_NONE, .accept = FORMAT_NONE };

/* Operations without a body. */
static void start_plain(struct http_request *request, enum lwm2m_operation kind)
{
	struct fault fault = { .kind = ERR_NONE };
	struct operation_request operation = nothing;
	operation.operation = kind;
	enum err err = path_of(request, &operation.path, &fault);
	if (err == ERR_NONE)
		err = lwm2m_accept(request, &operation.accept, &fault);
	lwm2m_start(request, &operation, err, &fault);
}

static void start_with_body(struct http_request *request, enum lwm2m_operation kind)
{
	struct fault fault = { .kind = ERR_NONE };
	struct operation_request operation = nothing;
	operation.operation = kind;
	enum err err = path_of(request, &operation.path, &fault);
	if (err == ERR_NONE)
		err = lwm2m_body(request, &operation, &fault);
	lwm2m_start(request, &operation, err, &fault);
}

void lwm2m_read(struct http_request *request)
{
	start_plain(request, LWM2M_READ);
}

enum err lwm2m_query(const struct http_request *request, const char **ret_attributes)
{
	static const char *const ours[] = { "queue", "priority", "prefix", "format", NULL };
	struct builder b = builder_in(request->arena);
	struct bytes text;

	http_build_query(request, ours, &b);
	build_u8(&b, 0);
	enum err err = builder_bytes(&b, &text);
	if (err == ERR_NONE)
		*ret_attributes = text.len > 1 ? (const char *)text.at : NULL;
	return err;
}

static void start_with_query(struct http_request *request, enum lwm2m_operation kind, bool needs_some)
{
	struct fault fault = { .kind = ERR_NONE };
	struct operation_request operation = nothing;
	operation.operation = kind;
	enum err err = path_of(request, &operation.path, &fault);
	if (err == ERR_NONE)
		err = lwm2m_query(request, &operation.attributes);
	if (err == ERR_NONE && needs_some && operation.attributes == NULL)
		err = fault_set(&fault, ERR_MALFORMED, "query: no attribute, as in ?pmin=10");
	if (err == ERR_NONE && kind == LWM2M_OBSERVE)
		err = lwm2m_accept(request, &operation.accept, &fault);
	lwm2m_start(request, &operation, err, &fault);
}

void lwm2m_discover(struct http_request *request)
{
	start_with_query(request, LWM2M_DISCOVER, false);
}

void lwm2m_observe(struct http_request *request)
{
	start_with_query(request, LWM2M_OBSERVE, false);
}

void lwm2m_attributes(struct http_request *request)
{
	start_with_query(request, LWM2M_WRITE_ATTRIBUTES, true);
}

void lwm2m_cancel_observation(struct http_request *request)
{
	start_plain(request, LWM2M_CANCEL_OBSERVE);
}

void lwm2m_delete(struct http_request *request)
{
	start_plain(request, LWM2M_DELETE);
}

void lwm2m_replace(struct http_request *request)
{
	start_with_body(request, LWM2M_WRITE_REPLACE);
}

void lwm2m_update(struct http_request *request)
{
	start_with_body(request, LWM2M_WRITE_PARTIAL);
}

/* The arguments of an Execute: a text/plain body, or {"arguments": "0='x'"}. */
static enum err arguments_of(const struct http_request *request, const char **ret_arguments,
			     struct fault *fault)
{
	static const char *const members[] = { "arguments", NULL };
	const char *type = http_header(request, "Content-Type"), *text;
	struct bytes copy;
	json_t *body = NULL;
	if (request->body.len == 0)
		return ERR_NONE;
	if (type != NULL && strncasecmp(type, "text/plain", 10) == 0) {
		if (!bytes_are_utf8(request->body))
			return fault_set(fault, ERR_MALFORMED, "body: not UTF-8");
		enum err copied = bytes_copy(request->arena, request->body, &copy);
		if (copied == ERR_NONE)
			*ret_arguments = (const char *)copy.at;
		return copied;
	}
	enum err err = http_body_object(request, &body, fault);
	if (err == ERR_NONE)
		err = body_members(body, members, fault);
	if (err == ERR_NONE && json_object_size(body) > 0)
		err = body_text(body, "arguments", 1024, &text, fault);
	if (err == ERR_NONE && json_object_size(body) > 0) {
		*ret_arguments = arena_strdup(request->arena, text);
		err = *ret_arguments != NULL ? ERR_NONE : ERR_NOMEM;
	}
	json_decref(body);
	return err;
}

void lwm2m_post(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	struct operation_request operation = nothing;
	enum err err = path_of(request, &operation.path, &fault);
	operation.operation = operation.path.depth == 3 ? LWM2M_EXECUTE : LWM2M_CREATE;
	if (err == ERR_NONE && operation.path.depth != 1 && operation.path.depth != 3)
		err = fault_set(&fault, ERR_MALFORMED,
				"path: a resource to execute, or an object to create an instance of");
	if (err == ERR_NONE)
		err = operation.operation == LWM2M_EXECUTE
			      ? arguments_of(request, &operation.arguments, &fault)
			      : lwm2m_body(request, &operation, &fault);
	lwm2m_start(request, &operation, err, &fault);
}
