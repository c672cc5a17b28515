/* LwM2M Core TS 1.2, 7.3: notification attributes. Epmin, epmax are of 1.1; edge, con, hqmax of 1.2. */
#include "attributes.h"

#include <math.h>

#include "decimal.h"
#include "value.h"

enum attribute_kind { SECONDS, COUNT, FLAG, THRESHOLD, STEP };

/* What the resource has to hold. */
enum attribute_values { ANY_VALUE, NUMBERS, BOOLEANS };

struct attribute_row {
	const char *name;
	enum attribute_kind kind;
	uint8_t min_depth; /* where it may stand: 0 also at the root, for a composite observation; 3 only at
			      resources and below */
	enum attribute_values values;
};

/* clang-format off */
static const struct attribute_row rows[ATTRIBUTE_COUNT] = {
	[ATTRIBUTE_PMIN]  = { "pmin",  SECONDS,   0, ANY_VALUE },
	[ATTRIBUTE_PMAX]  = { "pmax",  SECONDS,   0, ANY_VALUE },
	[ATTRIBUTE_GT]    = { "gt",    THRESHOLD, 3, NUMBERS },
	[ATTRIBUTE_LT]    = { "lt",    THRESHOLD, 3, NUMBERS },
	[ATTRIBUTE_ST]    = { "st",    STEP,      3, NUMBERS },
	[ATTRIBUTE_EPMIN] = { "epmin", SECONDS,   0, ANY_VALUE },
	[ATTRIBUTE_EPMAX] = { "epmax", SECONDS,   0, ANY_VALUE },
	[ATTRIBUTE_EDGE]  = { "edge",  FLAG,      3, BOOLEANS },
	[ATTRIBUTE_CON]   = { "con",   FLAG,      0, ANY_VALUE },
	[ATTRIBUTE_HQMAX] = { "hqmax", COUNT,     1, ANY_VALUE },
};

static const char *const kind_texts[] = {
	[SECONDS]   = "a whole number of seconds",
	[COUNT]     = "a whole number",
	[FLAG]      = "0 or 1",
	[THRESHOLD] = "a decimal number",
	[STEP]      = "a decimal number above 0",
};
/* clang-format on */

const char *attribute_text(enum attribute_name name)
{
	return (unsigned)name < ATTRIBUTE_COUNT ? rows[name].name : "";
}

static bool is_in_kind(enum attribute_kind kind, double value)
{
	bool is_whole = value >= 0 && value <= UINT32_MAX && value == (double)(uint32_t)value;

	switch (kind) {
	case SECONDS:
	case COUNT:
		return is_whole;
	case FLAG:
		return value == 0 || value == 1;
	case THRESHOLD:
		return isfinite(value);
	case STEP:
		return value > 0 && isfinite(value);
	}
	return false;
}

static bool parse_value(enum attribute_kind kind, struct bytes text, double *ret_value)
{
	bool is_real = kind == THRESHOLD || kind == STEP;
	uint64_t whole;
	double value;

	if (is_real ? !decimal_parse_real(text, &value) : !decimal_parse_unsigned(text, &whole))
		return false;
	if (!is_real)
		value = (double)whole;
	if (!is_in_kind(kind, value))
		return false;
	*ret_value = value;
	return true;
}

/* One of "name" and "name=value". */
static enum err parse_attribute(struct bytes pair, size_t offset, struct attributes *attributes,
				struct fault *fault)
{
	const uint8_t *equals = pair.len == 0 ? NULL : memchr(pair.at, '=', pair.len);
	struct bytes name = equals == NULL ? pair : bytes_first(pair, (size_t)(equals - pair.at));
	enum attribute_name i = 0;

	while (i < ATTRIBUTE_COUNT && !bytes_equal_text(name, rows[i].name))
		i++;
	if (i == ATTRIBUTE_COUNT)
		return fault_set_at(fault, ERR_MALFORMED, offset, "unknown attribute '%.*s'",
				    (int)(name.len < 32 ? name.len : 32), (const char *)name.at);
	if (attributes->at[i].present)
		return fault_set_at(fault, ERR_MALFORMED, offset, "attribute %s stands there twice",
				    rows[i].name);
	attributes->at[i].present = true;
	attributes->at[i].unset = equals == NULL;
	if (equals != NULL &&
	    !parse_value(rows[i].kind, bytes_from(pair, name.len + 1), &attributes->at[i].value))
		return fault_set_at(fault, ERR_MALFORMED, offset, "attribute %s: the value is not %s",
				    rows[i].name, kind_texts[rows[i].kind]);
	return ERR_NONE;
}

