/* LwM2M Core TS 1.1, appendix C: what the bytes of a format are worth as a data type. */
#include "value.h"

#include <math.h>
#include <stdlib.h>

/* ---- what came as TLV bytes ---- */

static enum err integer_from_tlv(struct bytes bytes, int64_t *ret_integer)
{
	struct reader r = reader_of(bytes);

	switch (bytes.len) {
	case 1:
		*ret_integer = (int8_t)read_u8(&r);
		return ERR_NONE;
	case 2:
		*ret_integer = (int16_t)read_u16(&r);
		return ERR_NONE;
	case 4:
		*ret_integer = (int32_t)read_u32(&r);
		return ERR_NONE;
	case 8:
		*ret_integer = (int64_t)read_u64(&r);
		return ERR_NONE;
	default:
		return ERR_MALFORMED;
	}
}

static enum err real_from_tlv(struct bytes bytes, double *ret_real)
{
	struct reader r = reader_of(bytes);

	if (bytes.len == 4) {
		uint32_t bits = read_u32(&r);
		float single;
		memcpy(&single, &bits, sizeof(single));
		*ret_real = single;
		return ERR_NONE;
	}
	if (bytes.len == 8) {
		uint64_t bits = read_u64(&r);
		memcpy(ret_real, &bits, sizeof(*ret_real));
		return ERR_NONE;
	}
	return ERR_MALFORMED;
}

static enum err value_from_tlv(struct bytes bytes, enum kind kind, struct value *ret_value)
{
	struct value value = { .kind = kind };
	struct reader r = reader_of(bytes);
	enum err err = ERR_NONE;

	switch (kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		err = integer_from_tlv(bytes, &value.integer);
		break;
	case KIND_UNSIGNED:
		if (bytes.len != 1 && bytes.len != 2 && bytes.len != 4 && bytes.len != 8)
			return ERR_MALFORMED;
		value.whole = read_uint(&r, bytes.len);
		break;
	case KIND_FLOAT:
		err = real_from_tlv(bytes, &value.real);
		break;
	case KIND_BOOLEAN:
		if (bytes.len != 1 || bytes.at[0] > 1)
			return ERR_MALFORMED;
		value.boolean = bytes.at[0] == 1;
		break;
	case KIND_STRING:
		if (!bytes_are_utf8(bytes))
			return ERR_MALFORMED;
		value.bytes = bytes;
		break;
	case KIND_OPAQUE:
		value.bytes = bytes;
		break;
	case KIND_LINK:
		if (bytes.len != 4)
			return ERR_MALFORMED;
		value.link.object = read_u16(&r);
		value.link.instance = read_u16(&r);
		break;
	default:
		return ERR_MALFORMED;
	}
	if (err != ERR_NONE)
		return err;
	*ret_value = value;
	return ERR_NONE;
}

/* ---- what came as text ---- */

static bool read_decimal(struct reader *r, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t digits = 0;

	while (reader_left(r) > 0) {
		uint8_t digit = (uint8_t)(peek_u8(r) - '0');
		if (digit > 9)
			break;
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
		digits++;
		read_u8(r);
	}
	*ret_number = number;
	return digits > 0;
}

static enum err integer_from_text(struct bytes text, int64_t *ret_integer)
{
	struct reader r = reader_of(text);
	bool is_negative = peek_u8(&r) == '-';
	uint64_t number;

	if (is_negative)
		read_u8(&r);
	if (!read_decimal(&r, &number) || !reader_done(&r))
		return ERR_MALFORMED;
	if (number > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
		return ERR_MALFORMED;
	*ret_integer = is_negative ? (int64_t)(0 - number) : (int64_t)number;
	return ERR_NONE;
}

static enum err real_from_text(struct arena *arena, struct bytes text, double *ret_real)
{
	struct reader r = reader_of(text);
	char *copy, *end;

