/* /models: object definitions. What is uploaded is kept as a file of the data directory, so that the server
 * knows it after a restart. */
#include "model.h"

#include <string.h>

#include "api_parts.h"
#include "config.h"
#include "handlers.h"
#include "model_files.h"
#include "reply.h"
#include "value.h"

static json_t *resource_json(const struct resource_model *resource)
{
	char operations[4] = "";
	static const struct {
		unsigned access;
		const char *letter;
	} letters[] = { { MODEL_READ, "R" }, { MODEL_WRITE, "W" }, { MODEL_EXECUTE, "E" } };
	for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
		if ((resource->access & letters[i].access) != 0)
			strcat(operations, letters[i].letter);
	return json_pack("{s:i, s:s, s:s, s:b, s:b, s:s, s:s, s:s}", "id", resource->id, "name",
			 resource->name, "operations", operations, "multiple", resource->is_multiple,
			 "mandatory", resource->is_mandatory, "type", value_type_name(resource->type),
			 "range", resource->range, "units", resource->units);
}

static json_t *object_json(const struct object_model *object)
{
	json_t *resources = json_array();
	for (size_t i = 0; i < object->resource_count; i++)
		json_array_append_new(resources, resource_json(&object->resources[i]));
	return json_pack("{s:i, s:s, s:s, s:o, s:b, s:b, s:o}", "object", object->id, "name", object->name,
			 "urn", object->urn, "version", json_sprintf("%u.%u", object->major, object->minor),
			 "multiple", object->is_multiple, "mandatory", object->is_mandatory, "resources",
			 resources);
}

void models_list(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	const struct object_model *object;
	json_t *items = json_array();
	uint64_t limit, cursor;
	enum err err = http_query_number(request, "limit", 100, 1000, &limit, &fault);
	if (err == ERR_NONE)
		err = http_query_number(request, "cursor", 0, UINT32_MAX, &cursor, &fault);
	if (err != ERR_NONE) {
		json_decref(items);
		http_reply_fault(request, &fault);
		return;
	}
	size_t at = cursor;
	while (json_array_size(items) < limit && (object = model_at(request->api->parts.model, at)) != NULL) {
		json_array_append_new(items, object_json(object));
		at++;
	}
	bool is_last = model_at(request->api->parts.model, at) == NULL;
	http_reply_list(request, items, is_last ? NULL : arena_printf(request->arena, "%zu", at));
}

/* On a worker. */
static enum err keep(struct http_request *request, struct fault *fault)
{
	return model_file_keep(request->api->parts.config->data_dir, request->body, fault);
}

static void kept(struct http_request *request)
{
	struct fault fault = { .kind = ERR_NONE };
	enum err err = model_add_ddf(request->api->parts.model, request->body, &fault);
	if (err == ERR_NONE)
		http_reply_empty(request, 204);
	else
		http_reply_fault_or(request, &fault, err);
}

void model_post(struct http_request *request)
{
	const char *type = http_header(request, "Content-Type");
	struct fault fault = { .kind = ERR_NONE };
	if (type == NULL ||
	    (strncasecmp(type, "application/xml", 15) != 0 && strncasecmp(type, "text/xml", 8) != 0)) {
		fault_set(&fault, ERR_UNSUPPORTED, "Content-Type: application/xml is needed");
		http_reply_fault(request, &fault);
		return;
	}
	http_defer_then(request, keep, kept);
}
