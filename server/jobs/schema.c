#include "schema.h"

#include <regex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_SIZE 96
#define MAX_DEPTH 8

struct place { /* where in the value we are, for the fault */
	char name[NAME_SIZE];
	unsigned depth;
};

/* A name too long for a fault is cut. */
static struct place place_in(const struct place *place, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static struct place place_in(const struct place *place, const char *format, ...)
{
	struct place below = { .depth = place->depth + 1 };
	size_t len = strlen(place->name);
	va_list arguments;
	memcpy(below.name, place->name, len + 1);
	va_start(arguments, format);
	vsnprintf(below.name + len, sizeof below.name - len, format, arguments);
	va_end(arguments);
	return below;
}

static struct place place_below(const struct place *place, const char *member)
{
	return place_in(place, "%s%s", place->name[0] != 0 ? "." : "", member);
}

static struct place place_item(const struct place *place, size_t i)
{
	return place_in(place, "[%zu]", i);
}

static enum err refuse(const struct place *place, struct fault *fault, const char *reason)
{
	return fault_set(fault, ERR_MALFORMED, "%s: %s", place->name[0] != 0 ? place->name : "parameters",
			 reason);
}

static enum err check_value(const json_t *schema, const json_t *value, const struct place *place,
			    struct fault *fault);

/* ---- keywords ---- */

static bool has_type(const json_t *value, const char *type)
{
	static const struct {
		const char *name;
		bool object, array, string, integer, real, boolean, null;
	} types[] = {
		/* clang-format off */
		{ .name = "object",  .object = true },
		{ .name = "array",   .array = true },
		{ .name = "string",  .string = true },
		{ .name = "integer", .integer = true },
		{ .name = "number",  .integer = true, .real = true },
		{ .name = "boolean", .boolean = true },
		{ .name = "null",    .null = true },
		/* clang-format on */
	};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, type) == 0)
			return (types[i].object && json_is_object(value)) ||
			       (types[i].array && json_is_array(value)) ||
			       (types[i].string && json_is_string(value)) ||
			       (types[i].integer && json_is_integer(value)) ||
			       (types[i].real && json_is_real(value)) ||
			       (types[i].boolean && json_is_boolean(value)) ||
			       (types[i].null && json_is_null(value));
	return false;
}

static enum err check_type(const json_t *keyword, const json_t *schema, const json_t *value,
			   const struct place *place, struct fault *fault)
{
	char reason[64];
	if (has_type(value, json_string_value(keyword)))
		return ERR_NONE;
	snprintf(reason, sizeof reason, "must be of type %s", json_string_value(keyword));
	return refuse(place, fault, reason);
}

static enum err check_enum(const json_t *keyword, const json_t *schema, const json_t *value,
			   const struct place *place, struct fault *fault)
{
	char reason[FAULT_TEXT_SIZE] = "must be one of";
	size_t i;
	json_t *choice;
	json_array_foreach (keyword, i, choice) {
		if (json_equal(choice, value))
			return ERR_NONE;
		size_t used = strlen(reason);
		if (json_is_string(choice))
			snprintf(reason + used, sizeof reason - used, "%s %s", i > 0 ? "," : "",
				 json_string_value(choice));
	}
	return refuse(place, fault, reason);
}

static enum err check_pattern(const json_t *keyword, const json_t *schema, const json_t *value,
			      const struct place *place, struct fault *fault)
{
	regex_t pattern;
	if (!json_is_string(value))
		return ERR_NONE;
	if (regcomp(&pattern, json_string_value(keyword), REG_EXTENDED | REG_NOSUB) != 0)
		return fault_set(fault, ERR_INTERNAL, "%s: the pattern of the schema is broken", place->name);
	int mismatch = regexec(&pattern, json_string_value(value), 0, NULL, 0);
	regfree(&pattern);
	if (mismatch == 0)
		return ERR_NONE;
	char reason[FAULT_TEXT_SIZE];
	snprintf(reason, sizeof reason, "must match %s", json_string_value(keyword));
	return refuse(place, fault, reason);
}

/* minimum and its like: all compare a number that the value has with the number of the keyword */
enum measure { OF_NUMBER, OF_STRING, OF_ARRAY };

