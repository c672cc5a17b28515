/* LwM2M Core TS 1.1, appendix C, with the tags of RFC 8949, 3.4 */
#include "cbor_value.h"

#include <math.h>
#include <stdio.h>

#include "date_time.h"

enum {
	TAG_DATE_TIME = 0,
	TAG_EPOCH_TIME = 1,
	TAG_DECIMAL_FRACTION = 4,
};

/* Beyond it a decimal fraction is 0 or infinite anyway. */
#define MAX_DECIMAL_EXPONENT 400

static bool is_number(const struct lwm2m_value *value)
{
	return value->type == LWM2M_INTEGER || value->type == LWM2M_UNSIGNED || value->type == LWM2M_FLOAT;
}

static const char *to_value(const struct cbor_item *item, struct lwm2m_value *value)
{
	switch (item->kind) {
	case CBOR_UINT:
		if (item->number <= INT64_MAX)
			*value = (struct lwm2m_value){ .type = LWM2M_INTEGER,
						       .integer = (int64_t)item->number };
		else
			*value = (struct lwm2m_value){ .type = LWM2M_UNSIGNED, .whole = item->number };
		return NULL;
	case CBOR_NEGINT:
		if (item->number > INT64_MAX)
			return "a negative number below 64 bits";
		*value = (struct lwm2m_value){ .type = LWM2M_INTEGER, .integer = -1 - (int64_t)item->number };
		return NULL;
	case CBOR_FLOAT:
		*value = (struct lwm2m_value){ .type = LWM2M_FLOAT, .real = item->real };
		return NULL;
	case CBOR_TEXT:
		*value = (struct lwm2m_value){ .type = LWM2M_STRING, .bytes = item->bytes };
		return NULL;
	case CBOR_BYTES:
		*value = (struct lwm2m_value){ .type = LWM2M_OPAQUE, .bytes = item->bytes };
		return NULL;
	case CBOR_BOOL:
		*value = (struct lwm2m_value){ .type = LWM2M_BOOLEAN, .boolean = item->boolean };
		return NULL;
	case CBOR_NULL:
		*value = (struct lwm2m_value){ .type = LWM2M_NULL };
		return NULL;
	case CBOR_ARRAY:
	case CBOR_MAP:
		return "an array or map where a value should be";
	case CBOR_TAG:
		return "a tag inside a tag";
	case CBOR_UNDEFINED:
	case CBOR_BREAK:
		break;
	}
	return "no value";
}

static const char *read_plain(struct reader *r, struct arena *arena, struct lwm2m_value *value)
{
	struct cbor_item item;

	return read_cbor(r, arena, &item) ? to_value(&item, value) : "broken or cut off CBOR";
}

/* RFC 8949, 3.4.4: [exponent, mantissa]. A mantissa of more than 53 bits loses its last ones where there is
 * an exponent. */
static const char *read_decimal_fraction(struct reader *r, struct arena *arena, struct lwm2m_value *value)
{
	static const char fault[] = "a decimal fraction that is none";
	struct lwm2m_value exponent, mantissa;
	struct cbor_item array;
	double real;

	if (!read_cbor(r, arena, &array) || array.kind != CBOR_ARRAY || array.count != 2 ||
	    read_plain(r, arena, &exponent) != NULL || read_plain(r, arena, &mantissa) != NULL ||
	    exponent.type != LWM2M_INTEGER || exponent.integer < -MAX_DECIMAL_EXPONENT ||
	    exponent.integer > MAX_DECIMAL_EXPONENT || mantissa.type == LWM2M_FLOAT || !is_number(&mantissa))
		return fault;
	*value = mantissa;
	if (exponent.integer == 0)
		return NULL;
	real = mantissa.type == LWM2M_INTEGER ? (double)mantissa.integer : (double)mantissa.whole;
	*value =
		(struct lwm2m_value){ .type = LWM2M_FLOAT, .real = real * pow(10, (double)exponent.integer) };
	return isfinite(value->real) ? NULL : fault;
}

/* A part of a second stays, as a float: it is up to the type asked for whether it counts. */
static const char *read_epoch_time(struct reader *r, struct arena *arena, struct lwm2m_value *value)
{
	const char *fault = read_plain(r, arena, value);

	if (fault != NULL)
		return fault;
	if (value->type == LWM2M_INTEGER)
		value->type = LWM2M_TIME;
	return value->type == LWM2M_TIME || value->type == LWM2M_FLOAT ? NULL : "a time that is none";
}

static const char *read_date_time(struct reader *r, struct arena *arena, struct lwm2m_value *value)
{
	struct lwm2m_value text;
	const char *fault = read_plain(r, arena, &text);
	int64_t seconds;

	if (fault != NULL)
		return fault;
	if (text.type != LWM2M_STRING || !date_time_parse(text.bytes, &seconds))
		return "a date and time that is none";
	*value = (struct lwm2m_value){ .type = LWM2M_TIME, .integer = seconds };
	return NULL;
}

const char *read_cbor_value(struct reader *r, struct arena *arena, struct lwm2m_value *ret_value)
{
	struct lwm2m_value value;
	struct cbor_item item;
	const char *fault;

	if (!read_cbor(r, arena, &item))
		return "broken or cut off CBOR";
	if (item.kind != CBOR_TAG)
		fault = to_value(&item, &value);
	else if (item.number == TAG_DATE_TIME)
		fault = read_date_time(r, arena, &value);
	else if (item.number == TAG_EPOCH_TIME)
		fault = read_epoch_time(r, arena, &value);
	else if (item.number == TAG_DECIMAL_FRACTION)
		fault = read_decimal_fraction(r, arena, &value);
	else
		fault = read_plain(r, arena, &value);
	if (fault == NULL)
		*ret_value = value;
	return fault;
}

const char *read_cbor_number(struct reader *r, struct arena *arena, struct lwm2m_value *ret_value)
{
	struct lwm2m_value value;
	const char *fault = read_cbor_value(r, arena, &value);

	if (fault != NULL)
		return fault;
	if (!is_number(&value) && value.type != LWM2M_TIME)
		return "not a number";
	*ret_value = value;
	return NULL;
}

void build_cbor_value(struct builder *b, const struct lwm2m_value *value)
{
	char link[sizeof("65535:65535")];

	switch (value->type) {
	case LWM2M_STRING:
	case LWM2M_CORELNK:
		build_cbor_text(b, value->bytes);
		return;
	case LWM2M_INTEGER:
	case LWM2M_TIME:
		build_cbor_int(b, value->integer);
		return;
	case LWM2M_UNSIGNED:
		build_cbor_uint(b, value->whole);
		return;
	case LWM2M_FLOAT:
		build_cbor_real(b, value->real);
		return;
	case LWM2M_BOOLEAN:
		build_cbor_bool(b, value->boolean);
		return;
	case LWM2M_OPAQUE:
		build_cbor_bytes(b, value->bytes);
		return;
	case LWM2M_OBJLNK:
		snprintf(link, sizeof(link), "%u:%u", value->link.object, value->link.instance);
		build_cbor_text(b, bytes_of_text(link));
		return;
	case LWM2M_NONE:
	case LWM2M_NULL:
		build_cbor_null(b);
		return;
	}
}
