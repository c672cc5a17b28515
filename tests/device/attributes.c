#include "attributes.h"

enum form { SECONDS, DECIMAL, FLAG };

/* clang-format off */
static const struct {
	const char *name;
	enum form form;
	enum kind needs;        /* KIND_FLOAT: one number, of whatever kind; KIND_NONE: nothing */
	uint8_t since_minor;
} rows[ATTRIBUTE_COUNT] = {
	[ATTRIBUTE_PMIN]  = { "pmin",  SECONDS, KIND_NONE,    0 },
	[ATTRIBUTE_PMAX]  = { "pmax",  SECONDS, KIND_NONE,    0 },
	[ATTRIBUTE_GT]    = { "gt",    DECIMAL, KIND_FLOAT,   0 },
	[ATTRIBUTE_LT]    = { "lt",    DECIMAL, KIND_FLOAT,   0 },
	[ATTRIBUTE_ST]    = { "st",    DECIMAL, KIND_FLOAT,   0 },
	[ATTRIBUTE_EPMIN] = { "epmin", SECONDS, KIND_NONE,    1 },
	[ATTRIBUTE_EPMAX] = { "epmax", SECONDS, KIND_NONE,    1 },
	[ATTRIBUTE_EDGE]  = { "edge",  FLAG,    KIND_BOOLEAN, 2 },
	[ATTRIBUTE_CON]   = { "con",   FLAG,    KIND_NONE,    2 },
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

static bool name_parse(struct bytes name, uint8_t minor_version, enum attribute *ret_attribute)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (rows[i].since_minor <= minor_version && bytes_equal_text(name, rows[i].name)) {
			*ret_attribute = (enum attribute)i;
			return true;
		}
	}
	return false;
}

static bool is_in_form(enum form form, double number)
{
	static const double most[] = { [SECONDS] = SECONDS_MAX, [FLAG] = 1 };

	return form == DECIMAL || number <= most[form];
}

static bool value_parse(struct bytes text, enum attribute attribute, double *ret_number)
{
	struct value wire = { .kind = KIND_TEXT_BYTES, .bytes = text }, number;
	struct arena *arena = arena_create(4096);
	enum kind kind = rows[attribute].form == DECIMAL ? KIND_FLOAT : KIND_UNSIGNED;
	bool is_good = arena != NULL && value_convert(wire, kind, arena, &number) == ERR_NONE;

	if (is_good)
		*ret_number = value_number(number);
	arena_free(arena);
	return is_good && is_in_form(rows[attribute].form, *ret_number);
}

static bool fits(enum attribute attribute, enum kind kind)
{
	const enum kind needs = rows[attribute].needs;

	return needs == KIND_NONE || needs == kind ||
	       (needs == KIND_FLOAT && value_is_number((struct value){ .kind = kind }));
}

static enum answer_code query_apply(struct attribute_set *set, struct bytes query,
				    struct attribute_place place, struct fault *fault)
{
	struct reader r = reader_of(query);
	struct bytes name;
	enum attribute attribute;
	size_t name_len = 0;

	while (name_len < query.len && query.at[name_len] != '=')
		name_len++;
	name = read_bytes(&r, name_len);
	if (!name_parse(name, place.minor_version, &attribute)) {
		fault_set(fault, ERR_MALFORMED, "unknown attribute \"%.*s\"", (int)bytes_first(name, 20).len,
			  (const char *)name.at);
		return BAD_REQUEST;
	}
	set->has[attribute] = reader_left(&r) > 0;
	if (!set->has[attribute])
		return CHANGED;
	if (!fits(attribute, place.kind)) {
		fault_set(fault, ERR_MALFORMED, "%s needs a %s resource", rows[attribute].name,
			  rows[attribute].needs == KIND_BOOLEAN ? "boolean" : "numeric");
		return BAD_REQUEST;
	}
	read_u8(&r);
	if (!value_parse(read_rest(&r), attribute, &set->value[attribute])) {
		fault_set(fault, ERR_MALFORMED, "%s has a bad value", rows[attribute].name);
		return BAD_REQUEST;
	}
	return CHANGED;
}

/* lt < gt and lt + 2 st < gt, epmin < epmax, where they are given; a step above 0. */
static bool is_consistent(const struct attribute_set *set)
{
	double step = set->has[ATTRIBUTE_ST] ? set->value[ATTRIBUTE_ST] : 0;

	if (set->has[ATTRIBUTE_ST] && step <= 0)
		return false;
	if (set->has[ATTRIBUTE_EPMIN] && set->has[ATTRIBUTE_EPMAX] &&
	    set->value[ATTRIBUTE_EPMIN] >= set->value[ATTRIBUTE_EPMAX])
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

enum answer_code attributes_apply(struct attribute_set *set, struct attribute_place place,
				  const struct bytes *queries, size_t query_count, struct fault *fault)
{
	struct attribute_set changed = *set;

	for (size_t i = 0; i < query_count; i++)
		if (query_apply(&changed, queries[i], place, fault) != CHANGED)
			return BAD_REQUEST;
	if (!is_consistent(&changed)) {
		fault_set(fault, ERR_MALFORMED, "the attributes contradict each other");
		return BAD_REQUEST;
	}
	*set = changed;
	return CHANGED;
}

enum answer_code attributes_write(struct attributes *attributes, struct path path,
				  struct attribute_place place, const struct bytes *queries,
				  size_t query_count, struct fault *fault)
{
	size_t at = find(attributes, path);
	struct attribute_set set = { .has = { false } };

	if (at < attributes->count)
		set = attributes->at[at].set;
	if (attributes_apply(&set, place, queries, query_count, fault) != CHANGED)
		return BAD_REQUEST;
	if (at == ATTACHED_MAX) {
		fault_set(fault, ERR_LIMIT, "attributes on more than %d paths", ATTACHED_MAX);
		return INTERNAL_ERROR;
	}
	attributes->at[at] = (struct attached){ path, set };
	if (at == attributes->count && !is_empty(&set))
		attributes->count++;
	return CHANGED;
}

static void fill_in(struct attribute_set *set, const struct attribute_set *from)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (set->has[i] || !from->has[i])
			continue;
		set->has[i] = true;
		set->value[i] = from->value[i];
	}
}

struct attribute_set attributes_effective(const struct attributes *attributes, struct path path,
					  const struct attribute_set *own)
{
	struct attribute_set effective = *own;

	for (struct path level = path; level.depth > 0; level.depth--) {
		size_t at = find(attributes, level);
		if (at < attributes->count)
			fill_in(&effective, &attributes->at[at].set);
	}
	return effective;
}

void build_attributes(struct builder *b, const struct attributes *attributes, struct path path)
{
	size_t at = find(attributes, path);

	for (size_t i = 0; at < attributes->count && i < ATTRIBUTE_COUNT; i++) {
		if (!attributes->at[at].set.has[i])
			continue;
		build_printf(b, ";%s=", rows[i].name);
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