static bool measure_of(const json_t *value, enum measure measure, double *ret_number)
{
	if (measure == OF_NUMBER && json_is_number(value))
		*ret_number = json_number_value(value);
	else if (measure == OF_STRING && json_is_string(value))
		*ret_number = (double)json_string_length(value);
	else if (measure == OF_ARRAY && json_is_array(value))
		*ret_number = (double)json_array_size(value);
	else
		return false;
	return true;
}

static enum err check_bound(const json_t *keyword, const json_t *value, const struct place *place,
			    enum measure measure, bool is_minimum, struct fault *fault)
{
	static const char *const what[] = { "must be", "its length must be", "its number of items must be" };
	double number, bound = json_number_value(keyword);
	char reason[96];
	if (!measure_of(value, measure, &number) || (is_minimum ? number >= bound : number <= bound))
		return ERR_NONE;
	snprintf(reason, sizeof reason, "%s at %s %g", what[measure], is_minimum ? "least" : "most", bound);
	return refuse(place, fault, reason);
}

#define BOUND(name, measure, is_minimum)                                                                     \
	static enum err check_##name(const json_t *keyword, const json_t *schema, const json_t *value,       \
				     const struct place *place, struct fault *fault)                         \
	{                                                                                                    \
		return check_bound(keyword, value, place, measure, is_minimum, fault);                       \
	}
BOUND(minimum, OF_NUMBER, true)
BOUND(maximum, OF_NUMBER, false)
BOUND(min_length, OF_STRING, true)
BOUND(max_length, OF_STRING, false)
BOUND(min_items, OF_ARRAY, true)
BOUND(max_items, OF_ARRAY, false)

static enum err check_required(const json_t *keyword, const json_t *schema, const json_t *value,
			       const struct place *place, struct fault *fault)
{
	size_t i;
	json_t *member;
	json_array_foreach (keyword, i, member) {
		if (json_is_object(value) && json_object_get(value, json_string_value(member)) == NULL) {
			struct place below = place_below(place, json_string_value(member));
			return refuse(&below, fault, "is required");
		}
	}
	return ERR_NONE;
}

