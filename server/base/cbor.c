/* RFC 8949; its clauses are named where they decide something */
#include <cardea/cbor.h>

#include <cbor.h>
#include <float.h>
#include <math.h>

#define MAX_NESTING 16
#define MAX_HEAD    9

#define MAJOR_TAG           6
#define MAJOR(first)        ((first) >> 5)
#define ADDITIONAL(first)   ((first) % 32)
#define FIRST_WIDE_ARGUMENT 24 /* smaller ones are in the first byte itself */

/* ---- reading: one callback of libcbor's decoder per kind of head fills the item ---- */

static void on_uint8(void *item, uint8_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_UINT, .number = value };
}

static void on_uint16(void *item, uint16_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_UINT, .number = value };
}

static void on_uint32(void *item, uint32_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_UINT, .number = value };
}

static void on_uint64(void *item, uint64_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_UINT, .number = value };
}

static void on_negint8(void *item, uint8_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_NEGINT, .number = value };
}

static void on_negint16(void *item, uint16_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_NEGINT, .number = value };
}

static void on_negint32(void *item, uint32_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_NEGINT, .number = value };
}

static void on_negint64(void *item, uint64_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_NEGINT, .number = value };
}

static void on_bytes(void *item, cbor_data at, size_t len)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_BYTES, .bytes = bytes_of(at, len) };
}

static void on_bytes_start(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_BYTES, .count = CBOR_INDEFINITE };
}

static void on_text(void *item, cbor_data at, size_t len)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_TEXT, .bytes = bytes_of(at, len) };
}

static void on_text_start(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_TEXT, .count = CBOR_INDEFINITE };
}

/* A count of 2^64 - 1 is as impossible as the one below it, and not to be taken for an indefinite one. */
static size_t definite(size_t count)
{
	return count == CBOR_INDEFINITE ? CBOR_INDEFINITE - 1 : count;
}

static void on_array(void *item, size_t count)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_ARRAY, .count = definite(count) };
}

static void on_array_start(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_ARRAY, .count = CBOR_INDEFINITE };
}

static void on_map(void *item, size_t count)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_MAP, .count = definite(count) };
}

static void on_map_start(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_MAP, .count = CBOR_INDEFINITE };
}

static void on_tag(void *item, uint64_t value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_TAG, .number = value };
}

static void on_float(void *item, float value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_FLOAT, .real = value };
}

static void on_double(void *item, double value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_FLOAT, .real = value };
}

static void on_undefined(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_UNDEFINED };
}

static void on_null(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_NULL };
}

static void on_bool(void *item, bool value)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_BOOL, .boolean = value };
}

static void on_break(void *item)
{
	*(struct cbor_item *)item = (struct cbor_item){ .kind = CBOR_BREAK };
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string = on_bytes,
	.byte_string_start = on_bytes_start,
	.string = on_text,
	.string_start = on_text_start,
	.array_start = on_array,
	.indef_array_start = on_array_start,
	.map_start = on_map,
	.indef_map_start = on_map_start,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_undefined,
	.null = on_null,
	.boolean = on_bool,
	.indef_break = on_break,
};

static bool is_plausible(const struct reader *r, const struct cbor_item *item)
{
	switch (item->kind) {
	case CBOR_TEXT:
		return bytes_are_utf8(item->bytes);
	case CBOR_ARRAY:
		return item->count == CBOR_INDEFINITE || item->count <= reader_left(r);
	case CBOR_MAP:
		return item->count == CBOR_INDEFINITE || item->count <= reader_left(r) / 2;
	default:
		return true;
	}
}

/* One head, with the content of a definite string. */
static bool read_head(struct reader *r, struct cbor_item *ret_item)
{
	struct cbor_decoder_result result;
	struct cbor_item item;
	uint8_t first = peek_u8(r);

	if (reader_left(r) == 0)
		return false;
	if (MAJOR(first) == MAJOR_TAG && ADDITIONAL(first) < FIRST_WIDE_ARGUMENT) {
		/* libcbor 0.8 refuses the tags 6 to 20, among them COSE's */
		on_tag(&item, ADDITIONAL(read_u8(r)));
	} else {
		result = cbor_stream_decode(r->at, reader_left(r), &callbacks, &item);
		if (result.status != CBOR_DECODER_FINISHED) {
			r->bad = true;
			return false;
		}
		read_bytes(r, result.read);
	}
	if (!is_plausible(r, &item)) {
		r->bad = true;
		return false;
	}
	*ret_item = item;
	return true;
}

/* 3.2.3: the chunks are definite strings of the same kind, each text well formed for itself. */
static bool join_chunks(struct reader *r, struct arena *arena, struct cbor_item *string)
{
	struct builder b = builder_in(arena);
	struct cbor_item chunk = { .kind = string->kind };

	while (chunk.kind == string->kind && chunk.count != CBOR_INDEFINITE) {
		build_bytes(&b, chunk.bytes);
		if (!read_head(r, &chunk)) {
			r->bad = true;
			return false;
		}
	}
	if (chunk.kind != CBOR_BREAK || builder_bytes(&b, &string->bytes) != ERR_NONE) {
		r->bad = true;
		return false;
	}
	string->count = 0;
	return true;
}

