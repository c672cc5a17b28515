/* /devices/{ep}/access-control: object 2 of a device in words. To change it, it is read first: which of its
 * instances is about what, the device chose. */
#include "access_control.h"

#include "api_parts.h"
#include "handlers.h"
#include "lwm2m.h"
#include "path.h"
#include "reply.h"

/* What a change is about: object, instance and short server id, the three segments of the path. */
struct target {
	uint16_t object, instance, short_server_id;
};

/* ---- listing ---- */

static json_t *rights_json(uint8_t rights)
{
	json_t *json = json_array();
	for (unsigned bit = ACCESS_READ; bit <= ACCESS_CREATE; bit <<= 1)
		if (rights & bit)
			json_array_append_new(json, json_string(access_right_name(bit)));
	return json;
}

static json_t *control_json(const struct access_control *control)
{
	json_t *rights = json_object();
	for (size_t i = 0; i < control->entry_count; i++) {
		char name[8];
		snprintf(name, sizeof name, "%u", control->entries[i].short_server_id);
		json_object_set_new(rights, name, rights_json(control->entries[i].rights));
	}
	return json_pack("{s:i, s:i, s:i, s:o}", "object", control->object, "instance", control->instance,
			 "owner", control->owner, "rights", rights);
}

static void reply_controls(struct http_request *request, const struct access_control *controls, size_t count)
{
	json_t *items = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(items, control_json(&controls[i]));
	http_reply_list(request, items, NULL);
}

/* ---- what a change says ---- */

static enum err target_of(const struct http_request *request, struct target *ret_target, struct fault *fault)
{
	uint16_t ids[3] = { 0 };
	for (size_t i = 0; i < 3 && request->rest_count == 3; i++) {
		const char *text = request->segments[request->rest + i];
		struct lwm2m_path path = { .depth = 0 };
		if (path_parse(bytes_of_text(text), &path, NULL) != ERR_NONE || path.depth != 1)
			return fault_set(fault, ERR_MALFORMED, "%s is no id below 65535", text);
		ids[i] = path.object;
	}
	if (request->rest_count != 3)
		return fault_set(fault, ERR_MALFORMED, "rights are those of object/instance/server");
	*ret_target = (struct target){ ids[0], ids[1], ids[2] };
	return ERR_NONE;
}

static enum err add_right(const json_t *word, size_t i, uint8_t *rights, struct fault *fault)
{
	uint8_t right = json_is_string(word) ? access_right_of_name(json_string_value(word)) : 0;
	if (right == 0)
		return fault_set(fault, ERR_MALFORMED, "rights[%zu]: must be read, write, execute or delete",
				 i);
	if (right == ACCESS_CREATE)
		return fault_set(
			fault, ERR_MALFORMED,
			"rights[%zu]: the right to create is given in a bootstrap, for a whole object", i);
	if (*rights & right)
		return fault_set(fault, ERR_MALFORMED, "rights[%zu]: %s is there twice", i,
				 access_right_name(right));
	*rights |= right;
	return ERR_NONE;
}

static enum err rights_of(const struct http_request *request, uint8_t *ret_rights, struct fault *fault)
{
	static const char *const members[] = { "rights", NULL };
	json_t *body = NULL;
	uint8_t rights = 0;
	enum err err = http_body_object(request, &body, fault);
	if (err == ERR_NONE)
		err = body_members(body, members, fault);
	const json_t *words = json_object_get(body, "rights");
	if (err == ERR_NONE && !json_is_array(words))
		err = fault_set(fault, ERR_MALFORMED, "rights: must be a list of words");
	for (size_t i = 0; err == ERR_NONE && i < json_array_size(words); i++)
		err = add_right(json_array_get(words, i), i, &rights, fault);
	json_decref(body);
	if (err == ERR_NONE)
		*ret_rights = rights;
	return err;
}

/* ---- changing ---- */

static enum err order_put(struct http_request *request, const struct access_control *control,
			  const struct target *target, struct operation_request *operation,
			  struct fault *fault)
{
	struct lwm2m_record *record = arena_alloc(request->arena, sizeof(*record));
	uint8_t rights = 0;
	enum err err = record == NULL ? ERR_NOMEM : rights_of(request, &rights, fault);
	if (err != ERR_NONE)
		return err;
	*record = access_control_entry(control, target->short_server_id, rights);
	operation->operation = LWM2M_WRITE_PARTIAL;
	operation->path = LWM2M_INSTANCE(ACCESS_CONTROL_OBJECT, control->control);
	operation->records = (struct lwm2m_records){ record, 1 };
	return ERR_NONE;
}

