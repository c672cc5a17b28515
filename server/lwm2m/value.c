/* LwM2M Core TS 1.1, appendix C: data types, and the plain text format */
#include "value.h"

#include <inttypes.h>
#include <math.h>

#include "decimal.h"

/* 2^63 and 2^64 as doubles: the first that do not fit their integers. */
#define END_OF_INT64  9223372036854775808.0
#define END_OF_UINT64 18446744073709551616.0

/* ERR_MALFORMED: the text is no value of that type. Only an opaque takes memory. */
typedef enum err parse_function(struct arena *arena, struct bytes text, struct lwm2m_value *value);
/* False: the value has no text. */
typedef bool print_function(struct builder *b, const struct lwm2m_value *value);
/* In place, all but the type. False: it does not fit. */
typedef bool convert_function(struct lwm2m_value *value);

static enum err good_if(bool is_good)
{
	return is_good ? ERR_NONE : ERR_MALFORMED;
}

static enum err parse_text(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	value->bytes = text;
	return good_if(bytes_are_utf8(text));
}

static enum err parse_integer(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	return good_if(decimal_parse_signed(text, &value->integer));
}

static enum err parse_unsigned(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	return good_if(decimal_parse_unsigned(text, &value->whole));
}

static enum err parse_float(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	return good_if(decimal_parse_real(text, &value->real));
}

static enum err parse_boolean(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	value->boolean = bytes_equal_text(text, "1");
	return good_if(value->boolean || bytes_equal_text(text, "0"));
}

static enum err parse_opaque(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	return bytes_from_base64(arena, text, &value->bytes);
}

static bool take_link(struct bytes text, struct lwm2m_value *value)
{
	const uint8_t *colon = text.len == 0 ? NULL : memchr(text.at, ':', text.len);
	size_t before = colon == NULL ? text.len : (size_t)(colon - text.at);
	uint64_t object, instance;

	if (!decimal_parse_unsigned(bytes_first(text, before), &object) ||
	    !decimal_parse_unsigned(bytes_from(text, before + 1), &instance) || object > UINT16_MAX ||
	    instance > UINT16_MAX)
		return false;
	value->link.object = (uint16_t)object;
	value->link.instance = (uint16_t)instance;
	return true;
}

static enum err parse_link(struct arena *arena, struct bytes text, struct lwm2m_value *value)
{
	return good_if(take_link(text, value));
}

static bool print_text(struct builder *b, const struct lwm2m_value *value)
{
	build_bytes(b, value->bytes);
	return true;
}

static bool print_integer(struct builder *b, const struct lwm2m_value *value)
{
	build_printf(b, "%" PRId64, value->integer);
	return true;
}

static bool print_unsigned(struct builder *b, const struct lwm2m_value *value)
{
	build_printf(b, "%" PRIu64, value->whole);
	return true;
}

static bool print_float(struct builder *b, const struct lwm2m_value *value)
{
	if (!isfinite(value->real))
		return false;
	build_decimal(b, value->real);
	return true;
}

static bool print_boolean(struct builder *b, const struct lwm2m_value *value)
{
	build_text(b, value->boolean ? "1" : "0");
	return true;
}

static bool print_opaque(struct builder *b, const struct lwm2m_value *value)
{
	const char *base64 = bytes_to_base64(b->arena, value->bytes);

	if (base64 == NULL)
		b->bad = true;
	else
		build_text(b, base64);
	return true;
}

static bool print_link(struct builder *b, const struct lwm2m_value *value)
{
	build_printf(b, "%u:%u", value->link.object, value->link.instance);
	return true;
}

/* ---- from what a self-describing format delivered to what the object definition asks for ---- */

static bool to_integer(struct lwm2m_value *value)
{
	if (value->type == LWM2M_INTEGER || value->type == LWM2M_TIME)
		return true;
	if (value->type == LWM2M_UNSIGNED) {
		value->integer = (int64_t)value->whole;
		return value->whole <= INT64_MAX;
	}
	if (value->type != LWM2M_FLOAT || value->real != floor(value->real) || value->real < -END_OF_INT64 ||
	    value->real >= END_OF_INT64)
		return false;
	value->integer = (int64_t)value->real;
	return true;
}

static bool to_unsigned(struct lwm2m_value *value)
{
	if (value->type == LWM2M_UNSIGNED)
		return true;
	if (value->type == LWM2M_INTEGER || value->type == LWM2M_TIME) {
		value->whole = (uint64_t)value->integer;
		return value->integer >= 0;
	}
	if (value->type != LWM2M_FLOAT || value->real != floor(value->real) || value->real < 0 ||
	    value->real >= END_OF_UINT64)
		return false;
	value->whole = (uint64_t)value->real;
	return true;
}

static bool to_float(struct lwm2m_value *value)
{
	if (value->type == LWM2M_UNSIGNED)
		value->real = (double)value->whole;
	else if (value->type == LWM2M_INTEGER || value->type == LWM2M_TIME)
		value->real = (double)value->integer;
	else
		return value->type == LWM2M_FLOAT;
	return true;
}