bool read_cbor(struct reader *r, struct arena *arena, struct cbor_item *ret_item)
{
	struct cbor_item item;

	if (!read_head(r, &item))
		return false;
	if ((item.kind == CBOR_BYTES || item.kind == CBOR_TEXT) && item.count == CBOR_INDEFINITE &&
	    !join_chunks(r, arena, &item))
		return false;
	*ret_item = item;
	return true;
}

static bool skip_all(struct reader *r, struct arena *arena, size_t count, size_t each, unsigned nesting);

/* Whether there is one to be skipped: false on a fault, and at a break, which is told by *ret_is_break. */
static bool skip_one(struct reader *r, struct arena *arena, unsigned nesting, bool *ret_is_break)
{
	struct cbor_item item;

	*ret_is_break = false;
	if (!read_cbor(r, arena, &item)) {
		r->bad = true;
		return false;
	}
	switch (item.kind) {
	case CBOR_ARRAY:
		return skip_all(r, arena, item.count, 1, nesting + 1);
	case CBOR_MAP:
		return skip_all(r, arena, item.count, 2, nesting + 1);
	case CBOR_TAG:
		return skip_all(r, arena, 1, 1, nesting + 1);
	case CBOR_BREAK:
		*ret_is_break = true;
		return false;
	default:
		return true;
	}
}

/* `count` times `each` items; a break ends an indefinite count, but no pair. */
static bool skip_all(struct reader *r, struct arena *arena, size_t count, size_t each, unsigned nesting)
{
	size_t items = count == CBOR_INDEFINITE ? SIZE_MAX : count * each;
	bool is_break = false;
	size_t done = 0;

	if (nesting > MAX_NESTING)
		r->bad = true;
	while (!r->bad && done < items && skip_one(r, arena, nesting, &is_break))
		done++;
	if (is_break && (count != CBOR_INDEFINITE || done % each != 0))
		r->bad = true;
	return !r->bad;
}

bool skip_cbor(struct reader *r, struct arena *arena)
{
	return skip_all(r, arena, 1, 1, 0);
}

/* ---- building ---- */

void build_cbor_uint(struct builder *b, uint64_t value)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_uint(value, head, sizeof(head))));
}

void build_cbor_int(struct builder *b, int64_t value)
{
	uint8_t head[MAX_HEAD];

	if (value >= 0)
		build_cbor_uint(b, (uint64_t)value);
	else
		build_bytes(b, bytes_of(head, cbor_encode_negint(~(uint64_t)value, head, sizeof(head))));
}

void build_cbor_bytes(struct builder *b, struct bytes value)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_bytestring_start(value.len, head, sizeof(head))));
	build_bytes(b, value);
}

void build_cbor_text(struct builder *b, struct bytes text)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_string_start(text.len, head, sizeof(head))));
	build_bytes(b, text);
}

void build_cbor_array(struct builder *b, size_t count)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_array_start(count, head, sizeof(head))));
}

void build_cbor_map(struct builder *b, size_t pairs)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_map_start(pairs, head, sizeof(head))));
}

void build_cbor_tag(struct builder *b, uint64_t tag)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_tag(tag, head, sizeof(head))));
}

void build_cbor_bool(struct builder *b, bool value)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_bool(value, head, sizeof(head))));
}

void build_cbor_null(struct builder *b)
{
	uint8_t head[MAX_HEAD];

	build_bytes(b, bytes_of(head, cbor_encode_null(head, sizeof(head))));
}

#define HALF_HEAD          0xF9
#define HALF_SIGN          0x8000
#define HALF_INFINITY      0x7C00
#define HALF_NAN           0x7E00 /* the preferred one, 4.2.2 */
#define HALF_FRACTION_BITS 10
#define HALF_MIN_EXPONENT  -14
#define HALF_MAX_EXPONENT  15

/* The IEEE 754 binary16 of the same value, when there is one. libcbor 0.8 loses the bits of subnormal halves
 * and has another not-a-number. */
static bool half_of(double value, uint16_t *ret_half)
{
	uint16_t sign = signbit(value) ? HALF_SIGN : 0;
	double magnitude = fabs(value), fraction;
	int exponent;

	if (isnan(value)) {
		*ret_half = HALF_NAN;
		return true;
	}
	if (isinf(value)) {
		*ret_half = sign | HALF_INFINITY;
		return true;
	}
	if (magnitude == 0) {
		*ret_half = sign;
		return true;
	}
	frexp(magnitude, &exponent);
	exponent = exponent - 1 < HALF_MIN_EXPONENT ? HALF_MIN_EXPONENT : exponent - 1;
	fraction = ldexp(magnitude, HALF_FRACTION_BITS - exponent);
	if (exponent > HALF_MAX_EXPONENT || fraction != floor(fraction))
		return false;
	/* A normal fraction has the bit that the format leaves out; added, it raises the exponent by one. */
	*ret_half = (uint16_t)(sign + ((exponent - HALF_MIN_EXPONENT) << HALF_FRACTION_BITS) + (int)fraction);
	return true;
}

void build_cbor_real(struct builder *b, double value)
{
	uint8_t head[MAX_HEAD];
	uint16_t half;

	if (half_of(value, &half)) {
		build_u8(b, HALF_HEAD);
		build_u16(b, half);
	} else if (fabs(value) <= (double)FLT_MAX && (double)(float)value == value) {
		build_bytes(b, bytes_of(head, cbor_encode_single((float)value, head, sizeof(head))));
	} else {
		build_bytes(b, bytes_of(head, cbor_encode_double(value, head, sizeof(head))));
	}
}
