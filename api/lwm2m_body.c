#include "lwm2m_body.h"

#include <stdio.h>
#include <string.h>

#include "api_parts.h"
#include "format.h"
#include "path.h"
#include "reply.h"
#include "value_json.h"

#define MAX_RESOURCES 4096

struct reading {
	struct arena *arena;
	const struct model *model; /* as the device has it */
};

enum err lwm2m_accept(const struct http_request *request, uint16_t *ret_accept, struct fault *fault)
{
	const char *name = http_query(request, "format");
	const struct format *format = name != NULL ? format_find_name(name) : NULL;
	if (name != NULL && format == NULL)
		return fault_set(fault, ERR_MALFORMED, "format: %s is no format of LwM2M", name);
	*ret_accept = format != NULL ? format->number : FORMAT_NONE;
	return ERR_NONE;
}

static enum err read_value(const struct reading *reading, const json_t *item, struct lwm2m_record *record,
			   struct fault *fault)
{
	const json_t *named = json_object_get(item, "type");
	const char *type = json_is_string(named) ? json_string_value(named) : named != NULL ? "" : NULL;
	char path[PATH_TEXT_SIZE];
	struct fault reason = { .kind = ERR_NONE };
	if (json_is_null(json_object_get(item, "value"))) {
		record->value = (struct lwm2m_value){ .type = LWM2M_NULL };
		return ERR_NONE;
	}
	enum err err = value_from_json(reading->arena, reading->model, record->path,
				       json_object_get(item, "value"), type, &record->value, &reason);
	return err == ERR_NONE ? ERR_NONE
			       : fault_set(fault, err, "%s: %s", path_print(record->path, path),
					   reason.text[0] != 0 ? reason.text : err_name(err));
}

/* "path" is absolute, "id" (and "resourceInstance") below the instance of the request. */
static enum err item_path(const json_t *item, struct lwm2m_path base, struct lwm2m_path *ret_path,
			  struct fault *fault)
{
	const json_t *path = json_object_get(item, "path");
	json_int_t id, instance;
	if (json_is_string(path))
		return path_parse(bytes_of_text(json_string_value(path)), ret_path, fault);
	if (base.depth < 2)
		return fault_set(fault, ERR_MALFORMED, "resources: path is required");
	enum err err = body_number(item, "id", 0, LWM2M_ID_NONE - 1, &id, fault);
	if (err != ERR_NONE)
		return err;
	*ret_path = LWM2M_RESOURCE(base.object, base.instance, (uint16_t)id);
	if (json_object_get(item, "resourceInstance") == NULL)
		return ERR_NONE;
	err = body_number(item, "resourceInstance", 0, LWM2M_ID_NONE - 1, &instance, fault);
	if (err == ERR_NONE) {
		ret_path->resource_instance = (uint16_t)instance;
		ret_path->depth = 4;
	}
	return err;
}

static enum err read_item(const struct reading *reading, const json_t *item, struct lwm2m_path base,
			  struct lwm2m_record *record, struct fault *fault)
{
	static const char *const members[] = {
		"path", "id", "resourceInstance", "type", "value", "name", NULL
	};
	if (!json_is_object(item))
		return fault_set(fault, ERR_MALFORMED, "resources: must be objects");
	enum err err = body_members(item, members, fault);
	if (err == ERR_NONE)
		err = item_path(item, base, &record->path, fault);
	if (err == ERR_NONE && (record->path.depth < 3 || !path_starts_with(record->path, base)))
		err = fault_set(fault, ERR_MALFORMED,
				"resources: a path is not of a resource below the request's");
	return err == ERR_NONE ? read_value(reading, item, record, fault) : err;
}

static enum err read_items(const struct reading *reading, const json_t *items, struct lwm2m_path base,
			   struct operation_request *operation, struct fault *fault)
{
	size_t count = json_array_size(items), i;
	json_t *item;
	if (!json_is_array(items) || count == 0 || count > MAX_RESOURCES)
		return fault_set(fault, ERR_MALFORMED, "resources: 1 to %d items", MAX_RESOURCES);
	struct lwm2m_record *records = arena_alloc_array(reading->arena, count, sizeof *records);
	if (records == NULL)
		return ERR_NOMEM;
	json_array_foreach (items, i, item) {
		enum err err = read_item(reading, item, base, &records[i], fault);
		if (err != ERR_NONE)
			return err;
	}
	operation->records = (struct lwm2m_records){ records, count };
	return ERR_NONE;
}