static enum err order_delete(struct http_request *request, const struct access_control *control,
			     const struct target *target, struct operation_request *operation,
			     struct fault *fault)
{
	enum err err =
		access_control_without(request->arena, control, target->short_server_id, &operation->records);
	operation->operation = LWM2M_WRITE_REPLACE;
	operation->path = LWM2M_RESOURCE(ACCESS_CONTROL_OBJECT, control->control, ACCESS_CONTROL_ACL);
	return err != ERR_NOT_FOUND ? err
				    : fault_set(fault, err, "server %u has no entry for /%u/%u",
						target->short_server_id, target->object, target->instance);
}

static void written(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct api *api = self;
	struct http_request *request = http_find(api->http, id);
	if (request != NULL && !lwm2m_reply_failure(request, answer))
		http_reply_empty(request, 204);
}

static void change(struct http_request *request, const struct access_control *controls, size_t count)
{
	struct operation_request operation = { .payload_format = FORMAT_NONE, .accept = FORMAT_NONE };
	struct fault fault = { .kind = ERR_NONE };
	struct target target;
	enum err err = target_of(request, &target, &fault);
	const struct access_control *control =
		err == ERR_NONE ? access_control_find(controls, count, target.object, target.instance) : NULL;
	if (err == ERR_NONE && control == NULL)
		err = fault_set(&fault, ERR_NOT_FOUND, "object 2 of the device says nothing about /%u/%u",
				target.object, target.instance);
	if (err == ERR_NONE)
		err = request->method == HTTP_PUT
			      ? order_put(request, control, &target, &operation, &fault)
			      : order_delete(request, control, &target, &operation, &fault);
	if (err == ERR_NONE)
		err = operation_start(request->api->parts.registry, request->endpoint, &operation, written,
				      request->api, request->id, &fault);
	if (err != ERR_NONE)
		http_reply_fault_or(request, &fault, err);
}

/* ---- reading first ---- */

static void answered(void *self, uint64_t id, const struct operation_answer *answer)
{
	struct api *api = self;
	struct http_request *request = http_find(api->http, id);
	struct access_control *controls;
	size_t count;
	if (request == NULL || lwm2m_reply_failure(request, answer))
		return;
	enum err err = access_controls_read(request->arena, answer->records, &controls, &count);
	if (err != ERR_NONE)
		http_reply_err(request, err);
	else if (request->method == HTTP_GET)
		reply_controls(request, controls, count);
	else
		change(request, controls, count);
}

/* A device with a single server need not have object 2: nobody is restricted. */
static void read_first(struct http_request *request, enum err err, struct fault *fault)
{
	const struct device *device = registry_find(request->api->parts.registry, request->endpoint);
	const struct operation_request read = { .operation = LWM2M_READ,
						.path = LWM2M_OBJECT(ACCESS_CONTROL_OBJECT),
						.payload_format = FORMAT_NONE,
						.accept = FORMAT_NONE };
	bool has_object = device == NULL || device_has(device, ACCESS_CONTROL_OBJECT, LWM2M_ID_NONE);
	if (err == ERR_NONE && !has_object && request->method == HTTP_GET) {
		http_reply_list(request, json_array(), NULL);
		return;
	}
	if (err == ERR_NONE && !has_object)
		err = fault_set(fault, ERR_NOT_FOUND, "the device has no object %d", ACCESS_CONTROL_OBJECT);
	if (err == ERR_NONE)
		err = operation_start(request->api->parts.registry, request->endpoint, &read, answered,
				      request->api, request->id, fault);
	if (err != ERR_NONE)
		http_reply_fault_or(request, fault, err);
}

void access_control_list(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	read_first(request, ERR_NONE, &fault);
}

/* What is wrong with the request itself needs no device. */
void access_control_put(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	struct target target;
	uint8_t rights;
	enum err err = target_of(request, &target, &fault);
	if (err == ERR_NONE)
		err = rights_of(request, &rights, &fault);
	read_first(request, err, &fault);
}

void access_control_delete(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	struct target target;
	read_first(request, target_of(request, &target, &fault), &fault);
}