static enum err check_properties(const json_t *keyword, const json_t *schema, const json_t *value,
				 const struct place *place, struct fault *fault)
{
	const char *name;
	json_t *member;
	json_object_foreach ((json_t *)keyword, name, member) {
		const json_t *below_value = json_object_get(value, name);
		struct place below = place_below(place, name);
		enum err err =
			below_value != NULL ? check_value(member, below_value, &below, fault) : ERR_NONE;
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err check_additional(const json_t *keyword, const json_t *schema, const json_t *value,
				 const struct place *place, struct fault *fault)
{
	const json_t *properties = json_object_get(schema, "properties");
	const char *name;
	json_t *member;
	if (!json_is_false(keyword))
		return ERR_NONE;
	json_object_foreach ((json_t *)value, name, member) {
		if (json_object_get(properties, name) == NULL) {
			struct place below = place_below(place, name);
			return refuse(&below, fault, "is not a parameter");
		}
	}
	return ERR_NONE;
}

static enum err check_items(const json_t *keyword, const json_t *schema, const json_t *value,
			    const struct place *place, struct fault *fault)
{
	size_t i;
	json_t *item;
	json_array_foreach (value, i, item) {
		struct place below = place_item(place, i);
		enum err err = check_value(keyword, item, &below, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

/* The keyword, the JSON type that it must have itself, and its check (NULL: it is only shown). */
static const struct keyword {
	const char *name, *type;
	enum err (*check)(const json_t *keyword, const json_t *schema, const json_t *value,
			  const struct place *place, struct fault *fault);
} keywords[] = {
	/* clang-format off */
	{ "type",                 "string",  check_type },
	{ "enum",                 "array",   check_enum },
	{ "pattern",              "string",  check_pattern },
	{ "minimum",              "number",  check_minimum },
	{ "maximum",              "number",  check_maximum },
	{ "minLength",            "integer", check_min_length },
	{ "maxLength",            "integer", check_max_length },
	{ "minItems",             "integer", check_min_items },
	{ "maxItems",             "integer", check_max_items },
	{ "required",             "array",   check_required },
	{ "properties",           "object",  check_properties },
	{ "additionalProperties", "boolean", check_additional },
	{ "items",                "object",  check_items },
	{ "default",              NULL,      NULL },
	{ "title",                "string",  NULL },
	{ "description",          "string",  NULL },
	{ "x-cardea-package",     "string",  NULL },
	/* clang-format on */
};

static const struct keyword *keyword_find(const char *name)
{
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	return NULL;
}

static enum err check_value(const json_t *schema, const json_t *value, const struct place *place,
			    struct fault *fault)
{
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
		const json_t *keyword = json_object_get(schema, keywords[i].name);
		if (keyword == NULL || keywords[i].check == NULL)
			continue;
		enum err err = keywords[i].check(keyword, schema, value, place, fault);
		if (err != ERR_NONE)
			return err;
	}
	return ERR_NONE;
}

static enum err verify_schema(const json_t *schema, const struct place *place, struct fault *fault)
{
	const char *name;
	json_t *value;
	if (!json_is_object(schema) || place->depth > MAX_DEPTH)
		return fault_set(fault, ERR_UNSUPPORTED, "schema %s: not an object, or too deep",
				 place->name);
	json_object_foreach ((json_t *)schema, name, value) {
		const struct keyword *keyword = keyword_find(name);
		if (keyword == NULL || (keyword->type != NULL && !has_type(value, keyword->type)))
			return fault_set(fault, ERR_UNSUPPORTED, "schema %s: keyword %s is not supported",
					 place->name, name);
	}
	json_object_foreach (json_object_get(schema, "properties"), name, value) {
		struct place below = place_below(place, name);
		enum err err = verify_schema(value, &below, fault);
		if (err != ERR_NONE)
			return err;
	}
	const json_t *items = json_object_get(schema, "items");
	struct place below = place_item(place, 0);
	return items != NULL ? verify_schema(items, &below, fault) : ERR_NONE;
}

enum err schema_verify(const json_t *schema, struct fault *fault)
{
	struct place root = { .depth = 0 };
	return verify_schema(schema, &root, fault);
}

enum err schema_check(const json_t *schema, const json_t *value, struct fault *fault)
{
	struct place root = { .depth = 0 };
	return check_value(schema, value, &root, fault);
}

const char *schema_package_member(const json_t *schema, const char **ret_kind)
{
	const char *name;
	json_t *member;
	json_object_foreach (json_object_get(schema, "properties"), name, member) {
		const json_t *kind = json_object_get(member, "x-cardea-package");
		if (kind != NULL) {
			*ret_kind = json_string_value(kind);
			return name;
		}
	}
	return NULL;
}

struct package_walk {
	enum err (*each)(void *self, const char *place, const char *kind, const char *id,
			 struct fault *fault);
	void *self;
	struct fault *fault;
};

static enum err walk_packages(const struct package_walk *walk, const json_t *schema, const json_t *value,
			      const struct place *place)
{
	const json_t *kind = json_object_get(schema, "x-cardea-package");
	const json_t *items = json_object_get(schema, "items");
	const char *name;
	json_t *member, *item;
	size_t i;
	enum err err = ERR_NONE;
	if (kind != NULL && json_is_string(value) && place->depth > 1)
		err = walk->each(walk->self, place->name, json_string_value(kind), json_string_value(value),
				 walk->fault);
	json_object_foreach (json_object_get(schema, "properties"), name, member) {
		const json_t *below = json_object_get(value, name);
		struct place there = place_below(place, name);
		if (below != NULL && err == ERR_NONE)
			err = walk_packages(walk, member, below, &there);
	}
	json_array_foreach (items != NULL ? value : NULL, i, item) {
		struct place there = place_item(place, i);
		if (err == ERR_NONE)
			err = walk_packages(walk, items, item, &there);
	}
	return err;
}

enum err schema_packages_below(const json_t *schema, const json_t *value,
			       enum err (*each)(void *self, const char *place, const char *kind,
						const char *id, struct fault *fault),
			       void *self, struct fault *fault)
{
	struct package_walk walk = { each, self, fault };
	struct place root = { .depth = 0 };
	return walk_packages(&walk, schema, value, &root);
}