enum err attributes_parse(struct bytes query, struct attributes *ret_attributes, struct fault *fault)
{
	struct attributes attributes = { 0 };
	size_t offset = 0;

	if (query.len == 0) {
		*ret_attributes = attributes;
		return ERR_NONE;
	}
	while (offset <= query.len) {
		struct bytes rest = bytes_from(query, offset);
		const uint8_t *end = rest.len == 0 ? NULL : memchr(rest.at, '&', rest.len);
		struct bytes pair = end == NULL ? rest : bytes_first(rest, (size_t)(end - rest.at));
		enum err err;

		if (pair.len == 0)
			return fault_set_at(fault, ERR_MALFORMED, offset,
					    "an attribute is missing before or after '&'");
		err = parse_attribute(pair, offset, &attributes, fault);
		if (err != ERR_NONE)
			return err;
		offset += pair.len + 1;
	}
	*ret_attributes = attributes;
	return ERR_NONE;
}

static bool has_value(const struct attributes *attributes, enum attribute_name name)
{
	return attributes->at[name].present && !attributes->at[name].unset;
}

enum err attributes_check(const struct attributes *attributes, struct lwm2m_path path, struct fault *fault)
{
	double gt = attributes->at[ATTRIBUTE_GT].value, lt = attributes->at[ATTRIBUTE_LT].value;
	double st = has_value(attributes, ATTRIBUTE_ST) ? attributes->at[ATTRIBUTE_ST].value : 0;

	for (enum attribute_name i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (!attributes->at[i].present)
			continue;
		if (path.depth < rows[i].min_depth)
			return fault_set(fault, ERR_MALFORMED, "attribute %s may not stand at %s",
					 rows[i].name,
					 path.depth == 0 ? "the root" : "an object or instance");
		if (!attributes->at[i].unset && !is_in_kind(rows[i].kind, attributes->at[i].value))
			return fault_set(fault, ERR_MALFORMED, "attribute %s: the value is not %s",
					 rows[i].name, kind_texts[rows[i].kind]);
	}
	if (has_value(attributes, ATTRIBUTE_PMIN) && has_value(attributes, ATTRIBUTE_PMAX) &&
	    attributes->at[ATTRIBUTE_PMAX].value > 0 &&
	    attributes->at[ATTRIBUTE_PMIN].value > attributes->at[ATTRIBUTE_PMAX].value)
		return fault_set(fault, ERR_MALFORMED, "attribute pmin is larger than pmax");
	if (has_value(attributes, ATTRIBUTE_EPMIN) && has_value(attributes, ATTRIBUTE_EPMAX) &&
	    attributes->at[ATTRIBUTE_EPMIN].value >= attributes->at[ATTRIBUTE_EPMAX].value)
		return fault_set(fault, ERR_MALFORMED, "attribute epmin is not smaller than epmax");
	if (has_value(attributes, ATTRIBUTE_LT) && has_value(attributes, ATTRIBUTE_GT) && lt + 2 * st >= gt)
		return fault_set(fault, ERR_MALFORMED, "attributes: lt + 2 st is not smaller than gt");
	return ERR_NONE;
}

static bool holds(enum attribute_values values, enum lwm2m_type type)
{
	switch (values) {
	case NUMBERS:
		return type == LWM2M_INTEGER || type == LWM2M_UNSIGNED || type == LWM2M_FLOAT ||
		       type == LWM2M_TIME;
	case BOOLEANS:
		return type == LWM2M_BOOLEAN;
	case ANY_VALUE:
		break;
	}
	return true;
}

enum err attributes_check_type(const struct attributes *attributes, enum lwm2m_type type, struct fault *fault)
{
	for (enum attribute_name i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (has_value(attributes, i) && !holds(rows[i].values, type))
			return fault_set(fault, ERR_MALFORMED,
					 "attribute %s needs a resource of %s, this one is %s", rows[i].name,
					 rows[i].values == NUMBERS ? "numbers" : "booleans",
					 value_type_name(type));
	}
	return ERR_NONE;
}

enum err attributes_print(struct arena *arena, const struct attributes *attributes, struct bytes *ret_query)
{
	struct builder b = builder_in(arena);

	for (enum attribute_name i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (!attributes->at[i].present)
			continue;
		if (b.len > 0)
			build_u8(&b, '&');
		build_text(&b, rows[i].name);
		if (attributes->at[i].unset)
			continue;
		if (!is_in_kind(rows[i].kind, attributes->at[i].value))
			return ERR_MALFORMED;
		build_u8(&b, '=');
		build_decimal(&b, attributes->at[i].value);
	}
	return builder_bytes(&b, ret_query);
}