static enum err read_single(const struct reading *reading, const json_t *body,
			    struct operation_request *operation, struct fault *fault)
{
	struct lwm2m_record *record = arena_alloc(reading->arena, sizeof *record);
	if (record == NULL)
		return ERR_NOMEM;
	if (operation->path.depth < 3)
		return fault_set(fault, ERR_MALFORMED, "value: the path is not of a resource; use resources");
	record->path = operation->path;
	operation->records = (struct lwm2m_records){ record, 1 };
	return read_value(reading, body, record, fault);
}

/* Of a device that is not registered, which the operation will say, and of an end device, all there is. */
static enum err begin_reading(const struct http_request *request, struct reading *ret_reading)
{
	const struct device *device = registry_find(request->api->parts.registry, request->endpoint);
	const struct model *model = request->api->parts.model;
	*ret_reading = (struct reading){ request->arena, model };
	return device == NULL || http_query(request, "prefix") != NULL
		       ? ERR_NONE
		       : device_model(device, model, request->arena, &ret_reading->model);
}

static enum err read_json(const struct http_request *request, struct operation_request *operation,
			  struct fault *fault)
{
	static const char *const members[] = { "value", "type", "resources", "instance", NULL };
	json_t *body = NULL;
	struct lwm2m_path base = operation->path;
	json_int_t instance = LWM2M_ID_NONE;
	struct reading reading;
	enum err err = begin_reading(request, &reading);
	if (err == ERR_NONE)
		err = http_body_object(request, &body, fault);
	if (err == ERR_NONE)
		err = body_members(body, members, fault);
	if (err == ERR_NONE && json_object_get(body, "instance") != NULL)
		err = body_number(body, "instance", 0, LWM2M_ID_NONE - 1, &instance, fault);
	if (operation->operation == LWM2M_CREATE)
		base = LWM2M_INSTANCE(base.object, (uint16_t)instance);
	if (err == ERR_NONE)
		err = json_object_get(body, "value") != NULL
			      ? read_single(&reading, body, operation, fault)
			      : read_items(&reading, json_object_get(body, "resources"), base, operation,
					   fault);
	json_decref(body);
	return err;
}

enum err lwm2m_body(const struct http_request *request, struct operation_request *operation,
		    struct fault *fault)
{
	const char *type = http_header(request, "Content-Type");
	if (type == NULL || strncasecmp(type, "application/json", 16) == 0) {
		enum err err = lwm2m_accept(request, &operation->accept, fault);
		return err == ERR_NONE ? read_json(request, operation, fault) : err;
	}
	if (http_query(request, "format") != NULL)
		return fault_set(fault, ERR_MALFORMED, "format: the body comes in a format already, %s",
				 type);
	const struct format *format = format_find_name(type);
	if (format == NULL)
		return fault_set(fault, ERR_UNSUPPORTED, "Content-Type: %s is no format of LwM2M", type);
	operation->payload = request->body;
	operation->payload_format = format->number;
	return ERR_NONE;
}

enum err lwm2m_names(const struct http_request *request, const json_t *body,
		     struct operation_request *operation, struct fault *fault)
{
	const json_t *paths = json_object_get(body, "paths");
	size_t count = json_array_size(paths);
	if (!json_is_array(paths) || count == 0 || count > MAX_RESOURCES)
		return fault_set(fault, ERR_MALFORMED, "paths: 1 to %d texts", MAX_RESOURCES);
	struct lwm2m_record *records = arena_alloc_array(request->arena, count, sizeof *records);
	if (records == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		const char *path = json_string_value(json_array_get(paths, i));
		enum err err = path == NULL ? ERR_MALFORMED
					    : path_parse(bytes_of_text(path), &records[i].path, fault);
		if (err != ERR_NONE)
			return fault_set(fault, ERR_MALFORMED, "paths: each is a path such as /3/0/0, or /");
	}
	operation->records = (struct lwm2m_records){ records, count };
	return ERR_NONE;
}
