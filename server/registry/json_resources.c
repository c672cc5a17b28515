#include "json_resources.h"

#include "path.h"
#include "value_json.h"

#define MAX_RESOURCES 256

struct record_list {
	struct lwm2m_record *at;
	size_t count;
};

static enum err read_value(const struct model *model, const struct json_node *node, struct lwm2m_path path,
			   struct record_list *list)
{
	struct lwm2m_record record = { .path = path };
	struct fault reason = { 0 };
	enum err err;

	if (list->count == MAX_RESOURCES)
		return json_wrong(node, ERR_LIMIT, "more than %d resources", MAX_RESOURCES);
	err = value_from_json(node->arena, model, path, node->json, NULL, &record.value, &reason);
	if (err == ERR_NONE && model_object(model, path.object, NULL) != NULL)
		err = model_check(model, &record, &reason);
	if (err != ERR_NONE)
		return json_wrong(node, err, "%s", reason.text[0] != 0 ? reason.text : err_name(err));
	list->at[list->count++] = record;
	return ERR_NONE;
}

static enum err parse_below(const struct json_node *node, struct lwm2m_path base, const char *name,
			    struct lwm2m_path *ret_path)
{
	char text[PATH_TEXT_SIZE];
	char *whole = arena_printf(node->arena, "%s/%s", path_print(base, text), name);
	struct lwm2m_path path;

	if (whole == NULL)
		return ERR_NOMEM;
	if (path_parse(bytes_of_text(whole), &path, NULL) != ERR_NONE || path.depth != base.depth + 1)
		return json_wrong(node, ERR_MALFORMED, "must be the id of a resource");
	*ret_path = path;
	return ERR_NONE;
}

static enum err read_resource(const struct model *model, const struct json_node *node, struct lwm2m_path path,
			      struct record_list *list)
{
	const char *name;
	json_t *value;

	if (!json_is_object(node->json))
		return read_value(model, node, path, list);
	json_object_foreach ((json_t *)node->json, name, value) {
		struct json_node instance = json_member(node, name);
		struct lwm2m_path below;
		enum err err = parse_below(&instance, path, name, &below);

		if (err == ERR_NONE)
			err = read_value(model, &instance, below, list);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

enum err json_resources_of(const struct model *model, const struct json_node *node,
			   struct lwm2m_path instance, struct lwm2m_records *ret_records)
{
	struct record_list list = { 0 };
	const char *name;
	json_t *value;

	*ret_records = (struct lwm2m_records){ 0 };
	if (node->json == NULL)
		return ERR_NONE;
	if (!json_is_object(node->json))
		return json_wrong(node, ERR_MALFORMED, "must be an object");
	list.at = arena_alloc_array(node->arena, MAX_RESOURCES, sizeof(*list.at));
	if (list.at == NULL)
		return ERR_NOMEM;
	json_object_foreach ((json_t *)node->json, name, value) {
		struct json_node resource = json_member(node, name);
		struct lwm2m_path path;
		enum err err = parse_below(&resource, instance, name, &path);

		if (err == ERR_NONE)
			err = read_resource(model, &resource, path, &list);
		if (err != ERR_NONE)
			return err;
	}
	*ret_records = (struct lwm2m_records){ list.at, list.count };
	return ERR_NONE;
}
