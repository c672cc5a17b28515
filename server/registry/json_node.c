#include "json_node.h"

#include <stdarg.h>
#include <stdio.h>

enum err json_wrong(const struct json_node *node, enum err kind, const char *format, ...)
{
	char text[FAULT_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (node->where[0] == 0)
		return fault_set(node->fault, kind, "%s", text);
	return fault_set(node->fault, kind, "%s: %s", node->where, text);
}

/* Without memory for the name the place goes nameless: what is wrong there is still said. */
static struct json_node below(const struct json_node *node, const json_t *json, const char *where)
{
	return (struct json_node){ json, where != NULL ? where : "", node->arena, node->fault };
}

struct json_node json_member(const struct json_node *object, const char *name)
{
	const char *where = object->where[0] == 0 ? arena_strdup(object->arena, name)
						  : arena_printf(object->arena, "%s.%s", object->where, name);

	return below(object, json_object_get(object->json, name), where);
}

struct json_node json_item(const struct json_node *array, size_t i)
{
	return below(array, json_array_get(array->json, i),
		     arena_printf(array->arena, "%s[%zu]", array->where, i));
}

static enum err missing_or(const struct json_node *node, const char *wanted)
{
	return json_wrong(node, ERR_MALFORMED, node->json == NULL ? "is required" : "must be %s", wanted);
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

enum err json_object_of(const struct json_node *node, const char *const *members)
{
	const char *name;
	json_t *value;

	if (!json_is_object(node->json))
		return missing_or(node, "an object");
	json_object_foreach ((json_t *)node->json, name, value) {
		if (!is_listed(members, name))
			return json_wrong(node, ERR_MALFORMED, "has no member %.40s", name);
	}
	return ERR_NONE;
}

enum err json_array_of(const struct json_node *node, size_t min, size_t max, size_t *ret_count)
{
	size_t count = json_array_size(node->json);

	if ((node->json != NULL && !json_is_array(node->json)) || count < min || count > max)
		return json_wrong(node, ERR_MALFORMED, "must be a list of %zu to %zu", min, max);
	*ret_count = count;
	return ERR_NONE;
}

enum err json_number_of(const struct json_node *node, json_int_t min, json_int_t max, json_int_t *ret_number)
{
	json_int_t number = json_integer_value(node->json);

	if (!json_is_integer(node->json))
		return missing_or(node, "a whole number");
	if (number < min || number > max)
		return json_wrong(node, ERR_MALFORMED, "must be from %lld to %lld", (long long)min,
				  (long long)max);
	*ret_number = number;
	return ERR_NONE;
}

enum err json_text_of(const struct json_node *node, size_t max_bytes, const char **ret_text)
{
	if (!json_is_string(node->json))
		return missing_or(node, "a text");
	if (json_string_length(node->json) == 0 || json_string_length(node->json) > max_bytes)
		return json_wrong(node, ERR_MALFORMED, "must have 1 to %zu bytes", max_bytes);
	*ret_text = json_string_value(node->json);
	return ERR_NONE;
}

enum err json_boolean_of(const struct json_node *node, bool *ret_boolean)
{
	if (!json_is_boolean(node->json))
		return missing_or(node, "true or false");
	*ret_boolean = json_is_true(node->json);
	return ERR_NONE;
}
