/* /devices/{ep}/observations: what an operator observes of a device; those of jobs are the jobs' business. */
#include "api_parts.h"
#include "handlers.h"
#include "operation.h"
#include "path.h"
#include "reply.h"

static json_t *names_json(const struct observation_view *view)
{
	json_t *names = json_array();
	char text[PATH_TEXT_SIZE];

	for (size_t i = 0; i < view->name_count; i++)
		json_array_append_new(names, json_string(path_print(view->names[i], text)));
	return names;
}

static json_t *observation_json(const struct observation_view *view)
{
	char text[PATH_TEXT_SIZE];
	json_t *json = view->name_count > 0 ? json_pack("{s:o}", "paths", names_json(view))
					    : json_pack("{s:s}", "path", path_print(view->path, text));

	if (view->prefix != NULL)
		json_object_set_new(json, "prefix", json_string(view->prefix));
	if (view->attributes != NULL)
		json_object_set_new(json, "attributes", json_string(view->attributes));
	if (view->format != FORMAT_NONE)
		json_object_set_new(json, "contentFormat", json_integer(view->format));
	return json;
}

void observations_list(struct http_request *request)
{
	struct observation_view *views;
	json_t *items;
	size_t count;
	enum err err = operation_observations(request->api->parts.registry, request->arena, request->endpoint,
					      &views, &count);

	if (err != ERR_NONE) {
		http_reply_err(request, err);
		return;
	}
	items = json_array();
	for (size_t i = 0; i < count; i++) {
		if (views[i].job_id == 0)
			json_array_append_new(items, observation_json(&views[i]));
	}
	http_reply_list(request, items, NULL);
}
