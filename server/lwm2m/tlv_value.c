/* LwM2M Core TS 1.1, appendix C, column TLV */
#include "tlv_value.h"

#include <float.h>
#include <math.h>

static bool is_integer_width(size_t width)
{
	return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool read_integer(struct bytes bytes, struct lwm2m_value *value)
{
	struct reader r = reader_of(bytes);
	unsigned unused_bits = 64 - 8 * (unsigned)bytes.len;

	if (!is_integer_width(bytes.len))
		return false;
	value->integer = (int64_t)(read_uint(&r, bytes.len) << unused_bits) >> unused_bits;
	return true;
}

static bool read_unsigned(struct bytes bytes, struct lwm2m_value *value)
{
	struct reader r = reader_of(bytes);

	if (!is_integer_width(bytes.len))
		return false;
	value->whole = read_uint(&r, bytes.len);
	return true;
}

static bool read_float(struct bytes bytes, struct lwm2m_value *value)
{
	struct reader r = reader_of(bytes);

	if (bytes.len == sizeof(float)) {
		uint32_t bits = read_u32(&r);
		float single;

		memcpy(&single, &bits, sizeof(single));
		value->real = single;
	} else {
		uint64_t bits = read_u64(&r);

		memcpy(&value->real, &bits, sizeof(value->real));
	}
	return reader_done(&r);
}

static bool read_boolean(struct bytes bytes, struct lwm2m_value *value)
{
	if (bytes.len != 1 || bytes.at[0] > 1)
		return false;
	value->boolean = bytes.at[0] == 1;
	return true;
}

static bool read_opaque(struct bytes bytes, struct lwm2m_value *value)
{
	value->bytes = bytes;
	return true;
}

static bool read_text(struct bytes bytes, struct lwm2m_value *value)
{
	value->bytes = bytes;
	return bytes_are_utf8(bytes);
}

static bool read_link(struct bytes bytes, struct lwm2m_value *value)
{
	struct reader r = reader_of(bytes);

	value->link.object = read_u16(&r);
	value->link.instance = read_u16(&r);
	return reader_done(&r);
}

static void build_plain(struct builder *b, const struct lwm2m_value *value)
{
	build_bytes(b, value->bytes);
}

static size_t width_of(int64_t integer)
{
	if (integer >= INT8_MIN && integer <= INT8_MAX)
		return 1;
	if (integer >= INT16_MIN && integer <= INT16_MAX)
		return 2;
	return integer >= INT32_MIN && integer <= INT32_MAX ? 4 : 8;
}

static void build_integer(struct builder *b, const struct lwm2m_value *value)
{
	size_t width = width_of(value->integer);

	build_uint(b, (uint64_t)value->integer & UINT64_MAX >> (64 - 8 * width), width);
}

static void build_unsigned(struct builder *b, const struct lwm2m_value *value)
{
	uint64_t whole = value->whole;

	build_uint(b, whole, whole <= UINT8_MAX ? 1 : whole <= UINT16_MAX ? 2 : whole <= UINT32_MAX ? 4 : 8);
}

static void build_float(struct builder *b, const struct lwm2m_value *value)
{
	double real = value->real;
	bool is_single = !isfinite(real) || (fabs(real) <= (double)FLT_MAX && (double)(float)real == real);

	if (is_single) {
		float single = (float)real;
		uint32_t bits;

		memcpy(&bits, &single, sizeof(bits));
		build_u32(b, bits);
	} else {
		uint64_t bits;

		memcpy(&bits, &real, sizeof(bits));
		build_u64(b, bits);
	}
}

static void build_boolean(struct builder *b, const struct lwm2m_value *value)
{
	build_u8(b, value->boolean);
}

static void build_link(struct builder *b, const struct lwm2m_value *value)
{
	build_u16(b, value->link.object);
	build_u16(b, value->link.instance);
}

struct codec_row {
	const char *expected; /* "the value is not ..." */
	bool (*read)(struct bytes bytes, struct lwm2m_value *value);
	void (*build)(struct builder *b, const struct lwm2m_value *value);
};

/* clang-format off */
static const struct codec_row codecs[] = {
	[LWM2M_NONE]     = { "there",                                  NULL,          NULL },
	[LWM2M_STRING]   = { "UTF-8 text",                             read_text,     build_plain },
	[LWM2M_INTEGER]  = { "an integer of 1, 2, 4 or 8 bytes",       read_integer,  build_integer },
	[LWM2M_UNSIGNED] = { "an integer of 1, 2, 4 or 8 bytes",       read_unsigned, build_unsigned },
	[LWM2M_FLOAT]    = { "a float of 4 or 8 bytes",                read_float,    build_float },
	[LWM2M_BOOLEAN]  = { "a byte 00 or 01",                        read_boolean,  build_boolean },
	[LWM2M_OPAQUE]   = { "anything",                               read_opaque,   build_plain },
	[LWM2M_TIME]     = { "a time of 1, 2, 4 or 8 bytes",           read_integer,  build_integer },
	[LWM2M_OBJLNK]   = { "an object link of 4 bytes",              read_link,     build_link },
	[LWM2M_CORELNK]  = { "UTF-8 text",                             read_text,     build_plain },
	[LWM2M_NULL]     = { "there",                                  NULL,          NULL },
};
/* clang-format on */

#define CODEC_COUNT (sizeof(codecs) / sizeof(codecs[0]))

const char *tlv_value_read(enum lwm2m_type type, struct bytes bytes, struct lwm2m_value *ret_value)
{
	struct lwm2m_value value = { .type = type };

	if ((size_t)type >= CODEC_COUNT || codecs[type].read == NULL || !codecs[type].read(bytes, &value))
		return (size_t)type < CODEC_COUNT ? codecs[type].expected : "of a known type";
	*ret_value = value;
	return NULL;
}

bool build_tlv_value(struct builder *b, const struct lwm2m_value *value)
{
	if ((size_t)value->type >= CODEC_COUNT || codecs[value->type].build == NULL)
		return false;
	codecs[value->type].build(b, value);
	return true;
}
