#include "attributes.h"

/* clang-format off */
static const struct {
	const char *name;
	bool is_seconds;        /* a whole number, not negative; else a decimal number for a numeric resource */
} names[ATTRIBUTE_COUNT] = {
	[ATTRIBUTE_PMIN] = { "pmin", true  },
	[ATTRIBUTE_PMAX] = { "pmax", true  },
	[ATTRIBUTE_GT]   = { "gt",   false },
	[ATTRIBUTE_LT]   = { "lt",   false },
	[ATTRIBUTE_ST]   = { "st",   false },
};
/* clang-format on */

#define SECONDS_MAX 4294967295.0

/* attributes->count when nothing is attached to the path. */
static size_t find(const struct attributes *attributes, struct path path)
{
	size_t i = 0;

	while (i < attributes->count && !path_equal(attributes->at[i].path, path))
		i++;
	return i;
}

static bool name_parse(struct bytes name, enum attribute *ret_attribute)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (bytes_equal_text(name, names[i].name)) {
			*ret_attribute = (enum attribute)i;
			return true;
		}
	}
	return false;
}

static bool value_parse(struct bytes text, enum attribute attribute, double *ret_number)
{
	struct value wire = { .kind = KIND_TEXT_BYTES, .bytes = text }, number;
	struct arena *arena = arena_create(4096);
	enum kind kind = names[attribute].is_seconds ? KIND_UNSIGNED : KIND_FLOAT;
	bool is_good = arena != NULL && value_convert(wire, kind, arena, &number) == ERR_NONE;

	if (is_good)
		*ret_number = value_number(number);
	arena_free(arena);
	return is_good && !(names[attribute].is_seconds && *ret_number > SECONDS_MAX);
}

static enum answer_code query_apply(struct attribute_set *set, struct bytes query, bool is_number,
				    struct fault *fault)
{
	struct reader r = reader_of(query);
	struct bytes name;
	enum attribute attribute;
	size_t name_len = 0;

	while (name_len < query.len && query.at[name_len] != '=')
		name_len++;
	name = read_bytes(&r, name_len);
	if (!name_parse(name, &attribute)) {
		fault_set(fault, ERR_MALFORMED, "unknown attribute \"%.*s\"", (int)bytes_first(name, 20).len,
			  (const char *)name.at);
		return BAD_REQUEST;
	}
	set->has[attribute] = reader_left(&r) > 0;
	if (!set->has[attribute])
		return CHANGED;
	if (!names[attribute].is_seconds && !is_number) {
		fault_set(fault, ERR_MALFORMED, "%s needs a numeric resource", names[attribute].name);
		return BAD_REQUEST;
	}
	read_u8(&r);
	if (!value_parse(read_rest(&r), attribute, &set->value[attribute])) {
		fault_set(fault, ERR_MALFORMED, "%s has a bad value", names[attribute].name);
		return BAD_REQUEST;
	}
	return CHANGED;
}

/* lt < gt and lt + 2 st < gt, where they are given; a step above 0. */
static bool is_consistent(const struct attribute_set *set)
{
	double step = set->has[ATTRIBUTE_ST] ? set->value[ATTRIBUTE_ST] : 0;

	if (set->has[ATTRIBUTE_ST] && step <= 0)
		return false;
	if (set->has[ATTRIBUTE_GT] && set->has[ATTRIBUTE_LT])
		return set->value[ATTRIBUTE_LT] + 2 * step < set->value[ATTRIBUTE_GT];
	return true;
}

static bool is_empty(const struct attribute_set *set)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
		if (set->has[i])
			return false;
	return true;
}

enum answer_code attributes_write(struct attributes *attributes, struct path path, bool is_number,
				  const struct bytes *queries, size_t query_count, struct fault *fault)
{
	size_t at = find(attributes, path);
	struct attribute_set set = { .has = { false } };

	if (at < attributes->count)
		set = attributes->at[at].set;
	for (size_t i = 0; i < query_count; i++)
		if (query_apply(&set, queries[i], is_number, fault) != CHANGED)
			return BAD_REQUEST;
	if (!is_consistent(&set)) {
		fault_set(fault, ERR_MALFORMED, "lt, gt and st contradict each other");
		return BAD_REQUEST;
	}
	if (at == ATTACHED_MAX) {
		fault_set(fault, ERR_LIMIT, "attributes on more than %d paths", ATTACHED_MAX);
		return INTERNAL_ERROR;
	}
	attributes->at[at] = (struct attached){ path, set };
	if (at == attributes->count && !is_empty(&set))
		attributes->count++;
	return CHANGED;
}

struct attribute_set attributes_effective(const struct attributes *attributes, struct path path)
{
	struct attribute_set effective = { .has = { false } };

	for (struct path level = path; level.depth > 0; level.depth--) {
		size_t at = find(attributes, level);
		for (size_t i = 0; at < attributes->count && i < ATTRIBUTE_COUNT; i++) {
			const struct attribute_set *set = &attributes->at[at].set;
			if (effective.has[i] || !set->has[i])
				continue;
			effective.has[i] = true;
			effective.value[i] = set->value[i];
		}
	}
	return effective;
}

void build_attributes(struct builder *b, const struct attributes *attributes, struct path path)
{
	size_t at = find(attributes, path);

	for (size_t i = 0; at < attributes->count && i < ATTRIBUTE_COUNT; i++) {
		if (!attributes->at[at].set.has[i])
			continue;
		build_printf(b, ";%s=", names[i].name);
		build_value_text(b, FLOAT_VALUE(attributes->at[at].set.value[i]));
	}
}

void attributes_remove(struct attributes *attributes, struct path path)
{
	size_t kept = 0;

	for (size_t i = 0; i < attributes->count; i++)
		if (!path_covers(path, attributes->at[i].path))
			attributes->at[kept++] = attributes->at[i];
	attributes->count = kept;
}