	while (reader_left(&r) > 0)
		if (memchr("0123456789.-", read_u8(&r), 12) == NULL) /* no exponent (C.1) */
			return ERR_MALFORMED;
	copy = arena_strndup(arena, (const char *)text.at, text.len);
	if (copy == NULL)
		return ERR_NOMEM;
	*ret_real = strtod(copy, &end);
	return text.len > 0 && *end == '\0' ? ERR_NONE : ERR_MALFORMED;
}

static enum err link_from_text(struct bytes text, struct value *ret_value)
{
	struct reader r = reader_of(text);
	uint64_t object, instance;

	if (!read_decimal(&r, &object) || read_u8(&r) != ':' || !read_decimal(&r, &instance) ||
	    !reader_done(&r))
		return ERR_MALFORMED;
	if (object > UINT16_MAX || instance > UINT16_MAX)
		return ERR_MALFORMED;
	ret_value->kind = KIND_LINK;
	ret_value->link.object = (uint16_t)object;
	ret_value->link.instance = (uint16_t)instance;
	return ERR_NONE;
}

static enum err value_from_text(struct bytes text, enum kind kind, struct arena *arena,
				struct value *ret_value)
{
	struct value value = { .kind = kind };
	struct reader r = reader_of(text);
	enum err err = ERR_NONE;

	switch (kind) {
	case KIND_INTEGER:
	case KIND_TIME:
		err = integer_from_text(text, &value.integer);
		break;
	case KIND_UNSIGNED:
		if (!read_decimal(&r, &value.whole) || !reader_done(&r))
			return ERR_MALFORMED;
		break;
	case KIND_FLOAT:
		err = real_from_text(arena, text, &value.real);
		break;
	case KIND_BOOLEAN:
		if (!bytes_equal_text(text, "0") && !bytes_equal_text(text, "1"))
			return ERR_MALFORMED;
		value.boolean = text.at[0] == '1';
		break;
	case KIND_STRING:
		if (!bytes_are_utf8(text))
			return ERR_MALFORMED;
		value.bytes = text;
		break;
	case KIND_OPAQUE:
		err = bytes_from_base64(arena, text, &value.bytes);
		break;
	case KIND_LINK:
		err = link_from_text(text, &value);
		break;
	default:
		return ERR_MALFORMED;
	}
	if (err != ERR_NONE)
		return err;
	*ret_value = value;
	return ERR_NONE;
}

/* ---- what came typed ---- */

#define TWO_TO_63 9223372036854775808.0

static enum err number_convert(struct value value, enum kind kind, struct value *ret_value)
{
	struct value to = { .kind = kind };

	if (kind == KIND_FLOAT) {
		to.real = value_number(value);
		*ret_value = to;
		return ERR_NONE;
	}
	if (value.kind == KIND_FLOAT) {
		if (value.real != floor(value.real) || value.real < -TWO_TO_63 || value.real >= TWO_TO_63)
			return ERR_MALFORMED;
		value = INTEGER_VALUE((int64_t)value.real);
	}
	if (kind == KIND_UNSIGNED) {
		if (value.kind != KIND_UNSIGNED && value.integer < 0)
			return ERR_MALFORMED;
		to.whole = value.kind == KIND_UNSIGNED ? value.whole : (uint64_t)value.integer;
	} else {
		if (value.kind == KIND_UNSIGNED && value.whole > INT64_MAX)
			return ERR_MALFORMED;
		to.integer = value.kind == KIND_UNSIGNED ? (int64_t)value.whole : value.integer;
	}
	*ret_value = to;
	return ERR_NONE;
}

enum err value_convert(struct value value, enum kind kind, struct arena *arena, struct value *ret_value)
{
	struct value wanted = { .kind = kind };

	if (value.kind == KIND_TLV_BYTES)
		return value_from_tlv(value.bytes, kind, ret_value);
	if (value.kind == KIND_TEXT_BYTES)
		return value_from_text(value.bytes, kind, arena, ret_value);
	if (value.kind == kind) {
		*ret_value = value;
		return ERR_NONE;
	}
	if (value_is_number(value) && value_is_number(wanted))
		return number_convert(value, kind, ret_value);
	if (value.kind == KIND_STRING && kind == KIND_LINK)
		return link_from_text(value.bytes, ret_value);
	return ERR_MALFORMED;
}