/* Time counts whole seconds: parts of one are dropped, downwards, rather than refuse what a device reports.
 */
static bool to_time(struct lwm2m_value *value)
{
	if (value->type == LWM2M_FLOAT)
		value->real = floor(value->real);
	return to_integer(value);
}

static bool to_text(struct lwm2m_value *value)
{
	return value->type == LWM2M_STRING || value->type == LWM2M_CORELNK;
}

static bool to_link(struct lwm2m_value *value)
{
	return value->type == LWM2M_STRING && take_link(value->bytes, value);
}

/* ---- the types ---- */

struct type_row {
	const char *name;
	const char *expected; /* "the value is not ..." */
	parse_function *parse;
	print_function *print;
	convert_function *convert; /* from another type */
};

/* clang-format off */
static const struct type_row types[] = {
	[LWM2M_NONE]     = { "none",      "anything",                              NULL,           NULL,           NULL },
	[LWM2M_STRING]   = { "string",    "UTF-8 text",                            parse_text,     print_text,     to_text },
	[LWM2M_INTEGER]  = { "integer",   "a decimal integer of 64 bits",          parse_integer,  print_integer,  to_integer },
	[LWM2M_UNSIGNED] = { "unsigned",  "a decimal integer from 0, of 64 bits",  parse_unsigned, print_unsigned, to_unsigned },
	[LWM2M_FLOAT]    = { "float",     "a decimal number without exponent",     parse_float,    print_float,    to_float },
	[LWM2M_BOOLEAN]  = { "boolean",   "0 or 1",                                parse_boolean,  print_boolean,  NULL },
	[LWM2M_OPAQUE]   = { "opaque",    "base64",                                parse_opaque,   print_opaque,   NULL },
	[LWM2M_TIME]     = { "time",      "a decimal number of seconds",           parse_integer,  print_integer,  to_time },
	[LWM2M_OBJLNK]   = { "objlnk",    "an object link like 3:0",               parse_link,     print_link,     to_link },
	[LWM2M_CORELNK]  = { "corelnk",   "UTF-8 text",                            parse_text,     print_text,     to_text },
	[LWM2M_NULL]     = { "null",      "anything",                              NULL,           NULL,           NULL },
};
/* clang-format on */

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

const char *value_type_name(enum lwm2m_type type)
{
	return (size_t)type < TYPE_COUNT ? types[type].name : types[LWM2M_NONE].name;
}

enum lwm2m_type value_type_of(const char *name)
{
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		if (strcmp(types[i].name, name) == 0)
			return (enum lwm2m_type)i;
	}
	return LWM2M_NONE;
}

enum err value_parse(struct arena *arena, enum lwm2m_type type, struct bytes text,
		     struct lwm2m_value *ret_value, struct fault *fault)
{
	struct lwm2m_value value = { .type = type };
	enum err err;

	if ((size_t)type >= TYPE_COUNT || types[type].parse == NULL)
		return fault_set(fault, ERR_MALFORMED, "a value of type %s has no text",
				 value_type_name(type));
	err = types[type].parse(arena, text, &value);
	if (err != ERR_NONE)
		return fault_set(fault, err, "the value is not %s", types[type].expected);
	*ret_value = value;
	return ERR_NONE;
}

enum err value_print(struct arena *arena, const struct lwm2m_value *value, struct bytes *ret_text)
{
	struct builder b = builder_in(arena);

	if ((size_t)value->type >= TYPE_COUNT || types[value->type].print == NULL)
		return ERR_UNSUPPORTED;
	if (!types[value->type].print(&b, value))
		return ERR_UNSUPPORTED;
	return builder_bytes(&b, ret_text);
}

bool value_equal(const struct lwm2m_value *a, const struct lwm2m_value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case LWM2M_NONE:
	case LWM2M_NULL:
		return true;
	case LWM2M_STRING:
	case LWM2M_CORELNK:
	case LWM2M_OPAQUE:
		return bytes_equal(a->bytes, b->bytes);
	case LWM2M_INTEGER:
	case LWM2M_TIME:
		return a->integer == b->integer;
	case LWM2M_UNSIGNED:
		return a->whole == b->whole;
	case LWM2M_FLOAT:
		return a->real == b->real || (isnan(a->real) && isnan(b->real));
	case LWM2M_BOOLEAN:
		return a->boolean == b->boolean;
	case LWM2M_OBJLNK:
		return a->link.object == b->link.object && a->link.instance == b->link.instance;
	}
	return false;
}

enum err value_convert(enum lwm2m_type to, struct lwm2m_value *value, struct fault *fault)
{
	struct lwm2m_value converted = *value;

	if (to == value->type || value->type == LWM2M_NONE || value->type == LWM2M_NULL)
		return ERR_NONE;
	if ((size_t)to >= TYPE_COUNT || types[to].convert == NULL || !types[to].convert(&converted))
		return fault_set(fault, ERR_MALFORMED,
				 "a value of type %s where the object definition says %s",
				 value_type_name(value->type), value_type_name(to));
	converted.type = to;
	*value = converted;
	return ERR_NONE;
}
